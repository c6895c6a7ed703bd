"""Panics of decoders written in Rust, which are no exceptions that anything else would catch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from airflow_provider_asposeocr.emulator.limits import UnreadableImageError


@contextlib.contextmanager
def refused(message: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn a panic of a decoder, and errors of its own, into the refusal of a file.

    :param message: the reason, for the client.
    :param errors: the errors that the decoder raises for a broken file.
    """
    try:
        yield
    except errors as error:
        raise UnreadableImageError(message) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableImageError(message) from error
