"""Fits the confidence model: `python -m evals.calibrate` writes `agents/confidence.json`.

The questions come from two kinds of knowledge base, so that the one calibration does not learn the ways of one: our
help centre (the half of our cases that may be tuned on) and, where it is there, a public FAQ collection with human
rephrasings, once whole and then with half of its entries taken out, which leaves questions that have no answer.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from agents.confidence import CALIBRATION, PASSAGES, Signals, signals
from agents.faq import TOPICS
from evals.cases import PUBLIC_DATA, read_questions, read_scripts
from evals.installation import faq_installation, installation
from evals.measures import at_threshold, expected_calibration_error
from memory.database import Sessions, reading
from memory.knowledge.encoder import Encoder, MiniLmEncoder
from memory.knowledge.search import Hit, Knowledge
from settings import Settings

SPLITS_WITHOUT_HALF = 4
WIDE = 60
"""Passages from which enough are left when those of the right articles are taken out."""
FOLDS = 5
SEED = 7
INVERSE_REGULARISATION = 10.0
NAMES = tuple(Signals.__dataclass_fields__)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    source: str
    """Which knowledge base."""
    group: str
    """Questions about the same thing, which must not be on both sides of a fold."""
    signals: Signals
    right: bool
    """The first hit is a passage that answers."""


def our_examples(encoder: Encoder) -> Iterator[Example]:
    with installation(encoder=encoder) as (_, sessions, knowledge):
        yield from follow_ups(sessions, knowledge)
        for question in read_questions("dev"):
            if hits := search(sessions, knowledge, question.text):
                right = question.answerable and hits[0].slug in question.articles
                yield Example("help centre", question.id, signals(question.text, hits, knowledge.rarity), right)


def follow_ups(sessions: Sessions, knowledge: Knowledge) -> Iterator[Example]:
    """The later messages of our conversations, each read together with what was asked before it.

    All can be answered; so every other one is also asked of a knowledge base without the articles that do.
    """
    number = 0
    for script in read_scripts("dev"):
        asked: list[str] = []
        for said in script.turns:
            if said.expects == "answer" and asked:
                hits = search(sessions, knowledge, said.text, asked[::-1][:TOPICS], limit=WIDE)
                others = [hit for hit in hits if hit.slug not in said.articles]
                number += 1
                for found in (hits, others) if number % 2 else (hits,):
                    given = signals(said.text, found[:PASSAGES], knowledge.rarity, in_context=True)
                    yield Example("follow-ups", script.id, given, found[0].slug in said.articles)
            if said.expects in {"answer", "clarify_or_person"}:
                asked.append(said.text)


def public_examples(encoder: Encoder) -> Iterator[Example]:
    file = PUBLIC_DATA / "stackfaq" / "dev.jsonl"
    if not file.exists():
        print("skipped: no public FAQ data", file=sys.stderr)
        return
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    chance = random.Random(SEED)
    halves = [chance.sample(entries, len(entries) // 2) for _ in range(SPLITS_WITHOUT_HALF)]
    for named in (True, False):
        for kept in [entries, *halves]:
            yield from faq_examples(entries, kept, encoder, named=named)


def faq_examples(
    entries: list[dict[str, Any]], kept: list[dict[str, Any]], encoder: Encoder, *, named: bool
) -> Iterator[Example]:
    """Every rephrasing, asked of a knowledge base of the entries `kept`, with or without their questions as titles."""
    rows = [
        {"question": entry["question"] if named else None, "answer": "\n\n".join(entry["answers"])} for entry in kept
    ]
    place = {entry["id"]: f"faq.jsonl#{n}" for n, entry in enumerate(kept, start=1)}
    with faq_installation(rows, encoder=encoder) as (sessions, knowledge):
        for entry in entries:
            for text in entry["rephrasings"]:
                if hits := search(sessions, knowledge, text):
                    right = hits[0].source == place.get(entry["id"])
                    source = "public FAQ" if named else "its answers alone"
                    yield Example(source, entry["id"], signals(text, hits, knowledge.rarity), right)


def search(
    sessions: Sessions, knowledge: Knowledge, text: str, context: Sequence[str] = (), *, limit: int = PASSAGES
) -> list[Hit]:
    with reading(sessions) as session:
        return knowledge.search(session, text, limit=limit, context=context)


def fit(examples: list[Example]) -> LogisticRegression:
    """Every knowledge base has the same say, however many questions it has."""
    sizes = {source: sum(example.source == source for example in examples) for source in sources(examples)}
    weights = [len(examples) / sizes[example.source] for example in examples]
    return LogisticRegression(C=INVERSE_REGULARISATION, max_iter=2_000).fit(
        matrix(examples), truth(examples), sample_weight=weights
    )


def held_out(examples: list[Example]) -> Floats:
    """Each example's probability by a model that has not seen its group."""
    probabilities = np.zeros(len(examples))
    groups = [example.group for example in examples]
    for known, unknown in GroupKFold(FOLDS).split(examples, groups=groups):
        model = fit([examples[i] for i in known])
        probabilities[unknown] = model.predict_proba(matrix([examples[i] for i in unknown]))[:, 1]
    return probabilities


def matrix(examples: list[Example]) -> Floats:
    return np.array([[asdict(example.signals)[name] for name in NAMES] for example in examples])


def truth(examples: list[Example]) -> NDArray[np.bool_]:
    return np.array([example.right for example in examples])


def sources(examples: list[Example]) -> list[str]:
    return list(dict.fromkeys(example.source for example in examples))


def report(examples: list[Example], probabilities: Floats) -> None:
    defaults = Settings.model_fields
    for source in sources(examples):
        mask = np.array([example.source == source for example in examples])
        given, right = probabilities[mask], truth(examples)[mask]
        error = expected_calibration_error(given, right)
        line = f"{source}: {mask.sum()} questions, {right.mean():.3f} of the first hits right, ECE {error:.3f}"
        for name in ("answer_at", "suggest_at"):
            found = at_threshold(given, right, defaults[name].default)
            line += f"; from {defaults[name].default}: {found.share:.2f} of them, precision {found.precision:.3f}"
        print(line)


def main() -> None:
    encoder = MiniLmEncoder()
    examples = [*our_examples(encoder), *public_examples(encoder)]
    report(examples, held_out(examples))
    model = fit(examples)
    weights = dict(zip(NAMES, np.round(model.coef_[0], 4).tolist(), strict=True))
    stored = {"encoder": Settings.model_fields["encoder"].default, "bias": round(float(model.intercept_[0]), 4)}
    CALIBRATION.write_text(json.dumps({**stored, "weights": weights}, indent=2) + "\n")
    print(f"Wrote {CALIBRATION.name}: {weights}")


if __name__ == "__main__":
    main()
