"""Times and days of a timeline in the ways that people write them."""

from datetime import UTC, date, datetime, time

import pytest

from domain.postmortems.dates import find_days, find_times, find_zones, known_zone
from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.timeline import read_stamp


def instants(timeline: str) -> list[str]:
    events = parse_postmortem(f"# O\n\nDate: 2026-05-04\n\n## Timeline (UTC)\n\n{timeline}").timeline
    return [event.at.strftime("%d %H:%M") if event.at else "" for event in events]


def test_times_that_run_backwards_by_many_hours_are_of_the_next_day() -> None:
    assert instants("- 22:00 a\n- 23:30 b\n- 23:20 told late\n- 00:10 c\n- 04:00 d\n") == [
        "04 22:00",
        "04 23:30",
        "04 23:20",
        "05 00:10",
        "05 04:00",
    ]


def test_days_in_headings_and_points_move_the_timeline() -> None:
    assert instants("### May 5, 2026\n\n- 09:00 a\n\n### 2026-05-07\n\n- 08:00 b\n") == ["05 09:00", "07 08:00"]
    assert instants("- 2026-05-06\n  - 10:00 a\n  - 11:00 b\n- 2026-05-08 07:00 c\n") == ["06 10:00", "06 11:00", "08 07:00"]


def test_tables_and_paragraphs_are_timelines_too() -> None:
    assert instants("| Time | Event |\n|---|---|\n| 09:00 | a |\n| 09:30 | b |\n") == ["04 09:00", "04 09:30"]
    assert instants("**09:00** a\n09:30 – b\n") == ["04 09:00", "04 09:30"]


def test_point_without_a_time_stays_an_event() -> None:
    (event,) = parse_postmortem("## Timeline\n\n- Somebody noticed\n").timeline
    assert (event.text, event.at, event.time, event.line) == ("Somebody noticed", None, None, 3)


@pytest.mark.parametrize(
    ("text", "at", "rest"),
    [
        ("14:30: Alert", time(14, 30), "Alert"),
        ("[14:30 UTC] - Alert", time(14, 30), "Alert"),
        ("2:30 PM – Alert", time(14, 30), "Alert"),
        ("2026-08-10T14:30:05Z Alert", time(14, 30, 5), "Alert"),
        ("14:30-14:45: Alert", time(14, 30), "Alert"),
        ("Alert at 14:30", None, "Alert at 14:30"),
    ],
)
def test_stamp_is_split_from_its_text(text: str, at: time | None, rest: str) -> None:
    stamp = read_stamp(text)
    assert (stamp.time, stamp.rest) == (at, rest)


@pytest.mark.parametrize(
    "text", ["2026-08-10", "2026/8/10", "10.08.2026", "August 10th, 2026", "Aug 10 2026", "10 August 2026", "10th of Aug. 2026"]
)
def test_days_are_found_in_many_forms(text: str) -> None:
    assert [mention.date() for mention in find_days(f"on {text}.")] == [date(2026, 8, 10)]


@pytest.mark.parametrize("text", ["2026-02-30", "1.2.3", "version 10.8.1", "May 10:30", "they may 5 times", "v2026-13-01"])
def test_what_is_no_day_is_not_found(text: str) -> None:
    assert find_days(text) == []


def test_times_leave_offsets_and_ratios_alone() -> None:
    assert [mention.time for mention in find_times("14:30:00+02:00, 25:00, 3:5, 1:23:45:67, 7pm")] == [time(14, 30), time(19)]


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("UTC+2", "+02:00"),
        ("GMT-05:30", "-05:30"),
        ("CEST", "+02:00"),
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("UTC", "UTC"),
        ("UTC+0", "UTC"),
    ],
)
def test_zones_are_found(text: str, zone: str) -> None:
    assert [mention.zone for mention in find_zones(f"14:30 ({text})")] == [zone]


@pytest.mark.parametrize(("text", "zone"), [("+02:00", "+02:00"), ("-03:00", "-03:00"), ("Mars/Base", None), ("", None), ("+99:00", None)])
def test_given_zone_is_known_or_not(text: str, zone: str | None) -> None:
    assert known_zone(text) == zone


def test_calendar_ends_without_an_error() -> None:
    parsed = parse_postmortem("## Timeline (UTC-5)\n\n- 23:00 a\n- 01:00 b\n", incident_date=date.max)
    assert len(parsed.timeline) == 2
    assert parsed.timeline[0].time == time(23)


def test_alert_in_the_timeline_gives_the_detection() -> None:
    parsed = parse_postmortem("Date: 2026-05-04\n\n## Timeline (UTC)\n\n- 09:00 deploy\n- 09:05 Monitoring alerted\n")
    assert parsed.detected_at == datetime(2026, 5, 4, 9, 5, tzinfo=UTC)
