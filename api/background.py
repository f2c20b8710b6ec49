"""The background worker with its jobs and duties: mails, left-behind turns, the index, pruning."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from api.worker import Periodic, Worker
from graph.run import Support, open_support
from memory.database import Sessions, open_sessions, transaction
from memory.events import prune_events
from memory.idempotency import prune_idempotency_keys
from memory.outbox import prune_outbox
from memory.tables.base import utc_now
from settings import Settings
from tools.ingest import refresh_index
from tools.mail import MAIL_JOB, deliver_mail
from tools.signin import prune_sign_ins

HOUR = 3_600.0
INDEX_SECONDS = 5.0
"""By how much a change of an article may be late in what is found."""
SWEEPS_A_LEASE = 2
PRUNED_BEHIND = timedelta(hours=2)
"""Checkpoints of conversations that were quiet for longer have been pruned before."""


def make_worker(settings: Settings, sessions: Sessions, support: Support) -> Worker:
    async def sweep() -> None:
        await support.sweep()

    async def prune_checkpoints() -> None:
        await support.prune(utc_now() - PRUNED_BEHIND)

    def refresh() -> None:
        refresh_index(sessions, support.means.knowledge)

    return Worker(
        sessions,
        {MAIL_JOB: partial(deliver_mail, settings)},
        [
            Periodic("sweep_turns", settings.turn_lease / SWEEPS_A_LEASE, sweep),
            Periodic("refresh_index", INDEX_SECONDS, refresh),
            Periodic("prune_checkpoints", HOUR, prune_checkpoints),
            *(
                Periodic(prune.__name__, HOUR, partial(_prune, sessions, prune))
                for prune in (prune_events, prune_idempotency_keys, prune_outbox, prune_sign_ins)
            ),
        ],
    )


def _prune(sessions: Sessions, prune: Callable[[Session], int]) -> None:
    with transaction(sessions) as session:
        prune(session)


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[Worker]:
    """A worker that runs, on a prepared home, in a process that serves nothing."""
    sessions = open_sessions(settings)
    async with open_support(settings, sessions) as support:
        worker = make_worker(settings, sessions, support)
        worker.start()
        try:
            yield worker
        finally:
            await worker.stop()
            sessions.engine.dispose()
