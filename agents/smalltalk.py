"""What needs no knowledge: pleasantries, and saying honestly that something is not our business."""

import re

from agents.prompts import REFUSAL, SMALL_TALK
from agents.state import SupportState, draft

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


async def small_talk(state: SupportState) -> SupportState:
    kind = next((kind for kind, pattern in KINDS if pattern.search(state["text"])), "other")
    return {"draft": draft(SMALL_TALK[kind], "smalltalk")}


async def refuse(state: SupportState) -> SupportState:
    return {"draft": draft(REFUSAL, "refused"), "asked_back": False}
