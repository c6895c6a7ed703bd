"""Typed values of results: operation x type x form."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api import decoding, typed
from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError
from airflow_provider_asposeocr.api.operations import OPERATIONS, get_operation
from airflow_provider_asposeocr.api.settings import TEXT_RESULT_TYPES
from airflow_provider_asposeocr.api.typed import read_fonts, read_invoice, read_table, typed_value

SECRET = "Confidential"
HOCR = b'<p class="ocr_line" title="bbox 1 2 3 4"><b class="ocrx_word" title="x_wconf 9">a</b></p>'
HOCR_WORDS = [{"text": "a", "box": None, "confidence": 9.0}]
PAGE = {"number": 1, "width": None, "height": None}
LINE = {"box": [1, 2, 3, 4], "words": HOCR_WORDS}
HOCR_VALUE = [PAGE | {"blocks": [{"text": "a", "box": [1, 2, 3, 4], "lines": [LINE]}]}]
JSON_VALUE = [PAGE | {"blocks": [{"text": "a", "box": [1, 2, 3, 4], "lines": []}]}]


@pytest.mark.parametrize(
    ("operation", "result_type", "data", "value"),
    [
        ("RecognizeImage", "Text", b"[[1,2,3,4]]", None),
        ("RecognizeImage", "Pdf", b"%PDF-1.7", None),
        ("RecognizeImage", "ImagePNG", b"\x89PNG", None),
        ("RecognizeImage", "Other", b"?", None),
        ("RecognizeImage", "Hocr", HOCR, HOCR_VALUE),
        ("RecognizePdf", "HOCR", b"", []),
        ("RecognizeReceipt", "JSON", b'[{"text": "a", "box": [1, 2, 3, 4]}]', JSON_VALUE),
        ("RecognizeRegions", "Text", b"a", None),
        ("RecognizeTable", "Csv", b"a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
        ("RecognizeTable", "csv", b"", []),
        ("RecognizeTable", "Excel", b"PK\3\4", None),
        ("RecognizeTable", "Text", b"a,b", None),
        ("DetectRegions", "Other", b"[[1,2,3,4]]", [[1, 2, 3, 4]]),
        ("DetectRegions", "Text", b"[]", []),
        ("IdentifyFont", "Text", b"{'style': 'bold', 'font': []}", {"style": "bold", "font": []}),
        ("IdentifyFont", "Pdf", b"%PDF-1.7", None),
        ("RecognizeAndParseInvoice", "Other", b'{"vat": -1}', {"vat": None}),
        ("RecognizeAndParseInvoice", "Text", b"", {}),
        ("BinarizeImage", "ImagePNG", b"\x89PNG", None),
        ("ConvertTextToSpeech", "WavFile", b"RIFF", None),
    ],
)
def test_what_a_result_is_read_as(operation: str, result_type: str, data: bytes, value: Any) -> None:
    assert typed_value(get_operation(operation), result_type, data) == value


@pytest.mark.parametrize(
    ("text", "fonts"),
    [
        (
            "{'style': 'bold', 'font': ['tahoma', \"o'neil\"]}",
            {"style": "bold", "font": ["tahoma", "o'neil"]},
        ),
        ('{"style": "it\'s", "fonts": ["a", "b"]}', {"style": "it's", "fonts": ["a", "b"]}),
        (
            "\ufeff {'font': ('a', 'b'), 'sure': True, 'size': -1.5, 'of': None}\r\n",
            {"font": ["a", "b"], "sure": True, "size": -1.5, "of": None},
        ),
        ("{'font': ['a\\x00\\ud800']}", {"font": ["a\ufffd\ufffd"]}),
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ("null", {}),
    ],
)
def test_fonts(text: str, fonts: dict[str, Any]) -> None:
    assert read_fonts(text.encode()) == fonts


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"['{SECRET}']",
        f"{{'{SECRET}'}}",
        "{1: 2}",
        "{'a': b'b'}",
        "{'a': {1, 2}}",
        "{'a': 1j}",
        "{'a': 1e999}",
        '{"a": NaN}',
        "{'a': ...}",
        "{'a': [].append(1)}",
        "{'a': __import__('os')}",
        "{'a': " + "[" * 70 + "]" * 70 + "}",
        "{'a': " + "[" * 20_000,
        "{'a': " + "-" * 50_000 + "1}",
        "{'a': '" + "a" * typed.MAX_FONTS_BYTES + "'}",
    ],
)
def test_what_is_no_list_of_fonts_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(AsposeOcrResultError, match="the IdentifyFont result cannot be read: ") as caught:
        read_fonts(text.encode())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "invoice"),
    [
        (
            {"supplier_name": "A", "due_date": "", "vat": -1, "total_amount": -1},
            {"supplier_name": "A", "due_date": None, "vat": None, "total_amount": -1},
        ),
        ({"VAT": -1.0, "net": "-1"}, {"VAT": None, "net": "-1"}),
        ({"Vat": "-1", "new": {"vat": -1, "": ""}}, {"Vat": None, "new": {"vat": None, "": None}}),
        ({"vat": 0}, {"vat": 0}),
        ({"vat": 19.5}, {"vat": 19.5}),
        ({"vat": True}, {"vat": True}),
        ({}, {}),
        (
            {"items": [{"name": "", "vat": -1}, ["", -1, " "]]},
            {"items": [{"name": None, "vat": None}, [None, -1, " "]]},
        ),
        ([{"bic": ""}], [{"bic": None}]),
        ({"a": "\0"}, {"a": "\ufffd"}),
        (None, {}),
    ],
)
def test_invoices(value: Any, invoice: Any) -> None:
    read = read_invoice(json.dumps(value).encode())
    assert json.dumps(read) == json.dumps(invoice)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"Invoice of {SECRET}", "it is no JSON"),
        (f"{{'supplier_name': '{SECRET}'}}", "it is no JSON"),
        (f'"{SECRET}"', "it is a text, not an object"),
        ("-1", "it is a number, not an object"),
        ('{"vat": NaN}', "it holds a value that JSON does not know"),
        ('{"vat": ' + "9" * 5000 + "}", "it is no JSON"),
        ('{"a":' * 70 + "1" + "}" * 70, "it is nested more than 64 levels deep"),
        ('{"a":' * 100_000, "it is no JSON"),
        ("[" + " " * decoding.MAX_BYTES, r"it has \d+ bytes, and no more than \d+ are read"),
    ],
)
def test_what_is_no_invoice_is_an_error_without_its_text(text: str, message: str) -> None:
    name = "the RecognizeAndParseInvoice result cannot be read: "
    with pytest.raises(AsposeOcrResultError, match=name + message) as caught:
        read_invoice(text.encode())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
        ("\ufeffa,b\nc", [["a", "b"], ["c"]]),
        ('"a,""b""\r\nc",,"",\n', [['a,"b"\r\nc', "", "", ""]]),
        ("a;b\n1;2,5", [["a;b"], ["1;2", "5"]]),
        ('12" pipe, x \n', [['12" pipe', " x "]]),
        ("a\n\n\r\nb", [["a"], ["b"]]),
        ('""\n', [[""]]),
        ("a\0b", [["a\ufffdb"]]),
        ("", []),
    ],
)
def test_tables(text: str, rows: list[list[str]]) -> None:
    assert read_table(text.encode()) == rows


@pytest.mark.parametrize(
    "text",
    [
        f'"{SECRET}',
        f'"{SECRET}"x,y',
        SECRET * 20_000,
        "," * typed.MAX_CELLS,
        "a,,,,,,,,,\n" * (typed.MAX_CELLS // 10 + 1),
        "\n" * (decoding.MAX_BYTES + 1),
    ],
    ids=["open quote", "text after a quote", "long cell", "long row", "many rows", "many bytes"],
)
def test_what_is_no_table_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(AsposeOcrResultError, match="the Csv result cannot be read: ") as caught:
        read_table(text.encode())
    assert SECRET not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1)))
def test_what_a_program_writes_as_a_table_comes_back(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    assert read_table(b"\xef\xbb\xbf" + written.getvalue().encode()) == rows


NAMES = st.sampled_from(["vat", "text", "box", "page", "font"]) | st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(
    SCALARS | st.sampled_from(["", "-1", -1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner),
    max_leaves=15,
)
DATA = JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(lambda value: repr(value).encode())


@settings(max_examples=100, deadline=None)
@given(DATA | st.binary() | st.text().map(lambda text: text.encode()))
def test_any_bytes_are_a_value_that_can_be_stored_or_the_one_error(data: bytes) -> None:
    for operation in OPERATIONS.values():
        for result_type in (*TEXT_RESULT_TYPES, "", "pdf", "new"):
            try:
                value = typed_value(operation, result_type, data)
            except AsposeOcrResultError:
                continue
            stored = json.dumps(value, allow_nan=False, ensure_ascii=False)
            assert "\\u0000" not in stored.replace("\\\\", "")
            stored.encode()
