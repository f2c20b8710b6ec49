"""What the suites make of outcomes, by hand."""

import pytest

from evals.cases import Question, Said, Script
from evals.searching import outcome as outcome_of
from evals.suites import Result, answers, confidence, conversations, retrieval
from evals.suites.labels import with_cases
from tests.conftest import make_settings
from tests.evals.outcomes import hit, outcome


@pytest.fixture
def thresholds(tmp_path):
    return make_settings(tmp_path, answer_at=0.85, suggest_at=0.70)


def searched(wanted: str, *hits, contains=()):
    question = Question(f"q-{wanted}", "Which?", bool(wanted), frozenset(filter(None, [wanted])), contains)
    return outcome_of(question, hits, 0.5)


def test_each_half_of_the_search_is_ranked_by_itself():
    hits = [hit("both", dense=0.60, keywords=1.0), hit("meaning", dense=0.65), hit("words", dense=0.1, keywords=0.9)]
    found = searched("both", *hits)
    assert found.ranking == ("both", "meaning", "words")
    assert found.dense == ("meaning", "both", "words")
    assert found.keywords == ("both", "words")


def test_retrieval_figures():
    first = searched("a", hit("a", dense=0.9, keywords=0.1, content="It is 36 Months."), contains=("36 months",))
    third = searched("c", hit("a", dense=0.9), hit("c", dense=0.75, keywords=1.0), hit("b", dense=0.8))
    nowhere = searched("z", hit("a", dense=0.9, content="It is 12 months."), contains=("36 months",))
    result = retrieval.judge([first, third, nowhere, searched("", hit("a", dense=0.9))])
    wanted = {
        "questions": 3,
        "hit_at_1": 1 / 3,
        "hit_at_3": 2 / 3,
        "recall_at_5": 2 / 3,
        "mrr_at_10": (1 + 1 / 2) / 3,  # its words lift c above b, but not above a
        "dense_mrr_at_10": (1 + 1 / 3) / 3,
        "keywords_hit_at_1": 2 / 3,
        "fact_at_5": 1 / 2,
    }
    assert {name: result.figures[name] for name in wanted} == pytest.approx(wanted)
    assert result.figures["over_better_half_hit_at_1"] == pytest.approx(1 / 3 - 2 / 3)
    assert [failure["id"] for failure in result.failures] == ["q-c", "q-z"]
    assert result.failures[1]["found"]["quote"] == "It is 12 months."
    assert result.failures[1]["wanted"] == ["z"]


def test_retrieval_without_questions():
    assert retrieval.judge([]).figures == {"questions": 0}


def test_confidence_figures(thresholds):
    outcomes = [
        outcome("sure", 0.9),
        outcome("likely", 0.8),
        outcome("wrong", 0.75, wanted="b"),
        outcome("held", 0.3),
        outcome("none", 0.2, wanted="", kind="off_topic"),
        outcome("alien", 0.95, wanted=""),
    ]
    result = confidence.judge(outcomes, thresholds)
    errors = [0.01, 0.04, 0.75**2, 0.49, 0.04, 0.95**2]
    wanted = {
        "questions": 6,
        "answerable": 4,
        "brier": sum(errors) / 6,
        "auroc": 4 / 8,  # each of the four is above `none` and below `alien`
        "precision_answer_at": 1 / 2,
        "coverage_answer_at": 1 / 4,
        "precision_suggest_at": 2 / 4,
        "coverage_suggest_at": 2 / 4,
        "answered_at_95_precision": 0,
    }
    assert {name: result.figures[name] for name in wanted} == pytest.approx(wanted)
    assert {failure["id"]: failure["fault"] for failure in result.failures} == {
        "wrong": "shown, though wrong",
        "held": "held back, though right",
        "alien": "shown, though there is no answer",
    }
    assert sum(result.plots["spread"]["right"]) == 3
    assert result.plots["operating"][-1] == {"threshold": 0.2, "precision": 3 / 6, "coverage": 3 / 4}


