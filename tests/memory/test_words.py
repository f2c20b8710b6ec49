"""Which words count as the same, and how much each tells."""

import math
import sqlite3

import pytest

from memory.knowledge.spelling import corrected, slips_between
from memory.knowledge.words import Rarity, covered, stems, synonyms


def test_a_word_is_rarer_the_fewer_passages_have_it():
    rarity = Rarity(passages=9, frequencies={"invoi": 1, "plan": 9})
    assert rarity.of("invoices") == pytest.approx(math.log(10 / 1.5))
    assert rarity.of("plan") == pytest.approx(math.log(10 / 9.5))
    assert rarity.of("walrus") == pytest.approx(math.log(10 / 0.5))
    assert rarity.total(["invoices", "plan"]) == pytest.approx(math.log(10 / 1.5) + math.log(10 / 9.5))


def test_a_word_is_covered_by_its_inflections_and_synonyms():
    present = stems("Download the invoices of your workspace")
    assert covered("invoice", present)
    assert covered("bill", present)
    assert not covered("password", present)
    assert Rarity(1, {"invoi": 1}).knows("receipt")


def test_synonyms_hold_both_ways_and_name_no_word_itself():
    for word, others in synonyms().items():
        assert word not in others
        assert all(word in synonyms()[other] for other in others)
    assert "invoice" in synonyms()["bill"]


@pytest.mark.parametrize(
    ("first", "second", "slips"),
    [("ticket", "ticket", 0), ("tiket", "ticket", 1), ("calender", "calendar", 1), ("recieve", "receive", 1),
     ("apointment", "appointment", 1), ("workflw", "workflow", 1), ("pushed", "paused", 2), ("a", "abcd", 3)],
)  # fmt: skip
def test_slips_are_letters_added_left_out_replaced_or_swapped(first, second, slips):
    assert slips_between(first, second, limit=2) == min(slips, 3)
    assert slips_between(second, first, limit=2) == min(slips, 3)


@pytest.fixture
def vocabulary():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE spellings USING fts5(word, passages UNINDEXED, tokenize='trigram')")
    words = {
        "find": 3,
        "quiet": 1,
        "calendar": 12,
        "calendars": 2,
        "appointment": 5,
        "ticket": 9,
        "paused": 1,
        "messages": 4,
        "owner": 3,
    }
    connection.executemany("INSERT INTO spellings VALUES (?, ?)", words.items())
    yield (words.keys() | {"fine", "quit"}).__contains__, connection
    connection.close()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("sync outlook calender", "sync outlook calendar"),
        ("Can't make our apointment!", "Can't make our appointment!"),
        ("My TIKET and the new ownr", "My ticket and the new owner"),
        ("I pushed the button", "I pushed the button"),
        ("two tickets", "two tickets"),
        ("all fine, I quit", "all fine, I quit"),
        ("ask Owen or tic 12", "ask Owen or tic 12"),
        ("", ""),
    ],
    ids=[
        "replaced",
        "left out",
        "two words",
        "two slips in six letters",
        "inflected",
        "words",
        "names and short ones",
        "empty",
    ],
)
def test_a_misspelt_word_becomes_the_nearest_known_one(vocabulary, text, meant):
    assert corrected(text, *vocabulary) == meant
