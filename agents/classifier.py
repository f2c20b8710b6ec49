"""The classifier agent: what a message is about, how urgent it is, and whether it is ours at all.

Trained with scikit-learn (`agents.training`), run by numpy alone from plain arrays and JSON: no second's import of
scikit-learn, and no file that runs code when it is loaded.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from agents.classifier_features import Doubles, Evening, Features, Positions, Terms
from memory.knowledge.words import words

FORMAT = 2
OUT_OF_SCOPE = "out_of_scope"
SMALL_TALK = "smalltalk"
ASKS_FOR_PERSON = "talk_to_human"
OUT_OF_SCOPE_AT = 0.5
"""Probability from which a message counts as not ours; the same for every data set."""
NEIGHBOURS = 5
"""Training messages whose mean cosine says how close to the known a message is."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Classification:
    """Confidences are calibrated probabilities of the chosen labels."""

    intent: str
    category: str
    priority: str
    confidence: dict[str, float]
    """By `intent`, `category`, `priority`."""
    out_of_scope: bool
    """Not our business."""
    out_of_scope_probability: float

    def as_json(self) -> dict[str, object]:
        return {
            "intent": self.intent,
            "category": self.category,
            "priority": self.priority,
            "confidence": {name: round(value, 4) for name, value in self.confidence.items()},
            "out_of_scope": self.out_of_scope,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """One linear layer with a softmax: a label's score is a weighted sum of the embedding and of the text's terms."""

    labels: list[str]
    embedding_weights: Doubles
    """(labels, dimensions)."""
    term_weights: Floats
    """(vocabulary, labels), so that a text reads few rows."""
    bias: Floats
    temperature: float
    """Divides the scores; fitted on held-out folds so that probabilities are honest."""

    def scores(self, embedding: Doubles, terms: Positions, weights: Doubles) -> Doubles:
        """Log odds up to a common constant, before the temperature."""
        found: Doubles = self.embedding_weights @ embedding + weights @ self.term_weights[terms] + self.bias
        return found

    def probabilities(self, scores: Doubles) -> Doubles:
        return softmax(scores / self.temperature)


@dataclass(frozen=True, slots=True)
class Strangeness:
    """How likely a message is about nothing that was trained, from three signs; a logistic regression.

    The signs: `energy` of the known labels' scores (Liu et al., "Energy-based Out-of-distribution Detection", 2020),
    closeness to the nearest training messages, and the log odds of the label out-of-scope where there is one.
    """

    weights: tuple[float, float, float]
    bias: float

    def probability(self, signs: Doubles) -> Doubles:
        """Of signs (…, 3)."""
        found: Doubles = 1 / (1 + np.exp(-(signs @ np.array(self.weights) + self.bias)))
        return found


def signs_of(scores: Doubles, closeness: Doubles, alien: int | None) -> Doubles:
    """The three signs (…, 3) of scores (…, labels); `alien` is the position of out-of-scope among the labels."""
    known = scores if alien is None else np.delete(scores, alien, axis=-1)
    energy = log_sum_exp(known)
    odds = np.zeros_like(energy) if alien is None else scores[..., alien] - energy
    return np.stack([energy, closeness, odds], axis=-1)


def closeness_of(vectors: NDArray[np.floating], examples: NDArray[np.floating]) -> Doubles:
    """Mean cosine of the nearest examples to each of the unit vectors, (…)."""
    cosines = vectors @ examples.T
    few = min(NEIGHBOURS, cosines.shape[-1])
    nearest: Doubles = np.partition(cosines, -few, axis=-1)[..., -few:].mean(axis=-1, dtype=np.float64)
    return nearest


class Classifier:
    """Reads a folder that `agents.training` wrote."""

    def __init__(self, folder: Path) -> None:
        description = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise ValueError("the classifier is of another version of Clara; train it again")
        self.encoder: str = description["encoder"]
        self.categories: dict[str, str] = description["categories"]
        stranger = description["strangeness"]
        self.strangeness = Strangeness(tuple(stranger["weights"]), stranger["bias"]) if stranger else None
        with np.load(folder / "classifier.npz", allow_pickle=False) as arrays:
            self.features = _read_features(description, arrays)
            self.examples: Floats = arrays["examples"].astype(np.float32)
            self.intent = _read_head(description, arrays, "intent")
            self.priority = _read_head(description, arrays, "priority")
        labels = self.intent.labels
        self._alien = labels.index(OUT_OF_SCOPE) if OUT_OF_SCOPE in labels else None
        self._known = np.array([label != OUT_OF_SCOPE for label in labels])
        self._names = sorted({self.categories[label] for label in labels})
        self._membership = np.array(
            [[self.categories[label] == name for name in self._names] for label in labels], dtype=np.float64
        )

    def classify(self, text: str, vector: NDArray[np.floating]) -> Classification:
        """Labels for a message; `vector` is the text's embedding by the encoder it was trained with."""
        embedding = self.features.embedding(vector)
        terms, weights = self.features.weigh(text)
        scores = self.intent.scores(embedding, terms, weights)
        if not words(text):  # nothing was said: any label is a guess, and it is not for us to call it foreign
            return self._guess(text, scores)
        intents, alien = self.intents(scores, vector)
        priorities = self.priority.probabilities(self.priority.scores(embedding, terms, weights))
        is_alien = alien >= OUT_OF_SCOPE_AT
        best = int(np.where(self._known, intents, -1).argmax())
        intent, sure = (OUT_OF_SCOPE, alien) if is_alien else (self.intent.labels[best], float(intents[best]))
        categories = self._categories(intents, alien)
        topic, priority = int(categories.argmax()), int(priorities.argmax())
        return Classification(
            intent=intent,
            category=self._names[topic],
            priority=self.priority.labels[priority],
            confidence={
                "intent": sure,
                "category": float(categories[topic]),
                "priority": float(priorities[priority]),
            },
            out_of_scope=is_alien,
            out_of_scope_probability=alien,
        )

    def likeliest(self, text: str, vector: NDArray[np.floating]) -> tuple[str, float]:
        """The best of the known labels when the message is taken to be ours, and its probability then."""
        scores = self.intent.scores(self.features.embedding(vector), *self.features.weigh(text))
        shares = self.intent.probabilities(np.where(self._known, scores, -np.inf))
        best = int(shares.argmax())
        return self.intent.labels[best], float(shares[best])

    def intents(self, scores: Doubles, vector: NDArray[np.floating]) -> tuple[Doubles, float]:
        """Probabilities of the head's labels, and of the message being about none of the known ones.

        The known labels' share of the softmax is spread over what strangeness leaves them.
        """
        probabilities = self.intent.probabilities(scores)
        if self.strangeness is None:
            return probabilities, 0.0 if self._alien is None else float(probabilities[self._alien])
        signs = signs_of(scores, closeness_of(vector, self.examples), self._alien)
        alien = float(self.strangeness.probability(signs))
        probabilities = np.where(self._known, probabilities, 0.0)
        probabilities *= (1 - alien) / max(float(probabilities.sum()), 1e-300)
        if self._alien is not None:
            probabilities[self._alien] = alien
        return probabilities, alien

    def _categories(self, intents: Doubles, alien: float) -> Doubles:
        found: Doubles = intents @ self._membership
        return found if self._alien is not None else found / max(1 - alien, 1e-300)

    def _guess(self, text: str, scores: Doubles) -> Classification:
        """For a text without a word, every label is as likely; a picture is small talk, a mere `?` is not."""
        can_be = self._known & np.array([label != SMALL_TALK for label in self.intent.labels])
        if SMALL_TALK in self.intent.labels and any(category(letter) == "So" for letter in text):
            can_be = ~can_be & self._known
        best = int(np.where(can_be, scores, -np.inf).argmax())
        intent = self.intent.labels[best]
        low = self.priority.labels.index("low") if "low" in self.priority.labels else 0
        shares = {
            "intent": 1 / len(self.intent.labels),
            "category": 1 / len(self._names),
            "priority": 1 / len(self.priority.labels),
        }
        return Classification(intent, self.categories[intent], self.priority.labels[low], shares, False, 0.0)


def _read_features(description: dict[str, Any], arrays: Any) -> Features:
    return Features(
        evening=Evening(arrays["mean"].astype(np.float64), arrays["turn"].astype(np.float64)),
        terms=tuple(
            Terms(kind, {term: n for n, term in enumerate(terms)}, arrays[f"{kind}_idf"])
            for kind, terms in description["vocabularies"].items()
        ),
        embedding_weight=description["embedding_weight"],
        term_weight=description["term_weight"],
    )


def _read_head(description: dict[str, Any], arrays: Any, name: str) -> Head:
    return Head(
        labels=description["labels"][name],
        embedding_weights=arrays[f"{name}_embedding"].astype(np.float64),
        term_weights=arrays[f"{name}_terms"],
        bias=arrays[f"{name}_bias"],
        temperature=description["temperature"][name],
    )


def softmax(scores: Doubles) -> Doubles:
    """Over the last axis."""
    exponents = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Doubles = exponents / exponents.sum(axis=-1, keepdims=True)
    return shares


def log_sum_exp(scores: Doubles) -> Doubles:
    """Over the last axis."""
    highest = scores.max(axis=-1, keepdims=True)
    found: Doubles = np.log(np.exp(scores - highest).sum(axis=-1)) + highest[..., 0]
    return found


def training_digest(data: Path, encoder: str) -> str:
    """Names what a classifier was trained from; another digest means it is out of date."""
    return hashlib.sha256(f"{FORMAT}\0{encoder}\0".encode() + data.read_bytes()).hexdigest()[:16]
