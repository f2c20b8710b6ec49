"""The FAQ agent: finds the passages that answer, says how sure it is, and quotes them."""

import re
from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from agents.extraction import Piece, compose
from agents.prompts import CLARIFY_BETWEEN, CLARIFY_MORE, OFFER_PERSON
from agents.state import CitationOut, SupportState, Turn, draft
from memory.database import reading
from memory.knowledge.search import Hit
from memory.knowledge.words import content_words
from settings import Settings

PASSAGES = 8
"""How many passages the agent reads."""
PASSAGES_RECORDED = 3
"""How many of them the handoff shows."""
PASSAGES_WRITTEN_FROM = 4
"""How many a language model is given."""
TOPIC_CHARACTERS = 300
FOLLOW_UP_WORDS = 4
"""With at most this many content words and a word that points back, a message is taken for a follow-up."""
POINTS_BACK = re.compile(r"\b(it|its|that|this|these|those|they|them|there|one|ones|same|instead|else)\b", re.I)
CONTINUES = re.compile(
    r"^\W*(and|but|so|then|also|what about|how about|what if|or|ok(ay)?[, ]+(and|but|so|what))\b", re.I
)
LINK = re.compile(r"\[([^\]]+)\]\((?!/help/)[^)]*\)")
"""A link that does not lead into the help centre."""


def search_knowledge(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """Search for the message and, when it may refer to the question before, for both together."""
    turn = runtime.context
    best: SupportState = {}
    for question in readings_of(state["text"], state.get("topic")):
        with reading(turn.sessions) as session:
            hits = turn.knowledge.search(session, question, limit=PASSAGES)
        probability = turn.confidence.probability(question, hits)
        if not best or probability > best["probability"]:
            best = {"question": question, "hits": hits, "probability": probability}
    return best


def readings_of(text: str, topic: str | None) -> list[str]:
    """The message as it stands, and for a possible follow-up also together with what it follows."""
    asked = len(content_words(text))
    is_follow_up = topic is not None and (
        asked == 0
        or CONTINUES.search(text) is not None
        or (asked <= FOLLOW_UP_WORDS and POINTS_BACK.search(text) is not None)
    )
    return [text, f"{topic} {text}"] if is_follow_up else [text]


async def answer(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """Answer from the passages: in a model's checked words when there is a model, else in the passages' own."""
    turn = runtime.context
    pieces = None
    if turn.writer is not None:
        pieces = await turn.writer.write(
            state["question"], state["hits"][:PASSAGES_WRITTEN_FROM], runtime.stream_writer
        )
    if pieces is None:
        pieces = compose(state["text"], state["question"], state["hits"], turn.knowledge)
    is_sure = state["probability"] >= turn.settings.answer_at
    text, citations = cite(pieces)
    if not is_sure:
        text = f"{text}\n\n{OFFER_PERSON}"
    return {
        "draft": draft(
            text, "answered" if is_sure else "suggested", confidence=state["probability"], citations=citations
        ),
        "topic": state["question"][-TOPIC_CHARACTERS:],
        "asked_back": False,
    }


def cite(pieces: Sequence[Piece]) -> tuple[str, list[CitationOut]]:
    """The answer's text with a mark behind each piece, and what the marks stand for."""
    parts: list[str] = []
    citations: list[CitationOut] = []
    for n, piece in enumerate(pieces, start=1):
        parts.append(LINK.sub(r"\1", piece.shown) + f" [{n}]")
        citations.append(
            {
                "n": n,
                "article_id": str(piece.hit.article_id),
                "title": piece.hit.title,
                "version": piece.hit.version,
                "quote": piece.quote,
                "url": f"/help/{piece.hit.slug}",
                "chunk_id": str(piece.hit.chunk_id),
                "score": round(piece.hit.score, 4),
            }
        )
    return "\n\n".join(parts), citations


async def clarify(state: SupportState) -> SupportState:
    """Ask one question back: which of the two best articles is meant."""
    titles = list(dict.fromkeys(hit.title for hit in state.get("hits", [])))
    if len(titles) >= 2:
        text = CLARIFY_BETWEEN.format(first=titles[0], second=titles[1])
    else:
        text = CLARIFY_MORE.format(first=titles[0]) if titles else CLARIFY_MORE.split(" It may")[0]
    return {
        "draft": draft(text, "clarify", confidence=state.get("probability")),
        "topic": state["text"][-TOPIC_CHARACTERS:],
        "asked_back": True,
    }


def judge(state: SupportState, settings: Settings) -> str:
    """What a search came to: `answer`, `clarify`, `not_ours` or `none`."""
    probability, alien = state["probability"], state["classification"].out_of_scope
    if probability >= (settings.answer_at if alien else settings.suggest_at):
        return "answer"
    if not content_words(state["text"]):
        return "clarify"
    if alien:
        return "not_ours"
    return "clarify" if probability >= settings.clarify_at and not state.get("asked_back") else "none"


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
