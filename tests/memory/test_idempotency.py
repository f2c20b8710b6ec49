from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from errors import Conflict, InvalidField
from memory.database import reading, transaction
from memory.idempotency import prune_idempotency_keys, remember, replayed
from memory.tables import Customer, IdempotencyKey
from memory.tables.base import utc_now

ANA = {"email": "ana@example.com", "name": "Ana"}


def create(sessions, key="k1", body=ANA, scope="customers of staff 7"):
    """As a route would: make a customer, once for each key."""
    with transaction(sessions) as session:
        answer = replayed(session, scope, key, body)
        if answer is None:
            customer = Customer(**body)
            session.add(customer)
            session.flush()
            answer = {"id": str(customer.id)}
            remember(session, scope, key, answer)
        return answer


def customers(sessions):
    with reading(sessions) as session:
        return session.scalar(select(func.count()).select_from(Customer))


def test_a_repeat_gets_the_first_answer_and_creates_nothing(sessions):
    first = create(sessions)
    reordered = dict(reversed(ANA.items()))
    assert create(sessions, body=reordered) == first
    assert customers(sessions) == 1


def test_the_same_key_with_another_body_is_a_conflict(sessions):
    create(sessions)
    with pytest.raises(Conflict):
        create(sessions, body={**ANA, "name": "Bob"})
    assert customers(sessions) == 1


def test_another_scope_or_key_is_another_request(sessions):
    create(sessions)
    create(sessions, key="k2", body={"email": "bob@example.com"})
    create(sessions, scope="customers of staff 8", body={"email": "eve@example.com"})
    assert customers(sessions) == 3


def test_fifty_requests_at_once_create_one(sessions):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: create(sessions), range(50)))
    assert answers == [answers[0]] * 50
    assert customers(sessions) == 1


def test_a_creation_that_fails_leaves_its_key_free(sessions):
    with sessions.write() as undone:
        assert replayed(undone, "customers", "k1", ANA) is None
        remember(undone, "customers", "k1", {"id": "7"})
    create(sessions, scope="customers")
    assert customers(sessions) == 1


def test_on_postgresql_a_waiting_repeat_takes_over_when_the_first_fails(sessions, settings):
    if settings.is_sqlite:
        pytest.skip("SQLite lets in one writer at a time")
    with ThreadPoolExecutor(1) as pool:
        with sessions.write() as first:
            assert replayed(first, "customers of staff 7", "k1", ANA) is None
            waiting = pool.submit(create, sessions)
            first.rollback()
        assert waiting.result(timeout=30)["id"]
    assert customers(sessions) == 1


def test_a_kept_key_without_an_answer_is_a_conflict(sessions):
    with transaction(sessions) as session:
        replayed(session, "customers", "k1", ANA)
    with pytest.raises(Conflict):
        create(sessions, scope="customers")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", "a\nb"])
def test_a_key_has_1_to_255_printable_characters(sessions, key):
    with pytest.raises(InvalidField):
        create(sessions, key=key)
    assert create(sessions, key="x" * 255)


def test_keys_are_forgotten_after_a_day(sessions):
    create(sessions, key="old")
    with transaction(sessions) as session:
        session.execute(update(IdempotencyKey).values(created_at=utc_now() - timedelta(hours=25)))
    create(sessions, key="new", body={"email": "bob@example.com"})
    with transaction(sessions) as session:
        assert prune_idempotency_keys(session) == 1
        assert list(session.scalars(select(IdempotencyKey.key))) == ["new"]
