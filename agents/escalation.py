"""The escalation agent: plans the handover to people, and tells the customer what happened."""

import json
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langgraph.runtime import Runtime

from agents.intake import asks_for_person
from agents.prompts import ANSWER_BY, HANDED_OVER, OUTAGE, WAITING
from agents.state import Draft, SupportState, Turn, draft
from memory.conversations import keep_plan
from memory.database import transaction
from memory.tables import ConversationHolder
from tools.caller import call_id
from tools.conversations import HAND_OVER, hand_over_once, waiting_ticket
from tools.escalation import EscalationReason
from tools.tickets import SUBJECT_CHARACTERS, Labels


def plan_handover(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """Decide on the tool calls and write them down before the first has an effect; a re-run executes those."""
    turn = runtime.context
    calls = turn.plan
    if calls is None:
        calls = [_handover_call(state, turn)]
        with transaction(turn.sessions) as session:
            keep_plan(session, turn.turn_id, calls)
    return {"calls": [AIMessage("", tool_calls=calls)]}


def _handover_call(state: SupportState, turn: Turn) -> ToolCall:
    found = state["classification"]
    reason = EscalationReason.ASKED_FOR_PERSON if asks_for_person(state) else EscalationReason.LOW_CONFIDENCE
    about = next(iter(state.get("topics", [])), state["text"])
    return ToolCall(
        name=HAND_OVER,
        id=call_id(turn.turn_id, 0),
        args={
            "reason": reason.value,
            "subject": _one_line(about if reason is EscalationReason.ASKED_FOR_PERSON else state["text"]),
            "description": state["text"],
            "intent": found.intent,
            "category": found.category,
            "priority": found.priority,
            "confidence": {name: round(value, 4) for name, value in found.confidence.items()},
            "rag_confidence": round(state["probability"], 4) if "probability" in state else None,
        },
    )


async def confirm_handover(state: SupportState) -> SupportState:
    """Say what the tool did, from its result."""
    result = next(message for message in reversed(state["calls"]) if isinstance(message, ToolMessage))
    handed = json.loads(str(result.content))
    text = _said_of(handed, HANDED_OVER.get(handed["reason"], HANDED_OVER["auto"]))
    return {"draft": draft(text, "escalated", confidence=state.get("probability")), "asked_back": False}


def hand_over_after_failure(turn: Turn, text: str) -> Draft:
    """When the graph itself failed: the same handover, under the key that the planned one would have had."""
    handed = hand_over_once(
        turn,
        call_id(turn.turn_id, 0),
        reason=EscalationReason.AUTO,
        subject=_one_line(text),
        description=text,
        labels=Labels(),
        rag_confidence=None,
    )
    return draft(_said_of(handed, OUTAGE), "escalated")


def _said_of(handed: dict[str, Any], sentence: str) -> str:
    """`sentence` about the ticket, and by when somebody answers."""
    text = sentence.format(number=handed["number"])
    if handed["respond_by"]:
        text += ANSWER_BY.format(when=spoken_time(datetime.fromisoformat(handed["respond_by"])))
    return text


def wait_for_person(state: SupportState, runtime: Runtime[Turn]) -> SupportState:
    """The conversation is a person's. Until that person has written, say once more that the message arrived."""
    turn = runtime.context
    if turn.holder is ConversationHolder.PERSON:
        return {"draft": draft("", "waiting_for_human")}
    ticket = waiting_ticket(turn.sessions, turn.conversation_id)
    by = f" by {spoken_time(ticket.respond_by)}" if ticket and ticket.respond_by else ""
    text = WAITING.format(number=ticket.number if ticket else "", by=by)
    return {"draft": draft(text, "waiting_for_human")}


def spoken_time(moment: datetime) -> str:
    """Such as `Tue 24 Nov, 14:30 UTC`."""
    return f"{moment:%a %d %b, %H:%M %Z}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SUBJECT_CHARACTERS else line[: SUBJECT_CHARACTERS - 1] + "…"
