"""How each scenario has to end, and on which versions of Airflow there is such a scenario."""

from __future__ import annotations

from dataclasses import dataclass, field

MANY = 20

Version = tuple[int, int]


@dataclass(frozen=True)
class Expected:
    """How a scenario has to end.

    :param state: of the task.
    :param submissions: at the service, of one task.
    :param cancels: at the service, of the task's OCR tasks.
    :param says: a pattern that the task's log holds.
    :param tries: how often the task may run at least, and at most.
    :param since: the first version of Airflow that the scenario exists on.
    :param lacks: what earlier versions lack.
    """

    state: str = "success"
    submissions: int = 1
    cancels: int = 0
    says: str = ""
    tries: tuple[int, int] = (2, 2)
    since: Version = (2, 11)
    lacks: str = ""

    def missing(self, version: Version) -> str:
        """Why there is no such scenario on a version, empty if there is."""
        return f"before Airflow {self.since[0]}.{self.since[1]} {self.lacks}" if version < self.since else ""


@dataclass
class Row:
    """What was seen of a scenario."""

    state: str = "did not run"
    submissions: int = 0
    cancels: int = 0
    tries: int = 0
    seconds: float = 0.0
    missing: str = ""
    log: str = field(default="", repr=False)


ONCE = (1, 1)
REATTACHED = "Resuming OCR task"
SKIPPED = "Skipping task|Marking task as SKIPPED"
"""As Airflow 3 says it, and as Airflow 2 does."""
CANCELLED = r"OCR task [0-9a-f-]{36} was cancelled at the service"
MARKED = Expected(
    "failed", cancels=1, tries=ONCE, since=(3, 3), lacks="no trigger is told that a user has ended its task"
)
EXPECTED = {
    "killed_while_waiting": Expected(says=REATTACHED),
    "killed_before_the_record": Expected(submissions=2, says="this one is a duplicate"),
    "killed_at_the_deferral": Expected(says=REATTACHED),
    "killed_before_the_delivery": Expected(says=REATTACHED),
    "killed_in_the_delivery": Expected(says=REATTACHED),
    "killed_after_the_delivery": Expected(says=REATTACHED),
    "terminated_before_the_post": Expected(),
    "terminated_while_waiting": Expected(says=REATTACHED),
    "cleared_while_waiting": Expected(says=REATTACHED),
    "cleared_after_success": Expected(says=REATTACHED),
    "marked_failed_deferred": MARKED,
    "marked_failed_under_load": MARKED,
    "marked_failed_running": Expected("failed", says="Killed while waiting", tries=ONCE),
    "timeout_deferred": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "timeout_running": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "execution_timeout_deferred": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "execution_timeout_running": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "sensor_deferred": Expected("failed", 0, says="AirflowSensorTimeout", tries=ONCE),
    "sensor_poking": Expected("failed", 0, says="AirflowSensorTimeout", tries=ONCE),
    "sensor_deferred_soft": Expected("skipped", 0, says=SKIPPED, tries=ONCE),
    "sensor_poking_soft": Expected("skipped", 0, says=SKIPPED, tries=ONCE),
    "triggerer killed": Expected("20 wait on", MANY),
    "triggerer terminated": Expected("20 wait on", MANY),
    "service restarted": Expected("20 wait on", MANY),
    "scheduler and its workers killed": Expected("20 wait on", MANY + 1),
    "late": Expected(tries=ONCE),
    "synchronous": Expected(says=REATTACHED, tries=(2, 3)),
    "many": Expected("20 success", MANY, tries=(1, 2)),
}
