"""Every operation in a real Airflow, on real files, each result checked for what is in it."""

from __future__ import annotations

import io
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from PIL import Image, ImageDraw, ImageFont

from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.emulator.imaging import find_skew
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.emulator import invoices
from tests.emulator.drawn_tables import draw_table
from tests.emulator.pages import FONTS, block, curl, draw_text, encode, letter, overlap, word_accuracy
from tests.emulator.pdfs import pdf_words
from tests.system.conftest import ROOT

pytestmark = pytest.mark.system

LETTER = letter(14)
NOTE = ["Meeting on Thursday at noon", "Bring the signed contract, please."]
ROWS = [["Article", "Pieces", "Price"], ["Hemp rope", "40", "3.20"], ["Brass shackle", "12", "6.50"]]
RECEIPT = [("Wholegrain bread", "26.98"), ("Bananas", "30.45"), ("TOTAL", "57.43")]
BLOCKS = {
    (60, 40): ["Northern Office Supplies, 12 Station Road,", "Leeds, telephone 0113 496 0000"],
    (60, 320): ["We would like to thank you for your order,", "which left our warehouse this morning."],
}
LABEL = [
    (20, 15, 48, "ORGANIC GREEN TEA"),
    (20, 110, 24, "Net weight 250 g"),
    (20, 170, 20, "Best before 12/2027"),
]


