"""Articles into passages, which are shown and cited, and passages into windows, which are encoded.

A passage is verbatim text of the body, so a citation can be found in it. The body is cut where its author parted it:
at headings, then between blocks, then between items, lines and sentences, and between words only when nothing else is
left. Time is linear in the length of the body.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memory.knowledge.blocks import HEADING_CHARACTERS, Block, Kind, blocks_of
from memory.knowledge.prose import LIST_ITEM, line_spans, plain_text, sentence_spans, sentences
from memory.knowledge.units import units_of

__all__ = ["Passage", "Window", "passages", "plain_text", "sentences", "windows"]

MAX_TOKENS = 500
"""Word pieces; a section up to this long is one passage."""
TARGET_TOKENS = 350
"""Word pieces; a longer section is cut into passages of about this size."""
ENOUGH_TOKENS = 200
"""Word pieces; passages of a long section are at least this long where its blocks allow."""
SMALL_TOKENS = 60
"""Word pieces; sections smaller than this are joined with small neighbours under the same heading."""
CHARACTERS_A_TOKEN = 10
"""Longer words count by their length: to the tokenizer any word of over 100 characters is one unknown piece."""
PIECE_CHARACTERS = 200
"""Text without any other break is cut into pieces of at most this many characters, at white space if there is any."""

WINDOW_TOKENS = 48
"""Word pieces of what is encoded at once, about a sentence; the encoder would take 254 (see docs/adr/0001)."""
PREFIX_TOKENS = 32
"""Word pieces of a window at most that title and headings take."""

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Passage:
    position: int
    """Within the article, from 0."""
    heading_path: str
    """Headings above it, outermost first, joined by ` > `; empty at the top."""
    content: str
    """Markdown, verbatim from the body."""


@dataclass(frozen=True, slots=True)
class Window:
    """A text to encode."""

    unit: int
    """Position of the unit that it is taken from, see `units_of`."""
    text: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the body that is not cut any further."""

    start: int
    end: int
    size: float
    """Word pieces, see `_size`."""


@dataclass(slots=True)
class _Section:
    """What stands between two headings, or several such that were joined."""

    path: tuple[str, ...]
    heading_start: int
    blocks: list[Block]
    pieces: list[_Piece]
    joined: bool = False

    @property
    def size(self) -> float:
        return sum(piece.size for piece in self.pieces)


def passages(body: str, count_tokens: CountTokens) -> list[Passage]:
    """Cut a Markdown body; every non-blank text of it that is no heading is in a passage.

    A body of nothing but headings is cut as if they were text; an empty one has no passages.
    """
    blocks = blocks_of(body)
    if all(block.kind is Kind.HEADING for block in blocks):
        blocks = [Block(Kind.TEXT, block.start, block.end) for block in blocks]
    found: list[Passage] = []
    for section in _joined(_sections(body, blocks, count_tokens)):
        if section.joined:  # the path ends above the first section, so its heading belongs to the text
            spans = [(section.heading_start, section.pieces[-1].end)]
        else:
            spans = _packed(_fine(body, section.blocks, section.pieces, count_tokens), whole=section.size <= MAX_TOKENS)
        for start, end in spans:
            found.append(Passage(len(found), " > ".join(section.path), body[start:end].strip()))
    return found


def windows(title: str, passage: Passage, count_tokens: CountTokens) -> list[Window]:
    """What is encoded for a passage: at least one text of at most `WINDOW_TOKENS` word pieces.

    Each begins with title and headings and holds one unit of the passage, or a part of a longer one.
    """
    prefix = _prefix(title, passage.heading_path, count_tokens)
    room = WINDOW_TOKENS - count_tokens(prefix)
    found = [
        Window(position, f"{prefix} {text}".strip())
        for position, unit in enumerate(units_of(passage.content))
        for text in _filled(unit.text, room, count_tokens)
    ]
    return found or [Window(0, prefix or passage.content[:PIECE_CHARACTERS])]


