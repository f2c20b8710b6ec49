import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from api.paging import Page, PagingDep, Slice, decode_cursor, encode_cursor
from api.problems import HANDLERS
from errors import Malformed

IDENTITY = str(UUID(int=7))
START = datetime(2026, 1, 1, tzinfo=UTC)


class Note:
    def __init__(self, number: int) -> None:
        self.id = UUID(int=number)
        self.created_at = START + timedelta(minutes=number // 3)  # three rows share a moment
        self.number = number


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: int


NOTES = [Note(number) for number in range(120)]


@pytest.fixture
def client():
    app = FastAPI(exception_handlers=HANDLERS)

    @app.get("/notes", response_model=Page[NoteOut])
    def list_notes(paging: PagingDep) -> Slice[Note]:
        rows = [note for note in NOTES if paging.after is None or (note.created_at, note.id) > paging.after]
        return paging.slice(rows[: paging.limit + 1], key=lambda note: (note.created_at, note.id))

    return TestClient(app)


@pytest.mark.parametrize("limit", [1, 7, 50, 119, 120, 121])
def test_following_the_cursors_shows_every_row_once_and_in_order(client, limit):
    numbers, cursor = [], None
    while True:
        page = client.get("/notes", params={"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        assert 1 <= len(page["items"]) <= limit
        numbers += [item["number"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert numbers == list(range(120))


def test_a_page_has_fifty_rows_unless_asked_otherwise(client):
    assert len(client.get("/notes").json()["items"]) == 50


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1e2", "9" * 50])
def test_a_limit_outside_1_to_200_is_422(client, limit):
    answer = client.get("/notes", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["field"] == "limit"


def wrapped(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "not a cursor",
        "ünïcode",
        "%00",
        wrapped(None),
        wrapped({}),
        wrapped([]),
        wrapped(["2026-01-01T00:00:00Z"]),
        wrapped(["2026-01-01T00:00:00", IDENTITY]),  # no zone
        wrapped(["0001-01-01T00:00:00+14:00", IDENTITY]),  # before the year one in UTC
        wrapped([1, IDENTITY]),
        wrapped(["2026-01-01T00:00:00Z", "1"]),
        wrapped(["2026-01-01T00:00:00Z", IDENTITY, 1]),
        urlsafe_b64encode(b"[" * 20_000).decode(),
    ],
)
def test_a_cursor_that_is_not_ours_is_malformed(client, cursor):
    answer = client.get("/notes", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])), st.uuids())
def test_a_cursor_brings_back_the_moment_and_the_id(moment, identity):
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        return
    assert decode_cursor(encode_cursor((moment, identity))) == (in_utc, identity)


@given(st.text(max_size=300))
def test_no_text_breaks_the_decoder(text):
    try:
        decode_cursor(text)
    except Malformed:
        return
    assert decode_cursor(encode_cursor(decode_cursor(text))) == decode_cursor(text)
