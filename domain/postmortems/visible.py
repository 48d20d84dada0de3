"""What a reader sees of a paragraph: its inline tokens as lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from domain.postmortems.blocks import TextLine

SILENT = frozenset({"em_open", "em_close", "s_open", "s_close"})


def visible_lines(tokens: Sequence[Token], first: int, last: int) -> tuple[TextLine, ...]:
    """The lines of one inline element that stands on the source lines `first` to `last`, both counted from 1."""
    writer = _Writer(first, last)
    for token in tokens:
        writer.write(token)
    writer.end_line()
    return tuple(writer.lines)


def plain_lines(content: str, first: int, last: int) -> tuple[TextLine, ...]:
    """The same for text whose marks are left as they are."""
    lines = []
    for number, text in enumerate(content.split("\n"), start=first):
        stripped = text.strip()
        if stripped:
            lines.append(TextLine(text=stripped, line=min(number, last), full=stripped))
    return tuple(lines)


@dataclass(slots=True)
class _Writer:
    number: int
    last: int
    lines: list[TextLine] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)
    lead: list[str] = field(default_factory=list)
    in_lead: bool = False
    links: list[tuple[str, int]] = field(default_factory=list)

    def write(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self.end_line()
                self.number = min(self.number + 1, self.last)
            case "strong_open":
                self.in_lead = not self.lead and not any(part.strip() for part in self.text)
            case "strong_close":
                self.in_lead = False
            case "link_open":
                self.links.append((str(token.attrs.get("href", "")), len(self.text)))
            case "link_close":
                self._close_link()
            case "html_inline":
                self._add(" " if token.content.lower().startswith("<br") else "")
                self.number = min(self.number + token.content.count("\n"), self.last)
            case kind if kind not in SILENT:
                self._add(token.content)

    def _add(self, content: str) -> None:
        self.text.append(content)
        self.full.append(content)
        if self.in_lead:
            self.lead.append(content)

    def _close_link(self) -> None:
        href, start = self.links.pop() if self.links else ("", 0)
        seen = "".join(self.text[start:]).strip()
        if href and seen not in href:
            self.full.append(f" ({href})")

    def end_line(self) -> None:
        text = " ".join("".join(self.text).split())
        if text:
            full = " ".join("".join(self.full).split())
            lead = " ".join("".join(self.lead).split())
            self.lines.append(TextLine(text=text, line=self.number, full=full, lead=lead))
        self.links = [(href, 0) for href, _ in self.links]
        self.text, self.full, self.lead, self.in_lead = [], [], [], False