def _filled(markdown: str, room: int, count_tokens: CountTokens) -> Iterator[str]:
    """Plain text of a unit in as few parts as fit, cut between sentences or items where there are some."""
    current: list[str] = []
    left = room
    for text, tokens in _sentence_texts(markdown, room, count_tokens):
        if current and tokens > left:
            yield " ".join(current)
            current, left = [], room
        current.append(text)
        left -= tokens
    if current:
        yield " ".join(current)


def _sections(body: str, blocks: Iterable[Block], count_tokens: CountTokens) -> Iterator[_Section]:
    """The stretches between headings that hold more than rules."""
    above: list[Block] = []
    section = _Section((), 0, [], [])
    for block in blocks:
        if block.kind is not Kind.HEADING:
            section.blocks.append(block)
            size = _size(body, block.start, block.end, count_tokens)
            section.pieces.append(_Piece(block.start, block.end, size))
            continue
        if _says_something(body, section):
            yield section
        while above and above[-1].level >= block.level:
            above.pop()
        above.append(block)
        section = _Section(tuple(heading.heading for heading in above), block.start, [], [])
    if _says_something(body, section):
        yield section


def _says_something(body: str, section: _Section) -> bool:
    return any(body[piece.start : piece.end].strip(" \t\r\n-*_=") for piece in section.pieces)


def _joined(sections: Iterable[_Section]) -> Iterator[_Section]:
    """Neighbouring small sections under one heading, or its opening and its first small sections, become one."""
    current: _Section | None = None
    for section in sections:
        if current is None:
            current = section
            continue
        parents = (current.path,) if current.joined or not current.path else (current.path, current.path[:-1])
        near = section.pieces[0].start - current.pieces[-1].end <= 2 * HEADING_CHARACTERS  # not a row of bare headings
        small = max(current.size, section.size) < SMALL_TOKENS
        if near and small and section.path and section.path[:-1] in parents:
            if section.path[:-1] == current.path:  # the opening: its heading stays in the path
                start = current.heading_start if current.joined else current.pieces[0].start
            else:
                start = current.heading_start
            current = _Section(
                section.path[:-1], start, current.blocks + section.blocks, current.pieces + section.pieces, joined=True
            )
        else:
            yield current
            current = section
    if current is not None:
        yield current


def _fine(body: str, blocks: Sequence[Block], pieces: Sequence[_Piece], count_tokens: CountTokens) -> Iterator[_Piece]:
    """Blocks, a lead-in with the list, table or code that it leads to; those that are too large, cut."""
    position = 0
    while position < len(blocks):
        block, piece = blocks[position], pieces[position]
        leads = block.kind is Kind.TEXT and body[block.start : block.end].rstrip(" \t\r\n*_").endswith(":")
        if leads and position + 1 < len(blocks) and blocks[position + 1].kind is not Kind.TEXT:
            position += 1
            block = Block(blocks[position].kind, block.start, blocks[position].end)
            piece = _Piece(block.start, block.end, piece.size + pieces[position].size)
        yield from _cut(body, piece, _CUTS[block.kind], count_tokens)
        position += 1


def _packed(pieces: Iterable[_Piece], *, whole: bool) -> list[tuple[int, int]]:
    """Pieces put together, in order, to passages of a good size; all of them to one if `whole`."""
    packed: list[_Piece] = []
    for piece in pieces:
        last = packed[-1] if packed else None
        together = last.size + piece.size if last else 0
        fits = last is not None and together <= MAX_TOKENS and (last.size < ENOUGH_TOKENS or together <= TARGET_TOKENS)
        if last is not None and (whole or fits):
            packed[-1] = _Piece(last.start, piece.end, together)
        else:
            packed.append(piece)
    if len(packed) > 1 and packed[-1].size < SMALL_TOKENS and packed[-2].size + packed[-1].size <= MAX_TOKENS:
        last = packed.pop()
        packed[-1] = _Piece(packed[-1].start, last.end, packed[-1].size + last.size)
    return [(piece.start, piece.end) for piece in packed]


