"""A collection's questions searched once, for every suite that looks at rankings or probabilities."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agents.confidence import PASSAGES, Confidence
from evals.cases import Question
from evals.homes import Ingested
from evals.suites import Progress
from memory.database import reading
from memory.knowledge.search import KEYWORD_WEIGHT, Hit

ARTICLES_RANKED = 10
"""Of a ranking, the articles that are looked at."""
WIDE = 250
"""Passages asked for: about all that either half of the search proposes, so that each half can be ranked alone."""
PASSAGES_FOR_FACTS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What stood first."""

    slug: str
    title: str
    source: str | None
    passage: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to. Rankings are slugs, best first, each article at its best passage."""

    question: Question
    ranking: tuple[str, ...]
    dense: tuple[str, ...]
    keywords: tuple[str, ...]
    first: Shown | None
    score: float
    """Of the first hit; 0 without hits."""
    probability: float
    """That the first hit answers."""
    shows_fact: bool | None
    """One of the first passages shows every value that a right answer must; None when none is named."""

    @property
    def right(self) -> bool:
        """The first hit is of an article that answers."""
        return self.question.answerable and self.ranking[:1] != () and self.ranking[0] in self.question.articles

    @property
    def group(self) -> str:
        return self.question.group or self.question.id


def search_all(
    ingested: Ingested, questions: Sequence[Question], progress: Progress = lambda _done, _of: None
) -> list[Outcome]:
    """Every question on its own, as it is a customer's first message; their articles are slugs."""
    confidence = Confidence()
    outcomes = []
    for done, question in enumerate(questions, start=1):
        with reading(ingested.sessions) as session:
            hits = ingested.knowledge.search(session, question.text, limit=WIDE)
        sure = confidence.probability(question.text, hits[:PASSAGES], ingested.knowledge.rarity)
        outcomes.append(outcome(question, hits, sure))
        progress(done, len(questions))
    return outcomes


def outcome(question: Question, hits: Sequence[Hit], probability: float) -> Outcome:
    first = hits[0] if hits else None
    with_words = [hit for hit in hits if hit.scores.keywords > 0]
    return Outcome(
        question,
        ranking=articles_of(hits),
        dense=articles_of(by_half(hits, meaning)),
        keywords=articles_of(by_half(with_words, lambda hit: hit.scores.keywords)),
        first=Shown(first.slug, first.title, first.source, first.content) if first else None,
        score=first.score if first else 0.0,
        probability=probability,
        shows_fact=shows(question.contains, hits[:PASSAGES_FOR_FACTS]) if question.contains else None,
    )


def meaning(hit: Hit) -> float:
    """The dense half's part of the fused score, which is a weighted sum."""
    return hit.score - KEYWORD_WEIGHT * hit.scores.keywords


def by_half(hits: Iterable[Hit], score: Callable[[Hit], float]) -> list[Hit]:
    """Ranked by one half alone; ties by name, so that the other half has no say."""
    return sorted(hits, key=lambda hit: (-score(hit), hit.slug, hit.chunk_id))


def articles_of(hits: Iterable[Hit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hit.slug for hit in hits))[:ARTICLES_RANKED]


def shows(values: Iterable[str], hits: Iterable[Hit]) -> bool:
    """One of the passages has every value, upper and lower case being the same."""
    return any(all(value.lower() in hit.content.lower() for value in values) for hit in hits)
