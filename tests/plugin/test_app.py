"""Pages and files as a browser gets them: escaped, with fixed types, and only for those who may see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("airflow.api_fastapi.core_api.security", reason="Airflow 3.1 and later have the page")

from fastapi import HTTPException

from airflow_provider_asposeocr.plugin import access, app
from tests.plugin.conftest import PAGE, Site
from tests.plugin.manifests import SCRIPT, hocr, manifest, stored

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
SIGNATURE = "X-Amz-Signature=5up3r53cr37"


def test_words_are_drawn_over_the_image_and_stand_beside_it(site: Site) -> None:
    (site.folder / "scan.png").write_bytes(PNG)
    (site.folder / "scan.hocr").write_text(hocr(("Hello", "10 20 60 40"), ("world", "70 20 120 40")))
    site.returns(stored(("Hocr", f"file://{site.folder}/scan.hocr"), source=f"file://{site.folder}/scan.png"))
    text = site.text()
    assert f'src="{PAGE.replace("manual__2026-01-02T03:04:05+00:00", "r")}/files/source"' in text
    assert '<span class="box" data-unit="0" data-box="10 20 60 40">Hello</span>' in text
    assert '<span class="box doubtful" data-unit="1" data-box="70 20 120 40">world</span>' in text
    assert 'data-unit="1" title="40 % sure">world</span>' in text
    assert "7.5 s" in text
    assert "3 billed calls" in text


def test_text_that_is_markup_is_shown_as_text(site: Site) -> None:
    escaped = SCRIPT.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    name = f"{SCRIPT.replace('/', '')}.png"
    (site.folder / "words.hocr").write_text(hocr((escaped, "1 2 3 4")))
    (site.folder / "table.csv").write_text(f'"{SCRIPT}",b\n')
    results = ("Hocr", f"{site.folder}/words.hocr"), ("Csv", f"{site.folder}/table.csv"), (SCRIPT, SCRIPT)
    site.returns(
        stored(
            *results,
            source=f"{site.folder}/{name}",
            operation="RecognizeTable",
            status=SCRIPT,
            warnings=[SCRIPT],
            submitted_at=SCRIPT,
            ocr_task_id=SCRIPT,
        ),
        arguments={"language": SCRIPT},
        state=SCRIPT,
    )
    text = site.text()
    assert "<script>" not in text
    assert text.count(escaped) >= 6
    site.returns(manifest(text=SCRIPT, operation=SCRIPT, source=SCRIPT))
    text = site.text()
    assert "<script>" not in text
    assert f'<pre class="plain">{escaped}</pre>' in text


def test_values_of_a_manifest_are_shown_whatever_they_are(site: Site) -> None:
    odd: list[Any] = [{}, [], 5, "x", None, [[]], [None], [{"blocks": [5]}], {"a": {"b": [1, {"c": SCRIPT}]}}]
    odd += [[{"blocks": [{"lines": [{"words": [{"text": SCRIPT, "box": ["a", 1, None, {}]}]}]}]}]]
    odd += [[{"rect": SCRIPT, "text": SCRIPT}], [[0, 0, 1e308, 1]], [[SCRIPT, "b"], ["c"]]]
    for operation in ("RecognizeImage", "RecognizeAndParseInvoice", "DetectRegions", "RecognizeTable"):
        for value in odd:
            for text in (None, 5, SCRIPT):
                site.returns(manifest(operation=operation, value=value, text=text))
                assert "<script>" not in site.text()


@pytest.mark.parametrize(
    "name", ["results", "warnings", "source", "status", "api_calls", "ocr_task_id", "text"]
)
@pytest.mark.parametrize(
    "value", [None, 5, "x", [5, None, []], {"a": 1}, [{"uri": 5, "type": [], "bytes": "x"}]]
)
def test_a_manifest_of_another_form_does_no_harm(site: Site, name: str, value: Any) -> None:
    site.returns(manifest(**{name: value}))
    site.text()


def test_tables_are_tables_and_invoices_are_fields(site: Site) -> None:
    (site.folder / "t.csv").write_text('Article,"Price, net"\nRope,3.20\n')
    site.returns(stored(("Csv", f"{site.folder}/t.csv"), operation="RecognizeTable"))
    assert "<td>Article</td><td>Price, net</td>" in site.text()
    (site.folder / "i.txt").write_text(
        json.dumps({"totalAmount": "629.28", "bic": "", "lines": [{"name": "Rope"}]})
    )
    site.returns(stored(("Text", f"{site.folder}/i.txt"), operation="RecognizeAndParseInvoice"))
    text = site.text()
    assert '<th scope="row">Total amount</th><td>629.28</td>' in text
    assert '<th scope="row">Bic</th><td><span class="none">not found</span></td>' in text
    assert '<tr class="level-2"><th scope="row">Name</th><td>Rope</td>' in text


def test_an_image_a_sound_and_a_pdf_are_shown_by_the_browser(site: Site) -> None:
    files = {"a.png": PNG, "b.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(32), "c.pdf": b"%PDF-1.7\n" + bytes(32)}
    for name, data in files.items():
        (site.folder / name).write_bytes(data)
    types = zip(("ImagePNG", "Wav", "Pdf"), files, strict=True)
    site.returns(stored(*((kind, f"{site.folder}/{name}") for kind, name in types)))
    text = site.text()
    assert 'alt="Result of RecognizeImage"' in text
    assert "<audio controls" in text
    assert "pdf_page.js" not in text, "it is a result, and no source"


def test_a_tiff_is_shown_as_its_words_alone(site: Site) -> None:
    (site.folder / "fax.tif").write_bytes(b"II*\0" + bytes(64))
    (site.folder / "fax.hocr").write_text(hocr(("Hello", "10 20 60 40")))
    site.returns(stored(("Hocr", f"{site.folder}/fax.hocr"), source=f"{site.folder}/fax.tif"))
    text = site.text()
    assert "<img" not in text
    assert 'class="sheet blank"' in text
    assert "Browsers do not show TIFF" in text


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(64), "image/jpeg"),
        ("a.gif", b"GIF89a" + bytes(64), "image/gif"),
        ("a.html", b"<html><script>alert(1)</script>", "text/plain; charset=utf-8"),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "text/plain; charset=utf-8"),
        ("a.svg", b"<?xml version='1.0'?><svg/>", "text/plain; charset=utf-8"),
        ("a.hocr", hocr(("a", "1 2 3 4")).encode(), "text/plain; charset=utf-8"),
        ("a.json", b'{"a": 1}', "text/plain; charset=utf-8"),
        ("a.txt", b"hello", "text/plain; charset=utf-8"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(32), "application/pdf"),
        ("a.tif", b"II*\0" + bytes(64), "application/octet-stream"),
        ("a.swf", b"FWS\x09" + bytes(64), "application/octet-stream"),
        ("a.xlsx", b"PK\x03\x04" + bytes(64), "application/octet-stream"),
        ("a.html", bytes(range(256)), "application/octet-stream"),
    ],
)
def test_a_file_has_the_type_of_its_content_and_can_run_nothing(
    site: Site, name: str, data: bytes, media_type: str
) -> None:
    (site.folder / name).write_bytes(data)
    site.returns(stored(("Text", f"file://{site.folder}/{name}")))
    response = site.client.get(f"{PAGE}/files/0")
    assert response.status_code == 200
    assert response.content == data
    assert response.headers["content-type"] == media_type
    assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["x-content-type-options"] == "nosniff"
    shows = media_type.startswith(("image/", "text/"))
    assert response.headers["content-disposition"].startswith("inline" if shows else "attachment")


def test_a_large_file_is_streamed_whole_and_a_larger_one_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = PNG + bytes(range(256)) * 4096
    (site.folder / "a.png").write_bytes(data)
    site.returns(stored(("ImagePNG", f"{site.folder}/a.png")))
    assert site.client.get(f"{PAGE}/files/0").content == data
    for module in (app, app.__dict__["shown"].__module__):
        target = module if not isinstance(module, str) else __import__(module, fromlist=["x"])
        monkeypatch.setattr(target, "MAX_FILE_BYTES", len(data) - 1)
    assert site.client.get(f"{PAGE}/files/0").status_code == 413
    assert "too large for the page" in site.text()


@pytest.mark.parametrize(
    ("asked", "part", "status"),
    [
        ("bytes=0-", slice(0, None), 206),
        ("bytes=5000-5009", slice(5000, 5010), 206),
        ("bytes=10-99999999", slice(10, None), 206),
        ("bytes=99999999-", slice(0, None), 200),
        ("bytes=9-3", slice(0, None), 200),
        ("bytes=-5", slice(0, None), 200),
        ("bytes=0-1,3-4", slice(0, None), 200),
        ("lines=1-2", slice(0, None), 200),
    ],
)
def test_a_player_gets_the_part_that_it_asks_for(site: Site, asked: str, part: slice, status: int) -> None:
    data = b"RIFF\x24\0\0\0WAVEfmt " + bytes(range(256)) * 40
    (site.folder / "a.wav").write_bytes(data)
    site.returns(stored(("Wav", f"{site.folder}/a.wav")))
    response = site.client.get(f"{PAGE}/files/0", headers={"Range": asked})
    assert response.status_code == status
    assert response.content == data[part]
    assert int(response.headers["content-length"]) == len(data[part])


@pytest.mark.parametrize("which", ["1", "-1", "0x0", "\u0660", "results", "99999999999999999999"])
def test_there_are_no_other_files(site: Site, which: str) -> None:
    (site.folder / "a.txt").write_text("a")
    site.returns(stored(("Text", f"{site.folder}/a.txt")))
    assert site.client.get(f"{PAGE}/files/{which}").status_code == 404


@pytest.mark.parametrize(
    "address", ["{0}/../secret.txt", "{0}/link", "/etc/passwd", "file:///proc/self/environ"]
)
def test_a_forged_manifest_opens_nothing_outside(site: Site, address: str) -> None:
    (site.folder / "link").symlink_to(site.folder.parent / "secret.txt")
    uri = address.format(site.folder)
    for forged in (stored(("Text", uri)), manifest(source=uri), stored(("Hocr", uri), source=uri)):
        site.returns(forged)
        assert "nobody may" not in site.text()
        which = "source" if forged["source"] else "0"
        response = site.client.get(f"{PAGE}/files/{which}")
        assert response.status_code == 404
        assert "nobody may" not in response.text
    site.returns({"report": uri, "items": 5})
    assert "The report is not shown" in site.text()
    assert site.client.get(f"{PAGE}/items/1").status_code == 404
    assert site.client.get(f"{PAGE}/items/1/files/source").status_code == 404


def test_no_secret_of_an_address_is_shown(site: Site) -> None:
    address = f"https://user:hidden@web.example/scan.png?{SIGNATURE}"
    site.returns(stored(("Text", address), source=address, warnings=[]))
    assert site.client.get(f"{PAGE}/files/0").status_code == 404
    for text in (site.text(), site.client.get(f"{PAGE}/files/source").text):
        assert "5up3r53cr37" not in text
        assert "hidden" not in text
    site.returns({"report": address, "items": 1})
    assert "5up3r53cr37" not in site.text()


def test_the_id_of_a_trial_is_a_secret(site: Site) -> None:
    shown = manifest()
    site.returns(shown)
    assert shown["ocr_task_id"] in site.text()
    for operation in ("RecognizeImageTrial", "ConvertTextToSpeechTrial", "Unknown", 5):
        site.returns(manifest(operation=operation))
        assert shown["ocr_task_id"] not in site.text()


def test_settings_and_the_task_are_shown(site: Site) -> None:
    arguments = {"language": "German", "make_upsampling": None, "source": "hidden", "result_type": "Hocr"}
    site.returns(manifest(), arguments=arguments, state="success", try_number=2, seconds=12.34)
    text = site.text()
    assert "<dt>language</dt><dd>German</dd>" in text
    assert "make_upsampling" not in text
    assert "<dt>Last try</dt><dd>12.3 s</dd>" in text
    assert "<dt>Try</dt><dd>2</dd>" in text


@pytest.mark.parametrize("value", ["an id", 5, None, [], {}, {"results": []}, {"report": 5, "items": 1}])
def test_what_is_no_result_is_said_to_be_none(site: Site, value: Any) -> None:
    site.returns(value)
    assert "is no result of Aspose.OCR Cloud" in site.text()
    assert site.client.get(f"{PAGE}/files/0").status_code == 404


def test_a_task_that_has_not_ended_has_no_result_yet(site: Site) -> None:
    assert "returned nothing yet" in site.text()


def test_a_page_of_several_can_be_chosen(site: Site) -> None:
    pages = [
        {"blocks": [{"text": f"page {number}", "box": [0, 0, 9, 9]}], "width": 9, "height": 9}
        for number in (1, 2, 3)
    ]
    site.returns(manifest(value=pages, text="all"))
    text = site.text("?page=2")
    assert "page 2" in text
    assert 'href="?page=1" rel="prev"' in text
    assert 'href="?page=3" rel="next"' in text
    assert "page 3" in site.text("?page=99")
    assert site.client.get(f"{PAGE}?page=x").status_code == 404


@pytest.mark.parametrize("code", [401, 403])
def test_who_may_not_see_it_gets_no_page(site: Site, code: int) -> None:
    def refuse() -> None:
        raise HTTPException(code, "not you")

    site.client.app.dependency_overrides[access._allowed] = refuse  # type: ignore[attr-defined]
    site.returns(manifest())
    for path in ("", "/files/source", "/files/0", "/items/1", "/items/1/files/0"):
        assert "Hello" not in site.text(path, code)


def test_scripts_and_styles_are_files_of_the_package(site: Site) -> None:
    for name in ("words.js", "pdf_page.js", "theme.js", "page.css", "icon.svg"):
        response = site.client.get(f"/static/{name}")
        assert response.status_code == 200
        assert response.headers["x-content-type-options"] == "nosniff"
    assert site.client.get("/static/../app.py").status_code == 404
    assert site.client.get("/static/%2e%2e/app.py").status_code == 404
    assert site.client.get("/openapi.json").status_code == 404
