"""A process that holds scripted conversations until it is killed; run again, it goes on where the tables say.

`python -m tests.graph.kill_driver HOME DATABASE_URL CONVERSATIONS`; prints `ready` before the first message and `done`
after the last. Each message has a client id, as a customer's page sends it: what was said before is not said twice.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID, uuid5

from sqlalchemy import select

from graph.run import Support, open_support
from memory.database import Sessions, open_sessions, reading, transaction
from memory.tables import Conversation, Turn, TurnStatus
from settings import Settings
from tools.permissions import Actor, ActorKind

SCRIPT = ("hello", "How do I reset my password?", "I want to talk to a human", "are you still there?", "thanks")
LEASE_SECONDS = 1.0
NAMESPACE = UUID("6f2c1f6e-6a3f-4a63-9a4e-0d6c8b5b7a11")


def conversation_id(number: int) -> UUID:
    """The same in every process."""
    return uuid5(NAMESPACE, str(number))


def begin(sessions: Sessions, conversations: int) -> None:
    with transaction(sessions) as session:
        present = set(session.scalars(select(Conversation.id)))
        wanted = (conversation_id(number) for number in range(conversations))
        session.add_all(Conversation(id=wanted_id) for wanted_id in wanted if wanted_id not in present)


def has_open_turns(sessions: Sessions) -> bool:
    with reading(sessions) as session:
        return session.scalar(select(Turn.id).where(Turn.status != TurnStatus.DONE).limit(1)) is not None


async def hold(support: Support, number: int) -> None:
    identity = conversation_id(number)
    actor = Actor(ActorKind.CUSTOMER, conversation_id=identity)
    for position, text in enumerate(SCRIPT):
        async for _ in support.say(actor, identity, text, client_id=f"message-{position}"):
            pass


async def main(home: str, database_url: str, conversations: int) -> None:
    settings = Settings(home=Path(home), database_url=database_url or None, turn_lease=LEASE_SECONDS, _env_file=None)
    sessions = open_sessions(settings)
    begin(sessions, conversations)
    async with open_support(settings, sessions) as support:
        print("ready", flush=True)
        while await asyncio.to_thread(has_open_turns, sessions):  # what a killed process left, before anybody asks
            await support.sweep()
            await asyncio.sleep(LEASE_SECONDS / 10)
        await asyncio.gather(*(hold(support, number) for number in range(conversations)))
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
