"""A Markdown body as blocks by offset: headings, paragraphs, lists, tables and fenced code, in one pass over its lines.

Not a Markdown parser: offsets are exact so that text stays verbatim, and any input is some sequence of blocks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from memory.knowledge.prose import HEADING, LIST_ITEM, closes_fence, line_spans, opened_fence, plain_text

HEADING_CHARACTERS = 300
"""A longer line is text, whatever it begins with: nobody wrote it as a heading."""
_UNDERLINE = re.compile(r" {0,3}(?:(?P<first>={3,})|-{3,})\s*")
_RULE = re.compile(r"\s*+(?:(?:-\s*+){3,}+|(?:\*\s*+){3,}+|(?:_\s*+){3,}+)")


class Kind(Enum):
    HEADING = auto()
    TEXT = auto()
    LIST = auto()
    TABLE = auto()
    CODE = auto()


@dataclass(slots=True)
class Block:
    kind: Kind
    start: int
    end: int
    """Behind its last line's line feed; blank lines between blocks belong to none."""
    level: int = 0
    """Of a heading, 1..6."""
    heading: str = ""
    """Of a heading: its words without marks."""
    lines: int = 1


def blocks_of(body: str) -> list[Block]:
    """Every non-blank line is in exactly one block."""
    found: list[Block] = []
    fence: str | None = None
    after_blank = True
    for start, end in line_spans(body, 0, len(body)):
        line = body[start:end]
        last = found[-1] if found else None
        if fence is not None and last is not None:
            last.end = end
            fence = None if closes_fence(line, fence) else fence
            after_blank = False
            continue
        if not line.strip():
            after_blank = True
            continue
        fence = opened_fence(line)
        block = _block(line, start, end, is_fence=fence is not None)
        if last is not None and _is_underline(last, line, after_blank):
            _make_heading(last, body, line, end)
        elif last is not None and _belongs(last, block, line, after_blank):
            last.end, last.lines = end, last.lines + 1
        else:
            found.append(block)
        after_blank = False
    return found


def _block(line: str, start: int, end: int, *, is_fence: bool) -> Block:
    """What the line would begin, if it begins something."""
    if is_fence:
        return Block(Kind.CODE, start, end)
    heading = HEADING.match(line)
    if heading and len(line) <= HEADING_CHARACTERS and (words := _heading_words(line[heading.end() :])):
        return Block(Kind.HEADING, start, end, len(heading["marks"]), words)
    if line.lstrip().startswith("|"):
        return Block(Kind.TABLE, start, end)
    if LIST_ITEM.match(line) and not _RULE.fullmatch(line):
        return Block(Kind.LIST, start, end)
    return Block(Kind.TEXT, start, end)


def _belongs(last: Block, block: Block, line: str, after_blank: bool) -> bool:
    """Whether a line carries on the block above it."""
    indented = line[0] in " \t"
    if last.kind is Kind.HEADING or (block.kind is Kind.HEADING and not (last.kind is Kind.LIST and indented)):
        return False
    if last.kind is Kind.LIST:  # an item's paragraphs and code are indented, or follow it at once
        return block.kind is Kind.LIST or indented or (not after_blank and block.kind is not Kind.TABLE)
    if after_blank or last.kind is Kind.CODE:
        return False
    return block.kind is last.kind


def _is_underline(last: Block, line: str, after_blank: bool) -> bool:
    """Whether the line makes a heading of the one above it."""
    single = last.kind is Kind.TEXT and last.lines == 1 and last.end - last.start <= HEADING_CHARACTERS
    return single and not after_blank and _UNDERLINE.fullmatch(line) is not None


def _make_heading(block: Block, body: str, underline: str, end: int) -> None:
    words = plain_text(body[block.start : block.end])
    block.lines, block.end = 2, end
    if words:
        block.kind, block.heading = Kind.HEADING, " ".join(words.split())
        block.level = 1 if "=" in underline else 2


def _heading_words(rest: str) -> str:
    words = rest.strip()
    bare = words.rstrip("#")
    if bare != words and bare[-1:] in ("", " ", "\t"):  # closing marks; the one of "C#" is its own
        words = bare.strip()
    return " ".join(plain_text(words).split())


def headings_of(body: str) -> Iterator[Block]:
    return (block for block in blocks_of(body) if block.kind is Kind.HEADING)
