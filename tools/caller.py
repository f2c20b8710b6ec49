"""What a tool receives beside the arguments that a planner chose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from memory.database import Sessions, transaction
from memory.tables import ToolEffect
from tools.permissions import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """Not checkpointed: rebuilt for every turn, from the caller's own session."""

    sessions: Sessions
    actor: Actor
    turn_id: UUID


def call_id(turn_id: UUID, ordinal: int) -> str:
    """Names a planned call; the same in every run of the turn."""
    return f"{turn_id}:{ordinal}"


def once(
    caller: Caller, call: str, tool: str, arguments: dict[str, Any], effect: Callable[[Session], dict[str, Any]]
) -> dict[str, Any]:
    """The result of `effect`, which has happened exactly once however often the turn is run.

    The effect and the note that it happened are one transaction. Two processes may try at the same moment: the second
    one's note breaks the primary key, its effect is rolled back, and it returns the first one's result.

    Args:
        call: what `call_id` gave.
        effect: does the work through the session; returns JSON.
    """
    ordinal = int(call.rpartition(":")[2])
    try:
        with transaction(caller.sessions) as session:
            done = session.get(ToolEffect, (caller.turn_id, ordinal))
            if done is not None:
                return done.result
            result = effect(session)
            session.add(
                ToolEffect(turn_id=caller.turn_id, ordinal=ordinal, tool=tool, arguments=arguments, result=result)
            )
            return result
    except IntegrityError:
        with transaction(caller.sessions) as session:
            done = session.get(ToolEffect, (caller.turn_id, ordinal))
            if done is None:
                raise
            return done.result
