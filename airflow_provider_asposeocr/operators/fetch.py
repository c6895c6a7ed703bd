"""The operator that fetches results by id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.files.manifest import Manifest
from airflow_provider_asposeocr.task_mixin import ResultMixin, new_hook, permanent_errors_fail

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class AsposeOcrFetchResultOperator(ResultMixin):
    """Fetch the results of a completed OCR task. One billed call, which can be repeated for 24 hours.

    A large reply without a destination costs a second one: its text may be short. Without a destination text
    goes into XCom; with any other result the task fails, before its call where the operation answers with
    no text, and the result stays at the service.

    :param ocr_task_id: the service's id of the OCR task, or a manifest that holds it (templated).
    :param kwargs: those of :class:`.ResultMixin` and :class:`.OcrTaskMixin`.
    :return: the :class:`.Manifest`.
    :raises AsposeOcrNotFinishedError: if the OCR task is still running; wait for it with
        :class:`.AsposeOcrTaskSensor`.
    """

    template_fields: Sequence[str] = ("ocr_task_id", *ResultMixin.template_fields)

    def __init__(self, *, ocr_task_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ocr_task_id = ocr_task_id

    def execute(self, context: Context) -> Manifest:
        """Fetch and deliver."""
        with permanent_errors_fail():
            operation, delivery = self.of_operation, self.delivery(context)
            submission = Submission(operation.name, coerce.ocr_task_id(self.ocr_task_id))
            delivery.check(operation)
            hook = new_hook(self.conn_id)
            task = OcrTask(submission.ocr_task_id, TaskStatus.UNKNOWN, unread=True)
            if not delivery.destination:
                task = hook.run_flow(lambda api: api.poll(operation, task.id, delivery.limit))
            return self._collect(context, hook, task, submission, delivery, time.time())
