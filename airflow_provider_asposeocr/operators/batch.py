"""The operator for many files, which takes one worker slot, and that which merges the reports of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.files.paths import location
from airflow_provider_asposeocr.operators.submit import SubmitMixin
from airflow_provider_asposeocr.task_mixin import permanent_errors_fail

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_asposeocr.batch.run import Batch, BatchSummary


class AsposeOcrBatchOperator(SubmitMixin):
    """Submit many files to an operation of Aspose.OCR Cloud in one Airflow task, and store the results.

    So many OCR tasks are running at a time; results are stored as they come. What is wrong with the arguments
    is found before the first billed call. A file that cannot be read or recognized fails alone, the others
    go on; what concerns all of them, such as rejected credentials, used-up credits or a service that is
    down, ends the batch at once. On a retry only what is not done is done: running OCR tasks are resumed,
    results that are not where they belong are delivered again, files that failed for good stay failed, the
    others are submitted again. When a user clears the task, files that failed for good are tried again, and
    with ``on_clear="resubmit"`` everything is after a success.

    Each file has a line of JSON in the report: ``source``, ``operation``, ``status`` (``succeeded``,
    ``failed``, or, when the try ended before, ``submitted`` or ``pending``), ``ocr_task_id``, ``uri``,
    ``bytes`` and ``sha256`` of the first result, ``further_results``, ``warnings``, ``error``, ``message``,
    ``retryable``, ``api_calls``, ``submitted_at``, ``completed_at``. It is written when the task fails, too.

    It never defers, always waits, and hands no text on in XCom. ``timeout`` is that of each file, which then
    counts as failed.

    :param sources: a list of anything that may be the ``source`` of :class:`.AsposeOcrOperator`; the output
        of a task that returns such a list; a pattern such as ``s3://inbox/**/*.png``; or a folder, which
        ends in a slash: all files below it that the operation reads by their suffixes (templated). What
        exists by its very name is no pattern, whatever characters are in it. With none at all the task
        succeeds, and logs a warning.
    :param destination: a folder, which ends in a slash, or a pattern with ``{stem}`` or ``{ocr_task_id}``
        (templated). Names in a folder are all different, whatever the sources are called.
    :param operation: the operation's name; ``auto`` decides it for each file.
    :param max_in_flight: OCR tasks submitted and not finished at any moment, default 50 (templated).
    :param fail_on: when the task fails: ``any``, if any file failed; ``none``, never for that; a fraction
        such as ``0.05``, if a larger share did (templated). All files are dealt with before.
    :param report: where the report goes, by default ``report.jsonl`` in the folder of the destination, of a
        mapped task ``report-<map index>.jsonl`` (templated). A folder ends in a slash; that of shards may
        hold ``{shard}``.
    :param shards: into how many shards the sources are split, each for a task of its own, as in
        ``.partial(shards=4, ...).expand(shard=[0, 1, 2, 3])`` (templated). A source belongs to the same shard
        in each of them, on each try; ``max_in_flight`` and ``fail_on`` are for each shard. A run keeps to its
        number of shards: another one is refused before the first billed call.
    :param shard: which of them this task takes, from 0 (templated).
    :param kwargs: those of :class:`.SubmitMixin` and :class:`.OcrTaskMixin`.
    :return: a :class:`.BatchSummary`; it is in XCom even if the task fails, unless its process was killed.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    template_fields: Sequence[str] = (
        "sources",
        *SubmitMixin.template_fields,
        "max_in_flight",
        "fail_on",
        "report",
        "shards",
        "shard",
    )

    template_fields_renderers: ClassVar[dict[str, str]] = {
        **SubmitMixin.template_fields_renderers,
        **dict.fromkeys(("sources", "report"), "json"),
    }

    _batch: Batch | None = None

    def __init__(
        self,
        *,
        sources: Any,
        destination: Any,
        operation: str = "RecognizeImage",
        max_in_flight: int | str | None = None,
        fail_on: str | float = "any",
        report: str | None = None,
        shards: int | str | None = None,
        shard: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(operation=operation, destination=destination, **kwargs)
        self.sources = sources
        self.max_in_flight = max_in_flight
        self.fail_on = fail_on
        self.report = report
        self.shards = shards
        self.shard = shard

    def execute(self, context: Context) -> BatchSummary:
        """Submit all files, or resume where an earlier try has ended; wait and store."""
        # Loaded now, and not where a DAG is only parsed.
        from airflow_provider_asposeocr.batch.run import Batch

        with permanent_errors_fail():
            self._batch = Batch(self, self.new_hook(), context)
            summary = self._batch.run()
            self._returns(context, summary)
            return summary

    def on_kill(self) -> None:
        """Submit nothing more.

        OCR tasks that are recorded are left for the next try to find; the others are cancelled.
        """
        if self._hook is not None:
            self._hook.halt()
        if self._batch is not None:
            self._batch.halt()


class AsposeOcrMergeReportsOperator(BaseOperator):
    """Merge the reports of a mapped :class:`AsposeOcrBatchOperator` into one. Nothing is billed.

    The lines of the batches follow one another, whatever their status. With ``trigger_rule="all_done"`` it
    merges what there is even if a shard has failed, and has the last word on all of them: it fails, once the
    report is stored, if the report of a shard is missing, if an item was not brought to an end, or by
    ``fail_on``. Clear a shard with what is downstream of it, and it merges again.

    :param reports: the output of the mapped task (templated).
    :param report: where the merged report goes, by default ``report.jsonl`` beside the others (templated). A
        folder ends in a slash.
    :param fail_on: as for :class:`AsposeOcrBatchOperator`, of the items of all batches (templated).
    :param destination_conn_id: the Airflow connection for the storage of the reports (templated).
    :return: a :class:`.BatchSummary` of all: sums, and the ``seconds`` of the slowest.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/dynamic-task-mapping.html
    """

    template_fields: Sequence[str] = ("reports", "report", "fail_on", "destination_conn_id")
    ui_color = SubmitMixin.ui_color

    def __init__(
        self,
        *,
        reports: Any,
        report: str | None = None,
        fail_on: str | float = "any",
        destination_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reports = reports
        self.report = report
        self.fail_on = fail_on
        self.destination_conn_id = destination_conn_id

    def execute(self, context: Context) -> BatchSummary:
        """Copy, count, store, judge."""
        from airflow_provider_asposeocr.batch.merge import merge_reports, read_summaries
        from airflow_provider_asposeocr.batch.run import push

        with permanent_errors_fail():
            merged, failure = merge_reports(
                read_summaries(self.reports),
                location("report", self.report),
                self.fail_on,
                coerce.word("destination_conn_id", self.destination_conn_id),
            )
            if failure:
                push(self, context, merged)
                raise failure
        return merged
