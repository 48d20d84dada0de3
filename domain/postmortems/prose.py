"""Blocks as readable text: paragraphs apart by an empty line, points of a list with a dash."""

from collections.abc import Iterable, Iterator

from domain.postmortems.blocks import Block, Divider, Grid, Item, Listing, Paragraph, Row, TextLine, Verbatim
from domain.postmortems.parts import Part
from domain.postmortems.sections import Kind


def part_text(parts: Iterable[Part], kind: Kind) -> str:
    """The whole text of all parts of a kind; a sub-heading stands above its text."""
    texts = []
    for part in parts:
        text = blocks_text(part.blocks) if part.kind is kind else ""
        if text:
            texts.append(f"{part.heading}\n\n{text}" if part.inherits and part.heading else text)
    return "\n\n".join(texts)


def part_points(parts: Iterable[Part], kind: Kind) -> tuple[str, ...]:
    """One text for each point where a part is nothing but a list, else one text for the part."""
    points: list[str] = []
    for part in parts:
        if part.kind is not kind or not part.blocks:
            continue
        if all(isinstance(block, Listing) for block in part.blocks):
            points.extend(blocks_text(item.blocks) for block in part.blocks for item in _items(block))
        else:
            points.append(blocks_text(part.blocks))
    return tuple(point for point in points if point)


def blocks_text(blocks: Iterable[Block]) -> str:
    """The text of blocks, with the addresses of links."""
    texts = (_block_text(block) for block in blocks)
    return "\n\n".join(text for text in texts if text)


def block_lines(blocks: Iterable[Block]) -> Iterator[TextLine]:
    """Every line of running text in the blocks, in order."""
    for block in blocks:
        match block:
            case Paragraph():
                yield from block.lines
            case Listing():
                for item in block.items:
                    yield from block_lines(item.blocks)
            case Grid():
                for row in (block.header, *block.rows):
                    yield from row.cells


def _items(block: Block) -> tuple[Item, ...]:
    return block.items if isinstance(block, Listing) else ()


def _block_text(block: Block) -> str:
    match block:
        case Paragraph():
            return " ".join(line.full for line in block.lines)
        case Listing():
            return "\n".join(_item_text(item) for item in block.items)
        case Grid():
            return "\n".join(_row_text(row) for row in (block.header, *block.rows))
        case Verbatim():
            return block.text
        case Divider():
            return ""


def _item_text(item: Item) -> str:
    first, *others = blocks_text(item.blocks).split("\n") if item.blocks else [""]
    return "\n".join([f"- {first}", *(f"  {line}".rstrip() for line in others)])


def _row_text(row: Row) -> str:
    return " | ".join(cell.full for cell in row.cells)
