"""What needs no knowledge: pleasantries, and saying honestly that something is not our business."""

import re

from agents.prompts import ONLY_ENGLISH, REFUSAL, SMALL_TALK
from agents.state import SupportState, draft
from memory.knowledge.words import STOP_WORDS, words

KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (  # in order: the first that matches decides
    (
        "identity",
        re.compile(r"\b(who|what) are you|are you (a |an )?(bot|robot|human|real|ai|person)|your name\b", re.I),
    ),
    ("wellbeing", re.compile(r"\bhow are you|how's it going|how do you do|what's up\b", re.I)),
    ("thanks", re.compile(r"\b(thanks?|thank you|thx|ty|cheers|appreciate|helpful|great|perfect|awesome)\b", re.I)),
    ("farewell", re.compile(r"\b(bye|goodbye|see you|good night|take care|have a (nice|good|great))\b", re.I)),
    (
        "greeting",
        re.compile(r"\b(hi|hello|hey|hiya|howdy|yo|good (morning|afternoon|evening)|greetings|anyone)\b", re.I),
    ),
)


FOREIGN_WORDS = 4
"""A shorter message is not judged by its words."""
COMMON_SHARE = 0.15
"""Of an English message's words, the least share of common ones such as `the`; `in` and `so` are German too."""
LAST_LATIN_LETTER = "\u024f"


async def small_talk(state: SupportState) -> SupportState:
    kind = next((kind for kind, pattern in KINDS if pattern.search(state["text"])), "other")
    return {"draft": draft(SMALL_TALK[kind], "smalltalk")}


async def refuse(state: SupportState) -> SupportState:
    if is_foreign(state["text"]):
        return {"draft": draft(ONLY_ENGLISH, "clarify"), "asked_back": False}
    return {"draft": draft(REFUSAL, "refused"), "asked_back": False}


def is_foreign(text: str) -> bool:
    """Whether the message is in a language, or at least a script, that Clara does not read."""
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter > LAST_LATIN_LETTER for letter in letters) * 2 > len(letters):
        return True
    said = words(text)
    common = sum(word in STOP_WORDS for word in said)
    return len(said) >= FOREIGN_WORDS and common < COMMON_SHARE * len(said)
