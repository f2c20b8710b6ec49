"""What the classifier sees of a message: its embedding, evened out, and its words and letter groups as TF-IDF.

Training and answering read texts through this one module, in float64, so both see the same numbers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memory.knowledge.words import words

WORDS_READ = 400
"""Of a long message, the first ones: what somebody wants stands at the beginning."""
MINIMUM_DOCUMENTS = 2
"""A term must stand in this many messages to count."""
LETTERS = (3, 4, 5)
"""Lengths of the letter groups; they see through typing errors and word endings."""
LONGEST_WORD = 30
"""Letters of a word that are read: longer ones are keys and noise."""
VOCABULARIES = {"words": 6_000, "letters": 10_000}
"""Terms kept of each kind, the most frequent: with 150 labels a model stays under 15 MB."""
EVENNESS = 0.4
"""How far the embedding's directions are brought to one length: 0 leaves them, 1 makes them all equal."""
FLOOR = 0.01
"""Share of the longest direction below which a direction counts as noise and is not lengthened further."""

Doubles = NDArray[np.float64]
Positions = NDArray[np.int64]


def word_terms(text: str) -> list[str]:
    """Words and pairs of neighbouring words of the text's beginning."""
    read = words(text)[:WORDS_READ]
    return read + [f"{first} {second}" for first, second in pairwise(read)]


def letter_terms(text: str) -> list[str]:
    """Groups of 3 to 5 letters inside a word and over its ends, which are marked by a blank."""
    found: list[str] = []
    for word in words(text)[:WORDS_READ]:
        padded = f" {word[:LONGEST_WORD]} "
        for length in LETTERS:
            found += [padded[start : start + length] for start in range(len(padded) - length + 1)]
    return found


ANALYZERS: dict[str, Callable[[str], list[str]]] = {"words": word_terms, "letters": letter_terms}


@dataclass(frozen=True, slots=True)
class Terms:
    """TF-IDF with sublinear counts and unit length, as scikit-learn defines it."""

    kind: str
    """A name of `ANALYZERS`."""
    vocabulary: dict[str, int]
    idf: NDArray[np.float32]

    def weigh(self, text: str) -> tuple[Positions, Doubles]:
        """Positions in the vocabulary and weights of the text's known terms."""
        counts: dict[int, int] = {}
        for term in ANALYZERS[self.kind](text):
            position = self.vocabulary.get(term)
            if position is not None:
                counts[position] = counts.get(position, 0) + 1
        positions = np.fromiter(counts, np.int64, len(counts))
        often = np.fromiter(counts.values(), np.float64, len(counts))
        weights: Doubles = (1 + np.log(often)) * self.idf[positions]
        length = float(np.linalg.norm(weights))
        return positions, weights / length if length else weights


def find_terms(kind: str, texts: Sequence[str]) -> Terms:
    """The most frequent terms of the texts, with idf = ln((1 + texts) / (1 + texts with the term)) + 1."""
    documents: Counter[str] = Counter()
    for text in texts:
        documents.update(set(ANALYZERS[kind](text)))
    frequent = [(term, count) for term, count in documents.items() if count >= MINIMUM_DOCUMENTS]
    frequent.sort(key=lambda each: (-each[1], each[0]))
    kept = frequent[: VOCABULARIES[kind]]
    counts = np.array([count for _, count in kept], dtype=np.float64)
    idf = np.log((1 + len(texts)) / (1 + counts)) + 1
    return Terms(kind, {term: n for n, (term, _) in enumerate(kept)}, idf.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Evening:
    """Turns an embedding so that no few directions drown the others, and back to unit length."""

    mean: Doubles
    turn: Doubles
    """(dimensions, dimensions). Both hold float32 numbers, which is what is stored."""

    def apply(self, vectors: NDArray[np.floating]) -> Doubles:
        """Unit vectors; any leading shape."""
        moved: Doubles = (vectors - self.mean) @ self.turn
        length = np.linalg.norm(moved, axis=-1, keepdims=True)
        unit: Doubles = moved / np.maximum(length, 1e-12)
        return unit


def find_evening(vectors: NDArray[np.floating]) -> Evening:
    """From the principal directions of (texts, dimensions); directions the texts do not have are left out."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    longest = max(float(lengths[0]), 1e-12)
    factors = (lengths / longest + FLOOR) ** -EVENNESS
    turn = directions.T * factors
    return Evening(mean.astype(np.float32).astype(np.float64), turn.astype(np.float32).astype(np.float64))


@dataclass(frozen=True, slots=True)
class Features:
    """All of what is seen of a text, each kind scaled by its weight."""

    evening: Evening
    terms: tuple[Terms, ...]
    embedding_weight: float
    term_weight: float

    @property
    def columns(self) -> int:
        return sum(len(terms.vocabulary) for terms in self.terms)

    def embedding(self, vectors: NDArray[np.floating]) -> Doubles:
        return self.embedding_weight * self.evening.apply(vectors)

    def weigh(self, text: str) -> tuple[Positions, Doubles]:
        """Positions among all kinds' terms, one kind after the other, and weights."""
        positions, weights, start = [], [], 0
        for terms in self.terms:
            at, weight = terms.weigh(text)
            positions.append(at + start)
            weights.append(self.term_weight * weight)
            start += len(terms.vocabulary)
        return np.concatenate(positions), np.concatenate(weights)


def find_features(
    texts: Sequence[str], vectors: NDArray[np.floating], *, embedding_weight: float, term_weight: float,
    kinds: Iterable[str] = tuple(ANALYZERS),
) -> Features:  # fmt: skip
    return Features(
        find_evening(vectors), tuple(find_terms(kind, texts) for kind in kinds), embedding_weight, term_weight
    )
