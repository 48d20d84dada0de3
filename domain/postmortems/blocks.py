"""The shape of a document between Markdown's tokens and their meaning: sections of blocks with line numbers."""

from dataclasses import dataclass, replace

from domain.postmortems.parsed import ParseWarning


@dataclass(frozen=True, slots=True)
class TextLine:
    """One source line of running text: `text` as it is seen, `full` with the addresses of links, `lead` its bold start."""

    text: str
    line: int
    full: str
    lead: str = ""

    def rest_from(self, start: int) -> "TextLine":
        """The line without its first `start` visible characters, which must not contain a link."""
        dropped = self.text[:start]
        full = self.full[start:] if self.full.startswith(dropped) else self.text[start:]
        return replace(self, text=self.text[start:].strip(), full=full.strip(), lead="")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together."""

    lines: tuple[TextLine, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One point of a list."""

    line: int
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, numbered or not."""

    line: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    line: int
    cells: tuple[TextLine, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first row is its header."""

    line: int
    header: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Code or HTML, kept as it is."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Divider:
    """A horizontal line."""

    line: int


Block = Paragraph | Listing | Grid | Verbatim | Divider


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (None before the first) and the blocks up to the next heading of any level."""

    heading: TextLine | None
    level: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The document as sections in order; `front_matter` holds its lines one by one."""

    front_matter: tuple[TextLine, ...]
    sections: tuple[Section, ...]
    warnings: tuple[ParseWarning, ...]
