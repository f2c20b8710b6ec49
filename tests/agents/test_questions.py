"""One question or several, standing alone or leaning on the one before."""

import pytest

from agents.questions import leans_on_context, parts_of


@pytest.mark.parametrize(
    "text",
    [
        "and how long is it valid?",
        "What about the phone app?",
        "Where do I find it?",
        "ok, and who may do that",
        "why?",
    ],
)
def test_a_message_that_points_back_leans_on_what_was_asked(text):
    assert leans_on_context(text)


@pytest.mark.parametrize(
    "text", ["How do I reset my password?", "Which plan has single sign-on for the finance department staff?"]
)
def test_a_message_that_names_its_subject_stands_alone(text):
    assert not leans_on_context(text)


def test_several_questions_come_apart_with_what_is_told_before_each():
    text = "We hired two people. How do I invite new colleagues? Our bank changed. Where do I replace the card?"
    assert parts_of(text) == [
        ("How do I invite new colleagues?", "We hired two people."),
        ("Where do I replace the card?", "Our bank changed."),
    ]


def test_another_question_needs_no_question_mark():
    text = "What does the Growth plan cost? I'd also like to know how to export my contacts."
    assert [question for question, _ in parts_of(text)] == [
        "What does the Growth plan cost?",
        "I'd also like to know how to export my contacts.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How do I reset my password?",
        "It says version 2.5 is out. How do I install it?",
        "Hello? Anybody there? How do I reset my password?",
        "Reset password? Change card? Invite people? Export deals?",
    ],
    ids=["empty", "one", "one with a decimal", "calls are no questions", "too many"],
)
def test_other_messages_are_read_as_a_whole(text):
    assert parts_of(text) == []
