"""The extractive answer: the sentences or steps of the best passage that answer, verbatim, each with its citation.

No sentence is written here, so none can be invented.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.knowledge.chunking import plain_text
from memory.knowledge.search import Hit, Knowledge
from memory.knowledge.units import Unit, units_of

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
class Piece:
    """Part of an answer and what it rests on."""

    shown: str
    quote: str
    """Verbatim text of the passage."""
    hit: Hit


def quoted(quote: str, hit: Hit) -> Piece:
    return Piece(quote, quote, hit)


def compose(text: str, question: str, hits: Sequence[Hit], knowledge: Knowledge) -> list[Piece]:
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
    vector = TEXT_SHARE * knowledge.vector(text) + (1 - TEXT_SHARE) * knowledge.vector(question)
    scored = [(unit, hit, cosine) for hit in passages for unit, cosine in _scored_units(hit, vector, knowledge)]
    if not scored:
        return [quoted(best.content, best)]
    asks_how = ASKS_HOW.search(question) is not None
    scores = [
        cosine + STEPS_BONUS * (asks_how and unit.is_steps) + OPENING_BONUS * (unit.opens and hit is best)
        for unit, hit, cosine in scored
    ]
    chosen = max(range(len(scored)), key=scores.__getitem__)
    return _pieces([(unit, hit) for unit, hit, _ in scored], scores, chosen)


def _scored_units(hit: Hit, vector: NDArray[np.float32], knowledge: Knowledge) -> list[tuple[Unit, float]]:
    """The passage's units with their cosines, from the index, or encoded where a newer index has replaced it."""
    units = units_of(hit.content)
    cosines = knowledge.unit_cosines(hit.chunk_id, vector)
    if units and len(cosines) != len(units):
        texts = [f"{hit.title}. {plain_text(unit.text)}" for unit in units]
        cosines = (knowledge.encoder.encode(texts) @ vector).tolist()
    return list(zip(units, cosines, strict=False))


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
