"""What a document says now, what it said last time, and what people made of it since: the rules that bring the three together."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME_DOCUMENT = 0.5
SAME_ITEM = 0.6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to change in a row, and the members in which people's edits were kept against the document."""

    changes: dict[str, Any]
    kept: tuple[str, ...]


def bring_together(present: Mapping[str, Any], imported: Mapping[str, Any], document: Mapping[str, Any]) -> Outcome:
    """Takes the document's value where nobody edited the present one since the last import; keeps people's edits otherwise.

    None in the document is no opinion. A kept edit is told only where the document would have it otherwise.
    """
    changes: dict[str, Any] = {}
    kept = []
    for name, value in document.items():
        if value is None or value == present[name]:
            continue
        if name not in imported or present[name] == imported[name]:
            changes[name] = value
        else:
            kept.append(name)
    return Outcome(changes, tuple(kept))


def common_share(one: str, other: str) -> float:
    """The share of non-blank lines that two texts have in common, 0 to 1, whatever their order."""
    first, second = ({line.strip() for line in text.splitlines() if line.strip()} for text in (one, other))
    return len(first & second) / max(len(first | second), 1)


def match_items(known: Sequence[str], found: Sequence[str]) -> dict[int, int]:
    """Pairs items of the new document (index) with known ones (index): the same text first, then the most alike."""
    pairs: dict[int, int] = {}
    free = list(range(len(known)))
    for index, text in enumerate(found):
        same = next((k for k in free if known[k] == text), None)
        if same is not None:
            pairs[index] = same
            free.remove(same)
    for index, text in enumerate(found):
        if index not in pairs and (best := _most_alike(text, known, free)) is not None:
            pairs[index] = best
            free.remove(best)
    return pairs


def _most_alike(text: str, known: Sequence[str], free: Sequence[int]) -> int | None:
    rated = [(difflib.SequenceMatcher(None, text.lower(), known[k].lower()).ratio(), -k) for k in free]
    best = max(rated, default=(0.0, 0))
    return -best[1] if best[0] >= SAME_ITEM else None
