"""The sensor that waits for an OCR task to complete."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    TaskDeferred,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrEventError,
    AsposeOcrHaltedError,
    AsposeOcrSettingsError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.polling import Wait
from airflow_provider_asposeocr.api.submission import RETENTION, Submission, WaitEvent
from airflow_provider_asposeocr.deferral import triggerer_template, why_a_worker_ends
from airflow_provider_asposeocr.files.manifest import Delivery, Manifest
from airflow_provider_asposeocr.task_mixin import (
    TRIGGER_GRACE,
    ResultMixin,
    new_hook,
    new_trigger,
    permanent_errors_fail,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


RESCHEDULE_INTERVAL = 60.0
"""Seconds between polls in reschedule mode by default: each costs a start of the task."""


class AsposeOcrTaskSensor(ResultMixin, BaseSensorOperator):
    """Wait until an OCR task of Aspose.OCR Cloud is ``Completed``.

    One that ends with ``Error`` or ``NotExist`` fails the sensor at once, with what the service says. The OCR
    task is never cancelled. Outages of the service of up to 5 minutes are waited out; with ``silent_fail``,
    or in reschedule mode, outages of any length until ``timeout``.

    Without a destination text goes into XCom, and other results stay at the service, for
    :class:`.AsposeOcrFetchResultOperator` to store: their entries in the manifest say
    ``"delivered": False``, and ``delete_remote`` deletes nothing.

    :param ocr_task_id: the service's id of the OCR task (templated).
    :param deferrable: wait in the triggerer, without a worker slot; True by default.
    :param poke_interval: seconds or timedelta between polls, more than 0. None means a learned schedule
        when deferred or poking, and 60 s in reschedule mode and with ``exponential_backoff``.
    :param timeout: seconds or timedelta to wait; default 24 h, as long as the service keeps an OCR task.
        ``execution_timeout`` counts if it is shorter, except in reschedule mode, where it limits one poll.
    :param start_from_trigger: begin in the triggerer, so that the wait takes no worker slot at all, on
        Airflow 3.3 and later; ignored on older ones and for mapped sensors. The triggerer renders
        ``ocr_task_id`` then. Not for hundreds of such tasks in one DAG: the whole DAG travels with each of
        their triggers.
    :param kwargs: those of :class:`.ResultMixin`, :class:`.OcrTaskMixin` and BaseSensorOperator;
        ``soft_fail``, ``never_fail``, ``silent_fail``, ``exponential_backoff`` and ``max_wait`` mean the same
        whether deferred or not.
    :return: the :class:`.Manifest`. Its ``api_calls`` are those of the last poll alone in reschedule mode,
        and of the whole wait otherwise.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/sensors.html
    """

    template_fields: Sequence[str] = ("ocr_task_id", *ResultMixin.template_fields)

    _asked_to_wait = 0.0

    def __init__(
        self,
        *,
        ocr_task_id: Any,
        deferrable: bool = True,
        poke_interval: float | timedelta | None = None,
        timeout: float | timedelta = RETENTION,
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        base_interval = RESCHEDULE_INTERVAL if poke_interval is None else poke_interval
        super().__init__(poke_interval=base_interval, timeout=timeout, **kwargs)
        self.ocr_task_id = ocr_task_id
        self.deferrable = deferrable
        self.poll_interval = poke_interval
        if start_from_trigger and not deferrable:
            raise AsposeOcrSettingsError("start_from_trigger=True and deferrable=False exclude each other")
        if start_from_trigger and AIRFLOW_V_3_3_PLUS:
            self.start_from_trigger = True
            self.start_trigger_args = self._start_trigger_args()

    def execute(self, context: Context) -> Any:
        """Defer, wait here, or look once and be rescheduled, as BaseSensorOperator does."""
        with self._sensor_failures(), permanent_errors_fail():
            if self.deferrable:
                submission, delivery = self._submission(), self.delivery(context)
                self._defer(submission, self._wait(delivery), delivery, cancel_on_kill=False)
            return super().execute(context) if self.reschedule else self._manifest_here(context)

    def execute_complete(self, context: Context, event: Any) -> Manifest:
        """Resume when the trigger has fired.

        :param event: the trigger's event.
        """
        with self._sensor_failures(), permanent_errors_fail():
            try:
                outcome = WaitEvent.of_event(event)
            except AsposeOcrEventError as error:
                self.log.warning("%s: the service is asked instead", error)
                return self._manifest_here(context)
            if isinstance(outcome.error, AsposeOcrTimeoutError):
                raise AirflowSensorTimeout(str(outcome.error))
            hook, task, delivery = new_hook(self.conn_id), outcome.unwrap(), self.delivery(context)
            return self._collect(context, hook, task, outcome.submission, delivery, outcome.completed_at)

    def _start_trigger_args(self) -> StartTriggerArgs:
        wait = Wait(timeout=self._timeout(), **self._polling())
        trigger = new_trigger(
            submission=Submission(self.of_operation.name, "").to_dict(),
            wait=asdict(wait),
            ocr_task_id=triggerer_template(self.ocr_task_id),
            asposeocr_conn_id=self.asposeocr_conn_id,
            max_inline_bytes=0 if self.leaves_results() else self.max_inline_bytes,
            cancel_on_kill=False,
            ends_task=why_a_worker_ends(self) is None,
        )
        path, arguments = trigger.serialize()
        # Airflow does not apply a sensor's own timeout here. The trigger does; this one is for templates
        # that wait for an answer that never comes.
        longest = timedelta(seconds=wait.timeout + TRIGGER_GRACE)
        return StartTriggerArgs(path, "execute_complete", arguments, timeout=longest)

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once. An outage of the service means that the OCR task is not done yet."""
        with permanent_errors_fail():
            submission = self._submission()
            self._polling()
            delivery, hook = self.delivery(context), new_hook(self.conn_id)
            operation, ocr_task_id = submission.of_operation, submission.ocr_task_id
            status_only, self._asked_to_wait = self.leaves_results(), 0.0
            try:
                task = hook.run_flow(
                    lambda api: api.poll(operation, ocr_task_id, delivery.limit, status_only=status_only)
                )
            except AsposeOcrError as error:
                if not error.retryable or isinstance(error, AsposeOcrHaltedError):
                    raise
                self.log.warning("The poll failed, waiting goes on: %s", error)
                self._asked_to_wait = error.retry_after or 0.0
                return PokeReturnValue(is_done=False)
            if not task.status.is_terminal:
                told = submission.line(hook.api_calls, time.time())
                self.log.info("Not completed yet, looking again later: %s: %s", told, task.status.value)
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(
                True, self._collect(context, hook, task, submission, delivery, time.time())
            )

    def _get_next_poke_interval(
        self, started_at: Any, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        usual: float = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        # The service is not asked sooner than it wants, but once more when the time is over.
        return max(usual, min(self._asked_to_wait, self.timeout - run_duration()))

    def _timeout(self) -> float:
        """Return how many seconds to wait at most."""
        return min(self.timeout, coerce.seconds("execution_timeout", self.execution_timeout) or math.inf)

    def _polling(self) -> dict[str, Any]:
        """Return when to poll, and how long without an answer, as :class:`.Wait` takes it."""
        interval = coerce.seconds("poke_interval", self.poll_interval)
        return {
            "poll_interval": self.poke_interval if self.exponential_backoff else interval,
            "backoff": self.exponential_backoff,
            "max_wait": self.max_wait.total_seconds() if self.max_wait else None,
            "max_outage": self.timeout if self.silent_fail else None,
        }

    def _wait(self, delivery: Delivery) -> Wait:
        return Wait(
            deadline=time.time() + self._timeout(),
            limit=delivery.limit,
            status_only=self.leaves_results(),
            **self._polling(),
        )

    def _submission(self) -> Submission:
        return Submission(self.of_operation.name, coerce.ocr_task_id(self.ocr_task_id))

    def _manifest_here(self, context: Context) -> Manifest:
        """Wait in this process."""
        submission, delivery = self._submission(), self.delivery(context)
        hook = new_hook(self.conn_id)
        try:
            task = self._wait_here(hook, submission, self._wait(delivery))
        except AsposeOcrTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from None
        return self._collect(context, hook, task, submission, delivery, time.time())

    def delivery(self, context: Mapping[str, Any], wire: Mapping[str, Any] | None = None) -> Delivery:
        """Return where the results go, checked; without a destination all but text stays at the service."""
        delivery = replace(super().delivery(context, wire), leave_binary=True)
        if delivery.destination:
            delivery.check(self.of_operation)
        return delivery

    @contextmanager
    def _sensor_failures(self) -> Iterator[None]:
        """Skip instead of failing, by the rules that BaseSensorOperator applies around :meth:`poke`.

        A timeout of reschedule mode it skips by itself, but for ``soft_fail`` alone.
        """
        try:
            yield
        except (AirflowSkipException, AirflowRescheduleException, TaskDeferred):
            raise
        except Exception as error:
            final = isinstance(error, AirflowSensorTimeout | AirflowFailException)
            if not self.never_fail and not (self.soft_fail and final):
                raise
            # Airflow replaces the message of a skip after a deferral: the log keeps the reason.
            self.log.warning("Skipped instead of failing: %s", error)
            raise AirflowSkipException(f"Skipped instead of failing: {error}") from error
