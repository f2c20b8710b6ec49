"""The whole application behind a client, and people who are signed in to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from memory.database import transaction
from memory.tables import Role, User
from settings import Settings
from tests.conftest import TEST_PASSWORD
from tools.passwords import hash_password
from tools.permissions import SYSTEM
from tools.users import add_user


@pytest.fixture
def client(ready: Settings) -> Iterator[TestClient]:
    """The application with everything open, on each kind of database."""
    often = {"logins_per_minute": 1_000, "conversations_per_hour": 1_000}  # limits have tests of their own
    with TestClient(create_app(ready.model_copy(update=often))) as opened:
        yield opened


@pytest.fixture
def make_user(client: TestClient) -> Callable[..., User]:
    def make(role: str = "csr", email: str | None = None, team: str | None = None) -> User:
        state = client.app.state
        with transaction(state.sessions) as session:
            return add_user(
                session, SYSTEM, email=email or f"{role}@clara.example", display_name=role.title(), role=Role(role),
                team=team, password_hash=hash_password(state.settings, TEST_PASSWORD),
            )  # fmt: skip

    return make


@pytest.fixture
def signed_in(client: TestClient, make_user: Callable[..., User]) -> Callable[[str], dict[str, str]]:
    """Headers of a user with that role."""

    def sign_in(role: str) -> dict[str, str]:
        user = make_user(role)
        answer = client.post("/api/auth/login", json={"email": user.email, "password": TEST_PASSWORD})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return sign_in


@pytest.fixture
def begin(client: TestClient) -> Callable[..., tuple[str, dict[str, str]]]:
    """A new conversation: its path, and its customer's headers."""

    def start(**body: Any) -> tuple[str, dict[str, str]]:
        answer = client.post("/api/chat/conversations", json=body)
        assert answer.status_code == 201, answer.text
        started = answer.json()
        return f"/api/chat/conversations/{started['id']}", {"Authorization": f"Bearer {started['token']}"}

    return start
