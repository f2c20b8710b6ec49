"""The labelled messages are many, balanced, written by several people, and no templates."""

import csv
import re
from collections import Counter

import numpy as np
import pytest

from agents.classifier import OUT_OF_SCOPE
from memory.knowledge.words import words
from settings import KB_DATA

CLAUSES = re.compile(r"[,;:.!?]\s+\S|\b(and|but|because|since|so|when|if|although|while|which|who|that)\b", re.I)


@pytest.fixture(scope="module")
def rows():
    with (KB_DATA / "tickets.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_are_enough_of_each_intent_and_the_intents_are_balanced(rows):
    intents = Counter(row["intent"] for row in rows)
    foreign = intents.pop(OUT_OF_SCOPE)
    mean = sum(intents.values()) / len(intents)
    assert sum(intents.values()) >= 1_800
    assert len(intents) >= 24
    assert {"password_reset", "login_issue"} <= intents.keys()
    assert foreign >= 150
    assert all(abs(number - mean) <= 0.2 * mean for number in intents.values()), intents


def test_every_row_is_complete_and_an_intent_has_one_category(rows):
    categories = {row["intent"]: row["category"] for row in rows}
    assert set(categories.values()) == {"technical", "billing", "general"}
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["text"].strip() == row["text"] != ""
        assert row["category"] == categories[row["intent"]]
        assert row["priority"] in {"low", "medium", "high", "urgent"}
        assert row["batch"]


def test_no_five_words_in_a_row_stand_in_more_than_one_in_a_hundred(rows):
    seen = Counter(gram for row in rows for gram in set(zip(*(words(row["text"])[n:] for n in range(5)), strict=False)))
    most, number = seen.most_common(1)[0]
    assert number <= 0.01 * len(rows), most


def test_a_third_has_two_clauses_or_more(rows):
    assert sum(CLAUSES.search(row["text"]) is not None for row in rows) * 3 >= len(rows)


@pytest.mark.soak
def test_no_two_messages_are_nearly_the_same(rows, encoder):
    vectors = encoder.encode([row["text"] for row in rows])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    near = np.argwhere(np.triu(cosines) > 0.95).tolist()
    assert [(rows[first]["text"], rows[second]["text"]) for first, second in near] == []
