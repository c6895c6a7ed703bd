"""SVG: rendered in its natural size, without reaching anything outside the file."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.imaging import Scan
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from tests.emulator.client import Client
from tests.emulator.pages import encode

XLINK = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED = Image.new("RGB", (20, 20), (255, 0, 0))


def svg(content: str = "", size: str = 'width="400" height="100"', before: str = "") -> bytes:
    return f"{before}<svg {XLINK} {size}>{content}</svg>".encode()


def picture(data: bytes, kind: str = "png", *, width: int = 9, height: int = 9) -> str:
    """Return an element that holds an image."""
    reference = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<image width="{width}" height="{height}" preserveAspectRatio="none" xlink:href="{reference}"/>'


def chain(links: int) -> str:
    """Return elements each of which refers to the one before."""
    uses = (f'<g id="a{number}"><use href="#a{number - 1}"/></g>' for number in range(1, links))
    return '<rect id="a0" width="9" height="9"/>' + "".join(uses)


def sized(width: int, height: int) -> bytes:
    """Return a PNG with another size in its header, as large as a bomb says that it is."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = encode(RED)
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def decoded(data: bytes) -> Scan:
    return decode(io.BytesIO(data))


@pytest.mark.parametrize("family", ["", 'font-family="Arial"', 'style="font-family: Unheard Of, serif"'])
def test_text_is_read_whatever_its_font(real: Client, family: str) -> None:
    line = f'<text x="20" y="55" font-size="24" {family}>Meeting on Thursday</text>'
    assert real.results(svg(line))["Text"].decode() == "Meeting on Thursday"


def test_other_operations_take_it(real: Client) -> None:
    png = real.results(svg('<rect width="200" height="100"/>'), "BinarizeImage")["ImagePNG"]
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (400, 100)


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ('width="400" height="100"', (400, 100)),
        ('width="1in" height="72pt"', (96, 96)),
        ('width="25.4mm" height="2.54cm" viewBox="0 0 10 10"', (96, 96)),
        ('viewBox="5 5 300 150"', (300, 150)),
        ('viewBox="0,0,300,150" width="100%" height="100%"', (300, 150)),
        ('viewBox="0 0 300 150" width="600"', (600, 300)),
        ('viewBox="0 0 300 150" height="75"', (150, 75)),
    ],
)
def test_it_has_its_natural_size(size: str, pixels: tuple[int, int]) -> None:
    scan = decoded(svg('<rect width="9" height="9"/>', size))
    assert (scan.pixels.shape[1::-1], scan.dpi) == (pixels, 96)


def test_shapes_colours_and_embedded_images_are_drawn_on_white() -> None:
    picture = base64.b64encode(encode(RED)).decode()
    scan = decoded(
        svg(
            '<a href="https://example.com/"><rect id="r" width="10" height="10" fill="blue"/></a>'
            f'<image x="100" width="20" height="20" xlink:href="data:image/png;base64,{picture}"/>'
            '<use href="#r" x="200"/>'
        )
    )
    corners = [tuple(scan.pixels[5, column]) for column in (5, 105, 205, 305)]
    assert corners == [(0, 0, 255), (255, 0, 0), (0, 0, 255), (255, 255, 255)]


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpg", "gif"])
def test_embedded_images_of_each_kind_are_drawn(kind: str) -> None:
    data = encode(RED, "JPEG" if kind == "jpg" else kind.upper())
    red, green, blue = decoded(svg(picture(data, kind, width=400, height=100))).pixels[50, 200]
    assert red > 250
    assert max(green, blue) < 5


def test_elements_may_be_nested_as_deep_as_any_drawing_needs() -> None:
    for content in ("<g>" * 99 + "</g>" * 99, chain(30), chain(2) + '<use href="#a1"/>' * 1000):
        assert decoded(svg(content)).pixels[5, 5].tolist() == (
            [255] * 3 if "rect" not in content else [0] * 3
        )


@pytest.mark.parametrize("element", ["image", "feImage", "use"])
@pytest.mark.parametrize("name", ["href", "xlink:href"])
def test_other_files_are_not_opened(tmp_path: Path, element: str, name: str) -> None:
    file = tmp_path / "red.png"
    RED.save(file)
    nested = base64.b64encode(svg(f'<image width="9" height="9" href="{file}"/>')).decode()
    for target in (
        str(file),
        f" {file}",
        file.as_uri(),
        "http://127.0.0.1:9/red.png",
        f"data:image/svg+xml;base64,{nested}",
        f"data:text/plain;base64,{nested}",
    ):
        with pytest.raises(UnreadableImageError, match="refers to another file"):
            decoded(svg(f'<{element} width="20" height="20" {name}="{target}"/>'))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (svg(before='<!DOCTYPE svg [<!ENTITY a "aaa">]>'), "defines entities"),
        (svg(before='<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "defines entities"),
        (svg('<text x="9" y="9">Привет</text>'), "text for which there is no font"),
        (svg(size=""), "does not tell its size"),
        (svg(size='width="100%" height="100%"'), "does not tell its size"),
        (svg(size='width="100000" height="100000"'), "100,000 x 100,000 pixels"),
        (svg(size='width="1e999" height="2"'), "1,000,000 x 2 pixels"),
        (svg(size='width="0.1" height="2"'), "0x2"),
        (svg()[:-4], "not an image, or is damaged"),
        (svg("\xe9").decode().encode("latin-1"), "not an image, or is damaged"),
        (svg("<g>" * 3000 + "</g>" * 3000), "nests elements more than 100 deep"),
        (svg(chain(60)), "nests elements more than 100 deep"),
        (svg(chain(30_000)), "nests elements more than 100 deep"),
        (svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'), "more than 100 deep"),
        (svg('<pattern id="p"><rect fill="url(#p)"/></pattern>'), "more than 100 deep"),
        (svg(picture(b"AAAA")), "holds an image that is damaged"),
        (svg(picture(encode(RED), "gif")), "holds an image that is damaged"),
        (svg(picture(encode(RED)).replace("base64,", "base64,%")), "holds an image that is damaged"),
        (svg(picture(encode(RED)).replace(";base64", "")), "refers to another file"),
        (svg(picture(sized(5_000, 4_000)) * 2 + picture(sized(1, 1))), "have 40,000,001 pixels"),
        (svg(picture(sized(50_000, 50_000))), "50,000 x 50,000 pixels"),
        (svg(picture(encode(RED)), 'width="-9" height="9"'), "size"),
    ],
)
def test_what_is_not_drawn_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises((LimitExceededError, UnreadableImageError), match=message):
        decoded(data)


def test_a_title_may_have_any_letters() -> None:
    assert decoded(svg("<title>Привет</title>")).pixels.shape == (100, 400, 3)


def test_nothing_is_drawn_of_scripts_and_unknown_elements() -> None:
    content = '<script>document.write("x")</script><foreignObject width="99" height="99">Text</foreignObject>'
    assert np.all(decoded(svg(content)).pixels == 255)
