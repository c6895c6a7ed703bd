"""Completion times that outlive their process: real files, and processes that write them at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_asposeocr.api.forecast import expected_polls
from airflow_provider_asposeocr.api.latency import GRID, WINDOW, Kind, LatencyModel
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import connection, host, latency_store
from airflow_provider_asposeocr.hooks.host import folder as folder_of_user
from airflow_provider_asposeocr.hooks.latency_store import (
    INTERVAL,
    MAX_AGE,
    MAX_BYTES,
    MAX_KINDS,
    Entry,
    KeptLatencyModels,
)

from .conftest import Connect
from .learning import FRESH, HOUR, SERVICE, Clock, begin, end, ended, file, found, learn, observe
from .support import IMAGE, OPERATION, Client, both_ways


def test_a_new_process_polls_as_the_old_one_did() -> None:
    assert found() == FRESH
    learned = learn(KeptLatencyModels())
    assert learned != FRESH
    assert found() == learned


def test_services_have_files_of_their_own() -> None:
    learn(KeptLatencyModels())
    models = KeptLatencyModels()
    if recall := models.begin("https://other.example/v5.0/ocr"):
        recall()
    assert models.of("https://other.example/v5.0/ocr", OPERATION, 1000).poll_times(1.5) == FRESH


def test_it_is_read_once_and_written_rarely() -> None:
    clock = Clock()
    models = KeptLatencyModels(clock)
    begin(models)
    assert models.begin(SERVICE) is None
    observe(models)
    assert end(models), "nothing was written yet"
    begin(models)
    observe(models)
    clock.time += INTERVAL - 1
    assert not end(models), "another one still waits"
    begin(models)
    clock.time += 1
    assert end(models)
    assert ended() == 2
    observe(models)
    assert end(models), "nobody waits any more"
    assert ended() == 3


def test_a_wait_that_has_learned_nothing_writes_nothing() -> None:
    models = KeptLatencyModels()
    begin(models)
    end(models)
    assert not list(host.folder().glob("latency-*.json"))


@pytest.mark.parametrize(
    ("age", "known"), [(0.0, True), (MAX_AGE - HOUR, True), (MAX_AGE + HOUR, False), (-3 * HOUR, False)]
)
def test_it_is_bounded_in_age(age: float, *, known: bool) -> None:
    clock = Clock()
    learned = learn(KeptLatencyModels(clock))
    clock.time += age
    assert found(clock) == (learned if known else FRESH)


def test_what_is_too_old_leaves_the_file() -> None:
    clock = Clock()
    learn(KeptLatencyModels(clock), 60)
    clock.time += MAX_AGE + HOUR
    learn(KeptLatencyModels(clock), 5)
    assert ended() == 5


def test_it_is_bounded_in_size() -> None:
    # The longest form: an hour for each.
    entries = [(500_000 + hour, (len(GRID) - 2, len(GRID) - 1)) for hour in range(WINDOW)]
    kinds: dict[Kind, list[Entry]] = {
        (f"Operation{number}", 10): list(entries) for number in range(MAX_KINDS)
    }
    content = latency_store._encoded(kinds)
    assert 0.9 * MAX_BYTES < len(content) <= MAX_BYTES
    kept = latency_store._decoded(content, 500_000 + WINDOW)
    assert kept == dict(list(kinds.items())[-len(kept) :]), "those that were seen last"


def test_it_is_bounded_in_kinds() -> None:
    models = KeptLatencyModels()
    for number in (*range(MAX_KINDS + 3), 0):
        begin(models)
        models.of(SERVICE, f"Operation{number}", 1000).observe(object(), 18.0, 22.0)
        end(models)
    kept = [operation for operation, _, _ in json.loads(file().read_bytes())["kinds"]]
    assert kept == [*(f"Operation{number}" for number in range(4, MAX_KINDS + 3)), "Operation0"]


def no_folder(folder: Path) -> None:
    """Let there be no place for temporary files."""
    folder.write_text("")


def of_others(folder: Path) -> None:
    """Let the place be open to others."""
    folder.mkdir()
    (folder / f"asposeocr-{os.getuid()}").mkdir()
    (folder / f"asposeocr-{os.getuid()}").chmod(0o777)


@pytest.mark.parametrize("spoil", [no_folder, of_others])
def test_without_a_folder_each_process_learns_for_itself(
    spoil: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "folder", folder_of_user)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "place"))
    spoil(tmp_path / "place")
    models = KeptLatencyModels()
    learned = learn(models)
    assert learned == learn(models, 0) != FRESH
    assert found() == FRESH


def in_child(work: Callable[[], object]) -> int:
    """Do something in a forked process, and return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_processes_that_write_at_once_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_store, "MAX_PATIENCE", 60.0)
    processes, writes = 6, 20

    def work() -> None:
        models = KeptLatencyModels()
        for _ in range(writes):
            begin(models)
            observe(models)
            end(models)

    children = {in_child(work) for _ in range(processes)}
    while children:
        # Whoever reads meanwhile finds it whole.
        if list(host.folder().glob("latency-*.json")):
            ended()
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in children:
            assert status == 0
            children.remove(child)
    assert ended() == processes * writes


