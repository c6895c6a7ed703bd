"""Task retries that wait as long as the service asks: a retry policy for Airflow 3.3 and later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError

if TYPE_CHECKING or AIRFLOW_V_3_3_PLUS:
    from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy

    class AsposeOcrRetryPolicy(RetryPolicy):
        """Honour Retry-After: the next try starts no sooner than the service asked for.

        All other failures follow the task's own ``retries`` and ``retry_delay``; what no retry can mend has
        failed before a policy is asked. The operators of this provider use it unless another one is given.

        .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html
        """

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            """Decide on the delay of the next try."""
            if isinstance(exception, AsposeOcrError) and exception.retryable and exception.retry_after:
                asked = exception.retry_after
                return RetryDecision.retry(
                    timedelta(seconds=asked), f"the service asks to wait {asked:.0f} s"
                )
            return RetryDecision.default()

        def serialize(self) -> dict[str, Any]:
            """There is nothing to configure."""
            return {}

        @classmethod
        def deserialize(cls, data: dict[str, Any]) -> AsposeOcrRetryPolicy:
            """Make one."""
            return cls()


def use_retry_policy(task: Any) -> None:
    """Give a task the policy, where Airflow has such and the user has not chosen one.

    :param task: an operator, after its constructor: a mapped one is handed None explicitly.
    """
    if AIRFLOW_V_3_3_PLUS and task.retry_policy is None:
        task.retry_policy = AsposeOcrRetryPolicy()
