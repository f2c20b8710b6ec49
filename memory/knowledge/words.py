"""The words of a text that say what it is about, how rare they are, and which mean the same."""

import math
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being both but by can cannot could
    did do does doing don't down during each few for from further get give go got had has have having he hello help her
    here hers hey hi him his how i i'd i'll i'm i've if in into is it it's its itself just know let like me more most
    my myself need no nor not of off on once one only or other our ours out over own please same she should so some
    such tell than thank thanks that the their theirs them then there these they this those through to too under until
    up us very want was we were what when where which while who whom why will with would yes you your yours there's
    what's how's can't won't doesn't isn't didn't couldn't possible way work works make use able
    whats hows wheres whos thats theres heres im ive dont cant wont doesnt isnt didnt couldnt arent wasnt hasnt
    havent youre were weve theyre lets pls plz ok okay""".split()
)


def words(text: str) -> list[str]:
    """Lower-case words and numbers, in order; apostrophes inside a word stay."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def content_words(text: str) -> list[str]:
    """The words without stop words, in order; the parts of `don't` are not told apart."""
    return [word for word in words(text) if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]


STEM_LETTERS = 5
"""Words that agree in this many first letters count as the same word."""
SYNONYMS = Path(__file__).with_name("synonyms.txt")


def stem(word: str) -> str:
    return word[:STEM_LETTERS]


def stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text)}


@cache
def synonyms() -> Mapping[str, frozenset[str]]:
    """Of each word that has any, the words that mean the same."""
    found: dict[str, frozenset[str]] = {}
    for line in SYNONYMS.read_text(encoding="utf-8").splitlines():
        group = frozenset(word.strip() for word in line.split(",")) if not line.startswith("#") else frozenset()
        for word in group:
            found[word] = found.get(word, frozenset()) | (group - {word})
    return found


def covered(word: str, present: Container[str]) -> bool:
    """Whether the word, or one that means the same, is among the stems `present`."""
    return stem(word) in present or any(stem(other) in present for other in synonyms().get(word, ()))


@dataclass(frozen=True, slots=True)
class Rarity:
    """How much a word tells a knowledge base's passages apart: the logarithm of how few have it (IDF)."""

    passages: int
    frequencies: Mapping[str, int]
    """Of each stem, the passages that have it."""

    def of(self, word: str) -> float:
        return math.log((self.passages + 1) / (self.frequencies.get(stem(word), 0) + 0.5))

    def knows(self, word: str) -> bool:
        return covered(word, self.frequencies)

    def total(self, words: Iterable[str]) -> float:
        return sum(self.of(word) for word in words)
