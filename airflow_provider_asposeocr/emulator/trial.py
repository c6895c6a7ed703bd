"""Masking of the trial operation: some words become asterisks, always the same ones for an image."""

from __future__ import annotations

import random
import re

_SHARE = 0.1
_WORD = re.compile(r"\S+")


def masked_words(count: int, sha256: str) -> frozenset[int]:
    """Choose the words of a text to mask.

    :param count: the number of words.
    :param sha256: the digest of the image, which determines the choice.
    :return: their indices in the text.
    """
    masked = max(1, round(count * _SHARE)) if count else 0
    return frozenset(random.Random(sha256).sample(range(count), masked))


def mask(word: str) -> str:
    """Return as many asterisks as a word has characters."""
    return "*" * len(word)


def mask_text(text: str, sha256: str) -> str:
    """Mask some words of a text and keep its white space.

    :param text: the text.
    :param sha256: the digest of the image, which determines the choice.
    """
    words = list(_WORD.finditer(text))
    chosen = masked_words(len(words), sha256)
    parts, end = [], 0
    for place, word in enumerate(words):
        parts += [text[end : word.start()], mask(word.group()) if place in chosen else word.group()]
        end = word.end()
    return "".join(parts) + text[end:]
