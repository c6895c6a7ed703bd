"""Read a scanned page with a real Airflow and a local Aspose.OCR Cloud: what ``make demo`` runs.

It starts the emulator and a private Airflow, triggers the example DAGs, tells what happens while it happens,
prints what was read and what it cost, and stops everything again.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests
from PIL import Image, UnidentifiedImageError

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.airflow_rest import RestError
from dags_examples.demo.local_airflow import LocalAirflow, LocalAirflowError, TaskInstance
from dags_examples.demo.processes import QuitSignal, clean_environment, end, quit_signals_raise, spawn
from dags_examples.demo.report import (
    Progress,
    describe_calls,
    failure_report,
    log_tail,
    show_text,
    shown_path,
)

HERE = Path(__file__).resolve().parent
SCAN = HERE / "scan.jpg"
QUICKSTART, SUBMIT_AND_WAIT = "asposeocr_quickstart", "asposeocr_submit_and_wait"
LEAST_ACCURACY = 0.98
DAG_SECONDS = 300.0
EMULATOR_SECONDS = 60.0
# Shorter jobs would be over before the first look, and there would be no waiting to be seen.
PROCESSING_SECONDS = 3


class DemoError(Exception):
    """Say why the demonstration cannot go on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and return the exit code of the program.

    :param arguments: the command line; that of the process when None
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "image", nargs="?", type=Path, default=SCAN, help="an image of a page of English text"
    )
    parser.add_argument("--keep", action="store_true", help="keep Airflow running afterwards, until Ctrl-C")
    options = parser.parse_args(arguments)
    try:
        with quit_signals_raise():
            check_image(options.image)
            run_demo(options.image.resolve(), keep=options.keep)
    except KeyboardInterrupt as interrupt:
        print("\nStopped.")
        return interrupt.exit_code if isinstance(interrupt, QuitSignal) else 130
    except (DemoError, LocalAirflowError, RestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def check_image(path: Path) -> None:
    """Make sure that a file is an image, before anything is started for it.

    :param path: the file
    :raises DemoError: when it is not
    """
    try:
        with Image.open(path) as image:
            image.verify()
    except UnidentifiedImageError as error:
        raise DemoError(f"{path} is not an image") from error
    except OSError as error:
        raise DemoError(f"{path} cannot be read: {error.strerror or error}") from error


def run_demo(image: Path, *, keep: bool) -> None:
    """Start everything, recognize one image and print what came out.

    :param image: the image, as an absolute path
    :param keep: wait for an interrupt before everything is stopped
    :raises DemoError: when a DAG run fails or the shipped scan is read badly
    """
    progress = Progress()
    output = Path.cwd() / "demo-output"
    output.mkdir(exist_ok=True)
    credentials = (secrets.token_hex(8), secrets.token_hex(16))
    with emulator(*credentials) as url:
        progress.tell(f"the emulator of Aspose.OCR Cloud answers at {url}")
        connection = {
            "conn_type": "asposeocr",
            "host": url,
            "login": credentials[0],
            "password": credentials[1],
        }
        with (
            demo_dags() as dags,
            LocalAirflow(dags, connections={"asposeocr_default": connection}) as airflow,
        ):
            airflow.start(progress.tell)
            runs = run_examples(airflow, image, output, progress)
            show_results(airflow, runs, url, image)
            print(f"\nAll of it took {progress.seconds:.0f} seconds.")
            if keep:
                stay(airflow)
            else:
                print("To keep Airflow up afterwards and look at it in a browser: make demo KEEP=1")


@contextlib.contextmanager
def demo_dags() -> Iterator[Path]:
    """Make a folder of the demonstration's DAGs alone: to parse the others would take time."""
    with tempfile.TemporaryDirectory(prefix="asposeocr-dags-") as folder:
        for dag_id in (QUICKSTART, SUBMIT_AND_WAIT):
            shutil.copy(HERE.parent / f"{dag_id}.py", folder)
        yield Path(folder)


@contextlib.contextmanager
def emulator(client_id: str, client_secret: str) -> Iterator[str]:
    """Run the emulator on a free port of the loopback interface and hand out its URL.

    :param client_id: the client id that it accepts
    :param client_secret: the secret that goes with it
    """
    with tempfile.TemporaryDirectory(prefix="asposeocr-emulator-") as folder:
        log = Path(folder) / "emulator.log"
        log.touch()
        flags = ["--port", "0", "--min-processing-seconds", str(PROCESSING_SECONDS)]
        flags += ["--client-id", client_id, "--client-secret", client_secret]
        process = spawn(
            [sys.executable, "-m", "airflow_provider_asposeocr.emulator", *flags],
            env=clean_environment(),
            cwd=Path(folder),
            log=log,
        )
        try:
            deadline = time.monotonic() + EMULATOR_SECONDS
            while not (ready := re.search(r"http://[\w.]+:\d+", log.read_text(errors="replace"))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise DemoError(f"the emulator did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield ready[0]
        finally:
            end([process], grace=3.0)


def run_examples(airflow: LocalAirflow, image: Path, output: Path, progress: Progress) -> dict[str, str]:
    """Run both example DAGs at the same time and return their run ids.

    :param airflow: where they run
    :param image: the image they read
    :param output: directory that their files go to
    :param progress: is told of every event
    :raises DemoError: when one of them fails
    """
    airflow.wait_until_parsed(QUICKSTART, SUBMIT_AND_WAIT)
    source = {"source": str(image)}
    runs = {
        QUICKSTART: airflow.trigger(QUICKSTART, source | {"destination": f"file://{output}/"}),
        SUBMIT_AND_WAIT: airflow.trigger(SUBMIT_AND_WAIT, source),
    }
    progress.tell(f"triggered {QUICKSTART} and {SUBMIT_AND_WAIT} for {shown_path(image)}")

    def tell(task: TaskInstance) -> None:
        progress.tell_task(task)
        if task["state"] == "up_for_retry":
            print(log_tail(airflow, task), flush=True)

    states = airflow.wait_all(list(runs.items()), DAG_SECONDS, tell)
    failed = [run for run, state in zip(runs.items(), states, strict=True) if state != "success"]
    if failed:
        raise DemoError("\n\n".join(failure_report(airflow, *run) for run in failed))
    return runs


def show_results(airflow: LocalAirflow, runs: dict[str, str], emulator_url: str, image: Path) -> None:
    """Print text, files, calls and, for the shipped scan, how many words are right.

    :param airflow: where the DAGs ran
    :param runs: run id of each DAG
    :param emulator_url: where the emulator answers
    :param image: the image that was read
    :raises DemoError: when the shipped scan is read badly
    """
    text = airflow.xcom(QUICKSTART, runs[QUICKSTART], "recognize")["text"] or ""
    binarized = airflow.xcom(QUICKSTART, runs[QUICKSTART], "binarize")
    counts = requests.get(f"{emulator_url}/_emulator/calls", timeout=10).json()
    show_text(text)
    print(f"Cleaned page  {shown_path(Path(binarized['results'][0]['path']))}")
    print(f"API calls     {describe_calls(counts)}")
    if image == SCAN:
        accuracy = word_accuracy(SCAN.with_suffix(".txt").read_text(), text)
        print(f"Words right   {accuracy:.1%}")
        if accuracy < LEAST_ACCURACY:
            raise DemoError(f"fewer than {LEAST_ACCURACY:.0%} of the words of the shipped scan are right")


def stay(airflow: LocalAirflow) -> None:
    """Keep everything running until an interrupt.

    :param airflow: what keeps running
    """
    print(f"\nAirflow is at {airflow.url} without a password; Ctrl-C stops it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            airflow.check_alive()
            time.sleep(0.5)
    print("\nStopping.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
