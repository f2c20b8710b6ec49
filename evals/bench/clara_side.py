"""Clara's side of the turn benchmark: the real thing on a prepared home, `python -m evals.bench.clara_side HOME`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from evals.bench.serve import serve
from graph.run import Support, open_support
from memory import conversations
from memory.checkpoints import FILE
from memory.database import open_sessions, reading, transaction
from memory.tables import Conversation, ConversationHolder, Message, MessageAuthor, Turn, TurnStatus
from settings import Settings
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind


class ClaraSide:
    """Answers in the process that opened it; see `evals.bench.serve.Side`."""

    def __init__(self, home: Path, support: Support) -> None:
        self.files = [home / "clara.db", home / FILE]
        self._support = support
        self._sessions = support.means.sessions

    async def prefill(self, messages: Sequence[str], opening: str) -> str:
        """Raises RuntimeError when `opening` was not answered: a person's conversation costs less than a bot's."""
        conversation = await asyncio.to_thread(self._insert, messages)
        await self.turn(str(conversation), opening)
        with reading(self._sessions) as session:
            if session.get_one(Conversation, conversation).holder is not ConversationHolder.BOT:
                raise RuntimeError(f"Clara handed the opening question over: {opening}")
        return str(conversation)

    async def turn(self, conversation: str, text: str) -> str:
        actor = Actor(ActorKind.CUSTOMER, conversation_id=UUID(conversation))
        async for event in self._support.say(actor, UUID(conversation), text):
            if isinstance(event, dict):
                outcome: str = event["outcome"]
        return outcome

    async def length(self, conversation: str) -> int:
        with reading(self._sessions) as session:
            return conversations.newest_position(session, UUID(conversation))

    def _insert(self, messages: Sequence[str]) -> UUID:
        with transaction(self._sessions) as session:
            conversation = begin_conversation(session).id
            first = conversations.newest_position(session, conversation) + 1
            if messages:
                insert_answered(session, conversation, messages, first=first)
            session.execute(
                update(Conversation)
                .where(Conversation.id == conversation)
                .values(last_position=first + len(messages) - 1)
            )
            return conversation


def insert_answered(session: Session, conversation: UUID, messages: Sequence[str], *, first: int) -> None:
    """The messages from position `first` on, customer and bot in turn, with the turns that are said to have made them.

    Raises ValueError when a customer's message is left without an answer.
    """
    ids = [uuid4() for _ in messages]
    session.execute(
        insert(Message),
        [
            {
                "id": ids[i],
                "conversation_id": conversation,
                "position": first + i,
                "author": MessageAuthor.BOT if i % 2 else MessageAuthor.CUSTOMER,
                "text": text,
                "reply": {"outcome": "answered", "confidence": 0.9, "citations": []} if i % 2 else None,
            }
            for i, text in enumerate(messages)
        ],
    )
    session.execute(
        insert(Turn),
        [
            {
                "conversation_id": conversation,
                "position": first + 2 * n,
                "message_id": asked,
                "reply_id": answered,
                "status": TurnStatus.DONE,
                "attempts": 1,
                "outcome": "answered",
            }
            for n, (asked, answered) in enumerate(zip(ids[::2], ids[1::2], strict=True))
        ],
    )


@asynccontextmanager
async def open_side(settings: Settings) -> AsyncIterator[ClaraSide]:
    """On a home that `clara seed` has prepared."""
    sessions = open_sessions(settings)
    async with open_support(settings, sessions) as support:
        yield ClaraSide(settings.home, support)
    sessions.engine.dispose()


async def main(home: Path) -> None:
    async with open_side(Settings(home=home, _env_file=None)) as side:
        await serve(side)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
