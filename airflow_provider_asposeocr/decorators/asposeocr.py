"""``@task.asposeocr`` and ``@task.asposeocr_batch``: functions that say what is to be recognized.

.. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/create-custom-decorator.html
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set, ValuesView
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    TaskDecorator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.task_mixin import permanent_errors_fail

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


_MANY = (list, tuple, Set, ValuesView, Iterator)
"""Kinds of values that hold many sources."""


class _Decorated(DecoratedOperator):
    """Decorated operator that also works on Airflow 3.0, which looks for a method that its operators lack."""

    xcom_push: Any = None
    """Looked for by ``execute`` of Airflow 3.0 and older, and called by none."""


class _DecoratedOcrOperator(_Decorated, AsposeOcrOperator):
    """Call the function in each try that may submit, and submit what it returns.

    A task that resumes after a deferral calls it again only if its OCR task has been lost. What it returns is
    no template.

    :param python_callable: returns the source.
    :param op_args: its arguments (templated).
    :param op_kwargs: its keyword arguments (templated).
    :param kwargs: those of :class:`.AsposeOcrOperator` but ``source``.
    """

    custom_operator_name = "@task.asposeocr"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *AsposeOcrOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **AsposeOcrOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        operation: str = "RecognizeImage",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            operation=operation,
            source=None,
            **kwargs,
        )

    def _execute(self, context: Context) -> Any:
        source = _returned(self, context)
        if isinstance(source, _MANY):
            raise AsposeOcrSettingsError(
                f"{self.python_callable.__name__} returns many sources: use @task.asposeocr_batch, or "
                "map a function that returns one"
            )
        self.source = source
        self._hide_secrets()
        return super()._execute(context)


class _DecoratedBatchOperator(_Decorated, AsposeOcrBatchOperator):
    """Call the function in each try, and submit what it returns.

    :param python_callable: returns the sources, or yields them.
    :param op_args: its arguments (templated).
    :param op_kwargs: its keyword arguments (templated).
    :param kwargs: those of :class:`.AsposeOcrBatchOperator` but ``sources``.
    """

    custom_operator_name = "@task.asposeocr_batch"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *AsposeOcrBatchOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **AsposeOcrBatchOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, sources=None, **kwargs
        )

    def execute(self, context: Context) -> Any:
        """Call the function, and recognize the files that it names."""
        with permanent_errors_fail():
            sources = _returned(self, context)
            # In an order that is the same in each try.
            unordered = isinstance(sources, Set)
            many = sorted(sources, key=str) if unordered else sources
            self.sources = list(many) if isinstance(many, _MANY) else many
            self._hide_secrets()
        return super().execute(context)


def _returned(task: Any, context: Context) -> Any:
    """Call the function of a task as Airflow does, with the parts of the context that it asks for.

    :raises AsposeOcrSettingsError: if it returns nothing, or is a coroutine.
    """
    context_merge(context, task.op_kwargs)
    kwargs = determine_kwargs(task.python_callable, task.op_args, context)
    value = task.python_callable(*task.op_args, **kwargs)
    if inspect.iscoroutine(value):
        value.close()
        raise AsposeOcrSettingsError(
            f"{task.python_callable.__name__} is a coroutine: write it without async"
        )
    if coerce.is_unset(value):
        raise AsposeOcrSettingsError(
            f"{task.python_callable.__name__} returns nothing: it has to return what is to be recognized"
        )
    return value


def asposeocr_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool = False, **kwargs: Any
) -> TaskDecorator:
    """Make a task of a function that returns the source: ``@task.asposeocr``.

    .. code-block:: python

        @task.asposeocr(operation="RecognizeImage", destination="s3://texts/", deferrable=True)
        def scan_of(day: str) -> str:
            return f"s3://inbox/{day}.png"

    The function runs in the worker that submits. A retry calls it again, and resumes the OCR task if it
    returns the same source.

    :param python_callable: the function: returns a path, a URI, an ObjectStoragePath, an Asset,
        ``{"bucket": ..., "key": ...}`` or a manifest.
    :param multiple_outputs: whether each key of the manifest is an XCom of its own as well.
    :param kwargs: arguments of :class:`.AsposeOcrOperator` but ``source``; ``operation`` is
        ``RecognizeImage`` by default.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=_DecoratedOcrOperator,
        **kwargs,
    )


def asposeocr_batch_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool = False, **kwargs: Any
) -> TaskDecorator:
    """Make a batch of a function that returns or yields the sources: ``@task.asposeocr_batch``.

    :param python_callable: the function: returns what :class:`.AsposeOcrBatchOperator` takes as
        ``sources``.
    :param multiple_outputs: whether each key of the summary is an XCom of its own as well.
    :param kwargs: arguments of :class:`.AsposeOcrBatchOperator` but ``sources``.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=_DecoratedBatchOperator,
        **kwargs,
    )
