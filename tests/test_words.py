"""One word for each thing: names, log lines, errors and pages keep to the words of docs/architecture.md.

The benchmarks, and the keys of their figures, are held by the same list.

``python -m tests.test_words [PATH ...]`` prints what does not, file by file, with the word to use instead.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tools.rooms import read_rooms

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "airflow_provider_asposeocr"
MODULES = sorted((*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")))
PAGES = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
FIGURES = sorted((ROOT / "docs" / "benchmarks").glob("*.json"))
FILES = (*MODULES, *PAGES, *FIGURES)
EVERY_NAME = frozenset(
    ("module", "class", "function", "argument", "attribute", "constant", "variable", "key")
)
TEXTS = frozenset(("log line", "error", "text", "heading"))
LASTING = EVERY_NAME - {"argument", "variable"}
LOGGERS = frozenset(("log", "_log", "logger", "_logger"))
LOG_METHODS = frozenset(("debug", "info", "warning", "error", "exception", "critical", "log"))


@dataclass(frozen=True)
class Rule:
    """Forbid a word.

    :param pattern: the word, as a regular expression over lower-case words with a blank between each two.
    :param instead: what to say.
    :param kinds: the kinds of names and texts that it concerns.
    :param rooms: the rooms of the package that it concerns; None for all.
    """

    pattern: str
    instead: str
    kinds: frozenset[str] = EVERY_NAME | TEXTS
    rooms: frozenset[str] | None = None

    def strikes(self, words: str, kind: str, room: str) -> str | None:
        """Return the forbidden word that a name or a text has, if any."""
        if kind not in self.kinds or (self.rooms is not None and room not in self.rooms):
            return None
        found = re.search(rf"\b(?:{self.pattern})\b", words)
        return found[0] if found else None


RULES = (
    Rule(r"jobs?", "OCR task"),
    Rule(r"call type|method of the service", "operation"),
    Rule(r"inputs?", "source", EVERY_NAME),
    Rule(r"ledgers?", "record store"),
    Rule(r"journals?", "batch record, or record store"),
    Rule(r"parts", "entry of the batch record, or shard", LASTING, frozenset(("batch", "durable"))),
    Rule(r"recorded|submitted", "submission", frozenset(("class",))),
    Rule(r"match", "fingerprint", frozenset(("class", "function", "argument", "attribute"))),
    Rule(r"fingerprints?", "content_tag", EVERY_NAME, frozenset(("files",))),
    Rule(r"paces?|pacing", "schedule"),
    Rule(r"plans?|planned", "schedule", EVERY_NAME),
    Rule(r"timings?", "latency model", EVERY_NAME),
    Rule(r"(?<!of )courses?", "item"),
    Rule(r"partitions?", "shard", EVERY_NAME),
    Rule(r"chunks?", "shard, or item", LASTING, frozenset(("batch",))),
    Rule(r"quotas?", "budget"),
    Rule(r"preparations?|preparing", "conversion"),
    Rule(r"abandon(?:s|ed|ing)?", "cancel"),
    Rule(r"(?:giv(?:e|es|en|ing)|gave) up", "cancel, or stop waiting"),
    Rule(r"cached? (?:of )?results?|results? cache", "reuse"),
    Rule(r"longest|most|largest|greatest", "MAX_", frozenset(("constant",))),
    Rule(r"least|shortest|smallest|lowest", "MIN_", frozenset(("constant",))),
    # Airflow's tasks are tasks, those of the service OCR tasks.
    Rule(r"(?<!ocr )tasks? (?:at|of) the service", "OCR task", TEXTS),
    Rule(r"(?:goe?s?|gone|going|went) on with", "re-attach, or resume", TEXTS),
    Rule(r"under way", "running", TEXTS),
    Rule(r"(?:is|are|be) had", "say what happens: Token endpoint", TEXTS),
)
"""Forbidden words, each with the word of docs/architecture.md."""

ALLOWED: dict[tuple[str, str], str] = {
    ("", "input_formats"): "the vendor's word, in its table of operations",
    ("", "the quota or the credits of the account"): "the service's quota, of which a 402 speaks",
    ("", "a print job"): "what printers call it",
    ("CHANGELOG.md", "OCR tasks, not jobs"): "tells that a word has changed",
    ("docs/reliability.md", "quota used up"): "the service's quota",
    ("files/destination.py", "fingerprint"): "that of the submission, in default names",
}
"""Names and pieces of texts that may stand: where in the package, and why."""

QUESTIONS = ("what", "whether", "where", "how")


@dataclass(frozen=True, order=True)
class Found:
    """Name what a module, a page or a file of figures says."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, order=True)
