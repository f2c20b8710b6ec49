"""Collections: what they hold, how cases name articles, and that an ingested one is kept."""

import gzip
import json
from dataclasses import replace

import pytest

from evals.cases import Question
from evals.collections import Collection, names_of_articles, own, source_of, users, with_slugs
from evals.context import Run
from evals.homes import copied, keep_only, kept_home, opened
from evals.public import public
from memory.database import reading

WARRANTY, HOURS = "# Warranty\nIt is 36 months long.\n", "# Opening hours\nFrom 8:00 to 17:00.\n"
ENTRIES = {
    name: {"question": f"What about {name}?", "answer": f"All about {name}."}
    for name in ("apples", "bread", "cheese", "dates", "eggs", "figs")
}


@pytest.fixture
def kb(tmp_path):
    folder = tmp_path / "kb"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "warranty.md").write_text(WARRANTY)
    (folder / "hours.md").write_text(HOURS)
    return folder


@pytest.fixture
def home_of(tmp_path, encoder):
    said = []

    def home_of(collection: Collection):
        return kept_home(tmp_path / "evals", collection, encoder, lambda _done, _of: None, said.append)

    home_of.said = said
    return home_of


def titles(ingested, query):
    with reading(ingested.sessions) as session:
        return [hit.title for hit in ingested.knowledge.search(session, query)]


def test_an_article_is_named_by_source_stem_or_slug(kb, home_of, encoder):
    with opened(home_of(users(kb, [])), encoder) as ingested:
        names = names_of_articles(ingested.sessions)
    assert names == {
        "guides/warranty.md": "warranty", "guides/warranty": "warranty", "warranty": "warranty",
        "hours.md": "opening-hours", "hours": "opening-hours", "opening-hours": "opening-hours",
    }  # fmt: skip
    asked = Question("q", "?", True, frozenset(["guides/warranty.md", "gone.md"]))
    assert with_slugs(asked, names).articles == {"warranty", "gone.md"}


def test_a_kept_collection_is_not_encoded_again(kb, home_of, encoder):
    home = home_of(users(kb, []))
    before = encoder.encoded
    assert home_of(users(kb, [])) == home
    assert encoder.encoded == before


def test_of_a_changed_collection_only_what_is_new_is_encoded(kb, home_of, encoder):
    home = home_of(users(kb, []))
    (kb / "parking.md").write_text("# Parking\nBehind the house.\n")
    changed = home_of(users(kb, []))
    assert changed != home
    assert not home.exists()
    encoded = [int(said.partition("(")[2].split()[0]) for said in home_of.said]
    assert 0 < encoded[1] < encoded[0]
    with opened(changed, encoder) as ingested:
        assert titles(ingested, "where can I park")[0] == "Parking"
        assert titles(ingested, "how long is the warranty")[0] == "Warranty"


