"""Scripted conversations: are follow-ups understood, and is every wish for a person met?

Formulas, over the messages of all scripts in order:

- `right`: the share of messages that came out as the script says.
- `follow_ups`: the same over the messages after the first that ask for an answer.
- `persons`: the same over the messages that ask for a person.
"""

import asyncio
from typing import Any

from evals.cases import Half, Said, Script, read_scripts
from evals.installation import installation
from evals.suites import Progress, Result
from evals.suites.answers import SHOWN, is_right
from graph.run import Support, open_support
from memory.database import transaction
from memory.tables import Conversation, ConversationHolder
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind

OUTCOMES = {
    "answer": SHOWN,
    "smalltalk": ("smalltalk",),
    "person": ("escalated",),
    "refuse": ("refused",),
    "clarify_or_person": ("clarify", "escalated"),
}


def conversations(half: Half, progress: Progress) -> Result:
    return asyncio.run(_conversations(read_scripts(half), half, progress))


async def _conversations(scripts: list[Script], half: Half, progress: Progress) -> Result:
    judged: list[tuple[str, int, Said, dict[str, Any], bool]] = []
    with installation() as (settings, sessions, _):
        async with open_support(settings, sessions) as support:
            for done, script in enumerate(scripts, start=1):
                for position, (said, reply) in enumerate(await hold(support, script)):
                    judged.append((script.id, position, said, reply, came_out(said, reply)))
                progress(done, len(scripts))
    everything = [good for *_, good in judged]
    follow_ups = [good for _, position, said, _, good in judged if position and said.expects == "answer"]
    persons = [good for _, _, said, _, good in judged if said.expects == "person"]
    figures = {
        "messages": float(len(judged)),
        "right": mean(everything),
        "follow_ups": mean(follow_ups),
        "persons": mean(persons),
    }
    return Result(figures, [failure(*item[:4], half) for item in judged if not item[4]])


async def hold(support: Support, script: Script) -> list[tuple[Said, dict[str, Any]]]:
    """Every message with its Reply. After a handover the conversation is given back, so that the script can go on."""
    with transaction(support.means.sessions) as session:
        conversation_id = begin_conversation(session).id
    actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)
    spoken = []
    for said in script.turns:
        reply = [event async for event in support.say(actor, conversation_id, said.text)][-1]
        assert isinstance(reply, dict)
        spoken.append((said, reply))
        with transaction(support.means.sessions) as session:
            session.get_one(Conversation, conversation_id).holder = ConversationHolder.BOT
    return spoken


def came_out(said: Said, reply: dict[str, Any]) -> bool:
    if reply["outcome"] not in OUTCOMES[said.expects]:
        return False
    return said.expects != "answer" or is_right(reply, said.articles, said.contains)


def mean(values: list[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def failure(script: str, position: int, said: Said, reply: dict[str, Any], half: Half) -> dict[str, Any]:
    place = {"id": f"{script}.{position + 1}", "outcome": reply["outcome"]}
    if half == "sealed":
        return place
    cited = [citation["url"] for citation in reply["citations"]]
    return {**place, "text": said.text, "wanted": said.expects, "cited": cited, "said": reply["text"]}
