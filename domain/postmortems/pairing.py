"""Items of a new document are paired with those of the last one: the same text first, then the most alike, in bounded time."""

import difflib
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice

# Chinese and Japanese write without blanks: each of their characters counts as a word.
WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W\u3040-\u30ff\u3400-\u9fff]+")
SHORT = 4  # words; one of them may make another task of it
SHORT_ALIKE, SHORT_COMMON = 0.8, 0.5  # ratio of characters, share of words
LONG_ALIKE, LONG_COMMON = 0.7, 0.4
MOST_LIKELY = 30  # items that share an item's rarest words
NEIGHBOURS = 2  # items before and after the same place are looked at too
MOST_COMPARISONS = 4_000
MOST_EFFORT = 10_000_000  # pairs of characters that all comparisons may look at together: less than a second at worst


def match_items(known: Sequence[str], found: Sequence[str]) -> dict[int, int]:
    """Pairs items of the new document (index) with known ones (index); none of either is paired twice."""
    pairs = _same(known, found)
    same = set(pairs.values())
    free = [index for index in range(len(known)) if index not in same]
    left = [index for index in range(len(found)) if index not in pairs]
    taken: set[int] = set()
    compared = effort = 0
    for index, other in _by_common_words(known, found, free=free, left=left):
        if index in pairs or other in taken or compared >= MOST_COMPARISONS or effort >= MOST_EFFORT:
            continue
        compared, effort = compared + 1, effort + len(known[other]) * len(found[index])
        if _are_alike(known[other], found[index]):
            pairs[index] = other
            taken.add(other)
    return pairs


def _same(known: Sequence[str], found: Sequence[str]) -> dict[int, int]:
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for index, text in enumerate(known):
        places[text].append(index)
    return {index: places[text].popleft() for index, text in enumerate(found) if places.get(text)}


def _by_common_words(known: Sequence[str], found: Sequence[str], *, free: Sequence[int], left: Sequence[int]) -> list[tuple[int, int]]:
    """Candidates (found, known) that share enough words, those with the largest share first."""
    known_words = {index: words_of(known[index]) for index in free}
    found_words = {index: words_of(found[index]) for index in left}
    rated = []
    for index, other in _candidates(known_words, found_words):
        share = _share(known_words[other], found_words[index])
        if share >= _bounds(known_words[other], found_words[index])[1]:
            rated.append((-share, abs(index - other), index, other))
    return [(index, other) for _, _, index, other in sorted(rated)]


def _candidates(known: dict[int, frozenset[str]], found: dict[int, frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Items that share the rarest words, or stand at the same place."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, words in known.items():
        for word in words:
            places[word].append(index)
    free = list(known)
    for at, (index, words) in enumerate(found.items()):
        by_rarity = sorted((places[word] for word in words if word in places), key=len)
        likely = islice(chain.from_iterable(by_rarity), MOST_LIKELY)
        near = free[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1]
        yield from ((index, other) for other in {*likely, *near})


def words_of(text: str) -> frozenset[str]:
    """The words of a text, whatever their case."""
    return frozenset(WORD.findall(text.casefold()))


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _bounds(one: frozenset[str], other: frozenset[str]) -> tuple[float, float]:
    return (SHORT_ALIKE, SHORT_COMMON) if min(len(one), len(other)) <= SHORT else (LONG_ALIKE, LONG_COMMON)


def _are_alike(known: str, found: str) -> bool:
    least = _bounds(words_of(known), words_of(found))[0]
    one, other = known.casefold(), found.casefold()
    first = _common_start(one, other)
    last = _common_start(one[first:][::-1], other[first:][::-1])
    one_middle, other_middle = one[first : len(one) - last], other[first : len(other) - last]
    matcher = difflib.SequenceMatcher(None, one_middle, other_middle, autojunk=False)
    # What the middle parts must have in common, of all characters; the quick ratios are upper bounds of the exact one.
    rest = len(one_middle) + len(other_middle)
    wanted = least * (len(one) + len(other)) - 2 * (first + last)
    return all(ratio() * rest >= wanted for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))


def _common_start(one: str, other: str) -> int:
    unlike = (index for index, (letter, its) in enumerate(zip(one, other, strict=False)) if letter != its)
    return next(unlike, min(len(one), len(other)))
