"""One small tree of errors. Each says what happened, to which task, and whether a retry can help."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class AsposeOcrError(Exception):
    """Anything that went wrong between this provider and Aspose.OCR Cloud.

    Messages never hold credentials, tokens or the text of a document.

    :param message: what happened and what to do.
    :param status: the HTTP status, where there was one.
    :param ocr_task_id: the service's id of the OCR task, where one is known.
    :param retry_after: seconds that the service asked to wait, where it did.

    ``ambiguous`` is True where the service may have accepted a submission all the same.
    """

    retryable: ClassVar[bool] = False
    """True if the same request, repeated later, may succeed."""

    ambiguous = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        ocr_task_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.ocr_task_id = ocr_task_id
        self.retry_after = retry_after


class AsposeOcrSettingsError(AsposeOcrError, ValueError):
    """A setting, an operation or an argument is wrong. Raised before any call is made."""


class AsposeOcrSourceError(AsposeOcrError):
    """The source cannot be sent: missing, empty, or unreadable."""


class AsposeOcrSourceChangedError(AsposeOcrSourceError):
    """The source was written while it was read. A later try reads it whole."""

    retryable = True


class AsposeOcrStorageError(AsposeOcrError):
    """The storage of a source or a destination could not be reached, or failed."""

    retryable = True


class AsposeOcrDestinationError(AsposeOcrError):
    """A result cannot be stored where it should go, or needs a destination and has none."""


class AsposeOcrAuthError(AsposeOcrError):
    """The credentials are missing or were rejected. Never retried: failed sign-ins lock the account."""


class AsposeOcrConnectionError(AsposeOcrError):
    """The service could not be reached, or the connection broke."""

    retryable = True


class AsposeOcrCertificateError(AsposeOcrError):
    """The certificate of the service or of a proxy is not trusted. Check ``verify`` of the connection."""


class AsposeOcrRateLimitError(AsposeOcrError):
    """The service asks to wait (HTTP 429, or 503 with Retry-After)."""

    retryable = True


class AsposeOcrServerError(AsposeOcrError):
    """The service failed (HTTP 5xx), or answered with something that is not its protocol."""

    retryable = True


class AsposeOcrRequestError(AsposeOcrError):
    """The service refused the request (any other HTTP status). Repeating it cannot help."""


class AsposeOcrUnusableIdError(AsposeOcrError):
    """The service accepted a submission, but named no id that can be used. Never submitted anew by itself."""


class AsposeOcrTooLargeError(AsposeOcrError):
    """An answer is larger than what is read of it. Asking again cannot help."""


class AsposeOcrResultError(AsposeOcrError):
    """A result came whole, but cannot be read as what its type promises. Fetching it again cannot help."""


class AsposeOcrTaskError(AsposeOcrError):
    """The OCR task ended with status ``Error``; the message holds what the service says about it."""


class AsposeOcrTaskNotFoundError(AsposeOcrError):
    """The service does not know the OCR task: never submitted, cancelled, or older than 24 hours."""


class AsposeOcrNotFinishedError(AsposeOcrError):
    """The OCR task has not come to its end yet."""

    retryable = True


class AsposeOcrTimeoutError(AsposeOcrError):
    """The OCR task did not complete before the deadline."""

    retryable = True
    reached: ClassVar[bool] = True
    """True if the service was asked at the deadline: only then an OCR task may be cancelled."""


class AsposeOcrUnreachedTimeoutError(AsposeOcrTimeoutError):
    """The deadline passed while the service could not be reached: the OCR task may have completed."""

    reached = False


class AsposeOcrHaltedError(AsposeOcrError):
    """The Airflow task was killed: no further request is sent."""

    retryable = True


class AsposeOcrEventError(AsposeOcrError):
    """The trigger's event is of a form that this version does not know; it never passes for success."""


class AsposeOcrUnexpectedError(AsposeOcrError):
    """Something that no part of this provider raises on purpose. A retry may help."""

    retryable = True

    @classmethod
    def of(cls, error: BaseException) -> AsposeOcrUnexpectedError:
        """Name an error without its message, which could hold an address, a secret or the text of a document.

        :param error: what was raised.
        """
        frames = traceback.extract_tb(error.__traceback__)
        where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
        return cls(f"unexpected {type(error).__name__}{where}")


def contained(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what may raise anything, and raise nothing but errors that an event loop passes on.

    User code and storage clients may raise what is no ``Exception``: a panic of an extension in Rust, the
    ``CancelledError`` of an event loop of their own, ``SystemExit``. Let through, it would pass for an order
    from outside, and a ``StopIteration`` would leave whoever awaits its thread waiting for ever. What does
    come from outside, such as Airflow's signals, reaches the main thread alone.

    :param work: called outside of the main thread.
    :raises AsposeOcrUnexpectedError: in place of what is no ``Exception``, and of a ``StopIteration``.
    """
    try:
        return work(*args, **kwargs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise
        raise AsposeOcrUnexpectedError.of(error) from None
