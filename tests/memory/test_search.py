"""What a search finds, through real ingestion, index and database."""

import pytest

from graph.home import prepare_schema
from memory.database import reading
from memory.knowledge.search import Knowledge
from tests.conftest import make_settings
from tools.ingest import ingest
from tools.permissions import SYSTEM

FILES = {
    "seats.md": "---\ntitle: Add or remove seats\nquestions:\n  - We hired somebody, how do we pay for one more?\n---\n"
    "A seat is paid for each person. Choose **Settings > Billing > Seats** to change their number.\n",
    "reset.md": "# Reset your password\n\nOpen the sign-in page and choose **Forgot password**. The link works for "
    "60 minutes.\n\n## The mail does not arrive\n\nLook in the spam folder first.\n",
    "calendar.md": "# Connect a calendar\n\nGoogle and Outlook calendars show appointments within five minutes.\n",
    "faq001.md": "Invoices are sent to the billing contact on the first day of a month.\n",
}


@pytest.fixture
def found(tmp_path, encoder):
    """A function from a question to the sources found, best first."""
    folder = tmp_path / "kb"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    settings = make_settings(tmp_path / "home")
    sessions = prepare_schema(settings, print)
    knowledge = Knowledge(settings.home / "index", encoder)
    ingest(sessions, SYSTEM, knowledge, [folder])

    def search(question: str, *context: str) -> list[str]:
        with reading(sessions) as session:
            hits = knowledge.search(session, question, context=context)
        return list(dict.fromkeys(str(hit.source) for hit in hits))

    search.knowledge = knowledge
    search.sessions = sessions
    yield search
    sessions.engine.dispose()


def test_an_article_is_found_by_a_question_it_is_known_to_answer(found):
    with reading(found.sessions) as session:
        best = found.knowledge.search(session, "We hired somebody, how do we pay for one more?")[0]
    assert best.source == "seats.md"
    assert best.scores.name == pytest.approx(1.0, abs=1e-3)
    assert best.scores.whole < 0.8


def test_scores_are_the_stated_weighted_sum(found):
    with reading(found.sessions) as session:
        hits = found.knowledge.search(session, "where do invoices go")
    for hit in hits:
        scores = hit.scores
        expected = 0.45 * scores.window + 0.47 * max(scores.name, scores.whole) + 0.08 * scores.keywords
        assert scores.fused == pytest.approx(expected, abs=1e-6)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_follow_up_is_found_in_the_context_of_what_was_asked(found):
    assert found("how long is it valid?", "I forgot my password")[0] == "reset.md"
    assert found("how fast does it show them?", "connecting my Google calendar")[0] == "calendar.md"


def test_a_misspelt_word_is_searched_as_what_is_meant(found):
    assert found.knowledge.corrected("my calender and apointments") == "my calendar and appointments"
    with reading(found.sessions) as session:
        best = found.knowledge.search(session, "calender")[0]
    assert best.source == "calendar.md"
    assert best.scores.keywords == 1.0


def test_a_document_whose_file_name_says_nothing_is_named_after_its_first_words(found):
    with reading(found.sessions) as session:
        best = found.knowledge.search(session, "when are invoices sent")[0]
    assert best.title == "Invoices are sent to the billing contact on the first day of…"
