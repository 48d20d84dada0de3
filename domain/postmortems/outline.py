"""Markdown's tokens become an outline: sections of blocks, each with its line; built to end soon on any input."""

from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from domain.postmortems.blocks import (
    Block,
    Divider,
    Grid,
    Item,
    Listing,
    Outline,
    Paragraph,
    Row,
    Section,
    TextLine,
    Verbatim,
)
from domain.postmortems.parsed import ParseWarning
from domain.postmortems.visible import plain_lines, visible_lines

MAX_LINES = 25_000  # a document of 1 MiB with lines of ordinary length has 17,000
MAX_NESTING = 24  # levels of Markdown's tokens: a list takes two
MAX_BRACKETS = 2_000  # in one paragraph; each may cost a search for a link's end


def read_outline(source: str) -> Outline:
    """Reads any text in time proportional to its length; what is cut for that is in the outline's warnings."""
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    warnings = []
    if len(lines) > MAX_LINES:
        warnings.append(ParseWarning(MAX_LINES + 1, f"the document is longer than {MAX_LINES} lines: the rest isn't read"))
        lines = lines[:MAX_LINES]
    markdown = _markdown()
    env: dict[str, object] = {}
    tokens = markdown.parse("\n".join(lines), env)
    reader = _Reader(tokens, markdown, env, len(lines), warnings)
    sections = reader.sections()
    return Outline(tuple(reader.front_matter), sections, tuple(reader.warnings))


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    markdown.enable(["table", "strikethrough"]).use(front_matter_plugin)
    # Paragraphs are read one by one below, where their brackets are counted first.
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


@dataclass(slots=True)
class _Reader:
    tokens: list[Token]
    markdown: MarkdownIt
    env: dict[str, object]
    line_count: int
    warnings: list[ParseWarning]
    at: int = 0
    front_matter: list[TextLine] = field(default_factory=list)
    too_deep: bool = False

    def sections(self) -> tuple[Section, ...]:
        sections: list[Section] = []
        heading, level = None, 0
        blocks: list[Block] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.type == "heading_open":
                sections.append(Section(heading, level, tuple(blocks)))
                heading, level, blocks = self._heading(), int(token.tag[1]), []
            elif token.type == "front_matter":
                self._front_matter(token)
            else:
                blocks.extend(self._block())
        sections.append(Section(heading, level, tuple(blocks)))
        return tuple(section for section in sections if section.heading or section.blocks)

    def _heading(self) -> TextLine | None:
        line = _first_line(self.tokens[self.at])
        words = self._lines(self.tokens[self.at + 1])
        self.at += 3
        text = " ".join(part.text for part in words)
        return TextLine(text=text, line=line, full=text) if text else None

    def _front_matter(self, token: Token) -> None:
        self.at += 1
        # The opening dashes stand on the line before.
        self.front_matter.extend(plain_lines(token.content, _first_line(token) + 1, self.line_count))

    def _block(self) -> list[Block]:
        token = self.tokens[self.at]
        self._notice_depth(token)
        match token.type:
            case "paragraph_open" | "heading_open":
                lines = self._lines(self.tokens[self.at + 1])
                self.at += 3
                return [Paragraph(lines)] if lines else []
            case "bullet_list_open" | "ordered_list_open":
                return [Listing(_first_line(token), tuple(self._items()))]
            case "blockquote_open":
                return self._children()
            case "table_open":
                return self._table()
            case "hr":
                self.at += 1
                return [Divider(_first_line(token))]
            case "fence" | "code_block" | "html_block":
                self.at += 1
                return _verbatim(token)
        self.at += 1
        return []

    def _notice_depth(self, token: Token) -> None:
        if token.level >= MAX_NESTING - 2 and not self.too_deep:
            self.too_deep = True
            text = f"lists and quotes nested deeper than {MAX_NESTING // 2} levels aren't read to their end"
            self.warnings.append(ParseWarning(_first_line(token), text))

    def _children(self) -> list[Block]:
        """The blocks inside the container that opens here."""
        level = self.tokens[self.at].level
        self.at += 1
        blocks: list[Block] = []
        while not (self.tokens[self.at].nesting == -1 and self.tokens[self.at].level == level):
            blocks.extend(self._block())
        self.at += 1
        return blocks

    def _items(self) -> list[Item]:
        self.at += 1
        items = []
        while self.tokens[self.at].type == "list_item_open":
            line = _first_line(self.tokens[self.at])
            self._notice_depth(self.tokens[self.at])
            items.append(Item(line, tuple(self._children())))
        self.at += 1
        return items

    def _table(self) -> list[Block]:
        line = _first_line(self.tokens[self.at])
        rows: list[Row] = []
        row_line, cells = line, list[TextLine]()
        while self.tokens[self.at].type != "table_close":
            token = self.tokens[self.at]
            if token.type == "tr_open":
                row_line, cells = _first_line(token, line), []
            elif token.type == "inline":
                cells.append(_joined(self._lines(token, row_line), row_line))
            elif token.type == "tr_close":
                rows.append(Row(row_line, tuple(cells)))
            self.at += 1
        self.at += 1
        return [Grid(line, rows[0], tuple(rows[1:]))] if rows else []

    def _lines(self, token: Token, line: int | None = None) -> tuple[TextLine, ...]:
        first = _first_line(token, line or 1)
        last = max(first, token.map[1] if token.map else first)
        if token.content.count("[") > MAX_BRACKETS:
            text = f"more than {MAX_BRACKETS} brackets in one paragraph: its links and emphasis aren't read"
            self.warnings.append(ParseWarning(first, text))
            return plain_lines(token.content, first, last)
        children: list[Token] = []
        self.markdown.inline.parse(token.content, self.markdown, self.env, children)
        return visible_lines(children, first, last)


def _first_line(token: Token, default: int = 1) -> int:
    return token.map[0] + 1 if token.map else default


def _joined(lines: tuple[TextLine, ...], line: int) -> TextLine:
    text = " ".join(part.text for part in lines)
    return TextLine(text=text, line=line, full=" ".join(part.full for part in lines))


def _verbatim(token: Token) -> list[Block]:
    text = token.content.strip()
    # A comment is a note to the document's author, such as a template's instructions.
    is_comment = token.type == "html_block" and text.startswith("<!--") and text.endswith("-->")
    return [] if is_comment or not text else [Verbatim(_first_line(token), text)]
