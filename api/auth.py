"""Signing in and out, for staff."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Cookie, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import ActorDep, ReadDep, access
from api.limits import client_address
from errors import InvalidField, NotSignedIn
from memory.database import reading, transaction
from memory.tables import Role, User
from tools import signin
from tools.passwords import LONGEST_PASSWORD, hash_password, is_password
from tools.permissions import Actor

router = APIRouter(prefix="/api/auth", tags=["sign in"])

PLAIN_COOKIE, SECURE_COOKIE = "clara_refresh", "__Host-clara_refresh"
"""The prefix makes browsers insist on HTTPS, so over plain HTTP (a trial on one machine) the cookie does without."""
WRONG = "This e-mail address and password do not belong together."


class LoginIn(BaseModel):
    email: str = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class PasswordIn(BaseModel):
    current_password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)
    new_password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    display_name: str
    avatar_url: str | None
    role: Role
    team: str | None
    time_zone: str
    is_active: bool
    last_login: datetime | None


class MeOut(UserOut):
    permissions: list[str]


class SignedInOut(BaseModel):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""
    user: UserOut


@router.post("/login", openapi_extra=access("public"))
async def login(body: LoginIn, request: Request, response: Response) -> SignedInOut:
    """An access token in the answer, and a refresh token as an HttpOnly cookie."""
    state = request.app.state
    state.limits.hit("login", client_address(request, state.settings))

    def find() -> User | None:
        with reading(state.sessions) as session:
            return signin.find_for_sign_in(session, body.email)

    found = await asyncio.to_thread(find)
    is_right = await state.hashing.run(
        is_password, state.settings, body.password, found.password_hash if found else None
    )
    if found is None or not is_right:
        raise NotSignedIn(WRONG)

    def begin() -> tuple[User, str]:
        with transaction(state.sessions) as session:
            return signin.sign_in(session, state.settings, found.id, request.headers.get("user-agent"))

    user, refresh_token = await asyncio.to_thread(begin)
    _set_cookie(request, response, refresh_token)
    return _signed_in(request, user)


@router.post("/refresh", openapi_extra=access("public"))
def refresh(
    request: Request,
    response: Response,
    plain: Annotated[str | None, Cookie(alias=PLAIN_COOKIE)] = None,
    secure: Annotated[str | None, Cookie(alias=SECURE_COOKIE)] = None,
) -> SignedInOut:
    """A new access token for the cookie of signing in, which changes with every use."""
    token = secure or plain
    if token is None:
        raise NotSignedIn("Sign in first.")
    with transaction(request.app.state.sessions) as session:
        renewed = signin.renew(session, token)
    if renewed is None:
        raise NotSignedIn("This sign-in has ended; sign in again.")
    if renewed.refresh_token is not None:
        _set_cookie(request, response, renewed.refresh_token)
    return _signed_in(request, renewed.user)


@router.post("/logout", status_code=204, openapi_extra=access("public"))
def logout(
    request: Request,
    response: Response,
    plain: Annotated[str | None, Cookie(alias=PLAIN_COOKIE)] = None,
    secure: Annotated[str | None, Cookie(alias=SECURE_COOKIE)] = None,
) -> None:
    """End this sign-in; an access token that is out still works until it expires, within minutes."""
    with transaction(request.app.state.sessions) as session:
        for token in (plain, secure):
            if token is not None:
                signin.sign_out(session, token)
    for name in (PLAIN_COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="strict")


@router.get("/me", openapi_extra=access("staff"))
def me(session: ReadDep, actor: ActorDep) -> MeOut:
    """Who is signed in, and what the role allows."""
    user = UserOut.model_validate(session.get_one(User, actor.id))
    return MeOut(**user.model_dump(), permissions=sorted(actor.permissions))


@router.post("/password", openapi_extra=access("staff"))
async def change_password(body: PasswordIn, request: Request, response: Response, actor: ActorDep) -> SignedInOut:
    """Change the own password; every other sign-in of the user ends."""
    state = request.app.state
    state.limits.hit("login", client_address(request, state.settings))
    await _check_own_password(request, actor, body.current_password)
    password_hash = await state.hashing.run(hash_password, state.settings, body.new_password)

    def change() -> tuple[User, str]:
        with transaction(state.sessions) as session:
            user = signin.change_password(session, actor.id, password_hash)  # type: ignore[arg-type]
            return signin.sign_in(session, state.settings, user.id, request.headers.get("user-agent"))

    user, refresh_token = await asyncio.to_thread(change)
    _set_cookie(request, response, refresh_token)
    return _signed_in(request, user)


async def _check_own_password(request: Request, actor: Actor, password: str) -> None:
    state = request.app.state

    def read() -> str:
        with reading(state.sessions) as session:
            return session.get_one(User, actor.id).password_hash

    known = await asyncio.to_thread(read)
    if not await state.hashing.run(is_password, state.settings, password, known):
        raise InvalidField("This is not your password.", details=[{"field": "current_password"}])


def _set_cookie(request: Request, response: Response, token: str) -> None:
    settings = request.app.state.settings
    over_https = request.url.scheme == "https" or settings.public_url.startswith("https://")
    response.set_cookie(
        SECURE_COOKIE if over_https else PLAIN_COOKIE,
        token,
        max_age=settings.refresh_token_lifetime,
        path="/",
        secure=over_https,
        httponly=True,
        samesite="strict",
    )


def _signed_in(request: Request, user: User) -> SignedInOut:
    tokens = request.app.state.tokens
    return SignedInOut(
        access_token=tokens.for_user(user.id, user.token_version),
        expires_in=tokens.staff_seconds,
        user=UserOut.model_validate(user),
    )
