"""Every error and warning has an entry on the page of troubleshooting, and no entry outlives its message."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

import pytest

from airflow_provider_asposeocr.api import exceptions
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.batch import runner
from airflow_provider_asposeocr.files.formats import FORMATS
from airflow_provider_asposeocr.metrics import COUNTERS, GAUGES, TIMERS
from tests.messages import Message, messages_in, normal
from tests.test_words import PACKAGE, ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
MODULES = {
    path.relative_to(PACKAGE).as_posix(): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "emulator" not in path.relative_to(PACKAGE).parts
}

UNSEEN_MODULES = {
    "check/observers.py": "words for what was seen, in the report of the check",
    "check/unknowns.py": "texts of the report of the check: docs/service.md has all of them",
    "get_provider_info.py": "texts of the form of the connection",
    "api/languages.py": "names of languages",
    "files/markup.py": "patterns and names of tags",
    "files/pdf.py": "objects of a PDF",
}
"""Modules that say nothing when something goes wrong, with what their texts are."""

_REPEATED = "counts as HTTP 502, which has an entry"
_TIMED_OUT = "is told as `timed out`, within a message that has an entry"
_INFO = "piece of a line that tells of no trouble"
_DATA = "no message"
_HELP = "help of a command"

UNSEEN = {
    ("api/flows.py", "no token"): _REPEATED,
    ("api/polling.py", "no status"): _REPEATED,
    ("api/polling.py", "not a JSON object"): _REPEATED,
    ("api/submission.py", "no task id"): _REPEATED,
    ("api/task.py", "the reply is not a JSON object"): _REPEATED,
    ("api/spool.py", "padding inside Base64"): "tells the reader of a reply that it is not strict",
    ("hooks/drivers.py", "the service takes the request too slowly"): _TIMED_OUT,
    ("hooks/sessions.py", "the time limit of the exchange has passed"): _TIMED_OUT,
    ("hooks/sessions.py", "no connection in time"): _TIMED_OUT,
    ("hooks/exchange.py", "the answer has too much around its body"): "is told as a connection that broke",
    ("batch/runner.py", "… of … items"): _INFO,
    ("batch/runner.py", "… a minute"): _INFO,
    ("batch/runner.py", "… calls per item"): _INFO,
    ("batch/runner.py", "… h … min"): _INFO,
    ("batch/runner.py", "… min … s"): _INFO,
    ("api/submission.py", ", … s after its submission"): _INFO,
    ("api/submission.py", "…, billed calls so far: …"): _INFO,
    ("batch/runner.py", "billed calls so far: …, … s"): _INFO,
    ("operators/base.py", "billed calls so far: …, … s"): _INFO,
    ("plugin/app.py", "Aspose.OCR Cloud: result page"): _DATA,
    ("plugin/asposeocr.py", "Aspose.OCR Cloud: result page"): _DATA,
    ("files/manifest.py", "dropped, since do_xcom_push is False"): _INFO,
    ("files/manifest.py", "left at the service"): _INFO,
    ("files/manifest.py", "Reused, without a call"): _INFO,
    ("api/polling.py", "%Y-%m-… %H:%M:%S UTC"): _DATA,
    ("deferral.py", "{{ ti.xcom_pull(task_ids=…, key=…, map_indexes=-1) }}"): _DATA,
    ("hooks/drivers.py", "airflow-provider-asposeocr/… apache-airflow/… Python/…"): _DATA,
    (
        "check/__main__.py",
        "Compare Aspose.OCR Cloud with what the provider assumes of it, in a few billed calls.",
    ): _HELP,
    (
        "check/__main__.py",
        "Exit status: 0 if nothing differs, 1 if something does, 2 if it could not be checked.",
    ): _HELP,
    ("check/__main__.py", "Airflow connection (default: %(default)s)"): _HELP,
    ("check/__main__.py", "do not ask before the billed calls are made"): _HELP,
    (
        "check/__main__.py",
        "before the OCR task is asked for again, doubled once (default: %(default)s)",
    ): _HELP,
    ("check/report.py", "…. Billed calls: …"): _INFO,
    ("check/caller.py", "HTTP 200 with …"): _DATA,
    ("files/body.py", "multipart/form-data; boundary=…"): _DATA,
}
"""Texts that no user meets as a message, each with the reason."""

UNSEEN_PATTERNS = (
    r"--… Content-Disposition: .+",
    r"camera RAW \(…\)",
    r"(?:sandbox; )?default-src 'none'.*",
    r"/ColorSpace /.+|/DecodeParms << .+",
    r"[a-z0-9]{3,5}(?: [a-z0-9]{2,5}){9,}",
)
"""Texts of one kind each: the head of a body, a label of a format, the policy of a browser, entries of a PDF,
lists of suffixes."""

_FILLING = {
    "files/formats.py": {format.label for format in FORMATS.values()},
    "metrics.py": {*COUNTERS.values(), *TIMERS.values(), *GAUGES.values()},
}
"""Names of formats, which fill a place in the messages that refuse a file; descriptions of metrics."""


@cache
def entries() -> dict[str, str]:
    """Return the messages of the page in their normal form, each with what is said of retries."""
    found: dict[str, str] = {}
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            messages, _, _, retried, _ = line.strip("| ").split(" | ")
            for text in re.findall(r"`([^`]+)`", messages):
                assert normal(text) not in found, f"{text} has two entries"
                found[normal(text)] = retried
    return found


@cache
def messages_of(module: str) -> tuple[Message, ...]:
    """Return what a module may say."""
    return () if module in UNSEEN_MODULES else tuple(messages_in(MODULES[module].read_text()))


def without_entry(module: str, messages: tuple[Message, ...]) -> list[str]:
    """Return the messages of a module that neither have an entry nor need one."""
    return [
        f"{module}:{message.line}: {message.text}"
        for message in messages
        if message.text not in entries()
        and (module, message.text) not in UNSEEN
        and message.text not in _FILLING.get(module, ())
        and not any(re.fullmatch(pattern, message.text) for pattern in UNSEEN_PATTERNS)
    ]


def error_class(name: str) -> type[AsposeOcrError] | None:
    """Return the class of a message, if it is one of the package's errors."""
    found = getattr(exceptions, name, None) or getattr(runner, name, None)
    return found if isinstance(found, type) and issubclass(found, AsposeOcrError) else None


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_an_entry(module: str) -> None:
    assert without_entry(module, messages_of(module)) == []


