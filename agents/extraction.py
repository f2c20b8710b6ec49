"""The extractive answer: the sentences or steps of the best article that answer, verbatim, each with its citation.

No sentence is written here, so none can be invented.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from agents.questions import Reading
from memory.knowledge.chunking import plain_text
from memory.knowledge.search import Hit, Knowledge
from memory.knowledge.units import Unit, units_of

ASKS_HOW = re.compile(r"\b(how (do|can|to|should|would|may)|steps?|where (do|can)|set ?up|guide|way to)\b", re.I)

ASKS_AMOUNT = re.compile(
    r"\b(how (long|many|much|often|fast|quick(ly)?|far|soon|big|large|old|short|late)|when|until|limit|max(imum)?"
    r"|min(imum)?|price|costs?|percent|size|rate|deadline|which (plan|version|browser)s?|what time|hours?|days?"
    r"|too (big|large|many|long))\b",
    re.I,
)
AMOUNT = re.compile(r"\d|[€$£%]")

MOST_PIECES = 3
PIECE_WITHIN = 0.1
"""A further piece is quoted when its score is at most this much below the best one's. Of 166 questions of the tuned
half whose article was found the gold fact was shown for 154 (74 words an answer), for 142 with the best piece alone."""
PARAGRAPH_SENTENCES = 3
"""Most sentences of a paragraph that are shown."""
NEAR_BEST = 0.12
"""A neighbouring sentence is shown with a chosen one when its score is at most this much lower."""
STEPS_BONUS = 0.15
"""Added to a numbered list's cosine when the question asks how to do something."""
AMOUNT_BONUS = 0.15
"""Added to a unit with a figure when the question asks for an amount, a time or a limit."""
CONTEXT_SHARE = 0.3
"""How much what a follow-up refers to counts beside the follow-up itself."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of an answer and what it rests on."""

    shown: str
    quote: str
    """Verbatim text of the passage."""
    hit: Hit


def quoted(quote: str, hit: Hit) -> Piece:
    return Piece(quote, quote, hit)


def compose(reading: Reading, knowledge: Knowledge) -> list[Piece]:
    """The best sentences or steps of the first hit's article, the best one first."""
    best = reading.hits[0]
    vector = knowledge.vector(knowledge.corrected(reading.question))
    if reading.context:
        vector = (1 - CONTEXT_SHARE) * vector + CONTEXT_SHARE * knowledge.vector(reading.context[0])
    passages = [hit for hit in reading.hits if hit.article_id == best.article_id]
    scored = [
        (unit, hit, cosine + _bonus(unit, reading.question))
        for hit in passages
        for unit, cosine in _scored_units(hit, vector, knowledge)
    ]
    if not scored:
        return [quoted(best.content, best)]
    units = [(unit, hit) for unit, hit, _ in scored]
    scores = [score for _, _, score in scored]
    return [_with_neighbours(units, scores, chosen) for chosen in _chosen(units, scores)]


def _bonus(unit: Unit, question: str) -> float:
    if ASKS_AMOUNT.search(question):
        return AMOUNT_BONUS if AMOUNT.search(unit.text) else 0.0
    return STEPS_BONUS if unit.is_steps and ASKS_HOW.search(question) else 0.0


def _chosen(units: Sequence[tuple[Unit, Hit]], scores: Sequence[float]) -> list[int]:
    """Positions of the best units, each of another paragraph, best first."""
    ranked = sorted(range(len(units)), key=lambda n: -scores[n])
    chosen: dict[tuple[UUID, int], int] = {}
    for n in ranked:
        unit, hit = units[n]
        if len(chosen) == MOST_PIECES or scores[ranked[0]] - scores[n] > PIECE_WITHIN:
            break
        chosen.setdefault((hit.chunk_id, unit.paragraph), n)
    return list(chosen.values())


def _scored_units(hit: Hit, vector: NDArray[np.float32], knowledge: Knowledge) -> list[tuple[Unit, float]]:
    """The passage's units with their cosines, from the index, or encoded where a newer index has replaced it."""
    units = units_of(hit.content)
    cosines = knowledge.unit_cosines(hit.chunk_id, vector)
    if units and len(cosines) != len(units):
        texts = [f"{hit.title}. {plain_text(unit.text)}" for unit in units]
        cosines = (knowledge.encoder.encode(texts) @ vector).tolist()
    return list(zip(units, cosines, strict=False))


def _with_neighbours(units: Sequence[tuple[Unit, Hit]], scores: Sequence[float], chosen: int) -> Piece:
    """The chosen unit with neighbouring sentences of its paragraph that say nearly as much."""
    unit, hit = units[chosen]
    together = [chosen]
    for step in () if unit.is_steps else (1, -1):  # what follows explains; then what stands before
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
    return quoted(hit.content[start:end], hit)
