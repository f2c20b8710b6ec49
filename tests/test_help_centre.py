"""The example help centre: well-formed articles that never contradict `facts.yaml`."""

import re
from collections import Counter

import pytest
import yaml

from settings import KB_DATA

CATEGORIES = set(
    "accounts security billing data email integrations sales tickets meetings mobile team reliability privacy".split()
)
FACTS = yaml.safe_load((KB_DATA / "facts.yaml").read_text(encoding="utf-8"))
FILES = sorted((KB_DATA / "articles").glob("*.md"))
SLUGS = [file.stem for file in FILES]

MENU_PATH = re.compile(r"\*\*([^*\n]+ > [^*\n]+)\*\*")
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
STEP_NUMBER = re.compile(r"^\s*\d+\. ", re.MULTILINE)
PUNCTUATION = ".,;:!?()\"'`*|[]"


def read(slug: str) -> tuple[dict, str]:
    """An article's front matter and its Markdown body."""
    text = (KB_DATA / "articles" / f"{slug}.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body.strip()


def facts_of(slug: str) -> list[str]:
    """The values that this article may state: those of the nouns that name it."""
    return [
        value for noun in FACTS.values() if slug in noun["articles"] for key, value in noun.items() if key != "articles"
    ]


def quantities(text: str) -> list[tuple[str, str, str]]:
    """Every number with the word before and after it; a word behind a comma or full stop does not belong to it."""
    words = STEP_NUMBER.sub("", LINK.sub(r"\1", text)).lower().split()
    found = []
    for place, word in enumerate(words):
        if any(character.isdigit() for character in word):
            before = words[place - 1].strip(PUNCTUATION) if place else ""
            ends = word[-1] in PUNCTUATION or place + 1 == len(words)
            found.append((before, word.strip(PUNCTUATION), "" if ends else words[place + 1].strip(PUNCTUATION)))
    return found


def carries_its_unit(number: str) -> bool:
    """Whether it says what it counts without a neighbour, as `€12`, `25%` and `AES-256` do."""
    return re.fullmatch(r"[\d.,:]+", number) is None


def known_names(facts: list[str]) -> set[str]:
    """How the numbers of the facts may be said: `€12`, `60 minutes`, or `error 403` where no word follows."""
    known = set()
    for before, number, after in (quantity for fact in facts for quantity in quantities(fact)):
        if carries_its_unit(number):
            known.add(number)
        else:
            known.add(f"{number} {after}" if after else f"{before} {number}")
    return known


def contradictions(text: str, facts: list[str]) -> list[str]:
    """The numbers and menu paths of `text` that no fact holds."""
    known = known_names(facts)
    numbers = [
        f"{before} {number} {after}"
        for before, number, after in quantities(text)
        if not {number, f"{number} {after}", f"{before} {number}"} & known
    ]
    return numbers + [path for path in MENU_PATH.findall(text) if path not in facts]


def test_there_is_an_article_for_every_category():
    assert len(SLUGS) >= 44
    assert {read(slug)[0]["category"] for slug in SLUGS} == CATEGORIES


def test_titles_are_unique():
    titles = Counter(read(slug)[0]["title"] for slug in SLUGS)
    assert [title for title, times in titles.items() if times > 1] == []


def test_resetting_a_password_and_finding_an_invoice_have_articles():
    assert read("reset-your-password")[0]["title"] == "Reset your password"
    assert "invoices" in read("find-and-download-invoices")[0]["title"]


@pytest.mark.parametrize("slug", SLUGS)
def test_front_matter_is_complete(slug):
    front, _ = read(slug)
    assert set(front) == {"title", "slug", "category", "tags", "questions"}
    assert isinstance(front["title"], str)
    assert front["slug"] == slug, "links name the file, and `/help` goes by the slug"
    assert front["tags"]
    assert all(isinstance(tag, str) and tag for tag in front["tags"])
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)


@pytest.mark.parametrize("slug", SLUGS)
def test_body_opens_with_the_answer_and_is_of_readable_length(slug):
    _, body = read(slug)
    assert 200 <= len(body.split()) <= 900
    assert body[0].isalpha(), "the first thing is a paragraph, not a heading or a list"
    assert re.search(r"^# ", body, re.MULTILINE) is None, "the title is the only heading of level 1"
    assert re.search(r"^## ", body, re.MULTILINE)


@pytest.mark.parametrize("slug", SLUGS)
def test_steps_have_a_sentence_that_leads_in(slug):
    _, body = read(slug)
    before_steps = re.findall(r"([^\n]*)\n\n1\. ", body)
    assert [line for line in before_steps if not line.endswith(":")] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_links_lead_to_articles(slug):
    _, body = read(slug)
    targets = [target for _, target in LINK.findall(body)]
    assert set(targets) - {f"/help/{other}" for other in SLUGS} == set()
    assert f"/help/{slug}" not in targets, "an article does not link to itself"


@pytest.mark.parametrize("slug", SLUGS)
def test_article_states_nothing_but_its_facts(slug):
    _, body = read(slug)
    assert contradictions(body, facts_of(slug)) == []


@pytest.mark.parametrize("noun", FACTS)
def test_every_fact_is_stated_by_an_article_of_its_noun(noun):
    """So that a value changed in the facts alone is found too."""
    texts = [read(slug)[1] for slug in FACTS[noun]["articles"]]
    said = set()
    for before, number, after in (quantity for text in texts for quantity in quantities(text)):
        said |= {number, f"{number} {after}", f"{before} {number}"}
    said |= {path for text in texts for path in MENU_PATH.findall(text)}
    for key, value in FACTS[noun].items():
        if key != "articles":
            promised = known_names([value]) | ({value} if " > " in value else set())
            assert promised - said == set(), key


def test_facts_are_texts_and_name_articles_that_exist():
    values = [value for noun in FACTS.values() for key, value in noun.items() if key != "articles"]
    assert len(values) >= 80
    assert [value for value in values if not isinstance(value, str)] == []
    assert {slug for noun in FACTS.values() for slug in noun["articles"]} - set(SLUGS) == set()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("The reset link is valid for 90 minutes.", "The reset link is valid for 60 minutes."),
        ("Wait 60 hours and try again.", "Wait 60 minutes and try again."),
        ("It costs €13 per user.", "It costs €12 per user."),
        ("You save 20% of it.", "You save 25% of it."),
        ("Error 404 means no right.", "Error 403 means no right."),
        ("An import takes 1,000 rows.", "An import takes 10,000 rows."),
        ("Open **Settings > Password**.", "Open **Settings > Security > Password**."),
    ],
)
def test_a_contradiction_is_found(wrong, right):
    facts = [
        "60 minutes",
        "€12 per user per month",
        "25%",
        "error 403",
        "10,000 rows",
        "Settings > Security > Password",
    ]
    assert contradictions(wrong, facts) != []
    assert contradictions(right, facts) == []
