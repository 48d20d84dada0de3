"""What the sync's part measures: figures with a bar, which fail the run when they are missed, and figures with a goal, which are marked."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Operation:
    """The calls that an operation made, over all times that it was done: those that GitHub counts, and 304 answers, which it doesn't.

    `floor` is how many counted calls there should be in all; None where the design names none.
    """

    name: str
    times: int
    floor: int | None
    counted: int
    unchanged: int

    @property
    def is_met(self) -> bool:
        """Whether no more calls were made than the bar allows."""
        return self.floor is None or self.counted <= MOST_OVER_FLOOR * self.floor


MOST_OVER_FLOOR = 1.02


@dataclass(frozen=True, slots=True)
class Bar:
    """A share or ratio that has to be reached."""

    name: str
    value: float
    least: float
    told: str

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.least


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took each time, in seconds, and the goal for the slowest in a hundred."""

    name: str
    seconds: Sequence[float]
    goal: float

    def quantile(self, share: float) -> float:
        """Gives the time that this share of them was done in."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Measured:
    """All figures of a run."""

    operations: list[Operation] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    times: list[Times] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
