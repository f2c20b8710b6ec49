"""The FAQ agent: finds the passages that answer, says how sure it is, and quotes them."""

import re
from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import StreamWriter

from agents.confidence import PASSAGES
from agents.extraction import Piece, compose
from agents.prompts import CLARIFY_BETWEEN, CLARIFY_MORE, NOT_FOUND, OFFER_PERSON
from agents.questions import Reading, leans_on_context, parts_of
from agents.state import CitationOut, SupportState, Turn, draft
from memory.database import reading
from memory.knowledge.search import Hit
from memory.knowledge.words import content_words
from settings import Settings

PASSAGES_RECORDED = 3
"""How many of the passages the handoff shows."""
PASSAGES_WRITTEN_FROM = 4
"""How many a language model is given."""
TOPIC_CHARACTERS = 300
TOPICS = 2
"""Earlier questions that a follow-up is read together with."""
CONTEXT_BONUS = 0.2
"""A message is read together with what was asked before unless alone it is surer by more than this: of our follow-ups
0.40 found their article alone and 0.87 in context (53 of the tuned half)."""
LINK = re.compile(r"\[([^\]]+)\]\((?!/help/)[^)]*\)")
"""A link that does not lead into the help centre."""


def search_knowledge(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """Search for the message, alone or together with what was asked before, and for each of several questions."""
    turn, text = runtime.context, state["text"]
    topics = [] if is_alien(state) else state.get("topics", [])
    parts = [(question, [told[-TOPIC_CHARACTERS:]] if told else []) for question, told in parts_of(text)]
    whole = [(text, []), (text, topics)] if topics else [(text, [])]
    readings = read_each(turn, [*whole, *parts])
    best = likelier(readings[0], readings[1]) if topics else readings[0]
    each = readings[len(whole) :]
    found = [part for part in each if part.probability >= turn.settings.suggest_at]
    several = len({part.hits[0].chunk_id for part in found}) >= 2
    if best.probability < turn.settings.suggest_at:  # a sure answer to one part is better than none to the whole
        several = several or any(part.probability >= turn.settings.answer_at for part in found)
    return {
        "question": best.question,
        "context": best.context,
        "hits": best.hits,
        "probability": min(part.probability for part in found) if several else best.probability,
        "parts": each if several else [],
    }


def read_each(turn: Turn, questions: Sequence[tuple[str, list[str]]]) -> list[Reading]:
    """Search for each question in its context, and say how sure that is."""
    with reading(turn.sessions) as session:
        found = turn.knowledge.search_each(session, questions, limit=PASSAGES)
    rarity = turn.knowledge.rarity
    return [
        Reading(question, context, hits, turn.confidence.probability(question, hits, rarity, in_context=bool(context)))
        for (question, context), hits in zip(questions, found, strict=True)
    ]


def likelier(alone: Reading, together: Reading) -> Reading:
    """The message by itself, or in the context of what was asked before, whichever is likelier to be meant."""
    leans = leans_on_context(alone.question) or together.probability + CONTEXT_BONUS >= alone.probability
    return together if leans else alone


async def answer(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """Answer from the passages: in a model's checked words when there is a model, else in the passages' own."""
    turn = runtime.context
    probability, parts = state["probability"], state["parts"]
    if parts:
        found = [part for part in parts if part.probability >= turn.settings.suggest_at]
        pieces = [await _pieces_for(part, turn, runtime.stream_writer) for part in found]
        text, citations = cite(pieces, [part.question for part in found])
        missing = [part.question for part in parts if part not in found]
        text = "\n\n".join([text, *(NOT_FOUND.format(question=question) for question in missing)])
    else:
        whole = Reading(state["question"], state["context"], state["hits"], probability)
        text, citations = cite([await _pieces_for(whole, turn, runtime.stream_writer)])
        missing = []
    is_sure = probability >= turn.settings.answer_at and not missing
    if not is_sure:
        text = f"{text}\n\n{OFFER_PERSON}"
    return {
        "draft": draft(text, "answered" if is_sure else "suggested", confidence=probability, citations=citations),
        "topics": topics_after(state),
        "asked_back": False,
    }


async def _pieces_for(part: Reading, turn: Turn, show: StreamWriter) -> list[Piece]:
    if turn.writer is not None:
        asked = " ".join([*reversed(part.context), part.question])
        written = await turn.writer.write(asked, part.hits[:PASSAGES_WRITTEN_FROM], show)
        if written is not None:
            return written
    return compose(part, turn.knowledge)


def topics_after(state: SupportState) -> list[str]:
    """What the next message may refer to: this one, and before it what this one referred to."""
    return [state["text"][-TOPIC_CHARACTERS:], *state.get("context", [])][:TOPICS]


def cite(answers: Sequence[Sequence[Piece]], questions: Sequence[str] = ()) -> tuple[str, list[CitationOut]]:
    """The answer's text with a mark behind each piece, and what the marks stand for.

    Args:
        questions: shown above the answers, where a message asked several things.
    """
    parts: list[str] = []
    citations: list[CitationOut] = []
    for place, pieces in enumerate(answers):
        if questions:
            parts.append(f"**{questions[place]}**")
        for piece in pieces:
            citations.append(_citation(len(citations) + 1, piece))
            parts.append(LINK.sub(r"\1", piece.shown) + f" [{len(citations)}]")
    return "\n\n".join(parts), citations


def _citation(n: int, piece: Piece) -> CitationOut:
    return {
        "n": n,
        "article_id": str(piece.hit.article_id),
        "title": piece.hit.title,
        "version": piece.hit.version,
        "quote": piece.quote,
        "url": f"/help/{piece.hit.slug}",
        "chunk_id": str(piece.hit.chunk_id),
        "score": round(piece.hit.score, 4),
    }


async def clarify(state: SupportState) -> SupportState:
    """Ask one question back: which of the two best articles is meant."""
    titles = list(dict.fromkeys(hit.title for hit in state.get("hits", [])))
    if len(titles) >= 2:
        text = CLARIFY_BETWEEN.format(first=titles[0], second=titles[1])
    else:
        text = CLARIFY_MORE.format(first=titles[0]) if titles else CLARIFY_MORE.split(" It may")[0]
    return {
        "draft": draft(text, "clarify", confidence=state.get("probability")),
        "topics": topics_after(state),
        "asked_back": True,
    }


def judge(state: SupportState, settings: Settings) -> str:
    """What a search came to: `answer`, `clarify`, `not_ours` or `none`."""
    probability = state["probability"]
    text, alien = state["text"], is_alien(state)
    if probability >= (settings.answer_at if alien else settings.suggest_at):
        return "answer"
    if not content_words(text):
        return "clarify"
    if alien and probability < settings.clarify_at:
        return "not_ours"
    return "clarify" if probability >= settings.clarify_at and not state.get("asked_back") else "none"


def is_alien(state: SupportState) -> bool:
    """Not our business; what leans on a question of ours is, however strange it sounds alone."""
    text = state["text"]
    leans = bool(state.get("topics")) and (leans_on_context(text) or len(content_words(text)) <= 1)
    return state["classification"].out_of_scope and not leans


def attempt_record(question: str, hits: Sequence[Hit]) -> dict[str, Any]:
    """What the turn's row keeps of a search; the handoff reads the texts from the articles' versions."""
    return {
        "query": question,
        "passages": [
            {
                "chunk_id": str(hit.chunk_id),
                "article_id": str(hit.article_id),
                "version": hit.version,
                "score": round(hit.score, 4),
            }
            for hit in hits[:PASSAGES_RECORDED]
        ],
    }
