"""Jobs, written in the same transaction as the change that asks for them, and claimed by workers under a lease.

A job runs at least once: whoever handles one must be able to do it twice.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from errors import ClaraError
from memory.tables import Job, JobStatus
from memory.tables.base import utc_now

MAX_ATTEMPTS = 8
"""With the retries below, the last one is about nine and a half hours after the first."""
MAX_CLAIMS = 32
"""A claim that lapses says that the worker died, which is seldom the job's fault; this often, it is."""
FIRST_RETRY = 15.0
"""Seconds."""
RETRY_GROWTH = 4
LONGEST_RETRY = 4 * 3_600.0
"""Seconds."""
ERROR_CHARACTERS = 300
DONE_KEPT = timedelta(days=7)


class Hopeless(ClaraError):
    """Raised by a handler when trying again cannot help. As with every error of ours, its message names nobody."""

    code = "hopeless"


def enqueue(session: Session, kind: str, payload: dict[str, Any], *, run_at: datetime | None = None) -> Job:
    """Ask for work that is done if and only if `session` commits; not before `run_at`, when given."""
    job = Job(kind=kind, payload=payload, run_at=run_at or utc_now())
    session.add(job)
    session.flush()
    return job


def claim(session: Session, worker: str, *, limit: int, lease: float) -> list[Job]:
    """Up to `limit` jobs that are due, now `worker`'s alone for `lease` seconds. Commit before running them.

    A job whose lease has ended is due again: its worker died, or took longer than it may.
    """
    now = utc_now()
    due = (
        select(Job)
        .where(Job.status.in_((JobStatus.PENDING, JobStatus.CLAIMED)), Job.run_at <= now)
        .order_by(Job.run_at)
        .limit(limit)
        # PostgreSQL: several workers take different rows and do not wait for each other. SQLite has no row locks
        # and drops this clause; there, the write session's BEGIN IMMEDIATE lets in one claim at a time.
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    jobs = list(session.scalars(due))
    for job in jobs:
        job.attempts += 1
        if job.attempts > MAX_CLAIMS:
            job.status, job.finished_at = JobStatus.DEAD, now
            job.last_error = f"Its worker died {MAX_CLAIMS} times."
        else:
            job.status, job.claimed_by = JobStatus.CLAIMED, worker
            job.run_at = now + timedelta(seconds=lease)
    session.flush()
    return [job for job in jobs if job.status is JobStatus.CLAIMED]


def finish(session: Session, job: Job) -> bool:
    """Done, never to run again; False and no change when the claim lapsed and the job is somebody else's."""
    return _settle(session, job, status=JobStatus.DONE, finished_at=utc_now())


def fail(session: Session, job: Job, error: Exception) -> JobStatus | None:
    """Try again later, or never: what became of the job, None when the claim lapsed and it is somebody else's."""
    now = utc_now()
    if isinstance(error, Hopeless) or job.attempts >= MAX_ATTEMPTS:
        status = JobStatus.DEAD
        settled = _settle(session, job, status=status, finished_at=now, last_error=describe(error))
    else:
        status, run_at = JobStatus.PENDING, now + retry_after(job.attempts)
        settled = _settle(session, job, status=status, run_at=run_at, last_error=describe(error))
    return status if settled else None


def retry_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts, the first being 1."""
    return timedelta(seconds=min(FIRST_RETRY * RETRY_GROWTH ** (attempts - 1), LONGEST_RETRY))


def describe(error: Exception) -> str:
    """The error's type, and its text only when it is ours: others quote addresses, texts and SQL parameters."""
    name = type(error).__name__
    return f"{name}: {error.message}"[:ERROR_CHARACTERS] if isinstance(error, ClaraError) else name


def prune_outbox(session: Session, kept: timedelta = DONE_KEPT) -> int:
    """Delete jobs done longer ago than `kept`; returns how many. Dead ones stay for a person to look at."""
    old = delete(Job).where(Job.status == JobStatus.DONE, Job.finished_at < utc_now() - kept)
    return len(session.scalars(old.returning(Job.id)).all())


def _settle(session: Session, job: Job, **values: object) -> bool:
    """Change the row only under the very claim that `job` was given out with.

    `attempts` grows with each claim, so it also tells two claims by one worker apart.
    """
    settled = (
        update(Job)
        .where(
            Job.id == job.id,
            Job.status == JobStatus.CLAIMED,
            Job.claimed_by == job.claimed_by,
            Job.attempts == job.attempts,
        )
        .values(values)
        .returning(Job.id)
    )
    return session.scalar(settled, execution_options={"synchronize_session": False}) is not None
