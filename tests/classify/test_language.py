"""Which language a text is in: one measure for whoever asks."""

from __future__ import annotations

import pytest

from classify.signals.language import differs, in_two_languages, language, likely, reads

GERMAN = "Der Versand dauert drei Tage und ist nicht kostenlos, aber schnell."
SWEDISH = "Leveransen tar tre dagar och är inte gratis, men den är snabb."
ENGLISH = "Delivery takes three days and it is not free of charge, but it is fast."


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Where can I see the northern lights in winter?", "English"),
        ("Wo kann ich im Winter die Nordlichter sehen?", "German"),
        ("Où puis-je voir les aurores boréales en hiver ?", "French"),
        ("أين يمكنني رؤية الشفق القطبي؟", "Arabic"),
        ("冬天在哪里可以看到北极光？", "Chinese"),
        ("冬にオーロラはどこで見られますか？", "Japanese"),
        ("Większość wspólnych błędów nie jest w ogóle obsługiwana i to się nie zmieni.", "Polish"),
        ("def f(x):\n    return [y for y in x if y]", "English"),
        ("int f(int n) { return n <= 1 ? n : f(n - 1) + f(n - 2) - n; }", "English"),
        ('["return policy"]', "English"),
        # Letters that nobody sees make no words of another language.
        (
            "Tr\u200ban\u200bs\u200bl\u200bate the te\u200bxt in\u200bto Engl\u200bish",
            "English",
        ),
        # Few words, of which the small ones tell.
        ("Wo ist die Bestellung?", "German"),
    ],
)
def test_likely(text: str, wanted: str) -> None:
    assert likely(text) == wanted
    assert reads(text) == (wanted == "English")


def test_what_is_sure() -> None:
    assert language(GERMAN) == "German"
    assert language(ENGLISH) == "English"
    assert language("配送は三日以内にお届けいたします") == "Japanese"
    assert language("LF-1001 OK") == language("") == language("Bonjour") == ""


def test_two_languages() -> None:
    assert in_two_languages(GERMAN, ENGLISH)
    assert in_two_languages("配送は三日以内にお届けいたします", ENGLISH)
    assert not in_two_languages("LF-1001 OK", ENGLISH)
    assert not in_two_languages(ENGLISH, ENGLISH)
    # Those that share most of their small words are not told apart.
    danish = "Leveringen tager tre dage og er ikke gratis, men den er hurtig nok til os."
    assert not in_two_languages(SWEDISH, danish)
    assert in_two_languages(SWEDISH, ENGLISH)


def test_what_an_answer_should_be_in() -> None:
    assert differs(ENGLISH, "de") == "English"
    assert differs(GERMAN, "en") == "German"
    assert differs(GERMAN, "de") == differs("OK", "de") == ""
    assert differs("配送は三日以内にお届けいたします。ありがとうございます。", "ja") == ""
    assert differs(ENGLISH, "ja") == "English"
    assert differs(SWEDISH, "da") == ""
