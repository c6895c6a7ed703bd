"""Without its extra, or a part of it, the emulator says so in one line and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement

from tests.emulator.process import COMMAND

ROOT = Path(__file__).parents[2]

MODULE_NAMES = {"opencv_python_headless": "cv2", "pillow": "PIL", "pyspellchecker": "spellchecker"}
"""Names of modules that differ from those of their packages."""


def modules_of_the_extra() -> tuple[str, ...]:
    """Return the modules that the extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = (
        Requirement(text).name.replace("-", "_") for text in project["optional-dependencies"]["emulator"]
    )
    return tuple(MODULE_NAMES.get(name, name) for name in names)


SERVER = ("starlette", "uvicorn", "python_multipart")
OCR = tuple(name for name in modules_of_the_extra() if name not in (*SERVER, "h11"))
INSTALL = 'pip install "airflow-provider-asposeocr[emulator]"'


HIDING = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def environment(folder: Path, *names: str) -> dict[str, str]:
    """Return an environment in which some modules cannot be imported, not even by child processes."""
    (folder / "sitecustomize.py").write_text(HIDING.format(names=set(names)))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(
    folder: Path, names: tuple[str, ...], command: tuple[str, ...]
) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a program without some modules; return how it ended and how long it took, in seconds."""
    started = time.monotonic()
    done = subprocess.run(
        command, env=environment(folder, *names), capture_output=True, text=True, timeout=60
    )
    return done, time.monotonic() - started


@pytest.mark.parametrize("name", SERVER + OCR)
@pytest.mark.parametrize(
    "program", [COMMAND, ("asposeocr-emulator", "--port", "0")], ids=["module", "script"]
)
def test_a_missing_module_is_named(tmp_path: Path, name: str, program: tuple[str, ...]) -> None:
    if program is not COMMAND:
        program = (str(Path(sys.executable).with_name(program[0])), *program[1:])
        if not Path(program[0]).exists():
            pytest.skip("the console script is not installed")
    done, seconds = run(tmp_path, (name,), program)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"asposeocr-emulator: The emulator needs the module {name}, which is not installed. "
        f"Install it with: {INSTALL}\n"
    )
    assert seconds < 20  # a second on a quiet machine; the engine alone takes longer to load
    left = [process for process in psutil.process_iter(["environ"]) if str(tmp_path) in str(process.info)]
    assert left == []


def test_nothing_of_the_extra(tmp_path: Path) -> None:
    done, _ = run(tmp_path, SERVER + OCR, COMMAND)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert INSTALL in done.stderr


@pytest.mark.parametrize("name", SERVER)
def test_importing_it_without_the_server_is_an_import_error(tmp_path: Path, name: str) -> None:
    script = (
        "try:\n"
        "    from airflow_provider_asposeocr.emulator.testing import Emulator\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done, _ = run(tmp_path, (name,), (sys.executable, "-c", script))
    assert done.stdout == (
        f"The emulator needs the module {name}, which is not installed. Install it with: {INSTALL}\n"
    )
    assert done.stderr == ""


@pytest.mark.parametrize("name", OCR)
def test_starting_it_without_the_engine_is_an_import_error(tmp_path: Path, name: str) -> None:
    script = (
        "import threading\n"
        "from airflow_provider_asposeocr.emulator.testing import Emulator\n"
        "try:\n"
        "    Emulator().start()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
        "print(threading.active_count())\n"
    )
    done, _ = run(tmp_path, (name,), (sys.executable, "-c", script))
    assert done.stdout == (
        f"The emulator needs the module {name}, which is not installed. Install it with: {INSTALL}\n1\n"
    )
    assert done.stderr == ""


def test_a_scripted_service_needs_no_engine(tmp_path: Path) -> None:
    script = (
        "import urllib.request\n"
        "from airflow_provider_asposeocr.emulator.testing import Emulator\n"
        "with Emulator(ocr=False) as emulator:\n"
        "    path = '/v5.0/ocr/RecognizeImageTrial'\n"
        '    body = b\'{"image": "aW1h", "settings": {"resultType": "TextAndPdf"}}\'\n'
        "    ocr_task_id = urllib.request.urlopen(emulator.url + path, body).read().decode()\n"
        "    print(emulator.ocr_tasks[ocr_task_id].status)\n"
    )
    done, _ = run(tmp_path, OCR, (sys.executable, "-c", script))
    assert (done.stdout, done.stderr) == ("Completed\n", "")


@pytest.mark.parametrize("arguments", [("--no-ocr",), ("--scripted", "0")])
def test_the_scripted_console_script_needs_no_engine(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(tmp_path, *OCR),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    assert line.startswith("asposeocr-emulator at http://127.0.0.1:"), process.communicate()
    assert process.communicate(timeout=10)[1] == ""
