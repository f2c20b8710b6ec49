"""Passages are verbatim, whole where their author made them whole, and together the whole body."""

import re
import time
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memory.knowledge.blocks import Kind, blocks_of
from memory.knowledge.chunking import (
    MAX_TOKENS,
    SMALL_TOKENS,
    WINDOW_TOKENS,
    Passage,
    Window,
    passages,
    plain_text,
    sentences,
    windows,
)


def count_words(text: str) -> int:
    """Like word pieces: words and marks count, white space does not, and cutting at white space adds nothing."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def words(number: int, of: str = "word") -> str:
    return " ".join([of] * number)


def cut(body: str) -> list[Passage]:
    return passages(body, count_words)


LINES = st.sampled_from(
    [
        "", "", "", "# Title", "## Part", "### Detail", "#### Deep", "Part", "====", "----", "---", "* * *", "```",
        "~~~~",
        "- item", "  - nested item", "1. First. Then more.", "12) twelfth", "   carried on", "| a | b |", "|---|---|",
        "Do this:", "**Mind:**", "A sentence. Another one! A third?", words(70), words(300), f"{words(90)}. " * 8,
        "x" * 700, "\t", "# ", "#none", "> quoted", "é\u2028ü", "a\rb", "[x](y)", "  ", "# long " + "h" * 400,
    ]
)  # fmt: skip
BODIES = st.one_of(st.lists(LINES, max_size=30).map("\n".join), st.text(max_size=300))


@settings(max_examples=300, deadline=None)
@given(BODIES)
@example("# Title\n```\n# no heading\n\ntext")
@example("## A\na\n## B\n## C\nc")
def test_passages_are_verbatim_and_in_order(body):
    found = cut(body)
    assert [passage.position for passage in found] == list(range(len(found)))
    at = 0
    for passage in found:
        at = body.find(passage.content, at)
        assert at >= 0
        assert passage.content.strip()
        at += len(passage.content)


@settings(max_examples=300, deadline=None)
@given(BODIES)
def test_every_text_of_the_body_is_in_a_passage(body):
    texts = [body[block.start : block.end] for block in blocks_of(body) if block.kind is not Kind.HEADING]
    rules = re.compile(r"[\s\-*_=]+")  # between headings they say nothing
    wanted = Counter(rules.sub("", "".join(texts)))
    assert wanted <= Counter("".join(passage.content for passage in cut(body)))


@settings(max_examples=300, deadline=None)
@given(BODIES)
def test_no_passage_exceeds_the_maximum(body):
    assert all(count_words(passage.content) <= MAX_TOKENS for passage in cut(body))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400) | BODIES.map(lambda body: body[:200]), BODIES)
def test_windows_fit_the_encoder_and_hold_every_word(title, body):
    for passage in cut(body):
        found = windows(title, passage, count_words)
        assert found
        assert all(count_words(window.text) <= WINDOW_TOKENS for window in found)
        together = " ".join(window.text for window in found)
        assert all(word in together for word in re.findall(r"\b(?:sentence|third|nested|twelfth)\b", passage.content))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | BODIES)
def test_sentences_are_verbatim_and_complete(text):
    found = sentences(text)
    at = 0
    for sentence in found:
        assert sentence == sentence.strip()
        at = text.find(sentence, at)
        assert at >= 0
        at += len(sentence)
    assert "".join("".join(found).split()) == "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | BODIES)
def test_plain_text_takes_anything(text):
    assert plain_text(text) == plain_text(text).strip()


def test_a_section_is_a_passage_under_its_headings():
    body = f"# Billing\n\n{words(80, 'opening')}\n\n## Refunds\n\n{words(80, 'refund')}\n\n"
    body += f"## Invoices ##\n{words(80, 'invoice')}"
    assert [(passage.heading_path, passage.content) for passage in cut(body)] == [
        ("Billing", words(80, "opening")),
        ("Billing > Refunds", words(80, "refund")),
        ("Billing > Invoices", words(80, "invoice")),
    ]


def test_small_neighbours_under_one_heading_are_joined_and_keep_their_headings():
    body = f"# A\n{words(100)}\n## B\nsmall b\n## C\nsmall c\n# D\n## E\nsmall e"
    assert [(passage.heading_path, passage.content) for passage in cut(body)] == [
        ("A", words(100)),
        ("A", "## B\nsmall b\n## C\nsmall c"),
        ("D > E", "small e"),
    ]


def test_a_small_opening_is_joined_with_its_first_part():
    assert cut("# A\nShort.\n## B\nAlso short.") == [Passage(0, "A", "Short.\n## B\nAlso short.")]


def test_joining_stops_when_there_is_enough():
    body = "\n".join(f"## Q{number}\n{words(40)}" for number in range(4))
    found = cut(body)
    assert [passage.content.count("##") for passage in found] == [2, 2]
    assert all(count_words(passage.content) >= SMALL_TOKENS for passage in found)


def test_a_long_section_is_cut_between_paragraphs():
    paragraphs = [f"{words(120)} {number}" for number in range(8)]
    found = cut("# Long\n\n" + "\n\n".join(paragraphs))
    assert {passage.heading_path for passage in found} == {"Long"}
    assert [part for passage in found for part in passage.content.split("\n\n")] == paragraphs
    assert all(200 <= count_words(passage.content) <= MAX_TOKENS for passage in found)


def test_a_list_stays_with_its_lead_in():
    steps = "\n".join(f"{number}. {words(20, 'step')}" for number in range(1, 13))
    body = f"{words(190)}\n\nDo **this:**\n\n{steps}\n\n{words(300)}"
    holding = [passage.content for passage in cut(body) if "Do **this:**" in passage.content]
    assert len(holding) == 1
    assert f"Do **this:**\n\n{steps}" in holding[0]


def test_a_list_that_is_too_long_is_cut_between_its_items():
    items = [f"- {words(30)}\n  - {words(30, 'inner')}\n\n  {words(10, 'more')}" for _ in range(20)]
    found = cut("Choose:\n\n" + "\n".join(items))
    assert len(found) > 1
    assert found[0].content.startswith("Choose:\n\n- word")
    assert all(passage.content.startswith("- word") for passage in found[1:])


@pytest.mark.parametrize(
    "block", ["| a | b |\n|---|---|\n" + "| cell | cell |\n" * 40, "```\nx = 1\n\n# y\n" + "z\n" * 200 + "```"]
)
def test_tables_and_code_stay_whole(block):
    found = cut(f"{words(350)}\n\n{block}\n\n{words(350)}")
    assert block.strip() in [passage.content for passage in found]


def test_headings_inside_code_are_no_headings():
    body = f"# Real\n```sh\n# comment\n```\n{words(70)}\n1. Run:\n   ```\n# also none\n   ```\n2. Done"
    assert [passage.heading_path for passage in cut(body)] == ["Real"]


def test_text_without_breaks_is_cut_at_sentences_then_words():
    found = cut("This is one of many sentences. " * 300)
    assert all(passage.content.startswith("This") and passage.content.endswith("sentences.") for passage in found)
    assert all(set(passage.content.split()) == {"word"} for passage in cut(words(3000)))
    assert "".join(passage.content for passage in cut("x" * 30_000)) == "x" * 30_000


def test_underlined_headings_and_marks_in_headings():
    body = f"Getting **started**\n=====\n{words(70)}\n\nUsing C#\n---\n{words(70)}\n\n"
    body += f"## [Linked](http://x.y) `code`\n{words(70)}"
    assert [passage.heading_path for passage in cut(body)] == [
        "Getting started",
        "Getting started > Using C#",
        "Getting started > Linked code",
    ]


@pytest.mark.parametrize("body", ["", "  \n\n\t", "---\n\n***"])
def test_a_body_without_text_has_no_passages(body):
    assert cut(body) == []


def test_a_body_of_headings_alone_can_still_be_found():
    assert cut("# Opening hours\n\n## Call 555 1234") == [Passage(0, "", "# Opening hours\n\n## Call 555 1234")]


@pytest.mark.parametrize(
    "piece",
    [
        "word ",
        "Sentence here. ",
        "x",
        "# h\n",
        "## h\n\ntext\n\n",
        "- item\n",
        "| a |\n",
        "```\n",
        "[",
        "**",
        "`",
        "!)",
        ".",
        "<a",
        "a:\n\n- b\n\n",
    ],
)
def test_time_grows_with_the_length_only(piece):
    def seconds(characters: int) -> float:
        body = piece * (characters // len(piece))
        began = time.perf_counter()
        for passage in passages(body, count_words)[:50]:
            windows("Title", passage, count_words)
        sentences(body)
        plain_text(body)
        return time.perf_counter() - began

    seconds(10_000)
    assert seconds(400_000) < 16 * seconds(100_000) + 0.5  # quadratic: 16 times and more


def test_each_sentence_is_a_window_that_begins_with_title_and_headings():
    text = " ".join(f"Sentence number {number} has these words in it." for number in range(60))
    found = windows("Reset your password?", Passage(0, "Account > Security", text), count_words)
    assert [window.unit for window in found] == list(range(60))
    for number, window in enumerate(found):
        assert (
            window.text == f"Reset your password? Account > Security. Sentence number {number} has these words in it."
        )


def test_a_long_list_is_one_unit_in_several_windows_cut_between_items():
    steps = "\n".join(f"{number}. Press the button with the number {number} on it." for number in range(1, 13))
    found = windows("T", Passage(0, "", f"Do this:\n\n{steps}"), count_words)
    assert {window.unit for window in found} == {0}
    assert len(found) > 1
    assert all(window.text.startswith(("T. Do this: Press", "T. Press")) for window in found)


def test_windows_of_the_real_tokenizer_fit(encoder):
    assert encoder.count_tokens("one two three") == 3  # neither padded nor cut short
    assert encoder.count_tokens("one two three " * 300) == 900
    awkward = (
        "Zażółć gęślą jaźń — https://example.com/a/b?c=d&e=f " * 60 + "supercalifragilistic" * 40 + " 你好世界" * 200
    )
    passage = Passage(0, "Section " * 60, awkward)
    found = windows("A title " * 100, passage, encoder.count_tokens)
    assert all(encoder.count_tokens(window.text) <= WINDOW_TOKENS for window in found)


def test_windows_fit_where_every_character_is_a_word_piece_or_more():
    def count(text: str) -> int:
        return 2 * len("".join(text.split()))

    (passage, *_) = passages("重置密码打开设置" * 200, count)
    found = windows("重置密码" * 100, passage, count)
    assert all(count(window.text) <= WINDOW_TOKENS for window in found)
    assert "".join(window.text.split()[-1] for window in found).startswith("重置密码打开设置")


def test_a_short_passage_is_one_window_and_an_empty_one_still_has_one():
    assert windows("T", Passage(0, "", "- **Click** [here](http://x.y)."), count_words) == [Window(0, "T. Click here.")]
    assert windows("T", Passage(0, "", "---"), count_words) == [Window(0, "T.")]
    assert windows("", Passage(0, "", "---"), count_words) == [Window(0, "---")]


@pytest.mark.parametrize(
    "expected",
    [
        ["Use a browser, e.g. Firefox.", "Then sign in."],
        ["Ask Dr. Smith.", "He knows."],
        ["It costs 3.50 EUR.", "That is all."],
        ["See https://help.example.com/a.b?c=d. for more of v2.1 and 10.4.", "Update first."],
        ["Go to Settings > Security > Sessions.", "Choose **Sign out.**", "Done!"],
        ['Choose "Yes."', "Wait."],
        ['When it asks "Delete?" choose yes.', "Wait…", "It works."],
        ["The answer is no.", "See No. 5 and p. 12.", "iPhone users wait."],
        ["Is it late?", "ask again!", "Really?!", "(Yes.)", "Good."],
        ["**Is it safe? Yes it is.**", "It is.", "`a. B` and [What is it? More](http://x.y) stay."],
        ["J. Smith wrote it.", "5 of 6 agree."],
    ],
)
def test_sentences_end_where_a_reader_says(expected):
    assert sentences(" ".join(expected)) == expected


def test_sentences_do_not_run_over_items_headings_tables_and_code():
    table, code = "| a. B | c |\n|---|---|\n| 1. D | 2 |", "```\none. Two\n\nthree\n```"
    text = f"# Head. Line\nWrapped\nline. Next\n\n1. Open it. Wait\n2. Close it\n   now\n{table}\nAfter\n{code}\nend"
    assert sentences(text) == [
        "# Head. Line", "Wrapped\nline.", "Next", "1. Open it.", "Wait", "2. Close it\n   now",
        table, "After", code, "end",
    ]  # fmt: skip


def test_sentences_of_other_scripts_need_no_space():
    assert sentences("重置密码。打开设置！好吗？") == ["重置密码。", "打开设置！", "好吗？"]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("## Reset **your** _password_ ##", "Reset your password ##"),
        ('- [ ] open [the page](https://x.y/z "hint")', "open the page"),
        ("> 1. quoted `SELECT *` and `__init__`", "quoted SELECT * and __init__"),
        ("snake_case_name and 5 * 3 and 1 < 2", "snake_case_name and 5 * 3 and 1 < 2"),
        (
            '![alt text](i.png) [![badge](b)](c) <https://x.y> <b>bold</b><a name="q"></a>',
            "alt text badge https://x.y bold",
        ),
        ("| Plan | Price |\n|---|:-:|\n| Pro | 5 |", "Plan Price\nPro 5"),
        ("```py\nx = 1\n```\n---\n\n\n\nend", "x = 1\n\nend"),
        (r"\*not bold\* \<name\> ~~old~~", "*not bold* <name> old"),
    ],
)
def test_plain_text_keeps_the_words_only(markdown, plain):
    assert plain_text(markdown) == plain
