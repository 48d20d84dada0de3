"""Whether two texts with one title are versions of one document, or two documents from one template."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import zip_longest

from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.pairing import match_items
from domain.postmortems.parsed import ParsedPostmortem

SAME_DOCUMENT = 0.5
LIST_MARK = re.compile(r"(?:[-*+>]|[0-9]{1,9}[.)])\s+|\[[ xX]\]\s+")
BOLD_ALONE = re.compile(r"(?P<mark>\*\*|__)[^*_]+(?P=mark):?")
RULE = re.compile(r"[-=*_|:\s]+")
LABEL_ALONE = re.compile(r"[*_]{0,3}[^.!?|]{1,60}:[*_]{0,3}")
WORD = re.compile(r"\w+")


def common_share(one: str, other: str) -> float:
    """The share of lines with content that two texts have in common, 0 to 1, whatever their order.

    A line that was merely reworded is none in common, but counts once among all lines instead of twice; below SAME_DOCUMENT
    the share may be smaller than that.
    """
    first, second = dict.fromkeys(content_lines(one)), dict.fromkeys(content_lines(other))
    common = first.keys() & second.keys()
    lines = len(first.keys() | second.keys())
    # Rewording can't lift the share beyond that of the longer text: where this is too small, it isn't looked for.
    if not common or len(common) < SAME_DOCUMENT * max(len(first), len(second)):
        return len(common) / max(lines, 1)
    reworded = match_items([line for line in first if line not in common], [line for line in second if line not in common])
    return len(common) / (lines - len(reworded))


def content_lines(text: str) -> Iterator[str]:
    """The lines that a template doesn't give: no headings, rules, table headers, or labels alone; without marks of lists."""
    lines = [line.strip() for line in text.splitlines()]
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        said = line
        while mark := LIST_MARK.match(said):
            said = said[mark.end() :]
        if said and not _is_form(said) and not _is_rule(following, below=said):
            yield said


def _is_form(said: str) -> bool:
    return said.startswith(("#", "<!--")) or any(form.fullmatch(said) for form in (RULE, BOLD_ALONE, LABEL_ALONE))


def _is_rule(following: str, *, below: str) -> bool:
    """Whether the next line makes this one a heading ("===") or the header of a table ("|---|---|")."""
    is_table = "|" in below and "-" in following
    return bool(following) and bool(RULE.fullmatch(following)) and (is_table or set(following) == {"="})


def is_same_incident(known: str, known_day: date | None, parsed: ParsedPostmortem) -> bool:
    """Whether no two known days differ, and an action or an event is in both."""
    before = parse_postmortem(known)
    days = {day for day in (known_day or before.incident_date, parsed.incident_date) if day}
    return len(days) < 2 and bool(_deeds(before) & _deeds(parsed))


def _deeds(parsed: ParsedPostmortem) -> set[str]:
    """What is to be done and what happened, as words: what tells one incident from another."""
    texts = [*(task.title for task in parsed.tasks), *(event.text for event in parsed.timeline)]
    return {" ".join(words) for text in texts if (words := WORD.findall(text.casefold()))}
