"""What both sides are asked: real wordings from the labelled tickets, each once in a run, so that no cache helps."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

SKIPS_RETRIEVAL = {"smalltalk", "talk_to_human"}
"""Intents that Clara answers without a search: they would flatter it."""
OPENING = "How do I reset my password?"
"""The last turn before the measured one; both sides answer it from the same article."""
ANSWER_CHARACTERS = 400
"""Of an earlier answer; about what either side says in a turn."""
SEED = 20


def questions(tickets: Path) -> list[str]:
    """Distinct questions in a fixed random order."""
    with tickets.open(encoding="utf-8", newline="") as file:
        texts = {row["text"]: None for row in csv.DictReader(file) if row["intent"] not in SKIPS_RETRIEVAL}
    texts.pop(OPENING, None)
    found = list(texts)
    random.Random(SEED).shuffle(found)
    return found


def transcripts(asked: list[str], articles: Path) -> Iterator[list[str]]:
    """Earlier messages without end, customer and answer in turn: each list is one conversation's, long enough for all.

    A customer's texts are of the same kind as the measured ones, an answer is a paragraph of the help centre.
    """
    chance = random.Random(SEED + 1)
    answers = [
        paragraph.strip()[:ANSWER_CHARACTERS]
        for file in sorted(articles.rglob("*.md"))
        for paragraph in file.read_text(encoding="utf-8").split("\n\n")
        if paragraph.strip()
    ]
    while True:
        yield [chance.choice(asked if i % 2 == 0 else answers) for i in range(LONGEST)]


LONGEST = 1_000
"""Messages of the longest conversation measured."""
