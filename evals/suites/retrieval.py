"""Is an article that answers among the first? Per collection, over its answerable questions.

A ranking is of articles, each at its best passage; G are the articles any of which answers.

- `hit_at_k`: the share of questions with one of G among the first k articles.
- `recall_at_5`: the mean of |G among the first 5| / min(|G|, 5).
- `mrr_at_10`: the mean of 1 / place of the first of G, 0 beyond the tenth place.
- `dense_…`, `keywords_…`: the same with what the search found ranked by one half's score alone.
- `over_better_half_hit_at_1`, `over_better_half_mrr_at_10`: the figure less the larger of the two halves' figures; at
  least 0 when the fusion is no worse than its better half.
- `fact_at_5`: of the questions that name a value, the share for which one of the first 5 passages shows it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evals.context import Run
from evals.measures import hit_at, recall_at, reciprocal_rank
from evals.searching import Outcome
from evals.suites import Result, means, row

COMPARED = ("hit_at_1", "mrr_at_10")
"""Figures in which the fusion is held against its halves."""
PASSAGE_CHARACTERS = 1_500
"""Of a passage in the report."""


def retrieval(run: Run) -> Mapping[str, Result]:
    return {each.name: judge(run.outcomes(each), is_sealed=each.is_sealed) for each in run.collections}


def judge(outcomes: Sequence[Outcome], *, is_sealed: bool = False) -> Result:
    asked = [outcome for outcome in outcomes if outcome.question.answerable]
    cases = [
        row(
            outcome.question.id,
            **rank_figures(outcome.ranking, outcome.question.articles),
            **rank_figures(outcome.dense, outcome.question.articles, "dense_"),
            **rank_figures(outcome.keywords, outcome.question.articles, "keywords_"),
            fact_at_5=outcome.shows_fact,
        )
        for outcome in asked
    ]
    names = list(dict.fromkeys(name for case in cases for name in case["figures"]))
    figures = {"questions": float(len(asked)), **means(cases, *names)}
    for name in COMPARED if asked else ():
        better = max(figures[f"dense_{name}"], figures[f"keywords_{name}"])
        figures[f"over_better_half_{name}"] = figures[name] - better
    missed = [outcome for outcome in asked if not outcome.right]
    return Result(figures, [failure(outcome, is_sealed=is_sealed) for outcome in missed], cases)


def rank_figures(ranking: Sequence[str], gold: frozenset[str], prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}hit_at_1": hit_at(ranking, gold, 1),
        f"{prefix}hit_at_3": hit_at(ranking, gold, 3),
        f"{prefix}hit_at_5": hit_at(ranking, gold, 5),
        f"{prefix}recall_at_5": recall_at(ranking, gold, 5),
        f"{prefix}mrr_at_10": reciprocal_rank(ranking, gold, 10),
    }


def failure(outcome: Outcome, *, is_sealed: bool, fault: str | None = None) -> dict[str, Any]:
    """A question with what was expected and what stood first."""
    question, first = outcome.question, outcome.first
    told: dict[str, Any] = {"id": question.id, "probability": round(outcome.probability, 3)}
    if fault:
        told["fault"] = fault
    if is_sealed:
        return told
    return {
        **told,
        "text": question.text,
        "wanted": sorted(question.articles) if question.answerable else question.kind or "no answer",
        "found": first and {"title": first.title, "article": first.slug, "quote": first.passage[:PASSAGE_CHARACTERS]},
        "place": next((n for n, slug in enumerate(outcome.ranking, 1) if slug in question.articles), None),
    }
