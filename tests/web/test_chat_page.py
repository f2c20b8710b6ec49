"""The customer's chat page, as a customer uses it."""

import json
import re
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from memory.conversations import append, next_place
from memory.database import open_sessions, transaction
from memory.events import announce
from memory.tables import MessageAuthor

pytestmark = pytest.mark.timeout(600)  # the first test also waits for the installation that all copy from

TICKET = re.compile(r"^\s*Ticket #\d+$")
QUESTION = "How do I reset my password?"
ASK_FOR_PERSON = "I want to talk to a human"


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def answers(page: Page):
    return page.get_by_text("Confident", exact=True)


def ask(page: Page) -> None:
    """Ask the question and wait for its answer."""
    say(page, QUESTION)
    expect(answers(page)).to_have_count(1)


def transcript(page: Page, url: str) -> list[dict]:
    """What the server has of the page's conversation."""
    kept = json.loads(page.evaluate("localStorage.getItem('clara.conversation')"))
    path = f"{url}/api/chat/conversations/{kept['id']}/messages"
    return httpx.get(path, headers={"Authorization": f"Bearer {kept['token']}"}).json()["items"]


def test_an_answer_shows_the_passage_it_rests_on(open_page, server):
    page = open_page()
    page.get_by_role("button", name=QUESTION).click()
    page.get_by_role("button", name="Source 1: Reset your password").click()

    quote = page.get_by_role("figure")
    expect(quote).to_be_in_viewport()
    with page.expect_popup() as popup:
        quote.get_by_role("link", name="Reset your password").click()
    article = popup.value
    expect(article.get_by_role("heading", level=1)).to_have_text("Reset your password")
    words = " ".join(quote.locator("blockquote").inner_text().split())
    assert words in " ".join(article.locator("article").inner_text().split())

    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("Thank you for telling us.")).to_be_focused()


def test_a_reload_keeps_the_conversation_and_only_its_token_is_stored(open_page, server):
    page = open_page()
    ask(page)
    say(page, ASK_FOR_PERSON)
    ticket = page.get_by_text(TICKET)
    expect(ticket).to_have_count(1)
    number = ticket.inner_text()

    page.reload()
    expect(page.get_by_text(QUESTION, exact=True)).to_have_count(1)
    expect(answers(page)).to_have_count(1)
    expect(page.get_by_text(number.strip(), exact=True)).to_have_count(1)
    assert len(transcript(page, server.url)) == 4
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage, cookies: document.cookie})")
    assert set(json.loads(stored)) == {"clara.conversation", "cookies"}
    assert json.loads(stored)["cookies"] == ""
    assert set(json.loads(json.loads(stored)["clara.conversation"])) == {"id", "token"}


