"""Are messages labelled rightly? On the labelled messages themselves, each by a classifier that knows nothing its
author wrote: as many classifiers as authors. Of one's own colleagues a model knows more than of a stranger, so rows
left out by chance would flatter it. The halves do not matter here.

- `accuracy`, `macro_f1`: of the intent; the latter is the mean over intents of 2PR / (P + R).
- `category`, `priority`: shares labelled rightly.
- `out_of_scope_recall`, `out_of_scope_precision`: of messages that are not ours, at the classifier's own threshold.
- `ece`: expected calibration error of the intent's confidence.
"""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.classifier import OUT_OF_SCOPE, Classification
from agents.training import LabelledMessage, read_labelled, train_on
from evals.cases import Half
from evals.measures import expected_calibration_error, reliability_bins, share
from evals.suites import Progress, Result
from graph.means import LABELLED_MESSAGES
from memory.knowledge.encoder import Encoder, open_encoder
from settings import Settings


def classification(_half: Half, progress: Progress) -> Result:
    messages = read_labelled(LABELLED_MESSAGES)
    return judge(messages, by_strangers(messages, open_encoder(Settings.model_fields["encoder"].default), progress))


def by_strangers(messages: list[LabelledMessage], encoder: Encoder, progress: Progress) -> list[Classification]:
    """Each message by a classifier trained on all other authors' messages."""
    authors = sorted({message.author for message in messages})
    found: dict[int, Classification] = {}
    for done, author in enumerate(authors, start=1):
        judged = [n for n, message in enumerate(messages) if message.author == author]
        known = [message for message in messages if message.author != author]
        found |= dict(zip(judged, classify_all(known, [messages[n] for n in judged], encoder), strict=True))
        progress(done, len(authors))
    return [found[n] for n in range(len(messages))]


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
    sure = np.array([each.confidence["intent"] for each in found])
    figures = {
        "messages": float(len(messages)),
        "accuracy": float(right.mean()),
        "macro_f1": macro_f1(wanted, given),
        "category": mean([m.category == f.category for m, f in zip(messages, found, strict=True)]),
        "priority": mean([m.priority == f.priority for m, f in zip(messages, found, strict=True)]),
        "out_of_scope_recall": share(said_alien, alien),
        "out_of_scope_precision": share(alien, said_alien),
        "ece": expected_calibration_error(sure, right),
    }
    failures = [failure(messages[n], found[n]) for n in np.flatnonzero(~right)]
    plots = {"reliability": [asdict(each) for each in reliability_bins(sure, right)]}
    return Result(figures, failures, plots=plots)


def macro_f1(wanted: NDArray[np.str_], given: NDArray[np.str_]) -> float:
    """Mean of the labels' F1, over the labels that are wanted."""
    return float(np.mean([f1(wanted == label, given == label) for label in np.unique(wanted)]))


def f1(wanted: NDArray[np.bool_], given: NDArray[np.bool_]) -> float:
    both = float((wanted & given).sum())
    return 2 * both / float(wanted.sum() + given.sum()) if both else 0.0


def mean(values: list[bool]) -> float:
    return sum(values) / len(values)


def failure(message: LabelledMessage, found: Classification) -> dict[str, Any]:
    sure = round(found.confidence["intent"], 3)
    return {"text": message.text, "wanted": message.intent, "given": found.intent, "confidence": sure}
