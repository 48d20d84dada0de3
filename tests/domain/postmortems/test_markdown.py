"""What a reader finds in documents of the usual shapes."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.parsed import ParsedPostmortem

ROOT = Path(__file__).parents[3]
SEED = ROOT.parent / "shared" / "data" / "seed" / "000_4118e86f9f24867b.txt"
REAL = ROOT.parent / "shared" / "data" / "postmortems"


def seed(**given: date) -> ParsedPostmortem:
    if not SEED.exists():
        pytest.skip(f"{SEED} isn't here")
    return parse_postmortem(SEED.read_text(encoding="utf-8"), **given)  # type: ignore[arg-type]


def texts(parsed: ParsedPostmortem) -> list[str]:
    return [warning.text for warning in parsed.warnings]


def test_seed_document_is_read_whole() -> None:
    parsed = seed()
    assert (parsed.title, parsed.title_line, parsed.timezone) == ("My first postmortem", 1, "+02:00")
    assert parsed.impact.startswith("Slow response")
    assert len(parsed.timeline) == 11
    assert (parsed.timeline[0].time, parsed.timeline[0].line) == (time(14, 30), 8)
    assert parsed.timeline[-1].text == "Platform performance stabilizes, incident resolved."
    assert all(event.at is None for event in parsed.timeline)
    assert parsed.root_causes[0].startswith("The slowdown was caused")
    assert parsed.resolution.startswith("The inefficient queries")
    assert [improvement.line for improvement in parsed.improvements] == [28, 29]
    assert [task.line for task in parsed.tasks] == [33, 34, 35]
    assert parsed.tasks[2].title == "Establish a regular performance review process for critical components."
    assert parsed.conclusion.startswith("In conclusion, the recent")
    assert parsed.conclusion.endswith("reliability of our platform.")


def test_seed_document_warns_of_its_missing_date_and_of_a_day_without_year() -> None:
    warnings = seed().warnings
    assert [warning.line for warning in warnings] == [4, 37]
    assert "(date)" in warnings[0].text
    assert "August 10th" in warnings[1].text


def test_incident_date_places_every_time_of_the_seed_document() -> None:
    parsed = seed(incident_date=date(2023, 8, 10))
    assert parsed.started_at == datetime(2023, 8, 10, 12, 30, tzinfo=UTC)
    assert parsed.detected_at == datetime(2023, 8, 10, 12, 30, tzinfo=UTC)
    assert parsed.resolved_at == datetime(2023, 8, 10, 15, 45, tzinfo=UTC)
    assert all(event.at and event.time is None for event in parsed.timeline)
    assert parsed.warnings == ()


def test_incident_date_that_the_text_contradicts_is_warned_of() -> None:
    assert "August 10th" in seed(incident_date=date(2023, 8, 11)).warnings[0].text


def test_sample_document_is_read_without_a_warning() -> None:
    parsed = parse_postmortem((ROOT / "sandbox" / "sample_postmortem.md").read_text(encoding="utf-8"))
    assert parsed.warnings == ()
    assert (len(parsed.timeline), len(parsed.improvements), len(parsed.tasks)) == (9, 2, 3)
    assert parsed.started_at == datetime(2026, 3, 3, 8, 12, tzinfo=UTC)
    assert [task.owner for task in parsed.tasks] == ["dana.reyes@example.com", None, None]
    assert [task.due_on for task in parsed.tasks] == [None, date(2026, 3, 31), None]
    assert [task.priority for task in parsed.tasks] == ["P1", None, None]
    assert parsed.severity == "SEV-2"


@pytest.mark.parametrize("source", ["", "  \n\t\n", "\ufeff", "\r\n\r\n"])
def test_empty_document_has_no_title_and_a_warning(source: str) -> None:
    parsed = parse_postmortem(source)
    assert (parsed.title, parsed.tasks) == (None, ())
    assert texts(parsed) == ["the document is empty"]


def test_document_without_action_items_says_what_was_looked_for() -> None:
    warnings = texts(parse_postmortem("# Outage\n\n## Impact\n\nNobody could log in.\n"))
    assert any("no action items" in text and "“Action items”" in text for text in warnings)


def test_unknown_section_is_named_with_its_line() -> None:
    parsed = parse_postmortem("# Outage\n\n## Glossary\n\nPool: many of one.\n\n## Tasks\n\n- Grow it\n")
    assert [(warning.line, warning.text) for warning in parsed.warnings] == [
        (3, "“Glossary” isn't a section that is read: its text was left out")
    ]


def test_usual_headings_are_read() -> None:
    parsed = parse_postmortem(
        "# Outage\n\nShort.\n\n## Impact\n\nAll.\n\n## Detection\n\nBy chance.\n\n## Contributing factors\n\n- Heat\n- Dust\n\n"
        "## Lessons learned\n\n### What went well\n\nThe rollback.\n\n## Next steps\n\n- Cool it\n"
    )
    assert parsed.summary == "Short.\n\nDetection: By chance."
    assert parsed.contributing_factors == ("Heat", "Dust")
    assert parsed.lessons == "The rollback."
    assert [task.title for task in parsed.tasks] == ["Cool it"]


def test_bold_lines_serve_as_headings() -> None:
    parsed = parse_postmortem("**Impact**\n\nAll users.\n\n**Follow-ups:**\n\n* Fix the pump\n")
    assert parsed.impact == "All users."
    assert [task.title for task in parsed.tasks] == ["Fix the pump"]


def test_labelled_values_at_the_head_are_read_from_lists_tables_and_front_matter() -> None:
    listed = parse_postmortem("# O\n\n- **Date**: 2026-01-02\n- **Severity:** SEV1\n- Time zone: Europe/Berlin\n")
    table = parse_postmortem("# O\n\n| Severity | SEV1 |\n|---|---|\n| Date | 2026-01-02 |\n")
    front = parse_postmortem("---\ntitle: Pump\nseverity: SEV1\nlayout: post\n---\n\nText.\n")
    assert [listed.severity, table.severity, front.severity] == ["SEV1"] * 3
    assert (listed.timezone, front.title, front.title_line) == ("Europe/Berlin", "Pump", 2)
    assert any("“layout”" in text for text in texts(front))


def test_given_time_zone_is_used_where_the_document_has_none() -> None:
    source = "# O\n\nDate: 2026-07-01\n\n## Timeline\n\n- 10:00 Alert\n"
    instants = [parse_postmortem(source, timezone=zone).detected_at for zone in ("Europe/Berlin", "-03:00", None)]
    assert instants == [datetime(2026, 7, 1, hour, tzinfo=UTC) for hour in (8, 13, 10)]
    assert any("read as UTC" in text for text in texts(parse_postmortem(source)))
    assert any("“Nowhere” isn't known" in text for text in texts(parse_postmortem(source, timezone="Nowhere")))


def test_document_of_another_day_keeps_its_own() -> None:
    parsed = parse_postmortem("Start: 2026-07-01 10:00 UTC\n\n## Tasks\n\n- A\n", incident_date=date(2020, 1, 1))
    assert parsed.started_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert any("2020-01-01" in text for text in texts(parsed))


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} isn't here")
def test_real_documents_are_read_without_an_error() -> None:
    for path in REAL.glob("*.md"):
        assert parse_postmortem(path.read_text(encoding="utf-8")).warnings is not None, path.name
