"""State directory: the emulator starts whatever it contains, and writes files for its owner only."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client
from tests.emulator.process import COMMAND, start_emulator

ID = "01234567-89ab-4def-8123-456789abcdef"


RESULT = {"type": "Text", "data": "aW1hZ2U="}


def record(**changes: Any) -> dict[str, Any]:
    """Return a record of a completed OCR task; ``submission`` and ``outcome`` are changed by member."""
    submission = {
        "index": 0,
        "ocr_task_id": ID,
        "operation": "RecognizeImage",
        "settings": {},
        "sha256": "0" * 64,
        "size": 5,
        "submitted_at": time.time(),
    }
    outcome: Any = {"results": [RESULT], "messages": []}
    submission |= changes.pop("submission", {})
    if isinstance(changes.get("outcome"), dict):
        outcome |= changes.pop("outcome")
    return {"version": 1, "submission": submission, "outcome": outcome, "ready_at": 0.0, **changes}


DAMAGED: dict[str, str | bytes] = {
    "empty": "",
    "cut off": json.dumps(record())[:-20],
    "bytes": bytes(range(256)),
    "a text": '"record"',
    "a list": "[]",
    "no member": "{}",
    "another program's": '{"name": "x", "version": 1}',
    "no version": json.dumps({**record(), "version": None}),
    "a later version": json.dumps(record(version=2)),
    "a version that is text": json.dumps(record(version="1")),
    "nested deeply": "[" * 100_000,
    "NaN": json.dumps(record(ready_at=float("nan"))),
    "half a character": json.dumps(record(submission={"settings": {"language": "\ud800"}})),
    "no submission": json.dumps({**record(), "submission": None}),
    "a submission that lacks a member": json.dumps({**record(), "submission": {"ocr_task_id": ID}}),
    "a member too many": json.dumps(record(submission={"path": "/etc/passwd"})),
    "the id of another task": json.dumps(record(submission={"ocr_task_id": ID.replace("0", "1")})),
    "an id that is a path": json.dumps(record(submission={"ocr_task_id": "../../etc/passwd"})),
    "an index that is text": json.dumps(record(submission={"index": "0"})),
    "an operation that does not exist": json.dumps(record(submission={"operation": "Remove"})),
    "an operation that is a list": json.dumps(record(submission={"operation": []})),
    "settings that are a list": json.dumps(record(submission={"settings": []})),
    "settings that are refused": json.dumps(record(submission={"settings": {"language": "Klingon"}})),
    "a digest that is none": json.dumps(record(submission={"sha256": "x"})),
    "a negative size": json.dumps(record(submission={"size": -1})),
    "a time that is text": json.dumps(record(submission={"submitted_at": "now"})),
    "an end that is text": json.dumps(record(ready_at="now")),
    "an outcome that is text": json.dumps(record(outcome="done")),
    "results that are none": json.dumps(record(outcome={"results": None})),
    "a result that is text": json.dumps(record(outcome={"results": ["x"]})),
    "a result without data": json.dumps(record(outcome={"results": [{"type": "Text"}]})),
    "data that is a number": json.dumps(record(outcome={"results": [{"type": "Text", "data": 5}]})),
    "data that is no Base64": json.dumps(record(outcome={"results": [{"type": "Text", "data": "###"}]})),
    "messages that are a number": json.dumps(record(outcome={"messages": [5]})),
    "an upload that is missing": json.dumps(record(outcome=None)),
    "an upload elsewhere": json.dumps(record(outcome=None, image="../../etc/passwd")),
}


def write(folder: Path, content: str | bytes, name: str = f"{ID}.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def restored(folder: Path) -> list[str]:
    """Return the OCR tasks that an emulator restores from a folder."""
    with Emulator(ocr=False, state_dir=folder) as emulator, Client(emulator) as client:
        ids = list(emulator.ocr_tasks)
        for ocr_task_id in ids:
            assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"
        client.wait(client.submit())
        return ids


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_records_are_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | bytes
) -> None:
    path = write(tmp_path, content)
    other = "f" + ID[1:]
    write(tmp_path, json.dumps(record(submission={"ocr_task_id": other})), f"{other}.json")
    assert restored(tmp_path) == [other]
    assert not path.exists()
    aside = path.with_name(path.name + ".damaged")
    assert aside.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    (line,) = own_lines(caplog)
    assert str(path) in line
    assert "\n" not in line
    caplog.clear()
    assert other in restored(tmp_path)
    assert not own_lines(caplog)


def own_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines that the emulator itself logged, without those of the server."""
    return [entry.getMessage() for entry in caplog.records if entry.name == "asposeocr-emulator"]


def test_a_whole_record_is_taken_up(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(record()))
    assert restored(tmp_path) == [ID]


@pytest.mark.parametrize(
    "name", ["record.json", "..json", "a b.json", f"{ID.upper()}.json", "\n.json", f"x{ID}.json"]
)
def test_foreign_names_are_set_aside(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, json.dumps(record()), name)
    assert restored(tmp_path) == []
    assert path.with_name(f"{name}.damaged").exists()


