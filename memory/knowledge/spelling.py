"""What a misspelt word of a question probably meant: the nearest word of the knowledge base."""

import sqlite3
from collections.abc import Callable

from memory.knowledge.words import STOP_WORDS, WORD, words

SHORTEST = 4
"""Letters; shorter words are too near to too many others."""
TWO_SLIPS_FROM = 8
"""Letters from which a word may differ in two places rather than one."""
CANDIDATES = 40


def corrected(text: str, is_word: Callable[[str], bool], connection: sqlite3.Connection) -> str:
    """The text with what is no word replaced by the nearest word of the knowledge base, where one is near.

    A word keeps its first letter: that one is seldom mistaken, and many other words differ in nothing else.

    Args:
        connection: to an index's keyword file, whose table `spellings` holds its words by their trigrams.
    """
    unknown = (word for word in dict.fromkeys(words(text)) if _may_be_wrong(word) and not is_word(word))
    replaced = {word: near for word in unknown if (near := _nearest(word, connection))}
    return WORD.sub(lambda found: replaced.get(found[0].lower(), found[0]), text) if replaced else text


def _may_be_wrong(word: str) -> bool:
    return len(word) >= SHORTEST and word.isascii() and word.isalpha() and word not in STOP_WORDS


def _nearest(word: str, connection: sqlite3.Connection) -> str | None:
    """None for a word that is known, in whatever inflection, and for one that nothing is near."""
    parts = " OR ".join(f'"{word[at : at + 3]}"' for at in range(len(word) - 2))
    found = connection.execute(
        "SELECT word, passages FROM spellings WHERE spellings MATCH ? ORDER BY rank LIMIT ?", (parts, CANDIDATES)
    ).fetchall()
    slips = 2 if len(word) >= TWO_SLIPS_FROM else 1
    near = []
    for other, passages in found:
        if other.startswith(word) or word.startswith(other):
            return None
        if other[0] == word[0] and (distance := slips_between(word, other, slips)) <= slips:
            near.append((distance, -passages, other))
    return min(near)[2] if near else None


def slips_between(first: str, second: str, limit: int) -> int:
    """Letters added, left out, replaced or swapped with their neighbour; `limit` + 1 when there are more.

    Optimal string alignment distance, row by row.
    """
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return min(above[-1], limit + 1)
