"""The first node of every turn: forget the last one, and understand the message."""

import re

from langgraph.runtime import Runtime

from agents.classifier import ASKS_FOR_PERSON, SMALL_TALK
from agents.state import SupportState, Turn
from memory.knowledge.words import content_words

SURE = 0.5
"""Probability from which small talk or the wish for a person is believed."""
PERSON = (
    r"(human( being)?|(real |actual |live )?person|(live |real |human )?agent|representative|operator|somebody|someone)"
)
WISH_FOR_PERSON = re.compile(
    rf"\b(talk|speak|chat|connect|transfer|put|pass|hand|get|give|escalate|want|need|reach)\b[^.?!]{{0,30}}\b{PERSON}\b"
    rf"|^\W*(a |an )?{PERSON}(,? please| now)?\W*$",
    re.IGNORECASE,
)
WHO_DOES = re.compile(
    r"\b(my|our|their|his|her|sales) (agent|representative|operator)|user agent|invite\b", re.IGNORECASE
)


async def begin(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """What the last turn left behind must not decide this one."""
    return {"turn_id": str(runtime.context.turn_id), "calls": [], "draft": None}


def classify(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    turn = runtime.context
    return {"classification": turn.classifier.classify(state["text"], turn.knowledge.vector(state["text"]))}


def asks_for_person(state: SupportState) -> bool:
    text, found = state["text"], state["classification"]
    if WISH_FOR_PERSON.search(text) and not WHO_DOES.search(text):
        return True
    return found.intent == ASKS_FOR_PERSON and found.confidence["intent"] >= SURE


def is_small_talk(state: SupportState) -> bool:
    found = state["classification"]
    if found.intent != SMALL_TALK:
        return False
    return found.confidence["intent"] >= SURE or not content_words(state["text"])
