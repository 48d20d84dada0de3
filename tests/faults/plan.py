"""What is to happen to a worker, and where: the words that the tests and the dying worker share."""

from dataclasses import dataclass
from enum import StrEnum

# The request has left and was carried out, the answer has not come.
AFTER_SEND = "after_send"
STEPS = ("before_journal", "after_journal", AFTER_SEND, "after_response", "before_commit", "after_commit")
DROP_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


class Blow(StrEnum):
    """What a worker may suffer."""

    SIGKILL = "sigkill"
    SIGTERM = "sigterm"
    CANCELLED = "cancelled"
    CONNECTIONS_DROPPED = "connections_dropped"
    REDIS_FLUSHED = "redis_flushed"

    @property
    def ends_worker(self) -> bool:
        """Whether another worker is needed afterwards."""
        return self in {Blow.SIGKILL, Blow.SIGTERM}


@dataclass(frozen=True, slots=True)
class Plan:
    """A blow at a step of an operation; the file `mark` appears when it strikes."""

    step: str
    operation: str
    blow: str
    mark: str

    @property
    def reported_step(self) -> str:
        """The step that the worker reports: for one after sending it is the last one before."""
        return "after_journal" if self.step == AFTER_SEND else self.step

    @property
    def reported_operation(self) -> str:
        """The operation that the worker reports: before it has merged, it can't know that a status will change."""
        return "update" if (self.operation, self.step) == ("transition", "before_journal") else self.operation