class Violation:
    """Name what does not keep to the words."""

    path: str
    line: int
    says: str

    def __str__(self) -> str:
        """Return a line that an editor can open."""
        return f"{self.path}:{self.line}: {self.says}"


def words_of(name: str) -> str:
    """Split a name into its words, in lower case with a blank between each two."""
    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)).lower()


def plain(found: Found) -> str:
    """Return what was found as lower-case words with a blank between each two."""
    return words_of(found.text) if found.kind in EVERY_NAME else " ".join(found.text.lower().split())


def opens_with_question(docstring: str) -> str | None:
    """Return the first word of a docstring if it asks, where it should tell."""
    opening = re.match(r"\s*(\w+)", docstring)
    return opening[1] if opening and opening[1].lower() in QUESTIONS else None


def names_in(tree: ast.Module) -> Iterator[Found]:
    """Yield the names that a module defines; those that it only uses may be of others."""
    kinds = {id(name): "constant" for name in assigned(tree.body) if name.id.isupper()}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name, lineno=line):
                yield Found(line, "class", name)
                kinds |= {id(target): "attribute" for target in assigned(node.body)}
            case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
                yield Found(line, "function", name)
            case ast.arg(arg=name, lineno=line):
                # What a regular expression has found is a match.
                if not node.annotation or "re.Match" not in ast.unparse(node.annotation):
                    yield Found(line, "argument", name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, lineno=line, ctx=ast.Store()):
                yield Found(line, "attribute", name)
            case ast.Name(id=name, lineno=line, ctx=ast.Store()):
                yield Found(line, kinds.get(id(node), "variable"), name)
            case ast.alias(asname=str(name)):
                yield Found(node.lineno, "variable", name)


def assigned(body: Sequence[ast.stmt]) -> Iterator[ast.Name]:
    """Yield the names that the statements of a module or a class assign to."""
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in filter(None, targets):
            yield from (name for name in ast.walk(target) if isinstance(name, ast.Name))


def texts_in(tree: ast.Module) -> Iterator[Found]:
    """Yield the texts of log lines and errors, and all others of some words but docstrings, as in tables."""
    told = {id(node) for node, _ in docstrings_in(tree)}
    for kind, code in speaking(tree):
        for node, text in texts_of(code):
            if id(node) not in told:
                told.add(id(node))
                yield Found(node.lineno, kind, text)
    for node, text in texts_of(tree):
        if id(node) not in told and len(text.split()) > 2:
            yield Found(node.lineno, "text", text)


