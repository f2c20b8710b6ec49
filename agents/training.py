"""Fits the classifier on labelled messages. Run as a program, so that a server never imports scikit-learn."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from agents.classifier import FORMAT, OUT_OF_SCOPE, Classifier, Head, Strangeness, training_digest
from agents.classifier_features import Features, find_features
from agents.cross_fitting import cross_fit, examples_of, fit_strangeness, fit_temperature, folds_of, trial_folds
from agents.regression import Seen, fit_model, see
from memory.knowledge.encoder import Encoder, open_encoder

EMBEDDING_WEIGHT = 1.5
TERM_WEIGHT = 1.5
"""Both, and the regularisation, were chosen on the shipped messages, whole authors left out, and on Banking77."""


@dataclass(frozen=True, slots=True)
class LabelledMessage:
    text: str
    intent: str
    category: str
    priority: str
    author: str = ""
    """Who wrote it; a classifier is judged on authors it does not know."""


def read_labelled(file: Path) -> list[LabelledMessage]:
    """Rows of a CSV with the columns text, intent, category and priority, and perhaps `batch`, the author."""
    with file.open(newline="", encoding="utf-8") as lines:
        return [
            LabelledMessage(row["text"], row["intent"], row["category"], row["priority"], row.get("batch") or "")
            for row in csv.DictReader(lines)
        ]


def train(data: Path, encoder: Encoder, out: Path) -> Classifier:
    """Fit on the file `data`, write the folder `out` (replacing it in one step), and return what was written."""
    return train_on(read_labelled(data), encoder, out, digest=training_digest(data, encoder.id))


def train_on(messages: Sequence[LabelledMessage], encoder: Encoder, out: Path, *, digest: str) -> Classifier:
    """The same on these messages; `digest` names what they are."""
    texts = [message.text for message in messages]
    vectors = encoder.encode(texts)
    features = find_features(texts, vectors, embedding_weight=EMBEDDING_WEIGHT, term_weight=TERM_WEIGHT)
    seen = see(table(features, texts, vectors), features.evening.turn.shape[1])
    authors = [message.author for message in messages]
    intents = np.array([message.intent for message in messages])
    intent, strangeness = fit_intents(seen, vectors, intents, authors)
    priority = fit_head(seen, np.array([message.priority for message in messages]), authors)
    description = {
        "format": FORMAT,
        "encoder": encoder.id,
        "digest": digest,
        "categories": {message.intent: message.category for message in messages},
        "strangeness": strangeness and {"weights": strangeness.weights, "bias": strangeness.bias},
        "labels": {"intent": intent.labels, "priority": priority.labels},
        "temperature": {"intent": intent.temperature, "priority": priority.temperature},
        "vocabularies": {terms.kind: list(terms.vocabulary) for terms in features.terms},
        "embedding_weight": features.embedding_weight,
        "term_weight": features.term_weight,
    }
    arrays: dict[str, NDArray[Any]] = {
        "mean": features.evening.mean.astype(np.float32),
        "turn": features.evening.turn.astype(np.float32),
        "examples": examples_of(vectors, intents).astype(np.float16),
        **{f"{terms.kind}_idf": terms.idf for terms in features.terms},
        **arrays_of("intent", intent),
        **arrays_of("priority", priority),
    }
    write(out, description, arrays)
    return Classifier(out)


def table(features: Features, texts: Sequence[str], vectors: NDArray[np.floating]) -> csr_matrix:
    """What is seen of each text, (texts, dimensions + terms): the embedding's columns first."""
    read = [features.weigh(text) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(positions) for positions, _ in read])])
    terms = csr_matrix(
        (np.concatenate([weights for _, weights in read]), np.concatenate([at for at, _ in read]), starts),
        shape=(len(texts), features.columns),
    )
    return hstack([csr_matrix(features.embedding(vectors)), terms]).tocsr()


def fit_intents(
    seen: Seen, vectors: NDArray[np.floating], intents: NDArray[np.str_], authors: Sequence[str]
) -> tuple[Head, Strangeness | None]:
    """The head, with the temperature and the strangeness that held-out messages call for."""
    labels = np.unique(intents)
    folds = folds_of(intents, authors)
    held_out = cross_fit(seen, vectors, intents, labels, folds)
    trials = trial_folds(intents, folds)
    unknown = cross_fit(seen, vectors, intents, labels, trials) if trials else None
    model = fit_model(seen, np.arange(len(intents)), intents)
    strangeness = fit_strangeness(held_out, unknown, labels)
    return head_of(model, seen.width, fit_temperature(held_out)), strangeness


def fit_head(seen: Seen, labels: NDArray[np.str_], authors: Sequence[str]) -> Head:
    """A head whose labels are all known; one label makes a head that always gives it."""
    names = np.unique(labels)
    if len(names) == 1:
        return make_head(names.tolist(), np.zeros((1, seen.table.shape[1])), np.zeros(1), seen.width, temperature=1.0)
    held_out = cross_fit(seen, None, labels, names, folds_of(labels, authors))
    return head_of(fit_model(seen, np.arange(len(labels)), labels), seen.width, fit_temperature(held_out))


def head_of(model: LogisticRegression, width: int, temperature: float) -> Head:
    coefficients, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients, bias = np.stack([-coefficients[0], coefficients[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    return make_head([str(label) for label in model.classes_], coefficients, bias, width, temperature)


def make_head(
    labels: list[str], coefficients: NDArray[np.float64], bias: NDArray[np.float64], width: int, temperature: float
) -> Head:
    return Head(
        labels=labels,
        embedding_weights=np.ascontiguousarray(coefficients[:, :width]),
        term_weights=np.ascontiguousarray(coefficients[:, width:].T.astype(np.float32)),
        bias=bias.astype(np.float32),
        temperature=temperature,
    )


def arrays_of(name: str, head: Head) -> dict[str, NDArray[Any]]:
    return {
        f"{name}_embedding": head.embedding_weights.astype(np.float32),
        f"{name}_terms": head.term_weights,
        f"{name}_bias": head.bias,
    }


def write(out: Path, description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Put the files in a new folder and rename it into place."""
    folder = out.with_name(f".{out.name}-{uuid4().hex[:8]}")
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "classifier.npz", **arrays)  # type: ignore[arg-type]
    (folder / "classifier.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    replaced = out.with_name(f".{out.name}-old-{uuid4().hex[:8]}")
    if out.exists():
        out.rename(replaced)
    folder.rename(out)
    for file in replaced.glob("*"):
        file.unlink()
    if replaced.exists():
        replaced.rmdir()


def main(data: str, encoder: str, out: str) -> None:
    """`python -m agents.training DATA ENCODER OUT`"""
    if OUT_OF_SCOPE not in {message.intent for message in read_labelled(Path(data))}:
        raise SystemExit(f"{data} has no messages of the intent {OUT_OF_SCOPE}")
    train(Path(data), open_encoder(encoder), Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:4])
