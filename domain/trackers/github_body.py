"""The body of a GitHub issue: the region between two delimiter lines is ours, and a hidden marker recognises the issue."""

import re
from uuid import UUID

START = "<!-- followthrough:start -->"
END = "<!-- followthrough:end -->"

_MARKER = re.compile(r"<!-- followthrough:marker=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) -->", re.IGNORECASE)
_OURS = re.compile(r"<!--(?=\s*followthrough:)", re.IGNORECASE)
# Not str.splitlines: it also cuts at form feeds and other characters that GitHub keeps inside a line.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def read_region(body: str | None) -> str | None:
    """Returns the text of the managed region, trimmed and with LF line ends; None where the region is missing.

    Of several regions the last counts. A start without an end, or an end without a start, is ordinary text.
    """
    lines = _LINE.findall(body or "")
    found = _find_region(lines)
    return None if found is None else canonical("".join(lines[found[0] + 1 : found[1]]))


def read_marker(body: str | None) -> UUID | None:
    """Returns the last marker that stands on a line of its own, or None."""
    lines = _LINE.findall(body or "")
    place = _find_marker(lines)
    return None if place is None else _marker_of(lines[place])


def write_body(body: str | None, *, region: str | None = None, marker: UUID | None = None) -> str:
    """Returns the body with the region's text replaced and the marker in place, all else as it was, byte for byte.

    None leaves the region, or the marker, as it is. A missing region is put before the marker, a missing marker at the end.
    """
    written = body or ""
    if region is not None:
        written = _with_region(written, region)
    if marker is not None and read_marker(written) != marker:
        written = f"{_ended(written)}<!-- followthrough:marker={marker} -->\n"
    return written


def _with_region(body: str, region: str) -> str:
    lines = _LINE.findall(body)
    text = _ended(neutral(canonical(region)))
    found = _find_region(lines)
    if found is not None:
        start, end = found
        return "".join([*lines[: start + 1], text, *lines[end:]])
    place = _find_marker(lines)
    before = "".join(lines if place is None else lines[:place])
    after = "" if place is None else "".join(lines[place:])
    gap = "\n" if before else ""
    return f"{_ended(before)}{gap}{START}\n{text}{END}\n{after}"


def _find_region(lines: list[str]) -> tuple[int, int] | None:
    """Returns the places of the delimiter lines of the last region.

    An end belongs to the nearest start above it, so that what people wrote after a start that lost its end is never ours.
    """
    found, start = None, None
    for place, line in enumerate(lines):
        if _text(line) == START:
            start = place
        elif _text(line) == END and start is not None:
            found, start = (start, place), None
    return found


def _find_marker(lines: list[str]) -> int | None:
    return next((place for place in reversed(range(len(lines))) if _marker_of(lines[place])), None)


def _marker_of(line: str) -> UUID | None:
    match = _MARKER.fullmatch(_text(line))
    return UUID(match[1]) if match else None


def _text(line: str) -> str:
    """Returns a line without its end; GitHub gives CRLF for what was edited in the browser."""
    return line.removesuffix("\n").removesuffix("\r")


def canonical(text: str) -> str:
    """Returns a text trimmed and with LF line ends; GitHub gives CRLF for what was edited in the browser."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def neutral(text: str) -> str:
    """Returns a text in which nothing can be taken for a delimiter or a marker."""
    return _OURS.sub("&lt;!--", text)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
