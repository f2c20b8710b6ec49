"""How often one may: messages by conversation, new conversations and sign-ins by address."""

import math
import time
from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from errors import TooManyRequests
from settings import Settings

LimitName = Literal["message", "repeat", "conversation", "login"]

REPEATS = 10
"""How many times more often than new messages the same ones may be sent again."""
KEYS_REMEMBERED = 10_000

NEIGHBOURS = 64
"""Bits of an IPv6 address that one customer of a provider shares; the rest is his to choose."""


class RateLimits:
    """Counted in this process's memory: several processes allow as many times more.

    A window opens with a key's first hit. The library's moving window would be finer, but its memory storage keeps
    every key it ever saw and walks through all of them each time it tidies.
    """

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._let_in: OrderedDict[tuple[str, str | None], None] = OrderedDict()
        self._items: dict[LimitName, RateLimitItem] = {
            "message": RateLimitItemPerMinute(settings.messages_per_minute),
            "repeat": RateLimitItemPerMinute(settings.messages_per_minute * REPEATS),
            "conversation": RateLimitItemPerHour(settings.conversations_per_hour),
            "login": RateLimitItemPerMinute(settings.logins_per_minute),
        }

    def hit_message(self, conversation: str, message_key: str | None) -> None:
        """Count one more message; one that was let in before under the same key counts as a repeat.

        Call it from the event loop only. Raises TooManyRequests as `hit` does.
        """
        known = (conversation, message_key)
        is_repeat = message_key is not None and known in self._let_in
        self.hit("repeat" if is_repeat else "message", conversation)
        if message_key is not None:
            self._let_in[known] = None
            if len(self._let_in) > KEYS_REMEMBERED:
                self._let_in.popitem(last=False)

    def hit(self, name: LimitName, key: str) -> None:
        """Count one more `name` of `key`.

        Raises:
            TooManyRequests: with the whole seconds, at least one, until the window ends.
        """
        item = self._items[name]
        if self._limiter.hit(item, name, key):
            return
        resets_at = self._limiter.get_window_stats(item, name, key).reset_time
        raise TooManyRequests(
            "Too many at once; please wait a little.", retry_after=max(1, math.ceil(resets_at - time.time()))
        )


def client_address(request: Request, settings: Settings) -> str:
    """Who to count a request for: an IPv4 address, an IPv6 /64, or what the server says when it is neither.

    Each of our own proxies appends to `X-Forwarded-For` whom it was called by; what stands further left was sent by
    the client and may be invented.
    """
    peer = request.client.host if request.client else "unknown"
    forwarded = [part.strip() for part in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
    hops = settings.trusted_proxies
    claimed = forwarded[-hops] if 0 < hops <= len(forwarded) else peer
    address = _parse(claimed) or _parse(peer)
    return _group(address) if address else peer


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _group(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address.packed, NEIGHBOURS), strict=False))
    return str(address)
