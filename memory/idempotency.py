"""The first answer to a creation, given again to whoever repeats it with the same Idempotency-Key.

    answer = replayed(session, scope, key, body)
    if answer is None:
        answer = ...  # create
        remember(session, scope, key, answer)

All in one transaction: a creation that fails leaves no key behind.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from errors import Conflict, InvalidField
from memory.tables import IdempotencyKey
from memory.tables.base import utc_now

KEY_CHARACTERS = 255
KEPT = timedelta(days=1)

UNANSWERED: dict[str, Any] = {}


def replayed(session: Session, scope: str, key: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The answer that `key` got before; None for a new key, which is now taken by this transaction.

    The key is inserted before anything is created, so of many requests at once one creates. PostgreSQL lets the
    insert of a key that another open transaction inserted wait for that one's end: after a commit it fails and the
    kept answer is read, after a rollback it succeeds and this request is the first. On SQLite the write sessions'
    BEGIN IMMEDIATE has already put the requests in a row.

    Args:
        scope: who asks for what, so that two callers may use the same key.
        body: the request as JSON values.

    Raises:
        InvalidField: the key is not 1 to 255 printable characters.
        Conflict: the key was used with another body.
    """
    if not 1 <= len(key) <= KEY_CHARACTERS or not key.isprintable():
        raise InvalidField(f"An Idempotency-Key has 1 to {KEY_CHARACTERS} printable characters.")
    body_hash = _hash(body)
    try:
        with session.begin_nested():  # a savepoint: the failed insert must not end the caller's transaction
            session.execute(insert(IdempotencyKey).values(scope=scope, key=key, body_hash=body_hash, answer=UNANSWERED))
    except IntegrityError:
        return _first_answer(session, scope, key, body_hash)
    return None


def remember(session: Session, scope: str, key: str, answer: dict[str, Any]) -> None:
    """Keep the answer, JSON values, for the key that `replayed` took in this transaction."""
    session.get_one(IdempotencyKey, (scope, key)).answer = answer
    session.flush()


def prune_idempotency_keys(session: Session) -> int:
    """Forget keys older than a day; returns how many."""
    old = delete(IdempotencyKey).where(IdempotencyKey.created_at < utc_now() - KEPT)
    return len(session.scalars(old.returning(IdempotencyKey.key)).all())


def _first_answer(session: Session, scope: str, key: str, body_hash: str) -> dict[str, Any]:
    first = session.get_one(IdempotencyKey, (scope, key))
    if first.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used with another request.")
    if first.answer == UNANSWERED:
        raise Conflict("The first request with this Idempotency-Key kept no answer.")
    return first.answer


def _hash(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