def test_every_entry_is_that_of_a_message() -> None:
    said = {message.text for module in MODULES for message in messages_of(module)}
    assert entries().keys() - said == set()


def test_no_exception_outlives_its_text() -> None:
    said = {(module, message.text) for module in MODULES for message in messages_of(module)}
    assert UNSEEN.keys() - said == set()
    assert UNSEEN_MODULES.keys() - MODULES.keys() == set()


def test_the_page_says_of_each_error_whether_it_is_retried() -> None:
    retryable: dict[str, set[bool]] = defaultdict(set)
    # What the result page says ends no task.
    for module in (module for module in MODULES if not module.startswith("plugin/")):
        for message in messages_of(module):
            if known := error_class(message.error):
                retryable[message.text].add(known.retryable)
    wrong = {
        text: entries()[text]
        for text, found in retryable.items()
        if text in entries()
        and entries()[text].partition(",")[0].split()[0] != ("yes" if True in found else "no")
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "code",
    [
        'raise AsposeOcrError(f"{name} is out of {things:d}")',
        'raise AsposeOcrError("the moon is " + phase)',
        'log.warning("%s is out of %d", name, number)',
        'self.log.error("Oops")',
        'reason = "there is no more of it" if gone else None',
        'TABLE = {402: "there is no more of it"}',
        'raise kind(f"{name} broke")',
        'warnings.warn(f"{name} is not what it was")',
        'raise AsposeOcrError("a" if x else f"{name} was there {n} times")',
    ],
)
def test_a_new_message_is_found(code: str) -> None:
    assert len(without_entry("durable.py", tuple(messages_in(code)))) >= 1


@pytest.mark.parametrize(
    "code",
    [
        'raise AsposeOcrSourceError(f"{other!r} does not exist")',
        'log.warning("%r does not exist", other)',
        'log.warning("%s does not " "exist", other)',
        'log.info("This tells of no trouble: %s", name)',
        'def f():\n    """Tell what no user reads."""',
        'key = "ocr_task_id"',
    ],
)
def test_what_is_said_in_other_code_alike_is_no_new_message(code: str) -> None:
    assert without_entry("durable.py", tuple(messages_in(code))) == []
