"""The operator that fetches results by id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrNotFinishedError
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.task import OcrTask
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Job, Manifest
from airflow_provider_asposeocr.retry_policy import use_retry_policy
from airflow_provider_asposeocr.task_mixin import (
    DEFAULT_CONN_ID,
    OcrTaskMixin,
    map_index,
    new_hook,
    permanent_errors_fail,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook


class AsposeOcrFetchResultOperator(OcrTaskMixin, BaseOperator):
    """Fetch the results of a completed task. One billed call, which can be repeated for 24 hours.

    A large reply without a destination costs a second one: its text may be short.

    :param operation: the operation that the task was submitted to.
    :param ocr_task_id: the service's id of the task, or a manifest that holds it (templated).
    :param destination: where results go, as for :class:`.AsposeOcrOperator` (templated). Without it text
        goes into XCom; with any other result the task fails, before its call where the operation answers with
        no text, and the result stays at the service.
    :param destination_conn_id: the Airflow connection for the destination's storage.
    :param overwrite: whether to replace what is at the destination (templated).
    :param inline_text: whether text goes into XCom although there is a destination (templated).
    :param max_inline_bytes: the most bytes of decoded text that go into XCom, default 32 KiB (templated).
    :param delete_remote: whether to delete the results at the service once they are delivered, which is one
        more billed call; otherwise they lie there for 24 hours (templated).
    :param asposeocr_conn_id: the Airflow connection of type ``asposeocr``.
    :return: the :class:`.Manifest`.
    :raises AsposeOcrNotFinishedError: if the task is still under way; wait for it with
        :class:`.AsposeOcrTaskSensor`.
    """

    template_fields: Sequence[str] = (
        "ocr_task_id",
        "destination",
        "destination_conn_id",
        "overwrite",
        "inline_text",
        "max_inline_bytes",
        "delete_remote",
        "asposeocr_conn_id",
    )
    ui_color = "#d9e8fb"

    def __init__(
        self,
        *,
        operation: str,
        ocr_task_id: Any,
        destination: Any = None,
        destination_conn_id: str | None = None,
        overwrite: bool | str = True,
        inline_text: bool | str = False,
        max_inline_bytes: int | str = MAX_INLINE_BYTES,
        delete_remote: bool | str = False,
        asposeocr_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        use_retry_policy(self)
        with permanent_errors_fail():
            get_operation(operation)
        self.operation = operation
        self.ocr_task_id = ocr_task_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.overwrite = overwrite
        self.inline_text = inline_text
        self.max_inline_bytes = max_inline_bytes
        self.delete_remote = delete_remote
        self.asposeocr_conn_id = asposeocr_conn_id

    def execute(self, context: Context) -> Manifest:
        """Fetch and deliver."""
        with permanent_errors_fail():
            operation = get_operation(self.operation)
            ocr_task_id = coerce.ocr_task_id(self.ocr_task_id)
            self._delivery().check(operation, None)
            hook = new_hook(self.conn_id)
            with self._task(hook, operation, ocr_task_id) as task:
                if not task.status.is_terminal:
                    raise AsposeOcrNotFinishedError(
                        f"the task is {task.raw_status or 'in an unknown state'}: wait for it with "
                        "AsposeOcrTaskSensor before fetching",
                        ocr_task_id=ocr_task_id,
                    )
                job = Job(operation, map_index=map_index(context))
                manifest = self._collect(hook, task, job, completed_at=time.time())
            self._delete_remote(hook, operation, manifest)
            return manifest

    def _task(
        self, hook: AsposeOcrHook, operation: Operation, ocr_task_id: str
    ) -> AbstractContextManager[OcrTask]:
        delivery = self._delivery()
        if delivery.destination:
            return hook.fetch(operation, ocr_task_id)
        return nullcontext(hook.run_flow(lambda api: api.get(operation, ocr_task_id, delivery.limit)))
