"""The extractive answer: the sentences or steps of the best passage that answer, verbatim, each with its citation.

No sentence is written here, so none can be invented.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from memory.knowledge.chunking import plain_text, sentences
from memory.knowledge.encoder import Encoder
from memory.knowledge.search import Hit

LIST_ITEM = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*+])\s+")
ORDERED_ITEM = re.compile(r"^\s*\d{1,3}[.)]\s+")
HEADING = re.compile(r"^#{1,6}\s")
ASKS_HOW = re.compile(r"\b(how (do|can|to|should|would|may)|steps?|where (do|can)|set ?up|guide|way to)\b", re.I)

PARAGRAPH_SENTENCES = 3
"""Most sentences of a paragraph that are shown."""
NEAR_BEST = 0.12
"""A neighbouring sentence is shown with the best when its cosine to the question is at most this much lower."""
STEPS_BONUS = 0.15
"""Added to a numbered list's cosine when the question asks how to do something."""
OPENING_BONUS = 0.05
"""Added to the first sentence of a passage: help articles open with the point."""
TEXT_SHARE = 0.7
"""How much the message itself counts against the question it was read as."""
SECOND_PASSAGE_WITHIN = 0.03
"""A second passage of the same article is looked at when its fused score is at most this much lower."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a passage that can be shown alone: a sentence, or a list with its lead-in."""

    text: str
    """Verbatim."""
    is_steps: bool
    paragraph: int
    """Position of its paragraph within the passage."""
    opens: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of an answer and what it rests on."""

    shown: str
    quote: str
    """Verbatim text of the passage."""
    hit: Hit


def quoted(quote: str, hit: Hit) -> Piece:
    return Piece(quote, quote, hit)


def compose(text: str, question: str, hits: Sequence[Hit], encoder: Encoder) -> list[Piece]:
    """At most two pieces of the best passage, and at most one more of its article, that answer.

    Args:
        text: the message, which decides what is quoted.
        question: the same as a question that stands alone; for a follow-up it names the topic too.
    """
    best = hits[0]
    passages = [best] + [
        hit
        for hit in hits[1:3]
        if hit.article_id == best.article_id and best.score - hit.score <= SECOND_PASSAGE_WITHIN
    ]
    units = [(unit, hit) for hit in passages for unit in units_of(hit.content)]
    if not units:
        return [quoted(best.content, best)]
    vectors = encoder.encode([text, question, *(f"{hit.title}. {plain_text(unit.text)}" for unit, hit in units)])
    cosines = (vectors[2:] @ (TEXT_SHARE * vectors[0] + (1 - TEXT_SHARE) * vectors[1])).tolist()
    asks_how = ASKS_HOW.search(question) is not None
    scores = [
        cosine + STEPS_BONUS * (asks_how and unit.is_steps) + OPENING_BONUS * (unit.opens and hit is best)
        for cosine, (unit, hit) in zip(cosines, units, strict=True)
    ]
    chosen = max(range(len(units)), key=scores.__getitem__)
    return _pieces(units, scores, chosen)


def units_of(content: str) -> list[Unit]:
    """The passage as units, in order; headings are not shown."""
    blocks = [block for block in _blocks(content) if not HEADING.match(block)]
    units: list[Unit] = []
    for position, block in enumerate(blocks):
        if LIST_ITEM.match(block):
            lead = units.pop() if units and units[-1].text.rstrip().endswith(":") else None
            text = content[content.index(lead.text) : content.index(block) + len(block)] if lead else block
            units.append(Unit(text, ORDERED_ITEM.match(block) is not None, position, opens=not units))
        else:
            units += [
                Unit(sentence, is_steps=False, paragraph=position, opens=not units and not number)
                for number, sentence in enumerate(sentences(block))
            ]
    return units


def _blocks(content: str) -> list[str]:
    """Paragraphs, lists and headings: what blank lines part, where a list's items stay together."""
    blocks: list[str] = []
    for is_text, lines in groupby(content.split("\n"), key=lambda line: bool(line.strip())):
        if not is_text:
            continue
        block = "\n".join(lines)
        before = blocks[-1] if blocks else ""
        continues = LIST_ITEM.match(before) and (LIST_ITEM.match(block) or block.startswith((" ", "\t")))
        if continues:
            start = content.index(before)
            blocks[-1] = content[start : content.index(block, start + len(before)) + len(block)]
        else:
            blocks += _split_heading_and_list(block)
    return blocks


def _split_heading_and_list(block: str) -> list[str]:
    """Part a heading line from the text below it, and a paragraph from the list that follows without a blank line."""
    parts: list[list[str]] = []
    for line in block.split("\n"):
        starts = (
            not parts
            or HEADING.match(line)
            or HEADING.match(parts[-1][-1])
            or (LIST_ITEM.match(line) and not LIST_ITEM.match(parts[-1][0]))
        )
        if starts:
            parts.append([line])
        else:
            parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def _pieces(units: Sequence[tuple[Unit, Hit]], scores: Sequence[float], chosen: int) -> list[Piece]:
    """The chosen unit with what belongs to it: neighbouring sentences, or before steps the passage's opening."""
    unit, hit = units[chosen]
    if unit.is_steps:
        opening = next((n for n, (other, of) in enumerate(units) if other.opens and of is hit and n < chosen), None)
        pieces = [quoted(unit.text, hit)]
        if opening is not None and scores[chosen] - scores[opening] <= STEPS_BONUS + NEAR_BEST:
            pieces.insert(0, quoted(units[opening][0].text, hit))
        return pieces
    together = [chosen]
    for step in (1, -1):  # what follows explains; then what stands before
        other = chosen + step
        while 0 <= other < len(units) and len(together) < PARAGRAPH_SENTENCES:
            neighbour, of = units[other]
            same = of is hit and neighbour.paragraph == unit.paragraph
            if not same or scores[chosen] - scores[other] > NEAR_BEST:
                break
            together.append(other)
            other += step
    first, last = units[min(together)][0].text, units[max(together)][0].text
    start = hit.content.index(first)
    end = hit.content.index(last, start) + len(last)
    return [quoted(hit.content[start:end], hit)]
