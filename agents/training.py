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
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from agents.classifier import FORMAT, OUT_OF_SCOPE, Classifier, Head, Terms, terms_of, training_digest
from memory.knowledge.encoder import Encoder, open_encoder

MINIMUM_DOCUMENTS = 2
"""A term must stand in this many messages to count."""
FOLDS = 5
INVERSE_REGULARISATION = 8.0
TERM_SCALE = 0.7
"""Weight of the terms beside the embedding, both of unit length."""
SEED = 7
OUT_OF_SCOPE_AT = 0.5
"""Probability from which a message counts as not ours."""


@dataclass(frozen=True, slots=True)
class LabelledMessage:
    text: str
    intent: str
    category: str
    priority: str


def read_labelled(file: Path) -> list[LabelledMessage]:
    """Rows of a CSV with the columns text, intent, category and priority."""
    with file.open(newline="", encoding="utf-8") as lines:
        return [
            LabelledMessage(row["text"], row["intent"], row["category"], row["priority"])
            for row in csv.DictReader(lines)
        ]


def train(data: Path, encoder: Encoder, out: Path) -> Classifier:
    """Fit on the file `data`, write the folder `out` (replacing it in one step), and return what was written."""
    return train_on(read_labelled(data), encoder, out, digest=training_digest(data, encoder.id))


def train_on(messages: Sequence[LabelledMessage], encoder: Encoder, out: Path, *, digest: str) -> Classifier:
    """The same on these messages; `digest` names what they are."""
    vectors = encoder.encode([message.text for message in messages])
    vectorizer = TfidfVectorizer(analyzer=terms_of, min_df=MINIMUM_DOCUMENTS, sublinear_tf=True)
    weighted = vectorizer.fit_transform([message.text for message in messages])
    terms = Terms(
        {str(term): position for position, term in enumerate(vectorizer.get_feature_names_out())},
        vectorizer.idf_.astype(np.float32),
    )
    features = hstack([csr_matrix(vectors), TERM_SCALE * weighted]).tocsr()
    heads = {
        "intent": fit_head(features, [message.intent for message in messages], vectors.shape[1]),
        "priority": fit_head(features, [message.priority for message in messages], vectors.shape[1]),
    }
    description = {
        "format": FORMAT,
        "encoder": encoder.id,
        "digest": digest,
        "categories": {message.intent: message.category for message in messages},
        "out_of_scope_at": OUT_OF_SCOPE_AT,
        "labels": {name: head.labels for name, head in heads.items()},
        "temperature": {name: head.temperature for name, head in heads.items()},
        "vocabulary": list(terms.vocabulary),
    }
    write(out, description, heads, terms)
    return Classifier(out)


def fit_head(features: Any, labels: Sequence[str], dimensions: int) -> Head:
    """A multinomial logistic regression, its temperature fitted on held-out folds.

    Args:
        features: sparse (messages, dimensions + vocabulary); the first `dimensions` columns are the embedding.
    """
    model = new_model().fit(features, labels)
    coefficients = model.coef_.astype(np.float32)
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients = np.stack([-coefficients[0], coefficients[0]]) / 2
        bias = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        bias = model.intercept_
    return Head(
        labels=[str(label) for label in model.classes_],
        embedding_weights=np.ascontiguousarray(coefficients[:, :dimensions]),
        term_weights=np.ascontiguousarray(coefficients[:, dimensions:].T * TERM_SCALE),
        bias=bias.astype(np.float32),
        temperature=fit_temperature(features, np.array(labels)),
    )


def new_model() -> LogisticRegression:
    return LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1_000, class_weight="balanced")


def fit_temperature(features: Any, labels: NDArray[np.str_]) -> float:
    """The divisor of the scores with the least log loss on held-out folds."""
    scores, truth = [], []
    for train_rows, test_rows in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(features, labels):
        model = new_model().fit(features[train_rows], labels[train_rows])
        held_out = model.decision_function(features[test_rows])
        scores.append(held_out if held_out.ndim == 2 else np.stack([-held_out, held_out], axis=1) / 2)
        truth.append(np.searchsorted(model.classes_, labels[test_rows]))
    decision, right = np.concatenate(scores), np.concatenate(truth)

    def log_loss(temperature: float) -> float:
        return float(-log_softmax(decision / temperature, axis=1)[np.arange(len(right)), right].mean())

    return float(minimize_scalar(log_loss, bounds=(0.05, 10), method="bounded").x)


def write(out: Path, description: dict[str, Any], heads: dict[str, Head], terms: Terms) -> None:
    """Put the files in a new folder and rename it into place."""
    folder = out.with_name(f".{out.name}-{uuid4().hex[:8]}")
    folder.mkdir(parents=True)
    arrays: dict[str, NDArray[np.float32]] = {"idf": terms.idf}
    for name, head in heads.items():
        arrays |= {
            f"{name}_embedding": head.embedding_weights,
            f"{name}_terms": head.term_weights,
            f"{name}_bias": head.bias,
        }
    np.savez_compressed(folder / "classifier.npz", **arrays)  # type: ignore[arg-type]
    (folder / "classifier.json").write_text(json.dumps(description))
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