def speaking(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the code that logs or makes an error, with what it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_log(node.func):
            yield "log line", node
        elif isinstance(node, ast.Call) and re.search(r"(?:Error|Exception)$", last_name(node.func)):
            yield "error", node
        elif isinstance(node, ast.Raise) and node.exc is not None:
            yield "error", node.exc


def texts_of(code: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the strings within a piece of code that are more than a single key, with their text."""
    for node in ast.walk(code):
        match node:
            case ast.Constant(value=str(text)) if " " in text.strip():
                yield node, text


def is_log(function: ast.expr) -> bool:
    """Tell whether a call is one of a logger's."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LOG_METHODS
        and last_name(function.value) in LOGGERS
    )


def last_name(node: ast.expr) -> str:
    """Return the last name of a dotted one."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def docstrings_in(tree: ast.Module) -> Iterator[tuple[ast.Constant, str]]:
    """Yield every string that stands alone, also behind a constant or an attribute, with its text."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)) as constant):
                yield constant, text


def lines_in(text: str) -> Iterator[Found]:
    """Yield the headings and lines of a page, without code, and without the list of words itself."""
    in_code = in_list = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code and (heading := re.match(r"#+ (.+)", line)):
            in_list = heading[1] == "Words"
            yield Found(number, "heading", heading[1])
        elif not (in_code or in_list):
            yield Found(number, "text", line)


def keys_in(text: str) -> Iterator[Found]:
    """Yield the keys of a JSON file of figures, which has a line for each."""
    for number, line in enumerate(text.splitlines(), 1):
        if key := re.match(r' *"([^"]+)": ', line):
            yield Found(number, "key", key[1])


def room_of(path: Path) -> str:
    """Return the room of the package that a module belongs to; nothing for what is not of the package."""
    if not path.is_relative_to(PACKAGE):
        return ""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def exceptions_for(path: Path, found: Found) -> list[tuple[str, str]]:
    """Return the rows of :data:`ALLOWED` that let a name or a text stand."""
    where = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()
    return [
        (start, piece)
        for start, piece in ALLOWED
        if where.startswith(start) and (piece in found.text if " " in piece else piece == found.text)
    ]


@cache
def violations(path: Path) -> list[Violation]:
    """Return what a file says that is not of the list, each once, in the order of the lines."""
    where, seen, listed = path.relative_to(ROOT).as_posix(), set(), []

    def note(line: int, says: str) -> None:
        if says not in seen:
            seen.add(says)
            listed.append(Violation(where, line, says))

    for found in all_in(path):
        if exceptions_for(path, found):
            continue
        for rule in RULES:
            if word := rule.strikes(plain(found), found.kind, room_of(path)):
                shown = " ".join(found.text.split())[:60]
                note(found.line, f"{found.kind} {shown!r} says {word!r}: {rule.instead}")
    if path.suffix == ".py":
        for node, text in docstrings_in(ast.parse(path.read_text())):
            if word := opens_with_question(text):
                note(node.lineno, f"docstring opens with {word!r}: {text.strip().splitlines()[0][:60]}")
    return sorted(listed)


@cache
def all_in(path: Path) -> list[Found]:
    """Return the names and texts of a module, the lines of a page, or the keys of figures."""
    if path.suffix != ".py":
        return list((keys_in if path.suffix == ".json" else lines_in)(path.read_text()))
    tree = ast.parse(path.read_text())
    name = path.parent.name if path.stem == "__init__" else path.stem
    return sorted({Found(1, "module", name), *names_in(tree), *texts_in(tree)})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words_are_those_of_the_list(path: Path) -> None:
    found = violations(path)
    assert not found, "\n" + "\n".join(map(str, found))


def test_every_room_has_a_line_in_the_architecture_and_every_line_a_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    _, _, table = page.partition("| Room | What is in it |\n")
    assert sorted(read_rooms()) == sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_what_is_allowed_exists() -> None:
    """An exception that nothing needs any more is removed."""
    needed = {row for path in FILES for found in all_in(path) for row in exceptions_for(path, found)}
    assert set(ALLOWED) == needed


def test_the_rules_find_what_they_forbid() -> None:
    source = '''
LONGEST_WAIT, OTHER = 1, 2


class JobStore:
    """Where jobs are kept."""

    ledger: str

    def run(self, pace, match: "re.Match[str]"):
        self._timings = [course for course in ()]
        self.log.info("%d jobs under way", 3)
        raise ValueError(f"the journal of {pace}")
'''
    tree = ast.parse(source)
    struck = {
        (found.kind, word)
        for found in (*names_in(tree), *texts_in(tree))
        for rule in RULES
        if (word := rule.strikes(plain(found), found.kind, "batch"))
    }
    assert struck == {
        ("constant", "longest"),
        ("class", "job"),
        ("attribute", "ledger"),
        ("argument", "pace"),
        ("attribute", "timings"),
        ("variable", "course"),
        ("log line", "jobs"),
        ("log line", "under way"),
        ("error", "journal"),
    }
    assert opens_with_question(next(docstrings_in(tree))[1]) == "Where"


def test_pages_and_figures_are_read() -> None:
    page = "# Jobs\nA job.\n```\n# job\n```\n## Words\n| item | course |\n## Rooms\nA ledger.\n"
    assert list(lines_in(page)) == [
        Found(1, "heading", "Jobs"),
        Found(2, "text", "A job."),
        Found(6, "heading", "Words"),
        Found(8, "heading", "Rooms"),
        Found(9, "text", "A ledger."),
    ]
    assert list(keys_in('{\n "jobs": 5,\n "rows": [\n  {\n   "way": "x"\n  }\n ]\n}\n')) == [
        Found(2, "key", "jobs"),
        Found(3, "key", "rows"),
        Found(5, "key", "way"),
    ]


def main(paths: Sequence[str]) -> int:
    """Print all violations of some files, or of all, and return 1 if there is any."""
    chosen = [Path(path).resolve() for path in paths] or FILES
    listed = [violation for path in chosen for violation in violations(path)]
    for violation in listed:
        print(violation)
    print(f"{len(listed)} in {len({one.path for one in listed})} of {len(chosen)} files")
    return int(bool(listed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