Cut = Callable[[str, int, int], Iterable[tuple[int, int]]]
"""Body, start and end to the spans that start..end falls into, without gaps."""


def _cut(body: str, piece: _Piece, cuts: Sequence[Cut], count_tokens: CountTokens) -> Iterator[_Piece]:
    """The piece, or what it falls into by the first of `cuts`, each part cut by the next ones if still too large."""
    if piece.size <= MAX_TOKENS or not cuts:
        yield piece
        return
    for start, end in cuts[0](body, piece.start, piece.end):
        part = _Piece(start, end, _size(body, start, end, count_tokens))
        yield from _cut(body, part, cuts[1:], count_tokens)


def _items(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The list's outer items; a lead-in goes with the first."""
    begun, indent, opened = start, -1, False
    for line_start, line_end in line_spans(body, start, end):
        line = body[line_start:line_end]
        if not LIST_ITEM.match(line):
            continue
        depth = len(line) - len(line.lstrip())
        if opened and depth <= indent:
            yield begun, line_start
            begun = line_start
        indent = depth if not opened else max(indent, 0)
        opened = True
    yield begun, end


def _by_sentence(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    starts = [start + at for at, _ in sentence_spans(body[start:end])][1:]
    edges = [start, *starts, end]
    return pairwise(edges)


def _by_length(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces of at most `PIECE_CHARACTERS`, behind white space where there is some."""
    while start < end:
        stop = min(start + PIECE_CHARACTERS, end)
        if stop < end:
            spaces = (at for at in range(stop, start + 1, -1) if body[at - 1].isspace())
            stop = next(spaces, stop)
        yield start, stop
        start = stop


_CUTS: dict[Kind, tuple[Cut, ...]] = {
    Kind.TEXT: (_by_sentence, line_spans, _by_length),
    Kind.HEADING: (_by_length,),
    Kind.LIST: (_items, _by_sentence, line_spans, _by_length),
    Kind.TABLE: (line_spans, _by_length),
    Kind.CODE: (line_spans, _by_length),
}


def _size(body: str, start: int, end: int, count_tokens: CountTokens) -> float:
    """Word pieces; what is too large by its length alone is not counted, for it will be cut."""
    by_length = (end - start) / CHARACTERS_A_TOKEN
    return by_length if by_length > MAX_TOKENS else max(count_tokens(body[start:end]), by_length)


def _prefix(title: str, heading_path: str, count_tokens: CountTokens) -> str:
    """Title and headings as sentences, as many of their words as there is room for."""
    names = [name for name in (" ".join(title.split()), " ".join(heading_path.split())) if name]
    prefix = " ".join(name if name[-1] in ".!?:…" else f"{name}." for name in names)
    if len(prefix) <= PIECE_CHARACTERS * 10 and count_tokens(prefix) <= PREFIX_TOKENS:
        return prefix
    words, room = [], PREFIX_TOKENS
    for word in prefix[: PIECE_CHARACTERS * 10].split():
        room -= count_tokens(word)
        if room < 0:
            break
        words.append(word)
    return " ".join(words)


def _sentence_texts(content: str, room: int, count_tokens: CountTokens) -> Iterator[tuple[str, int]]:
    """Plain text of the sentences with their word pieces, none more than `room`."""
    for start, end in sentence_spans(content):
        for text in _fitting(content[start:end], (line_spans, _by_length), room, count_tokens):
            yield text, count_tokens(text)


def _fitting(markdown: str, cuts: Sequence[Cut], room: int, count_tokens: CountTokens) -> Iterator[str]:
    text = " ".join(plain_text(markdown).split())
    if not text:
        return
    if len(text) == 1 or count_tokens(text) <= room:
        yield text
        return
    cut = cuts[0] if cuts else _halves  # in some scripts every character is a word piece or two
    for start, end in cut(markdown, 0, len(markdown)):
        yield from _fitting(markdown[start:end], cuts[1:], room, count_tokens)


def _halves(_body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    middle = (start + end) // 2
    yield start, middle
    yield middle, end
