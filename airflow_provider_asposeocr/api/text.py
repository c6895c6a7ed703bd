"""Strings from outside, made fit to be logged, stored and passed on.

A lone surrogate ends whatever encodes it: the triggerer's channel, a task's log. PostgreSQL refuses U+0000.
Control characters write lines into a log that nobody logged. So every string of the service passes through
here once, where its reply is read.
"""

from __future__ import annotations

import re

MAX_ID_CHARACTERS = 200
"""Characters of an id of the service at most."""

MAX_NOTICES = 20
"""Messages of the service about one thing at most."""

MAX_LINE_CHARACTERS = 500
"""Characters of a message of the service at most."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_IDS = frozenset({"", "null", "none", "undefined"})


def storable(text: str) -> str:
    """Replace what neither UTF-8 nor PostgreSQL holds: lone surrogates and U+0000.

    :param text: such as the text of a document; all else in it stays.
    """
    return _UNSTORABLE.sub("\ufffd", text)


def one_line(text: str, max_characters: int = MAX_LINE_CHARACTERS) -> str:
    """Make a line that can be shown anywhere: printable characters alone, single spaces, bounded.

    :param text: such as a message or a file name.
    :param max_characters: of the line; a longer one ends in an ellipsis.
    """
    # A little more than the bound, so that what is cut off is seen; far more would only take time.
    head = text[: 4 * max_characters]
    if not head.isprintable():
        head = "".join(character if character.isprintable() else " " for character in head)
    line = " ".join(head.split())
    if len(line) <= max_characters and len(head) == len(text):
        return line
    return f"{line[: max_characters - 1]}\u2026"


def is_usable_id(text: str) -> bool:
    """Tell whether a string can serve as the id of an OCR task: in a URL, a log, a record, a database.

    :param text: without the white space around it.
    """
    return text.isprintable() and len(text) <= MAX_ID_CHARACTERS and text.casefold() not in _NO_IDS
