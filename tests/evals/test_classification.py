"""Figures of the classification suite by hand, and that an author is judged by what others wrote."""

import numpy as np
import pytest

from agents.classifier import OUT_OF_SCOPE, Classification
from agents.training import LabelledMessage
from evals.suites import classification as suite


def message(intent, author="a"):
    return LabelledMessage(f"about {intent}", intent, f"category of {intent}", "low", author)


def found(intent, sure=0.9, priority="low", *, foreign=None):
    foreign = intent == OUT_OF_SCOPE if foreign is None else foreign
    confidence = {"intent": sure, "category": sure, "priority": sure}
    return Classification(intent, f"category of {intent}", priority, confidence, foreign, float(foreign))


def test_figures_by_their_definitions():
    messages = [message("a"), message("a"), message("b"), message(OUT_OF_SCOPE), message(OUT_OF_SCOPE)]
    said = [found("a", 1.0), found("b", 0.5, "high"), found("b", 1.0), found(OUT_OF_SCOPE, 1.0), found("b", 0.5)]
    result = suite.judge(messages, said)
    assert result.figures["messages"] == 5
    assert result.figures["accuracy"] == pytest.approx(3 / 5)
    # a: 1 right of 2 wanted and 1 given; b: 1 of 1 and 3; out of scope: 1 of 2 and 1
    assert result.figures["macro_f1"] == pytest.approx((2 / 3 + 2 / 4 + 2 / 3) / 3)
    assert result.figures["category"] == pytest.approx(3 / 5)
    assert result.figures["priority"] == pytest.approx(4 / 5)
    assert result.figures["out_of_scope_recall"] == pytest.approx(1 / 2)
    assert result.figures["out_of_scope_precision"] == 1
    assert result.figures["ece"] == pytest.approx(2 / 5 * 0.5)  # two at 0.5, both wrong; three at 1.0, all right
    assert [failure["wanted"] for failure in result.failures] == ["a", OUT_OF_SCOPE]
    assert sum(each["count"] for each in result.plots["reliability"]) == 5


def test_macro_f1_counts_a_label_that_is_never_given():
    assert suite.macro_f1(np.array(["a", "b"]), np.array(["a", "a"])) == pytest.approx((2 / 3 + 0) / 2)


def test_each_message_is_judged_by_other_authors(monkeypatch):
    messages = [message("a", "x"), message("b", "y"), message("c", "x"), message("d", "z")]
    trained_on = []

    def classify_all(known, unknown, encoder):
        trained_on.append({each.author for each in known})
        assert {each.author for each in unknown}.isdisjoint(trained_on[-1])
        return [found(each.intent) for each in unknown]

    monkeypatch.setattr(suite, "classify_all", classify_all)
    steps = []
    given = suite.by_strangers(messages, None, lambda done, of: steps.append((done, of)))
    assert [each.intent for each in given] == ["a", "b", "c", "d"]
    assert trained_on == [{"y", "z"}, {"x", "z"}, {"x", "y"}]
    assert steps == [(1, 3), (2, 3), (3, 3)]
