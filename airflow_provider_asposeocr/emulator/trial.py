"""The mark of the trial operation: some words come back as asterisks, always the same ones of an image."""

from __future__ import annotations

import random
import re

_SHARE = 0.1
_WORD = re.compile(r"\S+")


def masked_words(count: int, sha256: str) -> frozenset[int]:
    """Choose which of a text's words are masked.

    :param count: how many words there are.
    :param sha256: the digest of the image, which decides the choice.
    :return: their places in the text.
    """
    masked = max(1, round(count * _SHARE)) if count else 0
    return frozenset(random.Random(sha256).sample(range(count), masked))


def mask(word: str) -> str:
    """Return asterisks in the place of a word."""
    return "*" * len(word)


def mask_text(text: str, sha256: str) -> str:
    """Mask some words of a text and leave its white space alone.

    :param sha256: the digest of the image, which decides the choice.
    """
    words = list(_WORD.finditer(text))
    chosen = masked_words(len(words), sha256)
    parts, end = [], 0
    for place, word in enumerate(words):
        parts += [text[end : word.start()], mask(word.group()) if place in chosen else word.group()]
        end = word.end()
    return "".join(parts) + text[end:]
