"""The installation's secret, and the keys that are made from it: one a purpose, so that none can stand for another."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from settings import Settings

SHORTEST = 32
"""Bytes: what HS256 wants at least (RFC 7518, 3.2)."""
FILE = "secret.key"


def derived_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes that only this installation can make.

    Raises:
        ValueError: the configured secret is too short.
    """
    return hmac.digest(_secret(settings), purpose.encode(), hashlib.sha256)


def _secret(settings: Settings) -> bytes:
    if settings.secret_key is None:
        return _kept_in(settings.home)
    given = settings.secret_key.get_secret_value().encode()
    if len(given) < SHORTEST:
        raise ValueError(f"CLARA_SECRET_KEY needs at least {SHORTEST} bytes")
    return given


def _kept_in(home: Path) -> bytes:
    """The key file's content; made when it is not there, by whichever process comes first."""
    file = home / FILE
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        mine = home / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as made:
            made.write(secrets.token_hex(SHORTEST))
            made.flush()
            os.fsync(made.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            file.hardlink_to(mine)
        mine.unlink()
    return file.read_bytes()
