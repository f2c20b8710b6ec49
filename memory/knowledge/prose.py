"""Markdown prose as sentences and as plain text, in time linear in its length."""

import re
from collections.abc import Iterator
from itertools import pairwise

LIST_ITEM = re.compile(r"[ \t]*(?:\d{1,3}[.)]|[-*+])[ \t]+(?=\S)")
FENCE = re.compile(r"[ \t]*(?:(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*)$")
HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?=\S)")

_END = re.compile(
    r"(?<![.!?…])[.!?…]++(?P<closed>[)\]}\"'”’»*_`]*+)(?P<gap>\s++)|(?<![。！？])[。！？]++(?P<cjk>[」』”’）]*+)"
)
"""Where a sentence may end: marks, what closes with them, white space."""
_WHOLE = re.compile(r"`[^`\n]{1,300}`|\[[^\[\]\n]{0,300}\]\([^()\s]{0,500}\)|\*\*[^*\n]{1,300}\*\*")
"""Code, links and bold: cut in two, they would show their markup."""
_LAST_WORD = re.compile(r"[\w.&’'-]*$")
_LAST_WORD_CHARACTERS = 24

_NEVER_LAST = frozenset(
    """e.g i.e eg ie cf vs viz approx incl excl resp ca mr mrs ms dr prof st sr jr gen sgt rev hon mt fig figs eq sec
    ch vol ed eds pp para art nos tel ext dept est min max misc orig avg temp z.b d.h bzw u.a ggf""".split()
)
"""Abbreviations, without their last dot, that something always follows."""
_BEFORE_A_NUMBER = frozenset("no nr p pg art ver v jan feb mar apr jun jul aug sep sept oct nov dec".split())
"""Abbreviations only when a number follows."""
_CARRIES_ON = frozenset(">→⇒=&|+/,;:)]}–—-%")
"""A sentence does not begin with these."""


def sentences(text: str) -> list[str]:
    """The sentences in order, each verbatim; together they hold everything but white space.

    A list item, a heading, a table and a fenced code block are never joined with what stands around them, and the last
    two are one sentence each: a row or a line of code says nothing alone.
    """
    return [text[start:end] for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence, white space around it left out."""
    found: list[tuple[int, int]] = []
    for start, end, is_prose in _stretches(text):
        if is_prose:
            edges = [start, *_ends(text, start, end), end]
            found += [_trimmed(text, *edge) for edge in pairwise(edges)]
        else:
            found.append(_trimmed(text, start, end))
    return [(start, end) for start, end in found if start < end]


def line_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines between two offsets, each with its line feed."""
    while start < end:
        at = text.find("\n", start, end)
        stop = end if at < 0 else at + 1
        yield start, stop
        start = stop


def opened_fence(line: str) -> str | None:
    """The marks of a line that opens fenced code."""
    match = FENCE.match(line.rstrip())
    return (match["ticks"] or match["tildes"]) if match else None


def closes_fence(line: str, fence: str) -> bool:
    marks = line.strip()
    return len(marks) >= len(fence) and not marks.strip(fence[0])


def plain_text(markdown: str) -> str:
    """The words without Markdown's marks, for encoding: links become their text, tables their cells, code stays."""
    lines = []
    for line in markdown.split("\n"):
        if opened_fence(line) or _TABLE_RULE.fullmatch(line) or _RULE.fullmatch(line):
            continue
        bare = _LINE_MARKS.sub("", line, count=1)
        if bare.lstrip().startswith("|"):
            bare = bare.replace("|", " ")
        lines.append(" ".join(_without_marks(bare).split()))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_TABLE_RULE = re.compile(r"\s*+\|(?:[ \t:-]*+\|)++[ \t:-]*+\s*+")
_RULE = re.compile(r"\s*+(?:(?:-\s*+){3,}+|(?:\*\s*+){3,}+|(?:_\s*+){3,}+|={3,}+\s*+)")
_LINE_MARKS = re.compile(r"[ \t]*+(?:>[ \t]?)*+(?:#{1,6}[ \t]+|(?:[-*+]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)?")
_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,1000})\](?:\([^()\s]{0,2000}(?:[ \t]+\"[^\"\n]{0,300}\")?\)|\[[^\[\]\n]{0,300}\])"
)
_TAG = re.compile(
    r"(?<!\\)<(?:(https?://[^<>\s]{1,2000}|[\w.+-]{1,64}@[\w.-]{1,255})|/?[a-zA-Z][^<>\n]{0,500}|!--[^<>]{0,500})>"
)
_STRONG = re.compile(r"(?<!\\)(?:\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|~~)")
_CODE = re.compile(r"`{1,3}([^`\n]{1,1000})`{1,3}")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>|~])")


def _without_marks(line: str) -> str:
    """Code is only freed of its ticks: `SELECT *` and `__init__` keep their characters."""
    parts = []
    at = 0
    for code in _CODE.finditer(line):
        parts += [_without_inline(line[at : code.start()]), code[1]]
        at = code.end()
    return "".join([*parts, _without_inline(line[at:])])


def _without_inline(text: str) -> str:
    text = _LINK.sub(r"\1", _LINK.sub(r"\1", text))  # twice: a linked image
    return _ESCAPE.sub(r"\1", _STRONG.sub("", _TAG.sub(r"\1", text)))


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start, end and whether it is prose: what blank lines, items, headings, tables and code blocks part."""
    begun, is_table, fence = 0, False, None
    for start, end in line_spans(text, 0, len(text)):
        line = text[start:end]
        if fence is not None:
            if closes_fence(line, fence):
                yield begun, end, False
                begun, fence, is_table = end, None, False
            continue
        fence = opened_fence(line)
        row = line.lstrip().startswith("|")
        apart = row != is_table or not line.strip() or LIST_ITEM.match(line) or HEADING.match(line)
        if fence is not None or apart:
            yield begun, start, not is_table
            begun, is_table = start, row
        if HEADING.match(line) and fence is None:
            yield begun, end, False
            begun = end
    yield begun, len(text), not is_table and fence is None


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets at which the next sentence begins."""
    whole = _WHOLE.finditer(text, start, end)
    kept = next(whole, None)
    marker = LIST_ITEM.match(text, start, end)
    for match in _END.finditer(text, marker.end() if marker else start, end):
        closed = match.start("gap") if match["gap"] else match.end()
        while kept is not None and kept.end() < closed:
            kept = next(whole, None)
        inside = kept is not None and kept.start() < match.start() and closed < kept.end()
        if match.end() < end and not inside and _parts(text, match, end):
            yield match.end()


def _parts(text: str, match: re.Match[str], end: int) -> bool:
    """Whether a sentence ends at these marks."""
    if match["cjk"] is not None:
        return True
    after = text[match.end() : min(match.end() + 2, end)].lstrip("*_\"'“‘(")
    if after[:1] in _CARRIES_ON and after:
        return False
    starts_small = after[:1].islower() and not after[1:].isupper()  # "iPhone" may begin a sentence
    if text[match.start()] in "!?":
        return not (starts_small and match["closed"])
    if starts_small:
        return False
    if text.startswith("..", match.start()) or match["closed"]:
        return True
    before = text[max(0, match.start() - _LAST_WORD_CHARACTERS) : match.start()]
    found = _LAST_WORD.search(before)
    return not found or not _abbreviates(found[0], after)


def _abbreviates(word: str, after: str) -> bool:
    bare = word.casefold()
    initial = len(word) == 1 and word.isupper() and word != "I"
    return initial or bare in _NEVER_LAST or (bare in _BEFORE_A_NUMBER and after[:1].isdigit())


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
