"""What a process needs to answer customers, opened once."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from agents.classifier import Classifier, training_digest
from agents.confidence import Confidence
from agents.models import Writer, open_writer
from memory.database import Sessions
from memory.knowledge.encoder import open_encoder
from memory.knowledge.search import Knowledge
from settings import KB_DATA, Settings

LABELLED_MESSAGES = KB_DATA / "tickets.csv"


@dataclass(frozen=True, slots=True)
class Means:
    settings: Settings
    sessions: Sessions
    knowledge: Knowledge
    classifier: Classifier
    confidence: Confidence
    writer: Writer | None


def open_knowledge(settings: Settings) -> Knowledge:
    return Knowledge(settings.home / "index", open_encoder(settings.encoder))


def open_classifier(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Classifier:
    """The classifier of this home, trained first when there is none for the data and encoder in use."""
    digest = training_digest(LABELLED_MESSAGES, settings.encoder)
    folder = settings.home / "classifier" / digest
    if not (folder / "classifier.json").exists():
        # in a process of its own, so that this one never imports scikit-learn
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "agents.training", str(LABELLED_MESSAGES), settings.encoder, str(folder.resolve())],
            check=True,
            cwd=KB_DATA.parent,
        )
        say("Trained the classifier.")
    return Classifier(folder)


def open_means(settings: Settings, sessions: Sessions, knowledge: Knowledge) -> Means:
    return Means(
        settings=settings,
        sessions=sessions,
        knowledge=knowledge,
        classifier=open_classifier(settings),
        confidence=Confidence(),
        writer=open_writer(settings, knowledge.encoder),
    )