def test_it_works_by_keyboard_alone(open_page):
    page = open_page()
    expect(page.get_by_label("Your message")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to your message")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(answers(page)).to_have_count(1)

    chip = page.get_by_role("button", name="Source 1:")
    press_until_focused(page, "Shift+Tab", chip)
    assert chip.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-expanded", "true")
    press_until_focused(page, "Tab", page.get_by_role("figure").get_by_role("link", name="Reset your password"))
    press_until_focused(page, "Tab", page.get_by_role("button", name="Hide"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("figure")).to_have_count(0)

    press_until_focused(page, "Tab", page.get_by_role("button", name="Talk to a person", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text(TICKET)).to_have_count(1)


def press_until_focused(page: Page, key: str, wanted) -> None:
    for _ in range(20):
        page.keyboard.press(key)
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not lead to it")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 740)], ids=["desktop", "phone"])
def test_everyone_can_read_and_use_it(open_page, violations, scheme, size):
    page = open_page(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    brightness = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(brightness) < 60) == (scheme == "dark")
    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()
    assert violations(page) == []

    ask(page)
    page.get_by_role("button", name="Source 1:").click()
    page.get_by_role("button", name="No", exact=True).click()
    expect(page.get_by_label("What was missing?")).to_be_visible()
    assert violations(page) == []

    say(page, ASK_FOR_PERSON)
    expect(page.get_by_text(TICKET)).to_be_in_viewport()
    page.context.set_offline(True)
    say(page, "Are you there?")
    expect(page.get_by_text("Not sent.")).to_be_visible()
    assert violations(page) == []

    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_nothing_is_cut_off_sideways(open_page, width):
    page = open_page(viewport={"width": width, "height": 640})
    ask(page)
    page.get_by_role("button", name="Source 1:").click()
    say(page, "pneumono" * 40)
    expect(page.get_by_text("pneumono")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_written_offline_is_sent_when_the_network_is_back(open_page, server):
    page = open_page()
    ask(page)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    say(page, ASK_FOR_PERSON)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()

    page.context.set_offline(False)
    expect(page.get_by_text(TICKET)).to_have_count(1)
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    expect(page.get_by_text("Not sent.")).to_have_count(0)
    said = [item["text"] for item in transcript(page, server.url) if item["author"] == "customer"]
    assert said == [QUESTION, ASK_FOR_PERSON]


def test_trying_again_after_a_lost_answer_doubles_nothing(open_page, server):
    page = open_page()

    def lose_the_answer(route: Route) -> None:
        route.fetch()  # the server has the message and answers it, but the page never hears
        route.abort()

    page.route("**/messages", lose_the_answer, times=1)
    page.route("**/stream", lambda route: route.abort())
    say(page, QUESTION)
    page.get_by_role("button", name="Try again").click()
    expect(answers(page)).to_have_count(1)
    expect(page.get_by_text(QUESTION, exact=True)).to_have_count(1)
    assert [item["author"] for item in transcript(page, server.url)] == ["customer", "bot"]


def test_a_server_that_asks_to_wait_is_waited_for(open_page):
    page = open_page()
    ask(page)
    busy = {"code": "too_many_requests", "message": "Too many at once; please wait a little."}
    page.route(
        "**/messages",
        lambda route: route.fulfill(status=429, json=busy, headers={"Retry-After": "2"}),
        times=1,
    )
    say(page, ASK_FOR_PERSON)
    expect(page.get_by_text("Sending again in")).to_be_visible()
    expect(page.get_by_text(TICKET)).to_have_count(1)


def test_an_expired_conversation_gives_way_to_a_new_one(open_page):
    page = open_page()
    ask(page)
    page.evaluate(
        """() => {
            const kept = JSON.parse(localStorage.getItem('clara.conversation'))
            localStorage.setItem('clara.conversation', JSON.stringify({...kept, token: 'expired'}))
        }"""
    )
    page.reload()
    expect(page.get_by_text("Your earlier conversation has expired, so this is a new one.")).to_be_visible()
    ask(page)


def test_a_new_conversation_is_only_begun_when_one_means_it(open_page):
    page = open_page()
    ask(page)
    page.get_by_role("button", name="New conversation").click()
    page.keyboard.press("Escape")
    expect(answers(page)).to_have_count(1)
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Start a new one").click()
    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_what_a_person_writes_appears_by_itself(open_page, server, home):
    page = open_page(viewport={"width": 1280, "height": 500})
    ask(page)
    page.mouse.wheel(0, -5_000)
    page.wait_for_function("window.scrollY === 0")
    write_as_staff(page, home, "Hello, this is Kim.\nI'll take it **from here**.")

    newest = page.get_by_role("button", name="New messages")
    newest.click()
    said = page.get_by_text("Hello, this is Kim.")
    expect(said).to_be_in_viewport()
    expect(newest).to_have_count(0)
    expect(page.get_by_text("A person from our team")).to_have_count(1)
    expect(page.get_by_text("A person is reading along.")).to_be_visible()
    page.reload()
    expect(said).to_have_count(1)


def write_as_staff(page: Page, home, text: str) -> None:
    conversation = UUID(json.loads(page.evaluate("localStorage.getItem('clara.conversation')"))["id"])
    sessions = open_sessions(home)
    with transaction(sessions) as session:
        position = next_place(session, conversation).last_position
        append(session, conversation, MessageAuthor.STAFF, text, position=position)
        announce(session, "conversation.message", conversation_id=conversation)
    sessions.engine.dispose()


def test_what_a_customer_writes_is_never_markup(open_page):
    page = open_page()
    markup = "<img src=x onerror=alert(1)> **bold**"
    say(page, markup)
    expect(page.get_by_text(markup)).to_have_count(1)
    expect(page.locator("main img")).to_have_count(0)


@pytest.mark.parametrize("path", ["/app", "/app/tickets/17"])
def test_staff_are_told_where_to_go(open_page, server, violations, path):
    page = open_page(path)
    expect(page.get_by_text("not part of this version yet")).to_be_visible()
    assert violations(page) == []
    for link, leads_to in (("API documentation", "/docs"), ("The customers’ chat", "/")):
        expect(page.get_by_role("link", name=link)).to_have_attribute("href", leads_to)
        assert httpx.get(server.url + leads_to).status_code == 200
