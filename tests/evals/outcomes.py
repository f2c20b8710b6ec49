"""Search outcomes made by hand."""

from uuid import UUID, uuid4

from evals.cases import Question
from evals.searching import Outcome, Shown
from memory.knowledge.search import KEYWORD_WEIGHT, Hit, Scores


def hit(slug: str, *, dense: float, keywords: float = 0.0, content: str = "") -> Hit:
    """Of an article with one passage. `dense` is what both cosines together bring to the fused score."""
    fields = dict.fromkeys(Scores._fields, dense)
    scores = Scores(**{**fields, "keywords": keywords, "fused": dense + KEYWORD_WEIGHT * keywords})
    article_id = UUID(int=sum(map(ord, slug)))
    return Hit(uuid4(), article_id, f"{slug}.md", slug, slug.title(), 1, "", content or f"About {slug}.", scores)


def outcome(
    case_id: str, probability: float, *, found: str = "a", wanted: str = "a", kind: str = "", score: float | None = None
) -> Outcome:
    """The article `found` stood first; without `wanted` the question cannot be answered."""
    gold = frozenset([wanted] if wanted else [])
    question = Question(case_id, f"Where is {case_id}?", bool(wanted), gold, kind=kind)
    shown = Shown(found, found.title(), f"{found}.md", f"About {found}.")
    return Outcome(
        question, (found,), (found,), (), shown, probability if score is None else score, probability, None
    )  # fmt: skip
