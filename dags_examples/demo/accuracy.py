"""Word accuracy of a recognized text."""

from __future__ import annotations


def word_accuracy(truth: str, recognized: str) -> float:
    """Return the share of correct words: one minus the words to change, per word of the truth.

    :param truth: text of the page
    :param recognized: text that was recognized
    """
    wanted, found = truth.split(), recognized.split()
    # Levenshtein distance of words, one row of its table at a time.
    row = list(range(len(found) + 1))
    for count, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], count
        for column, other in enumerate(found, start=1):
            cost = min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other))
            diagonal, row[column] = row[column], cost
    return 1.0 - row[-1] / max(1, len(wanted))
