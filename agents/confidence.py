"""How likely it is that the best passage answers the question: a logistic model over several signals.

One calibration serves every knowledge base. Its weights are in `confidence.json` beside this file, fitted by
`python -m evals.calibrate` on questions with known answers, some of which the knowledge base could not answer.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memory.knowledge.search import Hit
from memory.knowledge.words import Rarity, content_words, covered, stems

CALIBRATION = Path(__file__).with_name("confidence.json")
PASSAGES = 16
"""How many of the best passages the signals are made from."""
LONG_QUESTION = 12
"""Content words from which length makes no further difference."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the model looks at. All are about 0..1 and mean the same in every knowledge base."""

    window: float
    """Cosine of the question and the best passage's nearest sentence or step."""
    topic: float
    """Cosine of the question and what the passage is about: title and headings, a known question, or its whole text."""
    window_margin: float
    """How much nearer its article's sentences are than any other article's."""
    topic_margin: float
    """The same for what the passages are about."""
    agreement: float
    """Of sentences and topics, the share that puts this article first."""
    coverage: float
    """Of the question's words, weighted by their rarity, the share that stands in the article's passages found."""
    unknown: float
    """The share, weighted likewise, that no passage of the whole knowledge base has."""
    length: float
    """Content words of the question, as a share of LONG_QUESTION."""
    in_context: float
    """1 for a question that was read together with what was asked before it."""


def signals(question: str, hits: Sequence[Hit], rarity: Rarity, *, in_context: bool = False) -> Signals:
    """The signals for the first of `hits`, which must not be empty."""
    first = hits[0]
    own = [hit for hit in hits if hit.article_id == first.article_id]
    others = [hit for hit in hits if hit.article_id != first.article_id]
    window, rival_window = _best(own, _window), _best(others, _window)
    topic, rival_topic = _best(own, _topic), _best(others, _topic)
    asked = dict.fromkeys(content_words(question))
    weight = rarity.total(asked) or 1.0
    present = stems(" ".join(f"{hit.title} {hit.heading_path} {hit.content}" for hit in own))
    return Signals(
        window=_window(first),
        topic=_topic(first),
        window_margin=window - rival_window,
        topic_margin=topic - rival_topic,
        agreement=((window >= rival_window) + (topic >= rival_topic)) / 2,
        coverage=rarity.total(word for word in asked if covered(word, present)) / weight,
        unknown=rarity.total(word for word in asked if not rarity.knows(word)) / weight,
        length=min(len(asked) / LONG_QUESTION, 1.0),
        in_context=float(in_context),
    )


def _window(hit: Hit) -> float:
    return hit.scores.window


def _topic(hit: Hit) -> float:
    return max(hit.scores.name, hit.scores.whole)


def _best(hits: Sequence[Hit], score: Callable[[Hit], float]) -> float:
    return max(map(score, hits), default=0.0)


class Confidence:
    """Turns signals into a calibrated probability."""

    def __init__(self, file: Path = CALIBRATION) -> None:
        stored = json.loads(file.read_text())
        self.encoder: str = stored["encoder"]
        self._weights: dict[str, float] = stored["weights"]
        self._bias: float = stored["bias"]

    def probability(self, question: str, hits: Sequence[Hit], rarity: Rarity, *, in_context: bool = False) -> float:
        """That the first hit answers the question; 0 without hits. `hits` are the `PASSAGES` best."""
        if not hits:
            return 0.0
        values = asdict(signals(question, hits, rarity, in_context=in_context))
        score = self._bias + sum(weight * values[name] for name, weight in self._weights.items())
        return 1 / (1 + math.exp(-score))
