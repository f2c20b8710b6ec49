import pytest
from starlette.requests import Request

from api.limits import REPEATS, RateLimits, client_address
from errors import TooManyRequests
from settings import Settings


def make_settings(**changes) -> Settings:
    return Settings(_env_file=None, **changes)


@pytest.mark.parametrize(
    ("name", "setting", "window"),
    [
        ("message", "messages_per_minute", 60),
        ("conversation", "conversations_per_hour", 3_600),
        ("login", "logins_per_minute", 60),
    ],
)
def test_as_many_as_the_setting_says_and_then_none(name, setting, window):
    limits = RateLimits(make_settings(**{setting: 3}))
    for _ in range(3):
        limits.hit(name, "one")
    with pytest.raises(TooManyRequests) as refused:
        limits.hit(name, "one")
    assert isinstance(refused.value.retry_after, int)
    assert 1 <= refused.value.retry_after <= window


def test_keys_and_names_are_counted_apart():
    limits = RateLimits(make_settings(messages_per_minute=1, logins_per_minute=1))
    limits.hit("message", "one")
    limits.hit("message", "two")
    limits.hit("login", "one")
    with pytest.raises(TooManyRequests):
        limits.hit("message", "one")


def test_two_applications_in_one_process_count_apart():
    settings = make_settings(messages_per_minute=1)
    for _ in range(2):
        RateLimits(settings).hit("message", "one")


def request(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "headers": headers, "client": peer and (peer, 1234)})


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, ["203.0.113.9"], "192.0.2.1"),  # nobody in front is trusted: anyone can send the header
        (1, [], "192.0.2.1"),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),  # the left one is the client's invention
        (1, ["198.51.100.7", "203.0.113.9"], "203.0.113.9"),  # the same in two headers
        (2, ["203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (2, ["203.0.113.9"], "192.0.2.1"),  # did not come through both
        (1, ["not an address"], "192.0.2.1"),
        (1, [""], "192.0.2.1"),
        (1, [" 203.0.113.9 "], "203.0.113.9"),
    ],
)
def test_only_what_trusted_proxies_wrote_is_believed(proxies, forwarded, expected):
    assert client_address(request("192.0.2.1", *forwarded), make_settings(trusted_proxies=proxies)) == expected


def test_an_ipv6_customer_cannot_step_through_addresses_of_one_network():
    settings = make_settings()
    first, second = (client_address(request(peer), settings) for peer in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"))
    assert first == second == "2001:db8:1:2::/64"
    assert client_address(request("2001:db8:1:3::1"), settings) != first


def test_an_ipv4_address_in_ipv6_clothes_is_counted_as_itself():
    assert client_address(request("::ffff:192.0.2.1"), make_settings()) == "192.0.2.1"


@pytest.mark.parametrize(("peer", "expected"), [(None, "unknown"), ("testclient", "testclient")])
def test_a_connection_without_an_address_still_has_a_key(peer, expected):
    assert client_address(request(peer), make_settings()) == expected


def test_a_repeated_message_does_not_use_up_the_customers_messages():
    limits = RateLimits(make_settings(messages_per_minute=2))
    for _ in range(REPEATS * 2 + 1):  # the first counts as a message
        limits.hit_message("a", "key")
    limits.hit_message("a", None)
    for key in ("key", "other", None):
        with pytest.raises(TooManyRequests):
            limits.hit_message("a", key)
