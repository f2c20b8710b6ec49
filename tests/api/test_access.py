"""Every route with every role, and with a stranger's token, against the hand-written table `access.csv`.

The table follows the guide's grants, not the code; a route that is not in it fails.
"""

import csv
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from memory.tables import Role
from settings import Settings
from tests.conftest import TEST_PASSWORD
from tools.permissions import GRANTS, Permission

TABLE = Path(__file__).with_name("access.csv")
WHO_ELSE = {"public", "conversation", "staff"}
BODIES = {
    "POST /api/auth/login": {"email": "csr@clara.example", "password": TEST_PASSWORD},
    "POST /api/auth/password": {"current_password": TEST_PASSWORD, "new_password": TEST_PASSWORD},
    "POST /api/chat/conversations": {},
    "POST /api/chat/conversations/{conversation_id}/messages": {"text": "hello"},
}


def expected() -> dict[str, dict[str, int]]:
    with TABLE.open(newline="") as lines:
        return {row.pop("route"): {who: int(status) for who, status in row.items()} for row in csv.DictReader(lines)}


def routes(app) -> dict[str, dict]:
    """Operations by method and path; pages of the web application and of the documentation hold no data."""
    paths = app.openapi()["paths"]
    return {f"{method.upper()} {path}": what for path, methods in paths.items() for method, what in methods.items()}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return create_app(Settings(home=tmp_path_factory.mktemp("home"), _env_file=None))


def test_every_route_is_in_the_table(app):
    assert set(routes(app)) == set(expected())


def test_every_route_says_who_may_use_it_and_the_table_agrees(app):
    for name, operation in routes(app).items():
        needs = operation.get("x-access")
        assert needs in WHO_ELSE or needs in set(Permission), f"{name} does not say who may use it"
        for role in Role:
            allowed = needs in ("public", "staff") or needs in GRANTS[role]
            status = expected()[name][role.value]
            assert (status not in (401, 403)) == allowed or name == "POST /api/auth/refresh", (name, role)


def test_every_cell(client, begin, signed_in):
    own_path, own = begin()
    _, stranger = begin()
    handed = client.post(f"{own_path}/messages", json={"text": "I want to talk to a human"}, headers=own).json()
    people = {"nobody": {}, "customer": own, "other customer": stranger}
    staff = {role.value: signed_in(role.value) for role in Role}
    places = {
        "conversation_id": handed["conversation_id"],
        "ticket_id": handed["ticket"]["id"],
        "slug": "reset-your-password",
    }
    bodies = BODIES | {
        "POST /api/chat/conversations/{conversation_id}/feedback": {
            "message_id": handed["message_id"],
            "helpful": True,
        }
    }
    wrong = {}
    for name, cells in expected().items():
        for who, status in cells.items():
            headers = people[who] if who in people else staff[who]
            answered = ask(client, name, headers, places, bodies.get(name))
            if answered != status:
                wrong[name, who] = (answered, status)
            if name == "POST /api/auth/password" and answered == 200:  # it ended the sign-in
                staff[who] = sign_in_again(client, who)
    assert wrong == {}


def sign_in_again(client: TestClient, role: str) -> dict[str, str]:
    answer = client.post("/api/auth/login", json={"email": f"{role}@clara.example", "password": TEST_PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def ask(client: TestClient, name: str, headers: dict[str, str], places: dict[str, str], body: object) -> int:
    """The answer's status, without waiting for the end of a stream that has none, and without any cookie."""
    method, path = name.split()
    client.cookies.clear()
    if path.endswith(("/stream", "/events")):
        client.app.state.hub.close()  # else the answer would never end
    return client.request(method, path.format(**places), headers=headers, json=body).status_code
