"""Are questions answered rightly, and are those left alone that cannot be answered?

Formulas, over single-message conversations with the whole graph, on our help centre or on a user's knowledge base:

- `coverage`: of the answerable questions, the share that is answered or suggested rightly. Right means that a cited
  article is one that answers and, where the case names a value, that the text shows it.
- `precision_answered`: of all questions with the outcome `answered`, the share answered rightly.
- `precision_shown`: the same over `answered` and `suggested`.
- `false_answers`: of the unanswerable questions, the share that is `answered` or `suggested`.
- `refused_off_topic`: of the questions that are not our business, the share that is refused without a ticket.
- `ece_shown`: expected calibration error of the confidence over the questions that are answered or suggested.
- `verbatim`: of all quotes, the share that stands word for word in the article's version. Must be 1.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import select

from evals.cases import Question
from evals.collections import OWN, Collection
from evals.context import Run
from evals.measures import expected_calibration_error
from evals.suites import WHOLE, Result, means, row
from evals.suites.confidence import probability_plots
from graph.run import Support
from memory.database import reading, transaction
from memory.tables import ArticleVersion
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind

SHOWN = ("answered", "suggested")
MEANS = ("coverage", "precision_answered", "precision_shown", "false_answers", "refused_off_topic")


def answers(run: Run) -> Mapping[str, Result]:
    """Named after the collection when it is not our own, whose goals then do not hold."""
    collection = run.answered
    name = WHOLE if collection.name == OWN else collection.name
    return {name: asyncio.run(_answers(run, collection))}


async def _answers(run: Run, collection: Collection) -> Result:
    async with run.support(collection) as (ingested, support):
        questions, replies = run.questions(collection, ingested), []
        progress = run.step("Answering")
        for done, question in enumerate(questions, start=1):
            replies.append(await ask(support, question.text))
            progress(done, len(questions))
        quotes = [is_verbatim(support, citation) for reply in replies for citation in reply["citations"]]
    return judge(questions, replies, quotes, is_sealed=collection.is_sealed)


async def ask(support: Support, text: str) -> dict[str, Any]:
    with transaction(support.means.sessions) as session:
        conversation_id = begin_conversation(session).id
    actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)
    reply = [event async for event in support.say(actor, conversation_id, text)][-1]
    assert isinstance(reply, dict)
    return reply


def is_right(reply: dict[str, Any], articles: frozenset[str], contains: tuple[str, ...]) -> bool:
    """An answer that cites an article that answers, and shows the values that a right answer must show."""
    cited = {citation["url"].rpartition("/")[2] for citation in reply["citations"]}
    text = reply["text"].lower()
    return bool(cited & articles) and all(value.lower() in text for value in contains)


def is_verbatim(support: Support, citation: dict[str, Any]) -> bool:
    with reading(support.means.sessions) as session:
        body = session.scalar(
            select(ArticleVersion.body).where(
                ArticleVersion.article_id == citation["article_id"], ArticleVersion.version == citation["version"]
            )
        )
    return body is not None and citation["quote"] in body


def judge(questions: list[Question], replies: list[dict[str, Any]], quotes: list[bool], *, is_sealed: bool) -> Result:
    right = [
        question.answerable and reply["outcome"] in SHOWN and is_right(reply, question.articles, question.contains)
        for question, reply in zip(questions, replies, strict=True)
    ]
    cases = [outcome(*each) for each in zip(questions, replies, right, strict=True)]
    shown = [n for n, reply in enumerate(replies) if reply["outcome"] in SHOWN]
    sure = np.array([replies[n]["confidence"] or 0.0 for n in shown], float)
    good = np.array([right[n] for n in shown], bool)
    figures = {
        "questions": float(len(questions)),
        **means(cases, *MEANS),
        "ece_shown": expected_calibration_error(sure, good),
        "verbatim": sum(quotes) / len(quotes) if quotes else 1.0,
    }
    failures = [
        failure(question, reply, is_sealed=is_sealed)
        for question, reply, fine in zip(questions, replies, right, strict=True)
        if not fine and (question.answerable or reply["outcome"] in SHOWN)
    ]
    answerable = sum(question.answerable for question in questions)
    return Result(figures, failures, cases, probability_plots(sure, good, answerable))


def outcome(question: Question, reply: dict[str, Any], right: bool) -> dict[str, Any]:
    """What a question counts for in each of the figures that are means."""
    shown = reply["outcome"] in SHOWN
    return row(
        question.id,
        coverage=right if question.answerable else None,
        precision_answered=right if reply["outcome"] == "answered" else None,
        precision_shown=right if shown else None,
        false_answers=None if question.answerable else shown,
        refused_off_topic=reply["outcome"] == "refused" if question.kind == "off_topic" else None,
    )


def failure(question: Question, reply: dict[str, Any], *, is_sealed: bool) -> dict[str, Any]:
    if is_sealed:
        return {"id": question.id, "outcome": reply["outcome"]}
    return {
        "id": question.id,
        "text": question.text,
        "wanted": sorted(question.articles) or question.kind,
        "contains": list(question.contains),
        "outcome": reply["outcome"],
        "confidence": reply["confidence"],
        "cited": [citation["url"] for citation in reply["citations"]],
        "said": reply["text"],
    }
