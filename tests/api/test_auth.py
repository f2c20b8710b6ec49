"""Signing in, staying signed in, and being signed out."""

import asyncio
import json
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select, update

from api.auth import PLAIN_COOKIE, SECURE_COOKIE
from api.hashing import WAITING, HashingPool
from api.tokens import STAFF
from errors import TooManyRequests
from memory.database import reading, transaction
from memory.secret_key import derived_key
from memory.tables import RefreshSession, Role, SystemLog, User
from memory.tables.base import utc_now
from settings import Settings
from tests.conftest import TEST_PASSWORD
from tools.passwords import hash_password, is_password
from tools.permissions import touch_permissions_stamp
from tools.signin import GRACE
from tools.users import first_admin


def log_in(client, email="csr@clara.example", password=TEST_PASSWORD):
    return client.post("/api/auth/login", json={"email": email, "password": password})


def bearer(answer) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_signing_in_gives_a_token_that_opens_what_the_role_allows(client, make_user):
    make_user("csr")
    answer = log_in(client, " CSR@clara.example ")

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] <= 900
    assert answer.json()["user"]["role"] == "csr"
    assert "password" not in answer.text
    me = client.get("/api/auth/me", headers=bearer(answer)).json()
    assert me["email"] == "csr@clara.example"
    assert "tickets.update" in me["permissions"]
    assert "tickets.assign" not in me["permissions"]


def test_the_refresh_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(client, make_user):
    make_user("csr")
    cookie = log_in(client).headers["set-cookie"]
    assert cookie.startswith(f"{PLAIN_COOKIE}=")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))


def test_over_https_the_cookie_has_the_host_prefix(client, make_user):
    make_user("csr")
    client.base_url = "https://testserver"
    cookie = log_in(client).headers["set-cookie"]
    assert cookie.startswith(f"{SECURE_COOKIE}=")
    assert "Secure" in cookie
    assert client.post("/api/auth/refresh").status_code == 200


@pytest.mark.parametrize(("email", "password"), [("csr@clara.example", "wrong"), ("who@clara.example", TEST_PASSWORD)])
def test_a_wrong_password_and_an_unknown_address_look_the_same(client, make_user, email, password):
    make_user("csr")
    answer = log_in(client, email, password)
    assert answer.status_code == 401
    assert answer.json()["message"] == "This e-mail address and password do not belong together."
    assert "set-cookie" not in answer.headers


def test_each_use_of_the_cookie_replaces_it(client, make_user):
    make_user("csr")
    log_in(client)
    first = client.cookies[PLAIN_COOKIE]
    assert client.post("/api/auth/refresh").status_code == 200
    assert client.cookies[PLAIN_COOKIE] != first


def test_two_tabs_may_refresh_with_the_same_cookie_at_once(client, make_user):
    make_user("csr")
    log_in(client)
    first = client.cookies[PLAIN_COOKIE]
    client.post("/api/auth/refresh")
    second = client.cookies[PLAIN_COOKIE]
    client.cookies.clear()
    late = client.post("/api/auth/refresh", headers={"Cookie": f"{PLAIN_COOKIE}={first}"})
    assert late.status_code == 200
    assert "set-cookie" not in late.headers
    assert client.post("/api/auth/refresh", headers={"Cookie": f"{PLAIN_COOKIE}={second}"}).status_code == 200


def test_a_stolen_copy_of_a_used_cookie_ends_the_session(client, make_user):
    make_user("csr")
    log_in(client)
    first = client.cookies[PLAIN_COOKIE]
    client.post("/api/auth/refresh")
    second = client.cookies[PLAIN_COOKIE]
    client.cookies.clear()
    with transaction(client.app.state.sessions) as session:
        session.execute(update(RefreshSession).values(rotated_at=utc_now() - GRACE - timedelta(seconds=1)))

    for token in (first, second):
        answer = client.post("/api/auth/refresh", headers={"Cookie": f"{PLAIN_COOKIE}={token}"})
        assert answer.status_code == 401
    with reading(client.app.state.sessions) as session:
        assert session.scalar(select(SystemLog.id).where(SystemLog.action == "refresh_reused")) is not None


def test_signing_out_ends_the_session(client, make_user):
    make_user("csr")
    log_in(client)
    token = client.cookies[PLAIN_COOKIE]
    assert client.post("/api/auth/logout").status_code == 204
    assert PLAIN_COOKIE not in client.cookies
    assert client.post("/api/auth/refresh", headers={"Cookie": f"{PLAIN_COOKIE}={token}"}).status_code == 401


def test_a_disabled_user_is_out_with_the_next_request(client, make_user):
    user = make_user("csr")
    headers = bearer(log_in(client))
    with transaction(client.app.state.sessions) as session:
        session.get_one(User, user.id).is_active = False
    assert client.get("/api/auth/me", headers=headers).status_code == 401
    assert client.post("/api/auth/refresh").status_code == 401
    assert log_in(client).status_code == 401


