"""Formats that are text: told by the first element of markup, or by the first words."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF_16 = re.compile(rb"(?:[^\0]\0)+[^\0]?|(?:\0[^\0])+\0?")
"""Latin text without a mark: every other byte is 0."""

_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]")
_MAX_START = 300
"""Characters within which a piece of markup shows what it is."""

_DOCTYPE = r"<!DOCTYPE\s+(?:[\w.-]+:)?(?P<doctype>[\w.-]+)"
_PROLOGUE = re.compile(
    rf"""(?: \s++
         |   <\?.*?\?>
         |   <!(?=--).*?-->
         |   {_DOCTYPE}
             (?: "[^"]*" | '[^']*' | [^"'\[>] )*+
             (?: \[ (?: <\?.*?\?> | <!--.*?--> | "[^"]*" | '[^']*' | (?!<\?|<!--)[^"'\]] )*+ \] [^>]* )?
             >
         )*+""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Everything that may stand before the first element; it ends before whatever is cut off."""

_CUT_OFF = re.compile(rf"<\?|<!--|{_DOCTYPE}", re.IGNORECASE)
_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)(?=[\s/>]|\Z)")
_HTML = (
    "html head body title meta script style link base table div p a h1 h2 h3 br b i span font center form "
    "img iframe frameset pre ul ol"
)
_HEADERS = "Received|Return-Path|Delivered-To|MIME-Version|Message-ID|From|To|Date|Subject"
_FIRST_WORDS = (
    ("base64", re.compile(r"\s*(?:data:[\w.+/-]+;base64,|iVBORw0KGgo|/9j/[\w+/]|JVBERi0|R0lGOD[\w+/]{4})")),
    ("json", re.compile(r"""\s*(?:\{\s*(?:"|\}|\Z)|\[\s*(?:[\[{\]"\d-]|true|false|null|\Z))""")),
    ("email", re.compile(rf"(?:{_HEADERS}|X-[\w-]+): [^\n]*\n[A-Z][\w-]+: ", re.IGNORECASE)),
)


def text_of(head: bytes) -> str | None:
    """Decode the beginning of a text, or return None if it is none.

    :param head: its first bytes; a character that is cut off at their end is left out.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _decoded(head[len(mark) :], encoding)
    if b"\0" in head[:64]:
        encoding = "utf-16-le" if head[0] else "utf-16-be"
        return _decoded(head, encoding) if _UTF_16.fullmatch(head[:64]) else None
    text = _decoded(head, "utf-8")
    return _decoded(head, "latin-1") if text is None else text


def is_unfinished(head: bytes) -> bool:
    """Tell whether a text of markup has not come to its first element yet.

    :param head: its first bytes.
    """
    text = text_of(head)
    return text is not None and _root(text)[1]


def text_format(head: bytes) -> str | None:
    """Name the format of a text, or return None if it is none.

    :param head: its first bytes.
    """
    text = text_of(head)
    if text is None or not head:
        return None
    root, _ = _root(text)
    if root is not None:
        return "svg" if root == "svg" else "html" if root in _HTML.split() else "xml"
    return next((name for name, pattern in _FIRST_WORDS if pattern.match(text)), "text")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None
    # Every binary format has control characters early; a text has none.
    return None if _CONTROL.search(text) else text


def _root(text: str) -> tuple[str | None, bool]:
    """Find the first element of markup: its name in lower case, and whether it is still to come.

    What stands before it may be as long as it likes. The name is that of the document type, or ``xml``,
    where the text ends before the element.
    """
    prologue = _PROLOGUE.match(text)
    assert prologue is not None, "it may be empty"
    at = prologue.end()
    known = prologue["doctype"] or ("xml" if text[:at].strip() else None)
    if cut_off := _CUT_OFF.match(text, at):
        known, at = cut_off["doctype"] or known or "xml", len(text)
    if known and known.lower() == "html":
        return "html", False
    if element := _ELEMENT.match(text, at):
        return element[1].lower(), element.end() == len(text)
    is_near = (known or text.startswith("<", at)) and len(text) - at < _MAX_START
    return known and known.lower(), bool(is_near) or at == len(text) > 0
