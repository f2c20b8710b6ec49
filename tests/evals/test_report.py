"""The report's page: whole without anything else, whatever the cases say, and with nothing measured at all."""

import re
from dataclasses import asdict
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from evals.cases import Question
from evals.report import as_html
from evals.suites import Result, answers, confidence, retrieval
from evals.suites.labels import with_cases
from tests.conftest import make_settings
from tests.evals.outcomes import outcome

HOSTILE = '<script>alert("x")</script> & </details><img src=http://evil.example/x>'
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Text, tags with attributes, and whether every tag is closed in its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.attributes, self.open = "", [], []
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def document(**results: Result) -> dict:
    return {
        "made_at": "2026-01-02T03:04:05+00:00",
        "half": "dev",
        "encoder": "minilm-int8",
        "answer_at": 0.85,
        "suggest_at": 0.70,
        "skipped": [],
        "unknown_articles": {},
        "goals": [],
        "missed": [],
        "formulas": {},
        "suites": {name.replace("__", "."): asdict(result) for name, result in results.items()},
    }


@pytest.fixture
def thresholds(tmp_path):
    return make_settings(tmp_path)


@pytest.fixture
def everything(thresholds):
    """A result of every suite, with a failure in each that has texts of its own."""
    outcomes = [outcome("a", 0.9), outcome("b", 0.8, wanted="b"), outcome("c", 0.4, wanted="")]
    reply = {"outcome": "answered", "confidence": 0.9, "citations": [{"url": "/help/x"}], "text": "Long. " * 100}
    failures = [{"text": "pay", "wanted": "billing", "given": "login", "confidence": 0.4}]
    labels = with_cases(Result({"accuracy": 0.5}, failures), [("pay", "billing"), ("enter", "login")])
    question = Question("q", "How much?", True, frozenset(["prices"]), ("5 euros",))
    return document(
        retrieval__own=retrieval.judge(outcomes),
        confidence__own=confidence.judge(outcomes, thresholds),
        answers=answers.judge([question], [reply], [True], is_sealed=False),
        classification=labels,
    )


def test_every_suite_has_its_figures_plots_and_failures(everything):
    html = as_html(everything)
    page = Page(html)
    for told in (
        "Where is b?",
        "How much?",
        "showing 5 euros",
        "Reliability",
        "Precision and coverage",
        "shown, though",
    ):
        assert told in page.text
    assert page.tags.count("figure") == 1 + 3 + 3 + 1
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        tree = ElementTree.fromstring(svg)
        named = {tree.find(tag).get("id") for tag in ("title", "desc")}
        assert set(tree.get("aria-labelledby").split()) == named
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_nothing_is_run_or_loaded(everything):
    page = Page(as_html(everything))
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href") and not value.startswith("#")]
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_whatever_a_case_says_is_only_text(thresholds):
    hostile = outcome(HOSTILE, 0.9, found=HOSTILE, wanted=f"not {HOSTILE}")
    failure = {"text": HOSTILE, "wanted": HOSTILE, "given": HOSTILE, "confidence": 0.1}
    made = document(
        **{
            "retrieval__" + HOSTILE.replace(".", ""): retrieval.judge([hostile]),
            "confidence": confidence.judge([hostile], thresholds),
            "classification": with_cases(Result({HOSTILE: 1.0}, [failure]), [(HOSTILE, HOSTILE + "!")]),
        }
    )
    made["skipped"], made["unknown_articles"] = [HOSTILE], {HOSTILE: [HOSTILE]}
    made["goals"] = [{"suite": HOSTILE, "figure": HOSTILE, "value": None, "wanted": HOSTILE, "met": False}]
    made["formulas"] = {"confidence": HOSTILE}
    page = Page(as_html(made))
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.text


def test_a_long_text_is_folded_and_whole(everything):
    html = as_html(everything)
    folded = re.search(r"<td><details><summary>(Long\..*?)…</summary>…(.*?)</details>", html)
    assert folded[1] + folded[2] == "Long. " * 100


def test_goals_are_told_in_words_too(everything):
    goal = {"suite": "answers", "figure": "coverage", "value": 0.5, "wanted": "at least 0.6", "met": False}
    everything["goals"] = [goal, {**goal, "figure": "verbatim", "value": 1.0, "met": True}]
    everything["missed"] = [goal]
    text = Page(as_html(everything)).text
    assert "1 of 2 goals missed." in text
    assert "coverage0.500at least 0.6missed" in text
    assert "verbatim1.000at least 0.6met" in text


def test_a_run_without_cases(thresholds):
    page = Page(
        as_html(
            document(
                retrieval__kb=retrieval.judge([]),
                confidence__kb=confidence.judge([], thresholds),
                answers=answers.judge([], [], [], is_sealed=False),
            )
        )
    )
    assert page.text.count("Nothing to draw.") == 6
    assert "No goal is set" in page.text


def test_a_run_of_nothing():
    assert "How good Clara is" in Page(as_html(document())).text
