"""A killed process loses nothing and does nothing twice."""

import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, select

from memory.database import open_sessions, reading
from memory.tables import Message, MessageAuthor, Ticket, ToolEffect, Turn, TurnStatus
from settings import PROJECT
from tests.graph.kill_driver import SCRIPT

CONVERSATIONS = 12
FULL_RUN_SECONDS = 3.0
"""Kills fall into this time after the process is ready; a whole run takes about as long."""


def start(ready) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.graph.kill_driver", str(ready.home), ready.database_url or ""]
    process = subprocess.Popen([*command, str(CONVERSATIONS)], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    return process


def run_with_kills(ready, kills: int, seed: int) -> int:
    """Kill so often, then let it finish; returns how many kills met a process that was still at work."""
    moments = random.Random(seed)
    met = 0
    for _ in range(kills):
        process = start(ready)
        time.sleep(moments.uniform(0, FULL_RUN_SECONDS / 4))
        met += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start(ready)
    assert last.communicate(timeout=120)[0].strip() == "done"
    return met


def check(ready) -> None:
    sessions = open_sessions(ready)
    with reading(sessions) as session:
        said = session.execute(
            select(Message.conversation_id, func.count())
            .where(Message.author == MessageAuthor.CUSTOMER)
            .group_by(Message.conversation_id)
        ).all()
        assert [count for _, count in said] == [len(SCRIPT)] * CONVERSATIONS
        turns = list(session.scalars(select(Turn)))
        assert {turn.status for turn in turns} == {TurnStatus.DONE}
        assert all(turn.reply_id for turn in turns)
        answers = select(func.count()).select_from(Message).where(Message.author == MessageAuthor.BOT)
        assert session.scalar(answers) == len(turns) == len(SCRIPT) * CONVERSATIONS
        assert session.scalar(select(func.count()).select_from(Ticket)) == CONVERSATIONS
        assert session.scalar(select(func.count()).select_from(ToolEffect)) == CONVERSATIONS
        outcomes = [turn.outcome for turn in sorted(turns, key=lambda turn: (turn.conversation_id, turn.position))]
        expected = ["smalltalk", "answered", "escalated", "waiting_for_human", "waiting_for_human"]
        assert outcomes == expected * CONVERSATIONS
    sessions.engine.dispose()


def test_kills_at_random_moments(ready):
    assert run_with_kills(ready, kills=5, seed=11) >= 3
    check(ready)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_fifty_kills(ready, seed):
    """Ten times five: one run of many kills would be over after the first few."""
    assert run_with_kills(ready, kills=5, seed=100 + seed) >= 3
    check(ready)
