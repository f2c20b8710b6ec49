"""What only messages that a model has not seen can tell: how sure it may be, and what the unknown looks like."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold

from agents.classifier import OUT_OF_SCOPE, Strangeness, closeness_of, log_sum_exp, signs_of
from agents.classifier_features import Doubles
from agents.regression import Seen, fit_model

FOLDS = 5
MANY = 4_000
FOLDS_OF_MANY = 2
"""Of more than `MANY` messages so many of the folds are judged: enough for the few numbers that are fitted on them."""
SEED = 7
ABSENT = -1e9
"""Score of a label that a fold's model has not seen."""
EXAMPLES = 4_000
"""Training messages kept for closeness, spread evenly over the labels: 3 MB."""
ENOUGH_ALIENS = 50
"""With this many messages labelled out of scope, known intents need not play the unknown ones."""
FEWEST_INTENTS = 5
"""With fewer, none can be spared to play the unknown ones."""
SHARE_LABELLED = 0.15
"""Share of foreign messages that strangeness reckons with where some are labelled."""
SHARE_UNLABELLED = 1 / 3
"""And where hardly any are: of what people wrote to three live bots a third or more was foreign (HINT3, 2020)."""

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Positions to train on and to judge."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Each judged message by a model that has not seen it, in the order of the folds."""

    rows: NDArray[np.int64]
    scores: Doubles
    """(judged, labels)."""
    truth: NDArray[np.int64]
    """Position of its label; -1 where the model did not know the label."""
    closeness: Doubles
    """To the model's own examples; zeros where no vectors were given."""


def folds_of(labels: NDArray[np.str_], authors: Sequence[str]) -> list[Fold]:
    """The folds of `all_folds` that are worth their time."""
    return all_folds(labels, authors)[: FOLDS if len(labels) <= MANY else FOLDS_OF_MANY]


def all_folds(labels: NDArray[np.str_], authors: Sequence[str]) -> list[Fold]:
    """Whole authors left out when there are enough, else a fifth of every label; rare labels as evenly as can be."""
    if names_authors(authors):
        return list(GroupKFold(FOLDS).split(labels, labels, authors))
    most = int(np.unique(labels, return_counts=True)[1].max())
    splitter = StratifiedKFold(min(FOLDS, max(most, 2)), shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of labels rarer than folds
        return list(splitter.split(labels, labels if most > 1 else np.zeros(len(labels))))


def names_authors(authors: Sequence[str]) -> bool:
    return all(authors) and len(set(authors)) >= FOLDS


def trial_folds(intents: NDArray[np.str_], folds: Sequence[Fold]) -> list[Fold]:
    """Folds that also withhold a fifth of the intents, whose messages are judged as foreign ones.

    Empty when there are foreign messages enough, or too few intents.
    """
    known = np.unique(intents[intents != OUT_OF_SCOPE])
    if (intents == OUT_OF_SCOPE).sum() >= ENOUGH_ALIENS or len(known) < FEWEST_INTENTS:
        return []
    groups = np.random.default_rng(SEED).permutation(len(known)) % FOLDS
    trials = []
    for number, (train_rows, test_rows) in enumerate(folds):
        withheld = np.isin(intents, known[groups == number])
        trials.append((train_rows[~withheld[train_rows]], np.union1d(test_rows, np.flatnonzero(withheld))))
    return trials


def cross_fit(
    seen: Seen, vectors: NDArray[np.floating] | None, labels: NDArray[np.str_],
    names: NDArray[np.str_], folds: Sequence[Fold],
) -> HeldOut:  # fmt: skip
    """Folds whose training messages have one label only are left out; there may be none at all."""
    parts = [(np.zeros(0, np.int64), np.zeros((0, len(names))), np.zeros(0, np.int64), np.zeros(0))]
    for train_rows, test_rows in folds:
        if len(np.unique(labels[train_rows])) < 2:
            continue
        model = fit_model(seen, train_rows, labels[train_rows])
        scores = np.full((len(test_rows), len(names)), ABSENT)
        scores[:, np.searchsorted(names, model.classes_)] = scores_of(model, seen.table[test_rows])
        truth = np.searchsorted(names, labels[test_rows])
        truth[~np.isin(labels[test_rows], model.classes_)] = -1
        closeness = np.zeros(len(test_rows))
        if vectors is not None:
            closeness = closeness_of(vectors[test_rows], examples_of(vectors[train_rows], labels[train_rows]))
        parts.append((test_rows, scores, truth, closeness))
    return HeldOut(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def scores_of(model: Any, seen: csr_matrix) -> Doubles:
    """(messages, labels), also for two labels, where scikit-learn has one column."""
    scores: Doubles = model.decision_function(seen)
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1) / 2


def examples_of(vectors: NDArray[np.floating], intents: NDArray[np.str_]) -> NDArray[np.floating]:
    """Of every known intent the same number at most, chosen by chance (fixed)."""
    known = np.unique(intents[intents != OUT_OF_SCOPE])
    order = np.random.default_rng(SEED).permutation(len(intents))
    each = max(EXAMPLES // max(len(known), 1), 1)
    kept = [order[intents[order] == intent][:each] for intent in known]
    return vectors[np.sort(np.concatenate(kept))] if kept else vectors[:1]


def fit_temperature(held_out: HeldOut) -> float:
    """The divisor of the scores with the least log loss on held-out messages."""
    judged = held_out.truth >= 0
    scores, truth = held_out.scores[judged], held_out.truth[judged]
    if not judged.any():
        return 1.0

    def log_loss(temperature: float) -> float:
        divided = scores / temperature
        return float((log_sum_exp(divided) - divided[np.arange(len(truth)), truth]).mean())

    return float(minimize_scalar(log_loss, bounds=(0.05, 10), method="bounded").x)


def fit_strangeness(held_out: HeldOut, unknown: HeldOut | None, labels: NDArray[np.str_]) -> Strangeness | None:
    """From foreign messages that were labelled, or where they are few from intents that were withheld.

    None when there are neither.
    """
    alien = int(np.searchsorted(labels, OUT_OF_SCOPE)) if OUT_OF_SCOPE in labels else None
    signs, foreign = _signs_and_truth(held_out if unknown is None else unknown, alien)
    if not foreign.any() or foreign.all():
        return None
    share = SHARE_LABELLED if unknown is None else SHARE_UNLABELLED
    weights = np.where(foreign, share / foreign.mean(), (1 - share) / (1 - foreign.mean()))
    middle, spread = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-9)
    model = LogisticRegression(C=1.0).fit((signs - middle) / spread, foreign, sample_weight=weights)
    slopes = model.coef_[0] / spread
    return Strangeness(
        (float(slopes[0]), float(slopes[1]), float(slopes[2])), float(model.intercept_[0] - slopes @ middle)
    )


def _signs_and_truth(judged: HeldOut, alien: int | None) -> tuple[Doubles, NDArray[np.bool_]]:
    foreign = judged.truth < 0
    if alien is not None:
        foreign |= judged.truth == alien
    return signs_of(judged.scores, judged.closeness, alien), foreign
