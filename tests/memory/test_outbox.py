from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from errors import Unavailable
from memory.database import reading, transaction
from memory.outbox import (
    LONGEST_RETRY,
    MAX_ATTEMPTS,
    MAX_CLAIMS,
    Hopeless,
    claim,
    enqueue,
    fail,
    finish,
    prune_outbox,
    retry_after,
)
from memory.tables import Job, JobStatus
from memory.tables.base import utc_now

LEASE = 60


def add(sessions, count=1, **when):
    with transaction(sessions) as session:
        return [enqueue(session, "greet", {"n": n}, **when).id for n in range(count)]


def take(sessions, worker="ann", limit=1):
    with transaction(sessions) as session:
        return claim(session, worker, limit=limit, lease=LEASE)


def make_due(sessions):
    """What the clock would do."""
    with transaction(sessions) as session:
        session.execute(update(Job).values(run_at=utc_now()))


def kept(sessions, job):
    with reading(sessions) as session:
        return session.get_one(Job, job.id)


def test_a_job_is_there_if_and_only_if_its_change_was_kept(sessions):
    with sessions.write() as undone:
        enqueue(undone, "greet", {})
    assert take(sessions) == []
    add(sessions)
    assert [job.kind for job in take(sessions)] == ["greet"]


def test_a_job_is_not_claimed_before_its_time(sessions):
    add(sessions, run_at=utc_now() + timedelta(hours=1))
    assert take(sessions) == []
    make_due(sessions)
    assert len(take(sessions)) == 1


def test_the_longest_due_comes_first(sessions):
    (late,) = add(sessions)
    (early,) = add(sessions, run_at=utc_now() - timedelta(hours=1))
    assert [job.id for job in take(sessions, limit=2)] == [early, late]


def test_of_many_claims_at_once_each_job_goes_to_one(sessions):
    added = add(sessions, count=120)

    def take_all(worker):
        taken = []
        while jobs := take(sessions, worker, limit=7):
            taken += jobs
        return [job.id for job in taken]

    with ThreadPoolExecutor(8) as pool:
        takers = list(pool.map(take_all, map(str, range(8))))
    assert Counter(id_ for taken in takers for id_ in taken) == Counter(added)


def test_on_postgresql_a_claim_does_not_wait_for_another(sessions, settings):
    if settings.is_sqlite:
        pytest.skip("SQLite has one writer: claims wait for each other")
    first, second = add(sessions, count=2)
    with transaction(sessions) as one:
        mine = claim(one, "ann", limit=1, lease=LEASE)
        theirs = take(sessions, "bob", limit=2)
        assert {job.id for job in mine} | {job.id for job in theirs} == {first, second}
        assert len(theirs) == 1


def test_a_finished_job_is_never_claimed_again(sessions):
    add(sessions)
    (job,) = take(sessions)
    with transaction(sessions) as session:
        assert finish(session, job)
    make_due(sessions)
    assert take(sessions) == []
    assert kept(sessions, job).status is JobStatus.DONE


@pytest.mark.parametrize("second_worker", ["bob", "ann"])
def test_after_the_lease_another_claim_counts_and_the_first_no_longer(sessions, second_worker):
    add(sessions)
    (first,) = take(sessions, "ann")
    assert take(sessions, "bob") == []
    make_due(sessions)
    (second,) = take(sessions, second_worker)

    with transaction(sessions) as session:
        assert finish(session, first) is False
        assert fail(session, first, ValueError()) is None
    assert kept(sessions, first).status is JobStatus.CLAIMED
    with transaction(sessions) as session:
        assert finish(session, second)
    assert kept(sessions, first).status is JobStatus.DONE


def test_a_failing_job_is_tried_again_later_and_in_the_end_kept_as_dead(sessions):
    add(sessions)
    statuses = []
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = take(sessions)
        before = utc_now()
        with transaction(sessions) as session:
            statuses.append(fail(session, job, Unavailable("The mail server answered 451.")))
        if attempt < MAX_ATTEMPTS:
            assert kept(sessions, job).run_at >= before + retry_after(attempt)
        assert take(sessions) == []
        make_due(sessions)

    assert statuses == [JobStatus.PENDING] * (MAX_ATTEMPTS - 1) + [JobStatus.DEAD]
    assert take(sessions) == []
    dead = kept(sessions, job)
    assert (dead.attempts, dead.last_error) == (MAX_ATTEMPTS, "Unavailable: The mail server answered 451.")
    assert dead.finished_at is not None


def test_waits_grow_up_to_a_limit():
    waits = [retry_after(attempt) for attempt in range(1, MAX_ATTEMPTS)]
    assert waits == sorted(waits)
    assert waits[1] == 4 * waits[0]
    assert waits[-1] == timedelta(seconds=LONGEST_RETRY)
    assert timedelta(hours=9) < sum(waits, timedelta()) < timedelta(hours=10)


def test_a_hopeless_job_is_not_tried_again(sessions):
    add(sessions)
    (job,) = take(sessions)
    with transaction(sessions) as session:
        assert fail(session, job, Hopeless("There is no such thing.")) is JobStatus.DEAD
    make_due(sessions)
    assert take(sessions) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no mail for ana@example.com"), "ValueError"),
        (Unavailable("x" * 1_000), "Unavailable: " + "x" * 287),
    ],
)
def test_what_is_kept_of_an_error_is_short_and_names_nobody(sessions, error, said):
    add(sessions)
    (job,) = take(sessions)
    with transaction(sessions) as session:
        fail(session, job, error)
    assert kept(sessions, job).last_error == said


def test_a_job_that_kills_its_worker_each_time_does_not_go_round_for_ever(sessions):
    add(sessions)
    for _ in range(MAX_CLAIMS):
        (job,) = take(sessions)
        make_due(sessions)
    assert take(sessions) == []
    assert kept(sessions, job).status is JobStatus.DEAD
    assert kept(sessions, job).last_error == f"Its worker died {MAX_CLAIMS} times."


def test_pruning_deletes_only_what_was_done_long_ago(sessions):
    add(sessions, count=4)
    old_done, new_done, old_dead, claimed = take(sessions, limit=4)
    with transaction(sessions) as session:
        finish(session, old_done)
        finish(session, new_done)
        fail(session, old_dead, Hopeless("No."))
        old = update(Job).where(Job.id.in_([old_done.id, old_dead.id]))
        session.execute(old.values(finished_at=utc_now() - timedelta(days=8)))
        assert prune_outbox(session) == 1
    with reading(sessions) as session:
        assert set(session.scalars(select(Job.id))) == {new_done.id, old_dead.id, claimed.id}
