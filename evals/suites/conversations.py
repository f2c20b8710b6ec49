"""Scripted conversations: are follow-ups understood, and is every wish for a person met?

Formulas, over the messages of all scripts in order:

- `right`: the share of messages that came out as the script says.
- `follow_ups`: the same over the messages after the first that ask for an answer.
- `persons`: the same over the messages that ask for a person.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from evals.cases import Said, Script, read_scripts
from evals.collections import own
from evals.context import Run
from evals.suites import WHOLE, Result, means, row
from evals.suites.answers import SHOWN, is_right
from graph.run import Support
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


def conversations(run: Run) -> Mapping[str, Result]:
    return {WHOLE: asyncio.run(_conversations(run))}


async def _conversations(run: Run) -> Result:
    scripts, spoken = read_scripts(run.half), []
    async with run.support(own(run.half)) as (_, support):
        progress = run.step("Holding conversations")
        for done, script in enumerate(scripts, start=1):
            spoken.append(await hold(support, script))
            progress(done, len(scripts))
    return judge(scripts, spoken, is_sealed=run.half == "sealed")


def judge(scripts: list[Script], spoken: list[list[tuple[Said, dict[str, Any]]]], *, is_sealed: bool) -> Result:
    cases, failures = [], []
    for script, messages in zip(scripts, spoken, strict=True):
        for position, (said, reply) in enumerate(messages):
            good = came_out(said, reply)
            cases.append(
                row(
                    f"{script.id}.{position + 1}",
                    right=good,
                    follow_ups=good if position and said.expects == "answer" else None,
                    persons=good if said.expects == "person" else None,
                )
            )
            if not good:
                failures.append(failure(cases[-1]["id"], said, reply, is_sealed=is_sealed))
    figures = {"messages": float(len(cases)), **means(cases, "right", "follow_ups", "persons")}
    return Result(figures, failures, cases)


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


def failure(case_id: str, said: Said, reply: dict[str, Any], *, is_sealed: bool) -> dict[str, Any]:
    place = {"id": case_id, "outcome": reply["outcome"]}
    if is_sealed:
        return place
    cited = [citation["url"] for citation in reply["citations"]]
    wanted = [said.expects, *sorted(said.articles)]
    return {**place, "text": said.text, "wanted": wanted, "cited": cited, "said": reply["text"]}
