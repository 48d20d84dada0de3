"""A document on its way in: what the caller sends, what came of it, and whether its bytes can be read at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from domain.errors import InvalidError, MalformedError, TooLargeError
from domain.postmortems.parsed import ParseWarning

LARGEST_SOURCE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """What is imported: the text, where it comes from, and what the caller knows besides."""

    source: str
    source_url: str | None = None
    incident_date: date | None = None
    timezone: str | None = None
    team_id: UUID | None = None

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text in UTF-8."""
        return hashlib.sha256(self.source.encode()).digest()


@dataclass(slots=True)
class Ingested:
    """What came of an import."""

    postmortem_id: UUID
    created: bool
    tasks_made: int = 0
    warnings: list[ParseWarning] = field(default_factory=list)

    def warn(self, line: int | None, message: str) -> None:
        """Notes something that a person should look at."""
        self.warnings.append(ParseWarning(line, message))

    def warn_kept(self, kept: Sequence[str], what: str, *, line: int | None) -> None:
        """Names the members in which people's edits were kept against the document, if there are any."""
        if kept:
            names = ", ".join(name.removesuffix("_id") for name in kept)
            self.warn(line, f"{what} was edited here since the last import ({names}): the edit was kept, not what the document says.")

    def cut(self, text: str, longest: int, what: str, *, line: int | None) -> str:
        """Gives what of a text fits into a column of `longest` characters, and warns where that isn't all."""
        if len(text) > longest:
            self.warn(line, f"{what} has {len(text):,} characters; only the first {longest:,} were stored.")
        return text[:longest]


def decode_source(raw: bytes) -> str:
    """Reads a document's bytes; raises TooLargeError, MalformedError (not UTF-8, with the line) or InvalidError (nothing in it)."""
    if len(raw) > LARGEST_SOURCE:
        raise TooLargeError(f"The document has {len(raw):,} bytes; at most {LARGEST_SOURCE:,} (1 MiB) are read.")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MalformedError(f"The document is not UTF-8: line {line} has a byte that can't be (offset {error.start}).") from None
    if not source.strip():
        raise InvalidError("The document is empty: send a postmortem as Markdown.")
    if "\x00" in source:
        line = source.count("\n", 0, source.index("\x00")) + 1
        raise InvalidError(f"The document is not a text: line {line} holds the character U+0000.")
    return source
