"""How likely it is that the best passage answers the question: a logistic model over several signals.

One calibration serves every knowledge base. Its weights are in `confidence.json` beside this file, fitted by
`python -m evals.calibrate` on questions with known answers, some of which the knowledge base could not answer.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memory.knowledge.search import Hit
from memory.knowledge.words import content_words

CALIBRATION = Path(__file__).with_name("confidence.json")
STEM = 5
"""Words that agree in this many first letters count as the same word."""
LONG_QUESTION = 12
"""Content words from which length makes no further difference."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the model looks at. All are about 0..1 and mean the same in every knowledge base."""

    text: float
    """Cosine of the question and the best passage."""
    name: float
    """Cosine of the question and that passage's title with headings."""
    best: float
    """The larger of the two."""
    margin: float
    """Fused score over that of the next article."""
    coverage: float
    """Share of the question's content words that stand in the passage or its title."""
    agreement: float
    """The passage's keyword score against the best keyword score."""
    length: float
    """Content words of the question, as a share of LONG_QUESTION."""


def signals(question: str, hits: Sequence[Hit]) -> Signals:
    """The signals for the first of `hits`, which must not be empty."""
    first = hits[0]
    rival = next((hit.score for hit in hits if hit.article_id != first.article_id), 0.0)
    asked = content_words(question)
    return Signals(
        text=first.scores.text,
        name=first.scores.name,
        best=max(first.scores.text, first.scores.name),
        margin=first.score - rival,
        coverage=coverage(asked, f"{first.title} {first.heading_path} {first.content}"),
        agreement=first.scores.keywords,
        length=min(len(asked) / LONG_QUESTION, 1.0),
    )


def coverage(asked: Sequence[str], text: str) -> float:
    """Share of the words `asked` that stand in `text`, by their first letters; 0 when nothing is asked."""
    stems = {word[:STEM] for word in asked}
    if not stems:
        return 0.0
    present = {word[:STEM] for word in content_words(text)}
    return len(stems & present) / len(stems)


class Confidence:
    """Turns signals into a calibrated probability."""

    def __init__(self, file: Path = CALIBRATION) -> None:
        stored = json.loads(file.read_text())
        self.encoder: str = stored["encoder"]
        self._weights: dict[str, float] = stored["weights"]
        self._bias: float = stored["bias"]

    def probability(self, question: str, hits: Sequence[Hit]) -> float:
        """That the first hit answers the question; 0 without hits."""
        if not hits:
            return 0.0
        values = asdict(signals(question, hits))
        score = self._bias + sum(weight * values[name] for name, weight in self._weights.items())
        return 1 / (1 + math.exp(-score))
