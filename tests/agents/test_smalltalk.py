"""Pleasantries, refusals, and messages that Clara cannot read."""

import pytest

from agents.smalltalk import is_foreign, refuse

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "text",
    [
        "Ich habe mein Passwort vergessen und komme nicht mehr in mein Konto",
        "Bonjour, je ne peux plus me connecter",
        "Как мне сбросить пароль?",
        "パスワードを忘れました",
    ],
)
async def test_another_language_is_answered_by_asking_for_english_rather_than_refused(text):
    assert is_foreign(text)
    reply = (await refuse({"text": text}))["draft"]
    assert reply is not None
    assert reply["outcome"] == "clarify"
    assert "English" in reply["text"]


@pytest.mark.parametrize(
    "text", ["What will the weather be like in Lisbon tomorrow?", "pizza recipe", "", "🙂🙂🙂", "naïve café résumé"]
)
async def test_what_is_english_or_too_short_to_tell_is_refused_as_before(text):
    assert not is_foreign(text)
    reply = (await refuse({"text": text}))["draft"]
    assert reply is not None
    assert reply["outcome"] == "refused"
