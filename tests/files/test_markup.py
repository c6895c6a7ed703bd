"""Markup: an SVG is one by its first element, however it is encoded and whatever stands before."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, MAX_PROLOGUE_BYTES, look
from airflow_provider_asposeocr.files.markup import is_unfinished, text_format
from airflow_provider_asposeocr.files.source import open_source

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>42 EUR</text></svg>'
DECLARED = '<?xml version="1.0" encoding="{}" standalone="no"?>\n'
DOCTYPE = (
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
)
SUBSET = """<!DOCTYPE svg [
  <!-- "]>" <svg> -->
  <!ENTITY ns "http://www.w3.org/2000/svg">
  <!ENTITY quoted ']> <html>'>
  <?made by="]>"?>
  <!ELEMENT svg ANY>
] >
"""
PROLOGUES = {
    "nothing": "",
    "white space": "\r\n\t ",
    "declaration": DECLARED.format("UTF-8"),
    "comment": "<!-- Generator: <html> made by a program -->\n",
    "doctype": DOCTYPE,
    "doctype with a subset": SUBSET,
    "style sheet": '<?xml-stylesheet href="a.css" type="text/css"?>',
    "all of it": DECLARED.format("UTF-8") + "<!-- a -->" + SUBSET + "<!-- b --> <?c d?>\n",
    "a long comment": DECLARED.format("UTF-8") + "<!--" + " licence" * 2000 + "-->",
    "many comments": "<!-- licence -->\n" * 2000,
    "much white space": " " * 30_000,
    "a long subset": "<!DOCTYPE svg [" + '<!ENTITY e "value">\n' * 2000 + "]>",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]


def found_in(data: bytes) -> str | None:
    kind, _ = look(io.BytesIO(data), len(data), "scan.svg")
    return kind


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("prologue", PROLOGUES.values(), ids=PROLOGUES.keys())
class TestRoot:
    """The first element decides."""

    def test_of_an_svg(self, prologue: str, encoding: str) -> None:
        data = (prologue + SVG).encode(encoding)
        assert found_in(data) == "svg"
        open_source(data).check_format(get_operation("RecognizeImage"))

    def test_of_an_svg_with_a_prefix(self, prologue: str, encoding: str) -> None:
        assert found_in((prologue + '<svg:svg xmlns:svg="a"/>').encode(encoding)) == "svg"

    def test_of_html_that_holds_an_svg(self, prologue: str, encoding: str) -> None:
        assert found_in((prologue + f"<html><body>{SVG}").encode(encoding)) == "html"

    def test_of_xml_that_holds_an_svg(self, prologue: str, encoding: str) -> None:
        assert found_in((prologue + f"<report>{SVG}</report>").encode(encoding)) == "xml"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<svg/>", "svg"),
        ("<SVG>", "svg"),
        ("<svg\n>", "svg"),
        ("<svgs>", "xml"),
        ("<a:svg>", "svg"),
        ("<!doctype HTML><svg>", "html"),
        ("<!DOCTYPE html SYSTEM 'about:legacy-compat'>" + " " * 9000 + "<svg>", "html"),
        ("<?xml version='1.0'?>", "xml"),
        ("<?xml version='1.0'?><!-- cut", "xml"),
        ("<!DOCTYPE svg [ cut", "svg"),
        ("<!-- --><!-- --> text", "xml"),
        ("< svg>", "text"),
        ("<<svg>", "text"),
        ("a <svg> is an image", "text"),
        ("<3", "text"),
        ("<", "text"),
        ("   ", "text"),
        ("", None),
    ],
)
def test_what_begins_as_markup(text: str, name: str | None) -> None:
    assert found_in(text.encode()) == name


def test_a_prologue_without_end_is_read_to_a_bound() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    data = b"<?xml version='1.0'?><!--" + bytes([32]) * 2_000_000 + b"--><svg/>"
    stream = Counting(data)
    kind, _ = look(stream, len(data), "")
    assert (kind, stream.taken) == ("xml", MAX_PROLOGUE_BYTES)


def test_what_is_no_markup_is_read_no_further() -> None:
    for data in (b"hello " * 5000, b"\x89PNG\r\n\x1a\n" * 5000, b"<html>" * 5000):
        stream = io.BytesIO(data)
        look(stream, len(data), "")
        assert stream.tell() == HEAD_BYTES


@pytest.mark.parametrize(
    "unit",
    ["<!--", "<?", "<!DOCTYPE svg [", '<!DOCTYPE svg "', "<!---->", "<??>", " ", "<", "[", "'", "<!DOCTYPE "],
)
def test_nothing_takes_long(unit: str) -> None:
    data = (unit * MAX_PROLOGUE_BYTES).encode()[:MAX_PROLOGUE_BYTES]
    started = time.monotonic()
    text_format(data)
    is_unfinished(data)
    assert time.monotonic() - started < 5


@settings(deadline=None)
@given(st.text(st.sampled_from("<>!-?[]\"'/ svghtmlDOCTYPE&;=:\n")), st.sampled_from(ENCODINGS))
def test_whatever_comes_is_some_text(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert text_format(data) is not None or not text


@settings(deadline=None)
@given(st.integers(0, 9000), st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))
def test_a_cut_anywhere_leaves_an_svg(length: int, encoding: str) -> None:
    prologue = DECLARED.format(encoding) + "<!--" + "x" * length + "-->" + DOCTYPE
    assert found_in((prologue + SVG).encode(encoding)) == "svg"
