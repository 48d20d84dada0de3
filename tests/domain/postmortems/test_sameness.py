"""When two texts with one title are one document."""

from datetime import date

import pytest

from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.sameness import SAME_DOCUMENT, common_share, content_lines, is_same_incident

TEMPLATE = """# Postmortem

_Blameless. Keep it factual._

## Summary
{summary}

**Impact**
To be reviewed with customer success.

Owner:

| When | What |
|------|------|
| 10:00 | {summary} |

Lessons learned
===============
Review with the team in the weekly meeting.
See the incident channel for details.
Written in English.

## Action items
- [ ] {action}
"""
ONE = TEMPLATE.format(summary="Checkout was down for 40 minutes.", action="Raise the pool size of the checkout")


def is_same(known: str, text: str, day: date | None = None) -> bool:
    return common_share(known, text) >= SAME_DOCUMENT and is_same_incident(known, day, parse_postmortem(text))


def test_share_of_common_lines_ignores_order_and_blank_lines() -> None:
    assert common_share("a\n\nb\n", " b\r\na") == 1
    assert common_share("a\nb", "c") == 0
    assert common_share("", "") == 0


def test_reworded_line_counts_once() -> None:
    assert common_share("a\nb\nWrite the runbook", "a\nb\nWrite the new runbook") == 2 / 3


def test_lines_of_a_form_are_no_content() -> None:
    assert list(content_lines(ONE)) == [
        "_Blameless. Keep it factual._",
        "Checkout was down for 40 minutes.",
        "To be reviewed with customer success.",
        "| 10:00 | Checkout was down for 40 minutes. |",
        "Review with the team in the weekly meeting.",
        "See the incident channel for details.",
        "Written in English.",
        "Raise the pool size of the checkout",
    ]


def test_two_documents_of_one_template_are_two() -> None:
    other = TEMPLATE.format(summary="Search was stale.", action="Alert on the lag of the index")
    assert common_share(ONE, other) < common_share(ONE + "x", ONE)
    assert not is_same(ONE, other)


@pytest.mark.parametrize("change", [("[ ]", "[x]"), ("40 minutes", "41 minutes"), ("English", "haste")])
def test_changed_document_is_the_same(change: tuple[str, str]) -> None:
    assert is_same(ONE, ONE.replace(*change))


def test_same_lines_without_a_common_action_or_event_are_another_document() -> None:
    assert common_share(ONE, ONE.replace("10:00 | Checkout", "10:00 | The shop").replace("Raise", "Lower")) >= 0.5
    assert not is_same(ONE, ONE.replace("10:00 | Checkout", "10:00 | The shop").replace("Raise", "Lower"))


def test_other_day_makes_another_document() -> None:
    dated = ONE + "\nDate: 2026-03-03\n"
    assert is_same(dated, dated + "More.\n")
    assert is_same(ONE, dated)
    assert not is_same(dated, ONE + "\nDate: 2026-04-04\n")
    assert not is_same(ONE, dated, day=date(2026, 4, 4))