def test_a_process_that_is_killed_as_it_writes_damages_nothing() -> None:
    def work() -> None:
        while True:
            models = KeptLatencyModels()
            begin(models)
            observe(models)
            end(models)

    learn(KeptLatencyModels(), 1)
    chance, before = random.Random(0), 1
    for _ in range(20):
        child = in_child(work)
        while ended() < min(WINDOW, before + 3):
            time.sleep(chance.uniform(0, 0.005))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        before = ended()
    learn(KeptLatencyModels(), 1)
    assert sorted(path.name for path in host.folder().iterdir()) == [file().name, "latency.lock"]


def test_what_cannot_be_written_in_time_is_written_the_next_time() -> None:
    models = KeptLatencyModels()
    with host.open_shared(host.folder() / "latency.lock") as lock:
        assert host.lock_one([lock], 0)
        begun = time.monotonic()
        learn(models, 7)
        assert time.monotonic() - begun < 5
    assert not list(host.folder().glob("latency-*.json"))
    learn(models, 1)
    assert ended() == 8


def test_files_of_services_that_are_gone_are_removed() -> None:
    old = host.folder() / "latency-0123.json"
    for path in (old, host.folder() / "latency-4567.json", host.folder() / "pair.json"):
        path.write_text("{}")
    for path in (old, host.folder() / "pair.json"):
        os.utime(path, (0, time.time() - MAX_AGE - HOUR))
    learn(KeptLatencyModels())
    left = {path.name for path in host.folder().iterdir()}
    assert {"latency-4567.json", "pair.json", "latency.lock"} < left
    assert old.name not in left


def test_a_forked_child_finds_what_its_parent_has_learned_and_forgets_what_it_holds() -> None:
    models = KeptLatencyModels()
    begin(models)
    observe(models)
    reader, writer = os.pipe()

    def work() -> None:
        models.forget()
        begin(models)
        known = models.of(SERVICE, OPERATION, 1000).poll_times(1.5)
        os.write(writer, b"nothing" if known == FRESH else b"something")

    for wanted in (b"nothing", b"something"):
        os.waitpid(in_child(work), 0)
        assert os.read(reader, 100) == wanted
        end(models)
    os.close(reader)
    os.close(writer)


@both_ways
def test_drivers_keep_it_off_the_event_loop(
    way: str, emulator: Emulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.options.service_seconds = 0.3
    folder, threads = host.folder(), set()

    def noted() -> Path:
        if sys._getframe(1).f_code.co_filename == latency_store.__file__:
            threads.add(threading.current_thread() is threading.main_thread())
        return folder

    monkeypatch.setattr(host, "folder", noted)
    with Client(connect(emulator.url), way) as client:
        ocr_task_id = client.submit(source=IMAGE)
        waited = client.hook.wait if way == "sync" else client.hook.await_task
        outcome = waited(OPERATION, ocr_task_id)
        if asyncio.iscoroutine(outcome):
            assert client._runner
            client._runner.run(outcome)
    assert threads == {way == "sync"}
    text = file().read_text()
    assert ended() == 1
    assert OPERATION in text
    for secret in (ocr_task_id, "127.0.0.1", str(emulator.url.rpartition(":")[2]), emulator.client_id):
        assert secret not in text + file().name
    assert stat.S_IMODE(file().stat().st_mode) == 0o600


SCRIPT = f"""
import sys
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.connection import LATENCY_MODELS

hook, operation = AsposeOcrHook(), get_operation("{OPERATION}")
if sys.argv[1] == "wait":
    ids = [hook.submit(operation, {IMAGE!r}) for _ in range(5)]
    for ocr_task_id in ids:
        hook.wait(operation, ocr_task_id)
print(hook.run_flow(lambda api: api.expected_calls(operation, [None], fetched=False)))
"""


def test_a_process_of_its_own_knows_what_another_has_learned(
    emulator: Emulator, connect: Connect, tmp_path: Path
) -> None:
    connect(emulator.url)

    def expected(what: str) -> float:
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, what], env=environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout.splitlines()[-1])

    learned = expected("wait")
    assert learned != 1 + expected_polls(LatencyModel(), 1.5)
    assert expected("look") == learned
    assert [path.name for path in tmp_path.glob("asposeocr-*")] == [f"asposeocr-{os.getuid()}"]


def test_the_models_of_the_package_are_kept() -> None:
    assert isinstance(connection.LATENCY_MODELS, KeptLatencyModels)