def test_an_interrupted_ingest_is_taken_up(kb, home_of, encoder, monkeypatch):
    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("evals.homes.ingest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            home_of(users(kb, []))
    with opened(home_of(users(kb, [])), encoder) as ingested:
        assert set(titles(ingested, "warranty hours")) == {"Warranty", "Opening hours"}


def test_what_cannot_be_read_is_said(kb, home_of):
    (kb / "empty.md").write_text("")
    home_of(users(kb, []))
    assert any("empty.md is left out" in said for said in home_of.said)


def test_removed_entries_are_not_found_and_come_back(home_of, encoder):
    collection = Collection("foods", [], entries=ENTRIES)
    home = home_of(collection)
    with copied(home, encoder) as ingested:
        keep_only(ingested, ["apples", "bread"])
        assert set(titles(ingested, "cheese")) == {"What about apples?", "What about bread?"}
        keep_only(ingested, ["cheese"])
        assert titles(ingested, "cheese") == ["What about cheese?"]
        assert set(names_of_articles(ingested.sessions)) == {source_of("cheese"), "what-about-cheese"}
    with opened(home, encoder) as untouched:
        assert len(titles(untouched, "cheese")) == 6


def test_halves_are_fixed_and_differ():
    collection = Collection("foods", [], entries=ENTRIES, splits=20)
    halves = [tuple(half) for half in collection.halves()]
    assert halves == [tuple(half) for half in collection.halves()]
    assert {len(half) for half in halves} == {3}
    assert len(halves) == 20
    assert len(set(halves)) > 5


def test_the_digest_is_of_what_is_ingested(kb):
    before = users(kb, []).digest()
    assert users(kb, [Question("q", "?", False, frozenset())]).digest() == before
    (kb / "hours.md").rename(kb / "times.md")
    renamed = users(kb, []).digest()
    (kb / "times.md").write_text(HOURS.replace("8", "9"))
    assert len({before, renamed, users(kb, []).digest()}) == 3
    assert Collection("foods", [], entries=ENTRIES).digest() != Collection("foods", []).digest()


def test_a_question_whose_entry_was_removed_cannot_be_answered(tmp_path, encoder):
    questions = [Question(name, f"Tell me of {name}", True, frozenset([source_of(name)])) for name in ENTRIES]
    collection = Collection("foods", questions, entries=ENTRIES, splits=2)
    run = Run("dev", [collection], tmp_path, lambda _name: lambda _done, _of: None, lambda _said: None)
    run.encoder = encoder
    whole = run.outcomes(collection)
    assert all(outcome.right for outcome in whole)
    for outcomes, kept in zip(run.outcomes_of_halves(collection), collection.halves(), strict=True):
        assert {each.question.id for each in outcomes if each.question.answerable} == set(kept)
        assert {each.question.id for each in outcomes if each.right} == set(kept)


def test_our_own_halves_share_no_case():
    dev, sealed = own("dev"), own("sealed")
    assert not {case.id for case in dev.questions} & {case.id for case in sealed.questions}
    assert (dev.is_sealed, sealed.is_sealed) == (False, True)
    assert replace(sealed, questions=[]).digest() == dev.digest()


@pytest.mark.parametrize("name", ["stackfaq", "stackfaq-answers", "aws-docs-qa", "mtrag"])
def test_without_its_data_there_is_no_public_collection(tmp_path, name):
    assert public(name, tmp_path) is None


def write_rows(file, *rows):
    file.parent.mkdir(exist_ok=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())


def test_stackfaq(tmp_path):
    row = {"id": "faq001", "question": "Q?", "answers": ["A.", "B."], "rephrasings": ["R?", "S?"]}
    write_rows(tmp_path / "stackfaq" / "dev.jsonl", row)
    whole, bare = public("stackfaq", tmp_path), public("stackfaq-answers", tmp_path)
    assert whole.entries == {"faq001": {"question": "Q?", "answer": "A.\n\nB."}}
    assert bare.entries == {"faq001": {"answer": "A.\n\nB."}}
    assert [(case.id, case.text, case.group) for case in whole.questions] == [
        ("faq001.1", "R?", "faq001"), ("faq001.2", "S?", "faq001")
    ]  # fmt: skip
    assert whole.questions[0].articles == {"faq001.jsonl#1"}
    assert whole.splits == 20


def test_aws_docs_qa(tmp_path):
    pages = [{"doc_id": f"guide/{name}.md", "title": name, "text": f"About {name}."} for name in ("one", "two")]
    write_rows(tmp_path / "aws-docs-qa" / "kb.jsonl.gz", *pages)
    asked = {"id": "aws1", "question": "Two?", "answer": "2", "yes_no": "None", "gold_doc": "guide/two.md"}
    write_rows(tmp_path / "aws-docs-qa" / "questions.jsonl", asked)
    collection = public("aws-docs-qa", tmp_path)
    assert list(collection.entries) == ["00001", "00002"]
    (question,) = collection.questions
    assert question.articles == {"00002.jsonl#1"}


def test_mtrag_asks_the_last_turn_and_leaves_out_the_underspecified(tmp_path):
    write_rows(tmp_path / "mtrag" / "passages_pooled.jsonl", {"doc_id": "d1", "collection": "govt", "text": "Text."})
    turns = [
        {"speaker": "user", "text": "First?"},
        {"speaker": "agent", "text": "So."},
        {"speaker": "user", "text": "L?"},
    ]
    task = {"id": "conv<::>2", "turns": turns, "answerability": "PARTIAL", "gold_docs": ["d1"]}
    write_rows(
        tmp_path / "mtrag" / "tasks.jsonl",
        task,
        {**task, "id": "conv<::>3", "answerability": "UNANSWERABLE", "gold_docs": []},
        {**task, "id": "conv<::>4", "answerability": "UNDERSPECIFIED"},
    )
    first, second = public("mtrag", tmp_path).questions
    assert (first.id, first.text, first.answerable, first.group) == ("conv<::>2", "L?", True, "conv")
    assert first.articles == {"00001.jsonl#1"}
    assert (second.answerable, second.articles) == (False, frozenset())