def test_what_is_no_file_is_set_aside(tmp_path: Path) -> None:
    secret = write(tmp_path, json.dumps(record()), "secret")
    folder = tmp_path / "state"
    folder.mkdir()
    ids = [ID.replace("0", digit) for digit in "1234"]
    (folder / f"{ids[0]}.json").symlink_to(secret)
    (folder / f"{ids[1]}.json").symlink_to("/dev/zero")
    (folder / f"{ids[2]}.json").mkdir()
    os.mkfifo(folder / f"{ids[3]}.json")
    assert restored(folder) == []
    assert {path.name for path in folder.glob("*.damaged")} == {f"{one}.json.damaged" for one in ids}
    assert secret.exists()


def test_an_upload_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret", "secret")
    folder = tmp_path / "state"
    folder.mkdir()
    path = write(folder, json.dumps(record(outcome=None)))
    (folder / f"{ID}.image").symlink_to(secret)
    assert restored(folder) == []
    assert path.with_name(f"{path.name}.damaged").exists()
    assert secret.read_text() == "secret"


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [
        write(tmp_path, "x", name) for name in ("notes.image", "notes.draft", "readme", f"{ID}.image.bak")
    ]
    left = [write(tmp_path, "x", f"{uuid.uuid4()}.{kind}") for kind in ("image", "draft") for _ in range(3)]
    assert restored(tmp_path) == []
    assert [path for path in left if path.exists()] == []
    assert all(path.exists() for path in kept)


def test_expired_records_are_removed(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(record(submission={"submitted_at": time.time() - 90_000})))
    assert restored(tmp_path) == []
    assert not path.exists()
    assert list(tmp_path.glob("*.damaged")) == []


def test_a_record_from_the_future_is_forgotten_in_time(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(record(submission={"submitted_at": time.time() + 1e6})))
    with Emulator(ocr=False, state_dir=tmp_path, retention_seconds=1e5) as emulator:
        assert emulator.ocr_tasks[ID].submission.submitted_at <= time.time()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    mask = os.umask(0)
    try:
        with Emulator(ocr=False, state_dir=folder) as emulator, Client(emulator) as client:
            client.submit()
            # An upload is kept as long as the engine has not read it, which takes it seconds to start.
            emulator.options.ocr = True
            client.submit()
            modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(mask)
    assert modes == {".json": 0o600, ".image": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_two_emulators_do_not_share_a_folder(tmp_path: Path) -> None:
    with Emulator(ocr=False, state_dir=tmp_path):
        with pytest.raises(OSError, match="another emulator uses the state directory"):
            Emulator(ocr=False, state_dir=tmp_path).start()
        done = subprocess.run(
            [*COMMAND, "--no-ocr", "--state-dir", str(tmp_path)], capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert str(tmp_path) in done.stderr
    assert restored(tmp_path) == []


def test_a_folder_is_free_again_when_its_emulator_is_killed(tmp_path: Path) -> None:
    process, _ = start_emulator("--no-ocr", "--state-dir", str(tmp_path))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert restored(tmp_path) == []


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_text("x"), lambda path: (path.parent / "gone").symlink_to("nowhere")]
)
def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(tmp_path / "file")
    folder = tmp_path / ("file" if (tmp_path / "file").exists() else "gone")
    with pytest.raises(OSError, match=folder.name):
        Emulator(ocr=False, state_dir=folder).start()


@pytest.mark.parametrize("ocr", [False, True])
def test_a_folder_that_disappears(tmp_path: Path, caplog: pytest.LogCaptureFixture, ocr: bool) -> None:
    folder = tmp_path / "state"
    with Emulator(ocr=False, state_dir=folder) as emulator, Client(emulator) as client:
        known = client.submit()
        emulator.options.ocr = ocr
        shutil.rmtree(folder)
        assert client.post().status_code == 507
        assert client.get(known).json()["taskStatus"] == "Completed"
        emulator.inject("finish_with_error", on="status")
        assert client.status(known).json()["taskStatus"] == "Error"
        assert client.cancel(known).status_code == 200
        assert (len(emulator.submissions), emulator.ocr_tasks) == (1, {})
    assert not [entry for entry in caplog.records if entry.exc_info]


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    process, url = start_emulator(
        "--no-ocr", "--state-dir", str(tmp_path), limits={resource.RLIMIT_FSIZE: 9_000}
    )
    try:
        path = f"{url}/v5.0/ocr/RecognizeImageTrial"
        answers = [
            requests.post(path, json={"image": "aW1h", "settings": {"note": "x" * size}}, timeout=10)
            for size in (10, 20_000, 10)
        ]
    finally:
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert [answer.status_code for answer in answers] == [200, 507, 200]
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{answers[0].text}.json",
        f"{answers[2].text}.json",
    }
    assert err == ""
