"""Passwords: kept as bcrypt over a keyed digest, so that a stolen table alone cannot be guessed at.

bcrypt reads 72 bytes and its library refuses more; the digest is 44 characters whatever the password's length.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

import bcrypt

from errors import InvalidField
from memory.secret_key import derived_key
from settings import Settings

SHORTEST_PASSWORD = 10
"""Characters. Length is what NIST SP 800-63B asks for; it advises against rules on kinds of characters."""
LONGEST_PASSWORD = 1_000


def hash_password(settings: Settings, password: str) -> str:
    """What `users.password_hash` keeps; takes a good part of a second, so call it off the event loop.

    Raises:
        InvalidField: shorter than SHORTEST_PASSWORD or longer than LONGEST_PASSWORD characters.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidField(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters.", details=[{"field": "password"}]
        )
    return bcrypt.hashpw(_digest(settings, password), bcrypt.gensalt(settings.bcrypt_cost)).decode()


def is_password(settings: Settings, password: str, password_hash: str | None) -> bool:
    """Whether it is the one; without a hash (no such user) it takes as long and is never right."""
    expected = password_hash or _nobodys_hash(settings.bcrypt_cost)
    matches = bcrypt.checkpw(_digest(settings, password[:LONGEST_PASSWORD]), expected.encode())
    return matches and password_hash is not None and len(password) <= LONGEST_PASSWORD


def _digest(settings: Settings, password: str) -> bytes:
    pepper = derived_key(settings, "passwords")
    return base64.b64encode(hmac.digest(pepper, password.encode("utf-8", "surrogatepass"), hashlib.sha256))


@lru_cache
def _nobodys_hash(cost: int) -> str:
    return bcrypt.hashpw(b"nobody", bcrypt.gensalt(cost)).decode()
