"""The arguments of the batch operator: wrong ones are found before the first call."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import batch, images, lines
from tests.running import run


class TestArguments:
    """What is wrong with them is found before the first call."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"destination": None}, "needs a destination"),
            ({"destination": "out/all.txt"}, "one file for many results"),
            ({"destination": "nope://out/"}, "no storage is registered for nope"),
            ({"destination": "https://host/out/"}, "results cannot be stored at"),
            ({"report": "nope://out/r.jsonl"}, "no storage is registered for nope"),
            ({"sources": None}, "sources is nothing"),
            ({"max_in_flight": 0}, "max_in_flight must be a whole number, at least 1"),
            ({"max_in_flight": "many"}, "max_in_flight must be a whole number"),
            ({"fail_on": "some"}, "fail_on must be"),
            ({"fail_on": 1.5}, "fail_on must be"),
            ({"fail_on": True}, "fail_on must be"),
            ({"language": "Klingon"}, "unknown language"),
            ({"operation": "Recognise"}, "unknown operation"),
            ({"timeout": -1}, "timeout must be positive"),
            ({"poll_interval": 0}, "poll_interval must be positive"),
            ({"overwrite": "perhaps"}, "overwrite must be true or false"),
        ],
    )
    def test_are_refused(
        self, emulator: Emulator, inbox: Path, out: Path, arguments: dict[str, Any], message: str
    ) -> None:
        given = {"sources": f"{inbox}/", "destination": f"{out}/", **arguments}
        with pytest.raises(AirflowFailException, match=message):
            run(batch(given.pop("sources"), given.pop("destination"), **given))
        assert (emulator.calls.token, emulator.calls.billed) == (0, 0)

    @pytest.mark.parametrize(
        ("names", "pattern", "result_type", "meet"),
        [
            (("x.png", "x.txt.png"), "{stem}", "TextAndPdf", True),
            (("x.png", "x.txt.png"), "{stem}.{ext}", "TextAndPdf", False),
            (("x.png", "x.txt.png"), "{stem}", "Text", False),
            (("a b.png", "a_b.png"), "{stem}.txt", "Text", True),
            (("report.png", "b.png"), "{stem}.jsonl", "Text", True),
            (("report.png", "b.png"), "{stem}.txt", "Text", False),
        ],
    )
    def test_the_names_that_are_compared_are_those_that_are_written(
        self,
        emulator: Emulator,
        tmp_path: Path,
        png: bytes,
        names: tuple[str, str],
        pattern: str,
        result_type: str,
        meet: bool,
    ) -> None:
        for number, name in enumerate(names):
            (tmp_path / name).write_bytes(png + bytes(number))
        task = batch(
            [str(tmp_path / name) for name in names], f"{tmp_path}/out/{pattern}", result_type=result_type
        )
        if meet:
            with pytest.raises(AirflowFailException, match="would be stored under one name"):
                run(task)
            assert emulator.calls.submit == 0
        else:
            assert run(task)["succeeded"] == 2
            assert len(list((tmp_path / "out").glob("[!.]*"))) == 3 + 2 * (result_type == "TextAndPdf")

    def test_a_second_text_overwrites_the_result_of_no_other_item(
        self, emulator: Emulator, tmp_path: Path, png: bytes
    ) -> None:
        for number, name in enumerate(("a.png", "a-2.png", "b.png")):
            (tmp_path / name).write_bytes(png + bytes(number))
        texts = [{"type": "Text", "data": base64.b64encode(text).decode()} for text in (b"one", b"two")]
        reply = {"taskStatus": "Completed", "results": texts}
        emulator.inject("status", on="poll", status=200, body=json.dumps(reply), times=None)
        task = batch(f"{tmp_path}/*.png", f"{tmp_path}/out/{{stem}}.txt", fail_on="none")
        assert (run(task)["succeeded"], len(emulator.submissions)) == (2, 3)
        [failed] = [line for line in lines(tmp_path / "out") if line["status"] == "failed"]
        assert failed["source"].endswith("/a.png")
        assert "name of another item's result" in failed["message"]
        assert {path.name for path in (tmp_path / "out").glob("*.txt")} == {
            *("a-2.txt", "a-2-2.txt", "b.txt", "b-2.txt")
        }

    def test_a_pattern_under_which_results_would_meet(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        for folder in ("a", "b"):
            images(tmp_path / "in" / folder, 1)
        with pytest.raises(AirflowFailException, match="would be stored under one name"):
            run(batch(f"{tmp_path}/in/", f"{out}/{{stem}}.txt"))
        assert emulator.calls.billed == 0
        assert run(batch(f"{tmp_path}/in/", f"{out}/{{ocr_task_id}}.txt"))["succeeded"] == 2

    def test_a_path_object_may_be_a_folder(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        run(batch(ObjectStoragePath(f"file://{inbox}"), ObjectStoragePath(f"file://{out}")))
        assert len(lines(out)) == 12
        # Files of the batch's own lie in it as well.
        assert len(list((out / ".asposeocr").iterdir())) == 1
