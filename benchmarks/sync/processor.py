"""How much of a processor processes need, read from /proc (see proc(5))."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PARENT, USER, CHILDREN_SYSTEM = 1, 11, 14  # places in /proc/PID/stat, after the name


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time that were used by then."""

    ours: float
    github: float
    postgres: float

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(self.ours - earlier.ours, self.github - earlier.github, self.postgres - earlier.postgres)


def usage(*, github: int, postgres: int) -> Usage:
    """Reads what this process, the sandbox, and PostgreSQL with its connections have used."""
    return Usage(seconds_used(os.getpid()), seconds_used(github), seconds_used(postgres) + sum(map(seconds_used, _children(postgres))))


def seconds_used(pid: int) -> float:
    """Reads what a process and those of its children that have ended used; 0 for one that is gone."""
    fields = _stat(pid)
    return sum(map(int, fields[USER : CHILDREN_SYSTEM + 1])) / TICKS_A_SECOND if fields else 0.0


def resident_bytes(pid: int) -> int:
    """Reads how much memory a process occupies."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[PARENT]) == parent]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