def test_a_changed_role_counts_with_the_next_request(client, make_user):
    user = make_user("csr")
    headers = bearer(log_in(client))
    assert client.get("/api/tickets", headers=headers).status_code == 200
    with transaction(client.app.state.sessions) as session:
        session.get_one(User, user.id).role = Role.MARKETING
        touch_permissions_stamp(session)
    assert client.get("/api/tickets", headers=headers).status_code == 403


def test_a_changed_password_ends_every_other_sign_in(client, make_user):
    make_user("csr")
    elsewhere = bearer(log_in(client))
    headers = bearer(log_in(client))
    body = {"current_password": TEST_PASSWORD, "new_password": "a much longer new one"}
    changed = client.post("/api/auth/password", json=body, headers=headers)

    assert changed.status_code == 200
    assert client.get("/api/auth/me", headers=elsewhere).status_code == 401
    assert client.get("/api/auth/me", headers=bearer(changed)).status_code == 200
    assert log_in(client).status_code == 401
    assert log_in(client, password="a much longer new one").status_code == 200


def test_the_own_password_must_be_known_to_change_it_and_the_new_one_be_long_enough(client, make_user):
    make_user("csr")
    headers = bearer(log_in(client))
    for current, new in (("wrong", "a much longer new one"), (TEST_PASSWORD, "short")):
        answer = client.post(
            "/api/auth/password", json={"current_password": current, "new_password": new}, headers=headers
        )
        assert answer.status_code == 422
    assert client.get("/api/auth/me", headers=headers).status_code == 200


def forged(client, user, *, key=None, algorithm="HS256", **claims) -> dict[str, str]:
    now = utc_now()
    whole = {
        "sub": str(user.id),
        "aud": STAFF,
        "typ": "access",
        "ver": 1,
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    whole = {name: value for name, value in (whole | claims).items() if value is not None}
    if algorithm != "none" and key is None:
        key = derived_key(client.app.state.settings, "tokens")
    return {"Authorization": f"Bearer {jwt.encode(whole, key, algorithm)}"}


def test_only_our_own_unexpired_tokens_of_the_right_kind_count(client, make_user):
    user = make_user("csr")
    assert client.get("/api/auth/me", headers=forged(client, user)).status_code == 200
    now = utc_now()
    for wrong in (
        {"key": b"x" * 32},
        {"algorithm": "none"},
        {"algorithm": "HS512"},
        {"exp": now - timedelta(seconds=1)},
        {"exp": None},
        {"typ": None},
        {"typ": "conversation"},
        {"aud": "clara-conversation"},
        {"aud": None},
        {"ver": 2},
        {"sub": "me"},
        {"sub": "00000000-0000-0000-0000-000000000000"},
    ):
        assert client.get("/api/auth/me", headers=forged(client, user, **wrong)).status_code == 401, wrong


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a.b.c", "Basic YTpi", "Bearer \x00"])
def test_garbage_in_the_header_is_no_sign_in(client, header):
    assert client.get("/api/auth/me", headers={"Authorization": header}).status_code == 401


def test_too_many_sign_ins_from_an_address_have_to_wait(client, make_user):
    client.app.state.settings = client.app.state.settings.model_copy(update={"logins_per_minute": 3})
    client.app.state.limits = type(client.app.state.limits)(client.app.state.settings)
    answers = [log_in(client) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.anyio
async def test_hashing_has_threads_of_its_own_and_a_bounded_line():
    pool = HashingPool()
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()

    held = [asyncio.ensure_future(pool.run(hold)) for _ in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await pool.run(hold)
    gate.set()
    await asyncio.gather(*held)
    await pool.run(lambda: None)
    pool.close()


def test_passwords_longer_than_bcrypt_reads_are_told_apart(tmp_path):
    settings = Settings(home=tmp_path, bcrypt_cost=4, _env_file=None)
    kept = hash_password(settings, "x" * 100 + "a")
    assert is_password(settings, "x" * 100 + "a", kept)
    assert not is_password(settings, "x" * 100 + "b", kept)
    assert not is_password(settings, "anything", None)


def test_a_stolen_table_is_worth_nothing_without_the_key(tmp_path):
    first, second = (Settings(home=tmp_path / name, bcrypt_cost=4, _env_file=None) for name in ("a", "b"))
    assert not is_password(second, TEST_PASSWORD, hash_password(first, TEST_PASSWORD))


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    settings = Settings(home=tmp_path / "home", _env_file=None)
    assert derived_key(settings, "a") == derived_key(settings, "a") != derived_key(settings, "b")
    assert (tmp_path / "home" / "secret.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="32 bytes"):
        derived_key(Settings(home=tmp_path, secret_key="short", _env_file=None), "a")


def test_the_first_admin_is_made_once(session, settings):
    assert "admin@clara.ai" in str(first_admin(session, settings))
    assert first_admin(session, settings) is None
    assert session.scalar(select(User.role)) == Role.ADMIN


def test_nothing_personal_is_logged_on_signing_in(client, make_user, capfd):
    make_user("csr")
    log_in(client)
    log_in(client, password="wrong password")
    logged = json.dumps(capfd.readouterr())
    assert "csr@clara.example" not in logged
    assert TEST_PASSWORD not in logged
