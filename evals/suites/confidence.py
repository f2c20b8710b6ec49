"""Does the confidence say how often the first passage is right? Per collection, over all its questions.

p is the probability given, s the fused score of the first hit; right: the question can be answered and the first hit is
of an article that answers.

- `ece`: expected calibration error of p, ten bins.
- `brier`: the mean of (p - right)²; `brier_top_score`: the same for a logistic fit on s alone, cross-fitted on the same
  questions in five folds by group, which p has to beat.
- `auroc`: the chance that an answerable question has a higher p than one that is not; 0.5 when one kind is missing.
- `precision_answer_at`, `precision_suggest_at`: of the questions with p at or above the setting, the share that is
  right.
- `coverage_answer_at`, `coverage_suggest_at`: of the answerable questions, the share that is right and at or above it.
- `answered_at_95_precision`: the largest coverage of any threshold on p with a precision of at least 0.95;
  `answered_at_95_precision_top_score`: the same with thresholds on s.

`pooled` takes the questions of `own` and `stackfaq` together. A name that ends in `-half` is a collection with half of
its entries removed, which leaves questions without an answer: each figure is the mean over the splits, and a case is a
split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evals.collections import OWN
from evals.context import Run
from evals.measures import (
    auroc,
    coverage_at_precision,
    expected_calibration_error,
    held_out_logistic,
    operating_points,
    reliability_bins,
    squared_errors,
)
from evals.searching import Outcome
from evals.suites import Result, means, row
from evals.suites.retrieval import failure
from settings import Settings

POOLED = (OWN, "stackfaq")
CURVE_POINTS = 200
"""Of a drawn curve at most."""
HISTOGRAM_BINS = 20
MEANS = ("precision_answer_at", "coverage_answer_at", "precision_suggest_at", "coverage_suggest_at")
BRIERS = ("brier", "brier_top_score")


def confidence(run: Run) -> Mapping[str, Result]:
    results = {}
    for each in run.collections:
        results[each.name] = judge(run.outcomes(each), run.settings, is_sealed=each.is_sealed)
        if each.splits:
            results[f"{each.name}-half"] = judge_splits(list(run.outcomes_of_halves(each)), run.settings)
    pooled = [run.outcomes(each) for each in run.collections if each.name in POOLED]
    if len(pooled) == len(POOLED):
        together = judge([outcome for outcomes in pooled for outcome in outcomes], run.settings)
        results["pooled"] = Result(together.figures, [], together.cases, together.plots)
    return results


def judge(outcomes: Sequence[Outcome], settings: Settings, *, is_sealed: bool = False) -> Result:
    given = np.array([outcome.probability for outcome in outcomes], float)
    scores = np.array([outcome.score for outcome in outcomes], float)
    right = np.array([outcome.right for outcome in outcomes], bool)
    answerable = np.array([outcome.question.answerable for outcome in outcomes], bool)
    by_score = held_out_logistic(scores, right, [outcome.group for outcome in outcomes])
    briers = zip(squared_errors(given, right).tolist(), squared_errors(by_score, right).tolist(), strict=True)
    cases = [
        row(outcome.question.id, brier=brier, brier_top_score=plain, **at_settings(outcome, settings))
        for outcome, (brier, plain) in zip(outcomes, briers, strict=True)
    ]
    count = int(answerable.sum())
    figures = {
        "questions": float(len(outcomes)),
        "answerable": float(count),
        "ece": expected_calibration_error(given, right),
        **means(cases, *BRIERS, empty=0.0),
        "auroc": auroc(given, answerable),
        **means(cases, *MEANS),
        "answered_at_95_precision": coverage_at_precision(given, right, count),
        "answered_at_95_precision_top_score": coverage_at_precision(scores, right, count),
    }
    failures = [
        failure(outcome, is_sealed=is_sealed, fault=fault)
        for outcome in outcomes
        if (fault := fault_of(outcome, settings)) is not None
    ]
    return Result(figures, failures, cases, probability_plots(given, right, count))


def judge_splits(splits: Sequence[Sequence[Outcome]], settings: Settings) -> Result:
    """The mean over the splits; the plots take all splits together."""
    each = [judge(outcomes, settings).figures for outcomes in splits]
    cases = [row(f"split {n}", **figures) for n, figures in enumerate(each, start=1)]
    everything = [outcome for outcomes in splits for outcome in outcomes]
    given = np.array([outcome.probability for outcome in everything], float)
    right = np.array([outcome.right for outcome in everything], bool)
    answerable = sum(outcome.question.answerable for outcome in everything)
    return Result(means(cases, *(each[0] if each else ())), [], cases, probability_plots(given, right, answerable))


def at_settings(outcome: Outcome, settings: Settings) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for name, threshold in (("answer_at", settings.answer_at), ("suggest_at", settings.suggest_at)):
        taken = outcome.probability >= threshold
        found[f"precision_{name}"] = outcome.right if taken else None
        found[f"coverage_{name}"] = outcome.right and taken if outcome.question.answerable else None
    return found


def fault_of(outcome: Outcome, settings: Settings) -> str | None:
    """What is wrong with a question's probability, in words."""
    taken = outcome.probability >= settings.suggest_at
    if taken and not outcome.right:
        return "shown, though wrong" if outcome.question.answerable else "shown, though there is no answer"
    return "held back, though right" if outcome.right and not taken else None


def probability_plots(given: np.ndarray, right: np.ndarray, answerable: int) -> dict[str, Any]:
    """A reliability diagram, precision over coverage, and how right and wrong ones are spread; as plain values."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    points = operating_points(given, right, answerable)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), CURVE_POINTS)).astype(int)).tolist()
    return {
        "reliability": [asdict(each) for each in reliability_bins(given, right)],
        "operating": [asdict(points[n]) for n in chosen],
        "spread": {
            "right": np.histogram(given[right], edges)[0].tolist(),
            "wrong": np.histogram(given[~right], edges)[0].tolist(),
        },
    }
