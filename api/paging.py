"""Keyset pages: a cursor names the last row of a page, so that page one thousand costs what page one does."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, TypeAdapter

from errors import Malformed

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200

Key = tuple[datetime, UUID]
"""What a list is ordered by: a moment, and the id among rows of the same moment."""
KEY: TypeAdapter[Key] = TypeAdapter(tuple[AwareDatetime, UUID])

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """What a list answers, as `response_model=Page[TicketOut]`."""

    items: list[Item]
    next_cursor: str | None = None
    """Pass it as `cursor` for the next page; null on the last one."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page, before they are shown as a `Page`."""

    items: Sequence[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is wanted: at most `limit` rows, behind the row `after`."""

    limit: int
    after: Key | None

    def slice(self, rows: Sequence[Row], key: Callable[[Row], Key]) -> Slice[Row]:
        """The page out of `rows`, of which the query read one more than `limit` if there are more."""
        kept = rows[: self.limit]
        return Slice(kept, encode_cursor(key(kept[-1])) if len(rows) > self.limit else None)


def read_paging(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Paging:
    """Raises Malformed for a cursor that no page has given."""
    return Paging(limit, None if cursor is None else decode_cursor(cursor))


PagingDep = Annotated[Paging, Depends(read_paging)]


def encode_cursor(key: Key) -> str:
    """Opaque to callers, so that it may change: URL-safe base64 of `[moment, id]`, without padding."""
    moment, identity = key
    text = json.dumps([moment.astimezone(UTC).isoformat(), str(identity)])
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> Key:
    """Raises Malformed unless `cursor` is one of ours."""
    try:
        moment, identity = KEY.validate_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), strict=True)
        return moment.astimezone(UTC), identity
    except (ValueError, OverflowError):  # not base64, not JSON, not a key; or a moment that UTC puts out of range
        raise Malformed("This is not a cursor of ours.") from None
