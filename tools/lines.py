"""Count the lines of code of Python files: neither docstrings nor comments nor blank lines."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_CODE = frozenset(
    (
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    )
)


@dataclass(frozen=True)
class Size:
    """Describe some Python files by their number and their lines of code."""

    files: int = 0
    lines: int = 0

    def __add__(self, other: Size) -> Size:
        """Return the size of both together."""
        return Size(self.files + other.files, self.lines + other.lines)


def count_lines(text: str) -> int:
    """Return how many lines of a module hold code.

    :param text: the module's source.
    """
    docstrings = set(_docstring_starts(text))
    numbers: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE and token.start not in docstrings:
            numbers.update(range(token.start[0], token.end[0] + 1))
    return len(numbers)


def measure(paths: Iterable[Path]) -> Size:
    """Return the size of some files.

    :param paths: the files.
    """
    return sum((Size(1, count_lines(path.read_text("utf-8"))) for path in paths), Size())


def _docstring_starts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each string that stands alone begins: the docstrings, also of attributes."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            # Columns of ast are bytes, those of tokenize characters; nothing but blanks stands before.
            yield node.lineno, node.col_offset
