"""The commands, as a person or a script runs them: exit codes, one JSON document on stdout, notes on stderr."""

import json
from pathlib import Path

import pytest
from fpdf import FPDF
from sqlalchemy import func, select

from memory.database import open_sessions, reading
from memory.tables import Customer, Job, Meeting, Task, Ticket, User
from tests.conftest import make_settings
from tests.serving import run_clara


@pytest.fixture(scope="module")
def home(templates, tmp_path_factory):
    """One prepared installation for all commands that change nothing a later one would see."""
    return templates.copy("sqlite", with_knowledge=True, home=tmp_path_factory.mktemp("clara") / "home")


@pytest.fixture
def fresh(templates, tmp_path):
    return templates.copy("sqlite", with_knowledge=True, home=tmp_path / "home")


def documents(done) -> list[dict]:
    """What stands on stdout, which must be JSON and nothing else."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_ask_answers_with_its_sources(home):
    done = run_clara(home, "ask", "How do I reset my password?")
    assert done.returncode == 0
    assert "Forgot password?" in done.stdout
    assert "[1] Reset your password (/help/reset-your-password)" in done.stdout
    (reply,) = documents(run_clara(home, "ask", "How do I reset my password?", "--json"))
    assert reply["outcome"] == "answered"


def test_a_batch_keeps_order_ids_and_conversations(home, tmp_path):
    file = tmp_path / "batch.jsonl"
    file.write_text(
        '{"id": "a", "text": "How do I reset my password?", "conversation": 1}\n'
        '{"id": "b", "text": "And how long is the link valid?", "conversation": 1}\n'
        "\n"
        '{"id": "c", "text": "hello"}\n'
    )
    replies = documents(run_clara(home, "ask", "--batch", str(file)))
    assert [reply["id"] for reply in replies] == ["a", "b", "c"]
    assert replies[0]["conversation_id"] == replies[1]["conversation_id"] != replies[2]["conversation_id"]
    assert "60 minutes" in replies[1]["text"]


def test_search_gives_the_contracts_fields(home, tmp_path):
    (found,) = documents(run_clara(home, "search", "refund", "-k", "3", "--json"))
    assert found["query"] == "refund"
    assert len(found["hits"]) == 3
    assert set(found["hits"][0]) == {"article_id", "source", "title", "chunk_id", "score", "text"}
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)
    file = tmp_path / "batch.txt"
    file.write_text("refund\nreset password\n")
    first, second = documents(run_clara(home, "search", "--batch", str(file)))
    assert (first["id"], second["id"]) == (1, 2)
    assert second["hits"][0]["source"] == "reset-your-password.md"


def test_classify_gives_the_contracts_fields(home):
    (found,) = documents(run_clara(home, "classify", "Password reset", "I forgot my password", "--json"))
    assert set(found) == {"intent", "category", "priority", "confidence", "out_of_scope"}
    assert set(found["confidence"]) == {"intent", "category", "priority"}
    assert found["category"] == "technical"


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask"],
        ["ask", "a", "--batch", "missing.txt"],
        ["search", "a", "-k", "0"],
        ["user", "add", "a@b.example", "--role", "king"],
        ["eval", "nothing"],
        ["bench", "nothing"],
        ["ingest", "missing"],
        ["fly"],
    ],
)
def test_bad_usage_is_two(home, arguments):
    done = run_clara(home, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_chat_goes_on_until_an_empty_line(home):
    done = run_clara(home, "chat", input_text="hello\nHow do I reset my password?\n\n")
    assert done.returncode == 0
    assert "Hello! What can I help you with?" in done.stdout
    assert "Forgot password?" in done.stdout


def test_every_command_prepares_an_empty_home_and_says_so(tmp_path):
    settings = make_settings(tmp_path / "home")
    done = run_clara(settings, "migrate")
    assert done.returncode == 0
    assert done.stdout.startswith("Migrated to")
    again = run_clara(settings, "migrate")
    assert again.stdout.startswith("Already at")
    seeded = run_clara(settings, "ingest", str(write_articles(tmp_path / "kb")))
    assert "Added roles, permissions, queues and SLAs." in seeded.stderr


def write_articles(folder: Path) -> Path:
    """One readable file of each kind, and two that are not."""
    folder.mkdir()
    (folder / "opening.md").write_text("---\ntitle: Opening hours\n---\nThe shop opens at 9:00 and closes at 17:00.\n")
    (folder / "returns.html").write_text(
        "<html><body><main><h1>Returns</h1><p>Goods may be returned within 30 days.</p></main></body></html>"
    )
    (folder / "faq.csv").write_text("question,answer\nDo you ship abroad?,We ship to 14 countries in Europe.\n")
    (folder / "more.jsonl").write_text(
        '{"question": "Is there parking?", "answer": "There are 20 free places."}\nbad\n'
    )
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.multi_cell(0, 8, "The warranty covers two years from the day of purchase.")
    pdf.output(str(folder / "warranty.pdf"))
    (folder / "broken.docx").write_bytes(b"not a document")
    return folder


def test_ingest_takes_what_it_can_and_names_what_it_cannot(fresh, tmp_path):
    folder = write_articles(tmp_path / "kb")
    (report,) = documents(run_clara(fresh, "ingest", str(folder), "--replace", "--json"))
    assert report["articles"] == 5
    assert report["encoded"] > 0
    assert report["archived"] == 97
    assert {failure["source"] for failure in report["failed"]} == {"broken.docx", "more.jsonl#2"}
    assert all(failure["reason"] for failure in report["failed"])

    (again,) = documents(run_clara(fresh, "ingest", str(folder), "--json"))
    assert (again["unchanged"], again["encoded"]) == (5, 0)
    for query, source in (
        ("warranty", "warranty.pdf"),
        ("when do you open", "opening.md"),
        ("parking", "more.jsonl#1"),
    ):
        (found,) = documents(run_clara(fresh, "search", query, "--json"))
        assert found["hits"][0]["source"] == source
    (reply,) = documents(run_clara(fresh, "ask", "How do I reset my password?", "--json"))
    assert reply["outcome"] not in ("answered", "suggested")


def test_ingest_fails_when_nothing_could_be_read(fresh, tmp_path):
    file = tmp_path / "broken.docx"
    file.write_bytes(b"not a document")
    done = run_clara(fresh, "ingest", str(file))
    assert done.returncode == 1
    assert "broken.docx" in done.stderr


def test_demo_data_is_believable_and_added_once(fresh):
    first = run_clara(fresh, "seed", "--demo")
    assert first.returncode == 0
    assert "shown this once" in first.stderr
    assert "there already" in run_clara(fresh, "seed", "--demo").stderr
    sessions = open_sessions(fresh)
    with reading(sessions) as session:
        emails = set(session.scalars(select(User.email)))
        assert {"admin@clara.ai", "husnain@clara.ai", "faheem@clara.ai", "sheryar@clara.ai"} < emails
        assert {role.value for role in session.scalars(select(User.role))} == {
            "admin", "manager", "csr", "sales", "marketing"
        }  # fmt: skip
        for table in (Customer, Ticket, Meeting, Task):
            assert session.scalar(select(func.count()).select_from(table)) >= 5, table
        assert session.scalar(select(func.count()).select_from(Job)) > 0  # escalations tell people
    sessions.engine.dispose()


def test_a_user_is_added_with_a_given_or_typed_password(fresh):
    added = run_clara(
        fresh, "user", "add", "Nora@Clara.example", "--role", "csr", "--team", "billing", CLARA_PASSWORD="long enough!"
    )
    assert added.stdout == "Added nora@clara.example as csr.\n"
    twice = run_clara(fresh, "user", "add", "nora@clara.example", "--role", "csr", CLARA_PASSWORD="long enough!")
    assert twice.returncode == 1
    assert "There is a user with this e-mail address." in twice.stderr
    typed = run_clara(
        fresh, "user", "add", "omar@clara.example", "--role", "sales", input_text="long enough!\nlong enough!\n"
    )
    assert typed.returncode == 0
    short = run_clara(fresh, "user", "add", "lena@clara.example", "--role", "sales", CLARA_PASSWORD="short")
    assert short.returncode == 1


def test_doctor_says_what_is_there_and_never_a_secret(home):
    secrets = {
        "CLARA_SMTP_URL": "smtp://user:hunter2@127.0.0.1:9",
        "CLARA_SECRET_KEY": "hunter2" * 5,
        "CLARA_PASSWORD": "hunter2hunter2",
    }
    done = run_clara(home, "doctor", "--json", **secrets)
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert found["database"]["ok"]
    assert found["index"]["ok"]
    assert not found["mail"]["ok"]
    files = run_clara(home, "doctor", "--json")
    assert "mails become files" in files.stdout


def test_doctor_does_not_repeat_a_database_password(home):
    done = run_clara(home, "doctor", CLARA_DATABASE_URL="postgresql://clara:hunter2@127.0.0.1:9/clara")
    assert done.returncode == 1
    assert "not reachable" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
