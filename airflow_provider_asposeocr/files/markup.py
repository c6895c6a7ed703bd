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
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]")
_MAX_START = 300
"""Characters within which a piece of markup shows what it is."""

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)(?=[\s/>]|\Z)")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+(?:[\w.-]+:)?([\w.-]+)", re.IGNORECASE)
_IN_DOCTYPE = re.compile(r"""<!--|<\?|["'\[\]>]""")
_CLOSING = {"<!--": "-->", "<?": "?>", '"': '"', "'": "'"}
_HTML = frozenset(
    (
        *(
            "html",
            "head",
            "body",
            "title",
            "meta",
            "script",
            "style",
            "link",
            "base",
            "table",
            "div",
            "p",
            "a",
        ),
        *("h1", "h2", "h3", "br", "b", "i", "span", "font", "center", "form", "img", "iframe", "frameset"),
        *("pre", "ul", "ol"),
    )
)
_FIRST_WORDS = (
    ("rtf", re.compile(r"\{\\rtf")),
    ("lfs", re.compile(r"version https://git-lfs\.github\.com/spec/")),
    ("base64", re.compile(r"\s*(?:data:[\w.+/-]+;base64,|iVBORw0KGgo|/9j/[\w+/]|JVBERi0|R0lGOD[\w+/]{4})")),
    ("pgp", re.compile(r"-----BEGIN PGP MESSAGE")),
    ("p7m", re.compile(r"-----BEGIN PKCS7")),
    ("postscript", re.compile(r"%!PS")),
    ("pcl", re.compile(r"\x1b%-12345X|\x1bE")),
    ("hdr", re.compile(r"#\?RADIANCE|#\?RGBE")),
    ("fits", re.compile(r"SIMPLE  =")),
    ("cals", re.compile(r"srcdocid:")),
    ("pnm", re.compile(r"P[1-6]\s+(?:#|\d)|P7\nWIDTH")),
    ("json", re.compile(r"""\s*(?:\{\s*(?:"|\}|\Z)|\[\s*(?:[\[{\]"\d-]|true|false|null|\Z))""")),
    (
        "email",
        re.compile(
            r"(?:Received|Return-Path|Delivered-To|MIME-Version|Message-ID|From|To|Date|Subject"
            r"|X-[\w-]+): [^\n]*\n[A-Z][\w-]+: ",
            re.IGNORECASE,
        ),
    ),
)


def text_of(head: bytes) -> str | None:
    """Decode the beginning of a text, or return None if it is none.

    :param head: its first bytes; a character that is cut off at their end is left out.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _plain(_decoded(head[len(mark) :], encoding))
    if b"\0" in head[:64]:
        # Without a mark: every other byte of Latin text is 0.
        encoding = "utf-16-le" if head[0] else "utf-16-be"
        return _plain(_decoded(head, encoding)) if _alternates(head[:64]) else None
    text = _decoded(head, "utf-8")
    # Any bytes are Latin-1; those of a text hold no control characters, which every binary format has early.
    return _plain(head.decode("latin-1") if text is None else text)


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
        return "svg" if root == "svg" else "html" if root in _HTML else "xml"
    return next((name for name, pattern in _FIRST_WORDS if pattern.match(text)), "text")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _plain(text: str | None) -> str | None:
    return None if text is None or _CONTROL.search(text) else text


def _alternates(head: bytes) -> bool:
    zeros = [not byte for byte in head]
    first = zeros[0]
    return all(zero == first for zero in zeros[::2]) and all(zero != first for zero in zeros[1::2])


def _root(text: str) -> tuple[str | None, bool]:
    """Find the first element of markup: its name in lower case, and whether it is still to come.

    What stands before it may be as long as it likes. The name is that of the document type, or ``xml``,
    where the text ends before the element.
    """
    at = _after_space(text, 0)
    if not text.startswith("<", at):
        return None, at == len(text) > 0
    known: str | None = None
    while at >= 0:
        at = _after_space(text, at)
        if text.startswith("<?", at):
            at, known = _after(text, "?>", at), known or "xml"
        elif text.startswith("<!--", at):
            at, known = _after(text, "-->", at), known or "xml"
        elif doctype := _DOCTYPE.match(text, at):
            known = doctype[1].lower()
            if known == "html":
                return known, False
            at = _after_doctype(text, doctype.end())
        elif name := _NAME.match(text, at):
            return name[1].lower(), name.end() == len(text)
        else:
            return known, len(text) - at < _MAX_START
    return known, True


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _after(text: str, closing: str, at: int) -> int:
    end = text.find(closing, at + 2)
    return end + len(closing) if end >= 0 else -1


def _after_doctype(text: str, at: int) -> int:
    inside = False
    while found := _IN_DOCTYPE.search(text, at):
        at = found.end()
        if found[0] in _CLOSING:
            end = text.find(_CLOSING[found[0]], at)
            if end < 0:
                return -1
            at = end + len(_CLOSING[found[0]])
        elif found[0] == ">" and not inside:
            return at
        else:
            inside = found[0] == "[" or (inside and found[0] != "]")
    return -1
