"""Text of ours that goes into other people's trackers: it mentions nobody, refers to nothing, and hides no comment.

An invisible character behind @ and # keeps the text as it reads, but the tracker sees no mention and no reference.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

BREAK = "\u200b"
_CODE_SPAN = re.compile(r"(`+)(?!`)(?:.*?[^`])??\1(?!`)", re.DOTALL)
_MENTION = re.compile(r"(?<![^\W_])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"#(?=\d)|(?<=\bGH)-(?=\d)", re.IGNORECASE)
# Without any of these there is nothing to break, whatever the parser makes of the text: `\\` and `&` may stand before or for others.
_SUSPECT = re.compile(r"[@#&<\\]|GH-", re.IGNORECASE)
_ANYWHERE = re.compile(r"@(?=\w)|#(?=\d)|(?<=GH)-(?=\d)", re.IGNORECASE)
_WRITTEN_AT = re.compile(r"&(?:#0*64|#[xX]0*40|commat);?")
_WRITTEN_NUMBER = re.compile(r"&(?:#0*35|#[xX]0*23|num);?")
_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def neutralise(text: str) -> str:
    """Breaks @mentions, #references and HTML comments outside code.

    Where code begins is the parser's word, not ours: what it still sees as a mention has everything broken, code too.
    """
    if _SUSPECT.search(text) is None:
        return text
    broken = _outside_code(text)
    if _is_alive(broken):
        broken = _everywhere(broken)
    return broken.replace("<!--", f"<{BREAK}!--")


def _outside_code(text: str) -> str:
    lines = text.split("\n")
    code = _code_lines(text)
    blocks: list[str] = []
    plain: list[str] = []
    for number, line in enumerate(lines):
        if number in code:
            _flush(plain, blocks)
            blocks.append(line)
        else:
            plain.append(line)
    _flush(plain, blocks)
    return "\n".join(blocks)


def _code_lines(text: str) -> set[int]:
    spans = [token.map for token in _PARSER.parse(text) if token.type in {"fence", "code_block"} and token.map]
    return {line for start, end in spans for line in range(start, end)}


def _flush(plain: list[str], blocks: list[str]) -> None:
    if plain:
        blocks.append(_outside_code_spans("\n".join(plain)))
        plain.clear()


def _outside_code_spans(text: str) -> str:
    parts = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_break(text[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*parts, _break(text[end:])])


def _break(text: str) -> str:
    return _REFERENCE.sub(lambda found: found.group() + BREAK, _MENTION.sub("@" + BREAK, text))


def _is_alive(text: str) -> bool:
    """Tells whether the parser still finds a mention or reference in what is shown as text."""
    return any(_MENTION.search(run) or _REFERENCE.search(run) for run in _shown(_PARSER.parse(text)))


def _shown(tokens: list[Token]) -> Iterator[str]:
    """Gives the runs of text between the marks of each paragraph, with entities and escapes resolved, and raw HTML as it is."""
    for token in tokens:
        if token.type == "html_block":
            yield token.content
        run = ""
        for child in token.children or []:
            if child.type in {"text", "text_special"}:
                run += child.content
            else:
                yield run
                run = ""
        yield run


def _everywhere(text: str) -> str:
    resolved = _WRITTEN_NUMBER.sub("#", _WRITTEN_AT.sub("@", text))
    return _ANYWHERE.sub(lambda found: found.group() + BREAK, resolved)
