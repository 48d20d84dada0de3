"""Days, times of day and time zones inside one line of text; every pattern reads a line in one pass."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

SEARCHED = 2_000  # characters of a line; what follows is prose

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![0-9])"
_DAY = r"(?P<day>0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?"
_DATES = (
    re.compile(r"(?<![0-9/.-])(?P<year>(?:19|20)[0-9]{2})([-/.])(?P<number>0?[1-9]|1[0-2])\2(?P<day>[0-2]?[0-9]|3[01])(?![0-9])"),
    re.compile(r"(?<![0-9/.-])(?P<day>[0-2]?[0-9]|3[01])\.(?P<number>0?[1-9]|1[0-2])\." + _YEAR),
    re.compile(rf"\b{_MONTH}\s?{_DAY}(?![0-9:.%]|\s?[ap]m\b)(?:(?:,\s?|\s){_YEAR})?"),
    re.compile(rf"(?<![0-9:.]){_DAY}(?:\s?of)?(?:\s|-){_MONTH}(?:(?:,\s?|\s|-){_YEAR})?"),
)
_TIME = re.compile(
    r"(?<![0-9:.,+])(?P<hour>[01]?[0-9]|2[0-4])(?:[:h](?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9])(?:[.,][0-9]{1,9})?)?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?|\s?(?P<bare_half>[AaPp])\.?[Mm]\b\.?)(?![0-9]|:[0-9])"
)

# The offsets that these letters stand for where incidents are written about; other letters are too ambiguous.
ABBREVIATIONS = {
    "UTC": "UTC", "GMT": "UTC", "CET": "+01:00", "CEST": "+02:00", "EST": "-05:00", "EDT": "-04:00", "CDT": "-05:00",
    "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00", "ET": "America/New_York", "PT": "America/Los_Angeles",
    "JST": "+09:00", "AEST": "+10:00",
}  # fmt: skip
_ZONE = re.compile(
    r"\b(?:UTC|GMT)\s?(?P<sign>[+−–-])\s?(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-5][0-9]))?(?![0-9:])"
    r"|(?:(?<=[0-9])|(?<=[\s(]))(?P<plus>[+−])(?P<plus_hours>[01][0-9]):?(?P<plus_minutes>[0-5][0-9])(?![0-9:])"
    r"|(?<=:[0-9]{2}:[0-9]{2})-(?P<minus_hours>[01][0-9]):(?P<minus_minutes>[0-5][0-9])(?![0-9:])"
    r"|(?<=[0-9])(?P<zulu>Z)\b"
    rf"|\b(?P<letters>{'|'.join(ABBREVIATIONS)})\b"
    r"|\b(?P<name>[A-Z][A-Za-z]{2,20}/[A-Z][A-Za-z_]{1,30}(?:/[A-Z][A-Za-z_]{1,30})?)"
)


@dataclass(frozen=True, slots=True)
class DayMention:
    """A day as written; `year` is None where it isn't given."""

    start: int
    end: int
    text: str
    month: int
    day: int
    year: int | None

    def date(self) -> date | None:
        """The date, where the year is given."""
        return date(self.year, self.month, self.day) if self.year else None


@dataclass(frozen=True, slots=True)
class TimeMention:
    """A time of day as written."""

    start: int
    end: int
    time: time


@dataclass(frozen=True, slots=True)
class ZoneMention:
    """A time zone as written; `zone` is an IANA name or an offset such as "+02:00"."""

    start: int
    end: int
    zone: str


def find_days(text: str) -> list[DayMention]:
    """The days in a line, in order."""
    found: list[DayMention] = []
    for pattern in _DATES:
        found.extend(_days(pattern, text[:SEARCHED]))
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[DayMention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _days(pattern: re.Pattern[str], text: str) -> Iterator[DayMention]:
    for match in pattern.finditer(text):
        groups = match.groupdict()
        month = int(groups["number"]) if groups.get("number") else MONTHS.index(groups["month"][:3].lower()) + 1
        year = int(groups["year"]) if groups["year"] else None
        try:
            date(year or 2000, month, int(groups["day"]))  # 2000 had a 29th of February
        except ValueError:
            continue
        yield DayMention(match.start(), match.end(), match[0], month, int(groups["day"]), year)


def find_times(text: str) -> list[TimeMention]:
    """The times of day in a line, in order."""
    offsets = [(zone.start, zone.end) for zone in find_zones(text)]
    times = []
    for match in _TIME.finditer(text[:SEARCHED]):
        within_offset = any(start <= match.start() < end for start, end in offsets)
        value = _time(match)
        if value is not None and not within_offset:
            times.append(TimeMention(match.start(), match.end(), value))
    return times


def _time(match: re.Match[str]) -> time | None:
    hour, half = int(match["hour"]), (match["half"] or match["bare_half"] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour == 24:
        return None
    return time(hour, int(match["minute"] or 0), int(match["second"] or 0))


def find_zones(text: str) -> list[ZoneMention]:
    """The time zones in a line, in order."""
    mentions = []
    for match in _ZONE.finditer(text[:SEARCHED]):
        zone = _zone(match)
        if zone is not None:
            mentions.append(ZoneMention(match.start(), match.end(), zone))
    return mentions


def _zone(match: re.Match[str]) -> str | None:
    if match["zulu"]:
        return "UTC"
    if match["letters"]:
        return ABBREVIATIONS[match["letters"]]
    if match["name"]:
        return match["name"] if match["name"] in _zone_names() else None
    sign = "+" if "+" in {match["sign"], match["plus"]} else "-"
    hours = int(match["hours"] or match["plus_hours"] or match["minus_hours"])
    minutes = int(match["minutes"] or match["plus_minutes"] or match["minus_minutes"] or 0)
    if hours > 14:  # the largest offset in use is +14:00
        return None
    return f"{sign}{hours:02}:{minutes:02}" if hours or minutes else "UTC"


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def known_zone(text: str) -> str | None:
    """The zone that a whole text names, as an IANA name or an offset; None if it names none."""
    text = text.strip()
    if text in _zone_names():
        return text
    # An offset alone is written behind a blank so that it isn't taken for a range.
    padded = text.replace("-", "UTC-", 1) if text.startswith("-") else f" {text}"
    mentions = find_zones(padded)
    return mentions[0].zone if mentions and mentions[0].end == len(padded) else None


def instant(day: date, at: time, zone: str) -> datetime | None:
    """The instant in UTC of a local time in a zone of this module; None outside the calendar's years.

    An hour that daylight saving time repeats is taken as the first one, an hour that it skips as if it hadn't yet begun.
    """
    try:
        return datetime.combine(day, at, tzinfo=_tzinfo(zone)).astimezone(UTC)
    except OverflowError:
        return None


def _tzinfo(zone: str) -> tzinfo:
    if zone[0] in "+-":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if zone[0] == "-" else offset)
    return ZoneInfo(zone)


def next_day(day: date) -> date:
    """The day after, or the calendar's last day itself."""
    return day + timedelta(days=1) if day < date.max else day
