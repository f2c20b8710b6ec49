"""Are questions answered rightly, and are those left alone that cannot be answered?

Formulas, over single-message conversations with the whole graph:

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
from typing import Any

import numpy as np
from sqlalchemy import select

from evals.cases import Half, Question, read_questions
from evals.installation import installation
from evals.measures import expected_calibration_error
from evals.suites import Progress, Result
from graph.run import Support, open_support
from memory.database import reading, transaction
from memory.tables import ArticleVersion
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind

SHOWN = ("answered", "suggested")


def answers(half: Half, progress: Progress) -> Result:
    return asyncio.run(_answers(read_questions(half), half, progress))


async def _answers(questions: list[Question], half: Half, progress: Progress) -> Result:
    with installation() as (settings, sessions, _):
        async with open_support(settings, sessions) as support:
            replies = []
            for done, question in enumerate(questions, start=1):
                replies.append(await ask(support, question.text))
                progress(done, len(questions))
            quotes = [is_verbatim(support, citation) for reply in replies for citation in reply["citations"]]
    return judge(questions, replies, quotes, half)


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


def judge(questions: list[Question], replies: list[dict[str, Any]], quotes: list[bool], half: Half) -> Result:
    right = np.array(
        [
            question.answerable and reply["outcome"] in SHOWN and is_right(reply, question.articles, question.contains)
            for question, reply in zip(questions, replies, strict=True)
        ]
    )
    outcomes = np.array([reply["outcome"] for reply in replies])
    shown = np.isin(outcomes, SHOWN)
    answerable = np.array([question.answerable for question in questions])
    off_topic = np.array([question.kind == "off_topic" for question in questions])
    sure = np.array([reply["confidence"] or 0.0 for reply in replies])
    figures = {
        "questions": float(len(questions)),
        "coverage": share(right, answerable),
        "precision_answered": share(right, outcomes == "answered"),
        "precision_shown": share(right, shown),
        "false_answers": share(shown, ~answerable),
        "refused_off_topic": share(outcomes == "refused", off_topic),
        "ece_shown": expected_calibration_error(sure[shown], right[shown]),
        "verbatim": sum(quotes) / len(quotes) if quotes else 1.0,
    }
    wrong = [n for n in range(len(questions)) if not right[n] and (answerable[n] or shown[n])]
    return Result(figures, [failure(questions[n], replies[n], half) for n in wrong])


def share(hits: np.ndarray, among: np.ndarray) -> float:
    """Of those `among`, how many are `hits`; 1 when there are none."""
    return float(hits[among].mean()) if among.any() else 1.0


def failure(question: Question, reply: dict[str, Any], half: Half) -> dict[str, Any]:
    if half == "sealed":
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
