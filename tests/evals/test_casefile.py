"""Somebody's own cases: what may be written, and what is said of lines that are none."""

import pytest

from evals.casefile import TOLD_AT_ONCE, BadCases, read_case_file


@pytest.fixture
def read(tmp_path):
    def read(*lines: str):
        file = tmp_path / "mine.jsonl"
        file.write_text("\n".join(lines), encoding="utf-8")
        return read_case_file(file)

    return read


def test_every_spelling_of_a_case(read):
    first, second, third = read(
        '{"id": "a", "question": "How long?", "articles": ["w.md", "x"], "contains": ["36 months"]}',
        "",
        '{"text": "When?", "gold": "opening", "group": "hours"}',
        '{"id": 7, "text": "Bicycles?", "answerable": false, "kind": "off_topic"}',
    )
    assert (first.id, first.text, first.answerable) == ("a", "How long?", True)
    assert (first.articles, first.contains) == (frozenset(["w.md", "x"]), ("36 months",))
    assert (second.id, second.articles, second.group) == ("3", frozenset(["opening"]), "hours")
    assert (third.id, third.answerable, third.articles, third.kind) == ("7", False, frozenset(), "off_topic")


def test_a_question_without_articles_cannot_be_answered(read):
    (only,) = read('{"text": "Parking?"}')
    assert not only.answerable


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"articles": ["a"]}', "no `question`"),
        ('{"text": "  "}', "no `question`"),
        ('{"text": 5}', "no `question`"),
        ('{"text": "?", "articles": 5}', "`articles` is no list of texts"),
        ('{"text": "?", "gold": ["a", 5]}', "`gold` is no list of texts"),
        ('{"text": "?", "gold": ["a"], "contains": [""]}', "`contains` is no list of texts"),
        ('{"text": "?", "answerable": "yes"}', "`answerable` is neither"),
        ('{"text": "?", "answerable": true}', "answerable, but names no article"),
        ('{"text": "?", "answerable": false, "gold": "a"}', "not answerable, but names articles"),
        ('{"text": "?", "id": ["a"]}', "`id` is neither"),
        ('{"text": "?", "id": "first"}', "'first' was used before"),
        ('{"text": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_told_with_its_number(read, line, reason):
    with pytest.raises(BadCases, match=f"mine.jsonl: line 3: .*{reason}"):
        read('{"text": "Fine?", "id": "first"}', "", line)


def test_all_bad_lines_are_told_up_to_a_limit(read):
    with pytest.raises(BadCases) as caught:
        read(*["{"] * (TOLD_AT_ONCE + 3))
    assert "line 1:" in str(caught.value)
    assert f"line {TOLD_AT_ONCE}:" in str(caught.value)
    assert f"line {TOLD_AT_ONCE + 1}:" not in str(caught.value)
    assert str(caught.value).endswith("and 3 more")


def test_a_file_without_questions_is_refused(read, tmp_path):
    with pytest.raises(BadCases, match="no questions"):
        read("", "  ")
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "caf\xe9"}')
    with pytest.raises(BadCases, match="not UTF-8"):
        read_case_file(tmp_path / "latin.jsonl")
