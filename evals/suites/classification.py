"""Are messages labelled rightly? On the labelled messages themselves, each by a classifier that has not seen it.

Five folds, fixed by the ids' hashes; the halves do not matter here, since a fold is never trained on what it judges.

- `accuracy`, `macro_f1`: of the intent; the latter is the mean over intents of 2PR / (P + R).
- `category`, `priority`: shares labelled rightly.
- `out_of_scope_recall`, `out_of_scope_precision`: of messages that are not ours, at the classifier's own threshold.
- `ece`: expected calibration error of the intent's confidence.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from agents.classifier import OUT_OF_SCOPE, Classification
from agents.training import FOLDS, LabelledMessage, read_labelled, train_on
from evals.cases import Half
from evals.measures import expected_calibration_error
from evals.suites import Progress, Result
from graph.means import LABELLED_MESSAGES
from memory.knowledge.encoder import Encoder, open_encoder
from settings import Settings


def classification(_half: Half, progress: Progress) -> Result:
    encoder = open_encoder(Settings.model_fields["encoder"].default)
    messages = read_labelled(LABELLED_MESSAGES)
    folds = np.array([hashlib.sha256(message.text.encode()).digest()[0] % FOLDS for message in messages])
    found: dict[int, Classification] = {}
    for fold in range(FOLDS):
        judged = np.flatnonzero(folds == fold).tolist()
        known = [message for message, of in zip(messages, folds, strict=True) if of != fold]
        found |= dict(zip(judged, classify_all(known, [messages[n] for n in judged], encoder), strict=True))
        progress(fold + 1, FOLDS)
    return judge(messages, [found[n] for n in range(len(messages))])


def classify_all(
    known: list[LabelledMessage], unknown: list[LabelledMessage], encoder: Encoder
) -> list[Classification]:
    with TemporaryDirectory() as folder:
        classifier = train_on(known, encoder, Path(folder) / "classifier", digest="")
        vectors = encoder.encode([message.text for message in unknown])
        return [classifier.classify(message.text, vector) for message, vector in zip(unknown, vectors, strict=True)]


def judge(messages: list[LabelledMessage], found: list[Classification]) -> Result:
    wanted = np.array([message.intent for message in messages])
    given = np.array([each.intent for each in found])
    right = wanted == given
    alien, said_alien = wanted == OUT_OF_SCOPE, np.array([each.out_of_scope for each in found])
    figures = {
        "messages": float(len(messages)),
        "accuracy": float(right.mean()),
        "macro_f1": float(np.mean([f1(wanted == intent, given == intent) for intent in np.unique(wanted)])),
        "category": mean([m.category == f.category for m, f in zip(messages, found, strict=True)]),
        "priority": mean([m.priority == f.priority for m, f in zip(messages, found, strict=True)]),
        "out_of_scope_recall": float(said_alien[alien].mean()),
        "out_of_scope_precision": float(alien[said_alien].mean()) if said_alien.any() else 1.0,
        "ece": expected_calibration_error(np.array([each.confidence["intent"] for each in found]), right),
    }
    return Result(figures, [failure(messages[n], found[n]) for n in np.flatnonzero(~right)])


def f1(wanted: np.ndarray, given: np.ndarray) -> float:
    both = float((wanted & given).sum())
    return 2 * both / float(wanted.sum() + given.sum()) if both else 0.0


def mean(values: list[bool]) -> float:
    return sum(values) / len(values)


def failure(message: LabelledMessage, found: Classification) -> dict[str, Any]:
    sure = round(found.confidence["intent"], 3)
    return {"text": message.text, "wanted": message.intent, "given": found.intent, "confidence": sure}
