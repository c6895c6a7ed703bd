"""Recognize a scan, a PDF, a table and an invoice with a real Airflow and the emulator: ``make demo``.

It starts the emulator and a private Airflow, triggers the example DAGs, prints events as they happen, then
the results and their cost in calls, and stops everything.
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
from dags_examples.demo.make_documents import TABLE
from dags_examples.demo.processes import QuitSignal, clean_environment, end, quit_signals_raise, spawn
from dags_examples.demo.report import (
    Progress,
    describe_calls,
    failure_report,
    log_tail,
    show_fields,
    show_rows,
    show_text,
    shown_path,
)

HERE = Path(__file__).resolve().parent
SCAN = HERE / "scan.jpg"
SAMPLES = HERE.parent / "documents"
QUICKSTART, SUBMIT_AND_WAIT = "asposeocr_quickstart", "asposeocr_submit_and_wait"
DOCUMENTS = "asposeocr_documents"
MIN_ACCURACY = 0.98
DAG_SECONDS = 300.0
EMULATOR_SECONDS = 60.0
# Shorter OCR tasks would end before the first poll, and the demo would not show any waiting.
PROCESSING_SECONDS = 3


class DemoError(Exception):
    """Raised when the demo cannot continue."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code of the program.

    :param arguments: the command line; None uses ``sys.argv``
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
    """Check that a file is an image, before anything is started.

    :param path: the file
    :raises DemoError: if it is not
    """
    try:
        with Image.open(path) as image:
            image.verify()
    except UnidentifiedImageError as error:
        raise DemoError(f"{path} is not an image") from error
    except OSError as error:
        raise DemoError(f"{path} cannot be read: {error.strerror or error}") from error


def run_demo(image: Path, *, keep: bool) -> None:
    """Start everything, recognize one image and print the results.

    :param image: the image, as an absolute path
    :param keep: wait for an interrupt before everything is stopped
    :raises DemoError: if a DAG run fails or too many words of the shipped scan are wrong
    """
    progress = Progress()
    output = Path.cwd() / "demo-output"
    output.mkdir(exist_ok=True)
    credentials = (secrets.token_hex(8), secrets.token_hex(16))
    with emulator(*credentials) as url:
        progress.tell(f"the emulator of Aspose.OCR Cloud listens at {url}")
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
            show_results(airflow, runs, image)
            show_documents(airflow, runs[DOCUMENTS])
            counts = requests.get(f"{url}/_emulator/calls", timeout=10).json()
            print(f"API calls     {describe_calls(counts)}")
            print(f"\nDone in {progress.seconds:.0f} seconds.")
            if keep:
                stay(airflow)
            else:
                print("To keep Airflow running and open it in a browser: make demo KEEP=1")


@contextlib.contextmanager
def demo_dags() -> Iterator[Path]:
    """Make a folder with only the DAGs of the demo: parsing the others would take time."""
    with tempfile.TemporaryDirectory(prefix="asposeocr-dags-") as folder:
        for dag_id in (QUICKSTART, SUBMIT_AND_WAIT, DOCUMENTS):
            shutil.copy(HERE.parent / f"{dag_id}.py", folder)
        yield Path(folder)


@contextlib.contextmanager
def emulator(client_id: str, client_secret: str) -> Iterator[str]:
    """Run the emulator on a free port of the loopback interface and yield its URL.

    :param client_id: the client id to accept
    :param client_secret: the client secret to accept
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
    """Run the example DAGs at the same time and return their run ids.

    :param airflow: the Airflow that runs them
    :param image: the image to recognize
    :param output: directory for their files
    :param progress: prints every event
    :raises DemoError: if one of them fails
    """
    airflow.wait_until_parsed(QUICKSTART, SUBMIT_AND_WAIT, DOCUMENTS)
    source, destination = {"source": str(image)}, {"destination": f"file://{output}/"}
    samples = {"pdf": "note.pdf", "table": "table.png", "invoice": "invoice.png"}
    documents = {name: str(SAMPLES / sample) for name, sample in samples.items()}
    runs = {
        QUICKSTART: airflow.trigger(QUICKSTART, source | destination),
        SUBMIT_AND_WAIT: airflow.trigger(SUBMIT_AND_WAIT, source),
        DOCUMENTS: airflow.trigger(DOCUMENTS, documents | destination),
    }
    progress.tell(f"triggered {QUICKSTART} and {SUBMIT_AND_WAIT} for {shown_path(image)}")
    progress.tell(f"triggered {DOCUMENTS} for {', '.join(samples.values())}")

    def tell(task: TaskInstance) -> None:
        progress.tell_task(task)
        if task["state"] == "up_for_retry":
            print(log_tail(airflow, task), flush=True)

    states = airflow.wait_all(list(runs.items()), DAG_SECONDS, tell)
    failed = [run for run, state in zip(runs.items(), states, strict=True) if state != "success"]
    if failed:
        raise DemoError("\n\n".join(failure_report(airflow, *run) for run in failed))
    return runs


def show_results(airflow: LocalAirflow, runs: dict[str, str], image: Path) -> None:
    """Print the text of the image and, for the shipped scan, the share of correct words.

    :param airflow: the Airflow that ran the DAGs
    :param runs: run id of each DAG
    :param image: the recognized image
    :raises DemoError: if too many words of the shipped scan are wrong
    """
    text = airflow.xcom(QUICKSTART, runs[QUICKSTART], "recognize")["text"] or ""
    binarized = airflow.xcom(QUICKSTART, runs[QUICKSTART], "binarize")
    show_text(text)
    if image == SCAN:
        check_accuracy("Correct words", SCAN.with_suffix(".txt"), text)
    print(f"Binarized     {shown_path(Path(binarized['results'][0]['path']))}")


def show_documents(airflow: LocalAirflow, run_id: str) -> None:
    """Print where the searchable PDF is, the rows of the table, and the fields of the invoice.

    :param airflow: the Airflow that ran the DAG
    :param run_id: the run of the DAG with the documents
    :raises DemoError: if too many words of the PDF or any cell of the table is wrong
    """
    found = {name: airflow.xcom(DOCUMENTS, run_id, name) for name in ("searchable", "table", "invoice")}
    paths = {
        result["type"]: shown_path(Path(result["path"]))
        for name in ("searchable", "table")
        for result in found[name]["results"]
    }
    check_accuracy("PDF, words", SAMPLES / "note.txt", found["searchable"]["text"])
    print(f"Searchable    {paths['Pdf']}")
    show_rows(found["table"]["value"])
    print(f"Spreadsheet   {paths['Excel']}, {paths['Csv']}")
    show_fields(found["invoice"]["value"])
    if found["table"]["value"] != [list(row) for row in TABLE]:
        raise DemoError("not all cells of the table are correct")


def check_accuracy(label: str, truth: Path, text: str) -> None:
    """Print the share of correct words.

    :param label: what they are of
    :param truth: the file with the correct text
    :param text: the recognized text
    :raises DemoError: if too many are wrong
    """
    accuracy = word_accuracy(truth.read_text(), text)
    print(f"{label:14}{accuracy:.1%}")
    if accuracy < MIN_ACCURACY:
        raise DemoError(f"fewer than {MIN_ACCURACY:.0%} of the words of {truth.stem} are correct")


def stay(airflow: LocalAirflow) -> None:
    """Keep everything running until an interrupt.

    :param airflow: the Airflow to keep running
    """
    print(f"\nAirflow is at {airflow.url} without a password; Ctrl-C stops it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            airflow.check_alive()
            time.sleep(0.5)
    print("\nStopping.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
