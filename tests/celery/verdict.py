"""What was seen, and whether it may be so: values in, lines out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Killed:
    """What became of tasks while a worker was killed.

    :param states: state and tries of each mapped task.
    :param submissions: how often the service has accepted each.
    :param named: those whose log says that a submission may be a duplicate.
    :param files: of the batch beside them.
    :param batch_state: of that batch.
    :param batch_tries: how often it was tried.
    :param batch_submissions: how often the service has accepted each file.
    :param batch_named: submissions that the batch's log says may not be recorded.
    :param max_in_flight: of the batch.
    :param results: files that have a result.
    """

    states: Mapping[int, tuple[str | None, int]]
    submissions: Counter[int]
    named: Collection[int]
    files: int
    batch_state: str | None
    batch_tries: int
    batch_submissions: Counter[str]
    batch_named: int
    max_in_flight: int
    results: int

    @property
    def again(self) -> list[int]:
        """The mapped tasks that were tried more than once."""
        return [row for row, (_, tries) in self.states.items() if tries > 1]

    @property
    def twice(self) -> list[int]:
        """The mapped tasks that were submitted more than once."""
        return [row for row, count in self.submissions.items() if count > 1]

    @property
    def batch_twice(self) -> int:
        """Submissions of the batch beyond the first of each file."""
        return self.batch_submissions.total() - len(self.batch_submissions)

    def violations(self, mapped: int) -> list[str]:
        """Say what must not be.

        :param mapped: how many mapped tasks there are.
        """
        unfinished = [row for row, (state, _) in self.states.items() if state != "success"]
        unnamed = [row for row in self.twice if row not in self.named or row not in self.again]
        return list(
            _where(
                (f"{len(self.states)} of {mapped} mapped tasks", len(self.states) != mapped),
                (f"mapped tasks without success: {unfinished}", unfinished),
                (
                    f"mapped tasks never submitted: {mapped - len(self.submissions)}",
                    len(self.submissions) != mapped,
                ),
                (
                    f"mapped tasks submitted more than twice: {self.submissions}",
                    max(self.submissions.values()) > 2,
                ),
                (f"mapped tasks submitted twice and not named in a log after a kill: {unnamed}", unnamed),
                ("no task was killed", not self.again),
                (f"the batch ended as {self.batch_state}", self.batch_state != "success"),
                ("files of the batch without a submission", len(self.batch_submissions) != self.files),
                (
                    "a file of the batch was submitted more than twice",
                    max(self.batch_submissions.values()) > 2,
                ),
                (
                    f"{self.batch_twice} files of the batch were submitted twice, {self.batch_named} named",
                    self.batch_twice > self.batch_named,
                ),
                ("the batch was not killed", self.batch_tries < 2),
                (
                    "the log names more than could be in flight",
                    self.batch_named > self.max_in_flight * (self.batch_tries - 1),
                ),
                (f"{self.results} of {self.files} results", self.results != self.files),
            )
        )


@dataclass(frozen=True)
class Batch:
    """What became of files that were one batch, or the shards of one.

    :param state: of the run.
    :param submissions: how often the service has accepted each file.
    :param results: files that have a result.
    :param told: how often the report names each source.
    :param succeeded: lines of the report that say so.
    :param workers: that had a part of it.
    :param seconds: from the start of the first task to the end of the last.
    :param sizes: items of each task.
    """

    state: str
    submissions: Counter[str]
    results: int
    told: Counter[str]
    succeeded: int
    workers: frozenset[str]
    seconds: float
    sizes: list[int] = field(default_factory=list)

    def violations(self, files: int, workers: int) -> list[str]:
        """Say what must not be.

        :param files: how many there are.
        :param workers: how many should have had a part of it.
        """
        once = {1}
        return list(
            _where(
                (f"the run ended as {self.state}", self.state != "success"),
                (f"{len(self.submissions)} of {files} files submitted", len(self.submissions) != files),
                ("files were submitted twice", set(self.submissions.values()) != once),
                (f"{self.results} of {files} results", self.results != files),
                (f"{len(self.told)} of {files} files in the report", len(self.told) != files),
                ("files are in the report twice", set(self.told.values()) != once),
                (f"{self.succeeded} of {files} succeeded", self.succeeded != files),
                (f"{len(self.workers)} workers instead of {workers}", len(self.workers) != workers),
            )
        )


def _where(*found: tuple[str, object]) -> Iterable[str]:
    return (says for says, is_so in found if is_so)