@pytest.fixture(scope="module")
def manifests(airflow: LocalAirflow, service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the DAG once, and return what reads the manifest of a task."""
    folder = tmp_path_factory.mktemp("every_operation")
    write_sources(folder)
    airflow.wait_until_parsed("every_operation")
    run_id = airflow.trigger("every_operation", {"folder": str(folder)})
    state = airflow.wait("every_operation", run_id, 300)
    assert state == "success", airflow.task_logs("every_operation", run_id)

    def manifest(task_id: str, **more: Any) -> Any:
        return airflow.xcom("every_operation", run_id, task_id, **more)

    manifest.run_id = run_id  # type: ignore[attr-defined]
    return manifest


def write_sources(folder: Path) -> None:
    """Draw what the tasks of the DAG read."""
    plain = draw_text(LETTER, font="Vera.ttf")
    (folder / "letter.png").write_bytes(encode(plain))
    plain.convert("L").save(folder / "letter.pdf", resolution=150)
    (folder / "binarize.png").write_bytes(encode(plain))
    (folder / "deskew.png").write_bytes(encode(plain.rotate(-4, Image.Resampling.BICUBIC, fillcolor=255)))
    (folder / "dewarp.png").write_bytes(encode(curl(plain, 0.03)))
    (folder / "upscale.png").write_bytes(encode(draw_text(NOTE, dpi=80)))
    (folder / "table.png").write_bytes(encode(draw_table(ROWS, (320, 140, 170), rules=2)))
    (folder / "receipt.png").write_bytes(encode(draw_receipt()))
    (folder / "label.png").write_bytes(encode(draw_label()))
    (folder / "blocks.png").write_bytes(encode(draw_blocks()))
    (folder / "invoice.png").write_bytes(invoices.BRITISH.image())
    (folder / "font.png").write_bytes(encode(draw_text(NOTE, font="VeraBd.ttf", points=16)))
    (folder / "note.txt").write_text("\n".join(NOTE))
    shutil.copy(ROOT / "tests" / "emulator" / "data" / "note.djvu", folder)


def face(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / "Vera.ttf"), size)


def draw_receipt() -> Image.Image:
    paper = Image.new("L", (640, 90 + 60 * len(RECEIPT)), 255)
    pen = ImageDraw.Draw(paper)
    for place, (item, price) in enumerate(RECEIPT):
        pen.text((30, 40 + 60 * place), item, font=face(24), fill=20)
        pen.text((610, 40 + 60 * place), price, font=face(24), fill=20, anchor="ra")
    return paper


def draw_label() -> Image.Image:
    paper = Image.new("L", (700, 230), 255)
    pen = ImageDraw.Draw(paper)
    for left, top, size, text in LABEL:
        pen.text((left, top), text, font=face(size), fill=10)
    return paper


def draw_blocks() -> Image.Image:
    paper = Image.new("L", (900, 480), 255)
    for place, lines in BLOCKS.items():
        paper.paste(block(lines), place)
    return paper


def stored(manifest: Any, kind: str) -> bytes:
    """Return a stored result."""
    (path,) = [result["path"] for result in manifest["results"] if result["type"] == kind]
    return Path(path).read_bytes()


def png(manifest: Any) -> Image.Image:
    return Image.open(io.BytesIO(stored(manifest, "ImagePNG")), formats=("PNG",))


def test_an_image_has_its_words_where_they_are(manifests: Any) -> None:
    (page,) = manifests("image")["value"]
    words = [word for part in page["blocks"] for line in part["lines"] for word in line["words"]]
    assert word_accuracy(" ".join(LETTER), " ".join(word["text"] for word in words)) >= 0.97
    assert all(word["confidence"] > 50 for word in words)
    tops = [word["box"][1] for word in words if word["text"] in ("Northern", "Kind")]
    assert tops == sorted(tops)


def test_a_trial_masks_a_tenth_of_the_words(manifests: Any) -> None:
    words = manifests("image_trial")["text"].split()
    masked = [word for word in words if set(word) == {"*"}]
    assert 0.05 < len(masked) / len(words) < 0.15


def test_a_pdf_is_searchable_in_order(manifests: Any) -> None:
    manifest = manifests("pdf")
    (page,) = pdf_words(stored(manifest, "Pdf"))
    found = " ".join(word for word, _ in page)
    assert word_accuracy(" ".join(LETTER), found) >= 0.97
    assert manifest["text"].split() == found.split()


def test_a_receipt_is_read_across(manifests: Any) -> None:
    rows = [row.split() for row in manifests("receipt")["text"].split("\n") if row]
    assert rows == [f"{item} {price}".split() for item, price in RECEIPT]


def test_the_cells_of_a_table_are_right(manifests: Any) -> None:
    manifest = manifests("table")
    assert manifest["value"] == ROWS
    (sheet,) = openpyxl.load_workbook(io.BytesIO(stored(manifest, "Excel"))).worksheets
    cells = list(sheet.iter_rows(values_only=True))
    assert cells == [("Article", "Pieces", "Price"), ("Hemp rope", 40, 3.2), ("Brass shackle", 12, 6.5)]
    assert b"Hemp rope,40,3.20" in stored(manifest, "Csv")


def test_a_label_keeps_its_lines(manifests: Any) -> None:
    lines = [line for line in manifests("label")["text"].split("\n") if line]
    assert lines == [text for *_, text in LABEL]


def test_regions_are_found_where_they_are_and_read(manifests: Any) -> None:
    drawn = [
        (left, top, left + size[0], top + size[1])
        for (left, top), size in ((place, block(lines).size) for place, lines in BLOCKS.items())
    ]
    boxes = manifests("detect")["value"]
    assert len(boxes) == len(drawn)
    assert all(overlap(*pair) > 0.7 for pair in zip(boxes, drawn, strict=True)), boxes
    texts = manifests("regions")["value"]
    assert [text["rect"] for text in texts] == boxes
    assert [text["text"].split("\n") for text in texts] == list(BLOCKS.values())


def test_an_invoice_has_its_fields_and_none_for_others(manifests: Any) -> None:
    value = manifests("invoice")["value"]
    assert value == {
        name: None if field == "" or (name, field) == ("vat", -1) else field
        for name, field in invoices.BRITISH.expected.items()
    }
    assert None in value.values()
    assert value["total_amount"]


def test_a_font_is_identified(manifests: Any) -> None:
    value = manifests("font")["value"]
    assert value["style"] == "bold"
    assert value["font"]


def test_images_are_prepared(manifests: Any) -> None:
    assert png(manifests("binarize")).mode == "1"
    with png(manifests("deskew")) as image:
        assert abs(find_skew(np.asarray(image.convert("L")))) < 0.3
    with png(manifests("upscale")) as image:
        assert image.size == tuple(2 * side for side in draw_text(NOTE, dpi=80).size)
    with png(manifests("dewarp")) as image:
        assert image.size[0] > 500


def test_a_djvu_document_is_converted_and_read(manifests: Any) -> None:
    assert stored(manifests("djvu"), "Pdf").startswith(b"%PDF-")
    note = manifests("note")
    assert note["operation"] == "RecognizePdf"
    assert note["text"].split() == " ".join(NOTE).split()


def test_speech_has_the_length_of_its_text(manifests: Any) -> None:
    seconds = {}
    for task_id in ("speech", "speech_trial"):
        (result,) = manifests(task_id)["results"]
        with wave.open(result["path"]) as sound:
            seconds[task_id] = sound.getnframes() / sound.getframerate()
    assert 2 < seconds["speech"] < 10
    # The trial has a spoken notice in it.
    assert seconds["speech_trial"] > seconds["speech"] + 0.5


def test_no_operation_is_missing(manifests: Any, service: Emulator) -> None:
    wanted = {name for name, row in OPERATIONS.items() if row.submits and not row.deprecated}
    assert wanted <= {submission.operation for submission in service.submissions}


def test_mapped_tasks_are_labelled_with_their_files(manifests: Any, airflow: LocalAirflow) -> None:
    tasks = airflow.task_instances("every_operation", manifests.run_id)
    labels = {(task["task_id"], task.get("rendered_map_index")) for task in tasks if task["map_index"] >= 0}
    assert labels == {
        ("mapped", "label.png"),
        ("mapped", "blocks.png"),
        ("mapped_operation", "label.png"),
        ("mapped_operation", "letter.pdf"),
    }
    taken = [manifests("mapped_operation", map_index=place)["operation"] for place in (0, 1)]
    assert taken == ["RecognizeLabel", "RecognizePdf"]


def test_no_log_holds_a_text(manifests: Any, airflow: LocalAirflow) -> None:
    logs = airflow.task_logs("every_operation", manifests.run_id)
    assert any("Submitted" in text for text in logs.values())
    for hidden in (NOTE[1], LETTER[4], "Northern Office Supplies", "ORGANIC GREEN"):
        assert not [path for path, text in logs.items() if hidden in text]