def test_sealed_failures_hold_no_texts(thresholds):
    outcomes = [outcome("held", 0.3), outcome("wrong", 0.9, wanted="b")]
    for failure in [
        *confidence.judge(outcomes, thresholds, is_sealed=True).failures,
        *retrieval.judge(outcomes, is_sealed=True).failures,
    ]:
        assert set(failure) <= {"id", "probability", "fault"}


def test_figures_of_splits_are_their_means(thresholds):
    right, wrong = outcome("a", 0.9), outcome("a", 0.9, wanted="b")
    result = confidence.judge_splits([[right], [wrong]], thresholds)
    assert result.figures["precision_answer_at"] == 1 / 2
    assert result.figures["brier"] == pytest.approx((0.01 + 0.81) / 2)
    assert [case["figures"]["coverage_answer_at"] for case in result.cases] == [1, 0]


def reply(outcome: str, *cited: str, sure: float | None = None, text: str = "It is 36 months.") -> dict:
    citations = [{"url": f"/help/{slug}"} for slug in cited]
    return {"outcome": outcome, "confidence": sure, "citations": citations, "text": text}


def test_answers_figures():
    questions = [
        Question("q1", "?", True, frozenset(["a"]), ("36 Months",)),
        Question("q2", "?", True, frozenset(["a"]), ("24 months",)),
        Question("q3", "?", True, frozenset(["a", "b"])),
        Question("q4", "?", True, frozenset(["a"])),
        Question("q5", "?", False, frozenset(), kind="off_topic"),
        Question("q6", "?", False, frozenset(), kind="near_miss"),
    ]
    replies = [
        reply("answered", "a", sure=0.9),
        reply("answered", "a", sure=0.9),  # does not show the value
        reply("suggested", "c", "b", sure=0.7),
        reply("clarify"),
        reply("refused"),
        reply("suggested", "a", sure=0.75),
    ]
    result = answers.judge(questions, replies, [True, True, False, True], is_sealed=False)
    assert result.figures == pytest.approx(
        {
            "questions": 6,
            "coverage": 2 / 4,
            "precision_answered": 1 / 2,
            "precision_shown": 2 / 4,
            "false_answers": 1 / 2,
            "refused_off_topic": 1,
            "ece_shown": (2 * abs(0.9 - 0.5) + 2 * abs(0.725 - 0.5)) / 4,
            "verbatim": 3 / 4,
        }
    )
    assert [failure["id"] for failure in result.failures] == ["q2", "q4", "q6"]


def test_conversation_figures():
    script = Script(
        "c",
        (
            Said("hi", "smalltalk", frozenset(), ()),
            Said("and then?", "answer", frozenset(["a"]), ()),
            Said("a person", "person", frozenset(), ()),
        ),
    )
    spoken = list(zip(script.turns, [reply("smalltalk"), reply("answered", "b"), reply("escalated")], strict=True))
    result = conversations.judge([script], [spoken], is_sealed=False)
    assert result.figures == {"messages": 3, "right": 2 / 3, "follow_ups": 0, "persons": 1}
    assert [failure["id"] for failure in result.failures] == ["c.2"]


def test_labels_get_their_outcomes_and_confusion_from_the_failures():
    failures = [{"text": "pay", "wanted": "billing", "given": "login", "confidence": 0.4}]
    given = Result({"accuracy": 3 / 4}, failures)
    result = with_cases(given, [("pay", "billing"), ("bill", "billing"), ("bill", "billing"), ("enter", "login")])
    assert [case["figures"]["accuracy"] for case in result.cases] == [0, 1, 1, 1]
    assert len({case["id"] for case in result.cases}) == 4
    assert result.plots["confusion"] == [
        {"wanted": "billing", "given": "billing", "count": 2},
        {"wanted": "billing", "given": "login", "count": 1},
        {"wanted": "login", "given": "login", "count": 1},
    ]
