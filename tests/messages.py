"""Read what a package says when something goes wrong: errors, warnings, and the pieces that they are made of.

A message is known by its literal text: each value in it is written ``…``, so that a renamed variable or a
number that is formatted in another way changes nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.test_words import docstrings_in, is_log, last_name

ANY = "…"
"""Stands for a value in a message."""

_KEY = re.compile(r"[a-z]+(?:_[a-z]+)*")
_QUIET = frozenset(("debug", "info"))
_PERCENT = re.compile(r"%[-+#0-9.,]*[sdrfgi]")
_ERROR = re.compile(r"(?:Error|Exception|Warning|Timeout)$|^(?:kind|failed)$")
"""Names of errors, and of variables that hold the class of one."""

_MIN_WORDS = 3
"""Words of any other text that counts, as it may become a piece of a message; one with values needs less."""


@dataclass(frozen=True, order=True)
class Message:
    """Hold a message, or a piece of one.

    :param text: with ``…`` for each value.
    :param line: of the module.
    :param error: the class of the error that it is the message of; empty for any other.
    """

    text: str
    line: int
    error: str = ""


def normal(text: str) -> str:
    """Return a message in the form in which two are compared: one line, one mark for values in a row.

    :param text: a message, with ``…`` for each value.
    """
    return re.sub(rf"{ANY}(?:\s*{ANY})+", ANY, " ".join(text.split()))


def words_in(text: str) -> list[str]:
    """Return the literal words of a message; a name alone is a key and has none.

    :param text: from :func:`normal`.
    """
    return [] if _KEY.fullmatch(text) else re.findall(r"\S*[^\W\d_]\S*", text)


def messages_in(source: str) -> Iterator[Message]:
    """Yield the messages of a module: each text of an error or a warning, and each other of some words.

    :param source: the code.
    """
    tree = ast.parse(source)
    told = {id(node) for node, _ in docstrings_in(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and _ERROR.search(node.name):
            # What a class of errors makes of itself is an error as well.
            for name in ast.walk(node):
                if isinstance(name, ast.Name) and name.id == "cls":
                    name.id = node.name
    yield from _below(tree, "", told)


def _below(node: ast.AST, error: str | None, told: set[int]) -> Iterator[Message]:
    """Yield the messages below a node; ``error`` is None where nothing is said."""
    if isinstance(node, ast.Call):
        if _is_silent(node):
            return
        if is_log(node.func):
            assert isinstance(node.func, ast.Attribute)
            error = None if node.func.attr in _QUIET else "log"
        elif _ERROR.search(last_name(node.func)):
            error = last_name(node.func)
    if isinstance(node, ast.expr) and id(node) not in told and (text := _template(node)) is not None:
        text = normal(text)
        least = 1 if error else _MIN_WORDS - isinstance(node, ast.JoinedStr)
        if error is not None and len(words_in(text)) >= least:
            yield Message(text, node.lineno, "" if error == "log" else error or "")
        yield from _values(node, error, told)
        return
    for child in ast.iter_child_nodes(node):
        yield from _below(child, error, told)


def _values(node: ast.expr, error: str | None, told: set[int]) -> Iterator[Message]:
    """Yield the texts within the values of a message: what is chosen between is a piece of its own."""
    parts: Iterable[ast.expr] = ()
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.BinOp):
        parts = [side for side in (node.left, node.right) if _template(side) is None]
    for part in parts:
        # By its length alone: keys and separators are among these.
        yield from _below(part, None if error is None else "", told)


def _template(node: ast.expr) -> str | None:
    """Return a text with ``…`` for its values, or None if the code is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return _PERCENT.sub(ANY, text)
        case ast.JoinedStr(values=values):
            return "".join(_template(v) or "" if isinstance(v, ast.Constant) else ANY for v in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            sides = _template(left), _template(right)
            return None if sides == (None, None) else "".join(ANY if side is None else side for side in sides)
    return None


def _is_silent(call: ast.Call) -> bool:
    """Tell whether a call takes a text that is no message: a pattern, or words to be split."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="re")) | ast.Attribute(value=ast.Constant(), attr="split"):
            return True
    return False
