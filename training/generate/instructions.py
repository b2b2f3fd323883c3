"""Instructions with explicit constraints, and outputs that keep or break one of them.

Contents come from passages, so that outputs read like answers; constraints are checked when they
are made: a healthy output keeps all, a failing one breaks exactly the named one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from training.build import Built
from training.readers.pairs import sentences
from training.record import Record

SPANISH = (
    "Aquí tiene un resumen breve del texto.", "El autor explica las causas y sus efectos.",
    "En resumen, los datos muestran una mejora clara.", "Se trata de un tema muy discutido.",
)  # fmt: skip
GERMAN = (
    "Hier ist eine kurze Zusammenfassung.", "Der Text beschreibt die Ursachen und Folgen.",
    "Insgesamt zeigen die Daten eine klare Besserung.", "Das Thema wird viel diskutiert.",
)  # fmt: skip
FRENCH = (
    "Voici un bref résumé du texte.", "L'auteur décrit les causes et les effets.",
    "En somme, les données montrent une nette amélioration.", "Le sujet est très débattu.",
)  # fmt: skip
HEADS = ("Overview", "Background", "Key facts", "Details", "Conclusion")
Make = Callable[[list[str], Random], tuple[str, str, str]]
"""(sentences, rng) → (constraint, output that keeps it, output that breaks it)."""


@dataclass(frozen=True)
class Constraint:
    """A named family of constraints."""

    name: str
    make: Make


def joined(said: list[str]) -> str:
    return " ".join(said)


def plain(text: str) -> str:
    """The text's words alone, in lower case."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def topic(said: list[str], rng: Random) -> str:
    """A subject for the request: a name or long word of the text."""
    words = re.findall(r"\b[A-Z][a-z]{3,}\b|\b[a-z]{8,}\b", joined(said))
    return rng.choice(words) if words else "this"


def bullets(said: list[str], rng: Random) -> tuple[str, str, str]:
    count = rng.randint(2, min(4, len(said)))
    mark = rng.choice(("- ", "* ", "• "))
    asked = rng.choice((
        "Answer with exactly {n} bullet points.", "Use {n} bullets, no more and no fewer.",
        "Give your answer as a list of {n} bullet points.",
    )).format(n=count)  # fmt: skip
    good = "\n".join(mark + s for s in said[:count])
    wrong = [joined(said[:count]), "\n".join(mark + s for s in (said + said)[: count + 2])]
    if count > 2:
        wrong.append("\n".join(mark + s for s in said[: count - 1]))
    return asked, good, rng.choice(wrong)


def as_json(said: list[str], rng: Random) -> tuple[str, str, str]:
    keys = rng.choice((("title", "summary"), ("answer", "source"), ("topic", "text")))
    asked = rng.choice((
        "Reply with a JSON object that has the keys {k} and nothing else.",
        "Output valid JSON only, with the fields {k}.",
    )).format(k=" and ".join(f'"{k}"' for k in keys))  # fmt: skip
    body = {keys[0]: said[0][:40], keys[1]: joined(said[:2])}
    good = json.dumps(body, ensure_ascii=False)
    wrong = [
        f"Sure! Here is the JSON you asked for:\n\n{good}\n\nLet me know if you need more.",
        f"{keys[0].title()}: {said[0][:40]}\n{keys[1].title()}: {joined(said[:2])}",
        json.dumps({keys[0]: said[0][:40]}, ensure_ascii=False),
        good[:-2],
    ]
    return asked, good, rng.choice(wrong)


def sentence_count(said: list[str], rng: Random) -> tuple[str, str, str]:
    count = rng.randint(1, min(3, len(said) - 1))
    number = ("one", "two", "three")[count - 1]
    asked = rng.choice(
        ("Number of sentences: {n}.", "As for length, {n} in sentences, exactly.")
    ).format(n=number)
    return asked, joined(said[:count]), joined((said * 3)[: count + rng.randint(1, 3)])


def word_limit(said: list[str], rng: Random) -> tuple[str, str, str]:
    words = joined(said).split()
    limit = rng.choice((10, 15, 20, 25, 30))
    asked = rng.choice(("No more than {n} words.", "Keep it under {n} words.",
                        "Maximum length: {n} words.")).format(n=limit)  # fmt: skip
    good = " ".join(words[: limit - rng.randint(2, 5)]).rstrip(",;") + "."
    return asked, good, " ".join((words * 3)[: limit * 2 + rng.randint(3, 20)]) + "."


def upper(said: list[str], rng: Random) -> tuple[str, str, str]:
    text = joined(said[:2])
    if rng.random() < 0.5:
        return "Write everything in capital letters.", text.upper(), text
    return "Use only lowercase letters.", text.lower(), text


def language(said: list[str], rng: Random) -> tuple[str, str, str]:
    table = {"Spanish": SPANISH, "German": GERMAN, "French": FRENCH}
    name = rng.choice(sorted(table))
    good = joined(rng.sample(table[name], 2))
    other = rng.choice([n for n in sorted(table) if n != name])
    wrong = rng.choice((joined(said[:2]), joined(rng.sample(table[other], 2))))
    asked = rng.choice(
        ("Answer in {l}.", "The reply must be in {l}.", "Please respond in {l} only.")
    )
    return asked.format(l=name), good, wrong


def forbidden(said: list[str], rng: Random) -> tuple[str, str, str]:
    text = joined(said[:3])
    words = sorted(set(re.findall(r"\b[a-z]{4,}\b", text)))
    word = rng.choice(words) if words else "the"
    asked = rng.choice((
        'Do not use the word "{w}".', 'Avoid the word "{w}" entirely.',
        'The word "{w}" must not appear.',
    )).format(w=word)  # fmt: skip
    kept = [s for s in said if not re.search(rf"\b{word}\b", s, re.I)] or ["Nothing to add."]
    return asked, joined(kept[:3]), text


def required(said: list[str], rng: Random) -> tuple[str, str, str]:
    word = rng.choice(("therefore", "in summary", "however", "for example", "evidence", "notably"))
    asked = rng.choice((
        'Include the phrase "{w}".', 'Your answer must contain "{w}".', 'Use "{w}" at least once.',
    )).format(w=word)  # fmt: skip
    text = joined([s for s in said[:3] if word not in s.lower()])
    return (
        asked,
        f"{text} {word[:1].upper()}{word[1:]}, that is the main point.",
        (f"{text} That is the main point."),
    )


def ending(said: list[str], rng: Random) -> tuple[str, str, str]:
    close = rng.choice(
        ("Is there anything else?", "END", "— The Desk Team", "Thank you!", "P.S. Hi")
    )
    asked = rng.choice(('Finish with "{c}".', 'The last line must be "{c}" and nothing after it.'))
    text = joined(said[:2])
    wrong = rng.choice((text, f"{close}\n{text}", f"{text}\n{close}\nHope that helps."))
    return asked.format(c=close), f"{text}\n{close}", wrong


def sections(said: list[str], rng: Random) -> tuple[str, str, str]:
    one, two = rng.sample(HEADS, 2)
    asked = f"Divide the answer into two sections titled “{one}” and “{two}”, in that order."
    half = max(1, len(said) // 2)
    good = f"{one}\n{joined(said[:half])}\n\n{two}\n{joined(said[half:4])}"
    wrong = [
        joined(said[:4]),
        f"{two}\n{joined(said[:half])}\n\n{one}\n{joined(said[half:4])}",
        f"{one}\n{joined(said[:4])}",
    ]
    return asked, good, rng.choice(wrong)


def no_commas(said: list[str], rng: Random) -> tuple[str, str, str]:
    text = joined(said[:3])
    if "," not in text:
        text = f"In short, {text}"
    return rng.choice(("Do not use commas.", "No commas allowed.")), text.replace(",", ""), text


def one_choice(said: list[str], rng: Random) -> tuple[str, str, str]:
    options = rng.choice((("yes", "no"), ("true", "false"), ("positive", "negative", "neutral")))
    asked = rng.choice((
        "Answer with one word: {o}.", "Reply only with {o}, without any explanation.",
    )).format(o=" or ".join(options))  # fmt: skip
    pick = rng.choice(options)
    wrong = [f"{pick.title()}, because {said[0][:1].lower()}{said[0][1:]}", "It depends.", said[0]]
    return asked, rng.choice((pick, pick.title(), pick + ".")), rng.choice(wrong)


def no_preamble(said: list[str], rng: Random) -> tuple[str, str, str]:
    text = joined(said[:3])
    asked = rng.choice(
        ("Give only the text, no introduction.", "Start directly, without preamble.")
    )
    open_ = rng.choice(("Sure, here you go:\n\n", "Of course! Here's the text you wanted. ",
                        "Great question! I'd be happy to help. "))  # fmt: skip
    return asked, text, open_ + text


def numbered(said: list[str], rng: Random) -> tuple[str, str, str]:
    count = min(len(said), rng.randint(2, 4))
    good = "\n".join(f"{n}. {s}" for n, s in enumerate(said[:count], 1))
    wrong = rng.choice((
        "\n".join(f"- {s}" for s in said[:count]), joined(said[:count]),
        "\n".join(f"{n}. {s}" for n, s in zip((1, 3, 2, 5), said[:count], strict=False)),
    ))  # fmt: skip
    return f"Write a numbered list from 1 to {count}.", good, wrong


FORMAT = tuple(
    Constraint(make.__name__, make)
    for make in (bullets, as_json, sections, numbered, one_choice, upper, no_commas)
)
CONTENT = tuple(
    Constraint(make.__name__, make)
    for make in (sentence_count, word_limit, language, forbidden, required, ending, no_preamble)
)
REQUESTS = {
    "format": ("Tell me about {t}.", "What is known about {t}?", "Write a note on {t}.",
               "Explain {t} to a beginner.", "Summarise the following for a colleague: {t}."),
    "content": ("Describe {t}.", "I need a text on {t}.", "Give some background on {t}.",
                "Draft a paragraph about {t}.", "Say something useful about {t}."),
}  # fmt: skip


def records(
    built: Built, passages: tuple[str, ...], choice: tuple[Constraint, ...], style: str,
    rng: Random, count: int,
) -> Iterator[Record]:  # fmt: skip
    """`count` requests, each with an output that keeps the constraint and one that breaks it."""
    held = built.records("retrieval_relevance", *passages)
    texts = sorted({c for r in held for c in r.context if len(c) > 300})
    if not texts:
        raise ValueError("instructions: no passages; build retrieval_relevance in the same run")
    for _ in range(count):
        found = [s for s in sentences(rng.choice(texts)) if 5 < len(s.split()) < 32]
        if len(found) < 4:
            continue
        start = rng.randrange(len(found) - 3)
        said = found[start : start + 5]
        one = rng.choice(choice)
        constraint, good, bad = one.make(said, rng)
        request = rng.choice(REQUESTS[style]).format(t=topic(said, rng))
        order = (f"{request} {constraint}", f"{constraint} {request}")
        asked = rng.choice(order)
        if plain(good) == plain(bad):
            # The build drops both of two records that differ in case or marks alone.
            bad = bad.rsplit(" ", 1)[0]
        for label, output in ((0.0, good), (1.0, bad)):
            if plain(good) != plain(bad) and output.strip():
                kind = f"{'breaks' if label else 'keeps'}/{one.name}"
                yield Record("instruction_following", label, kind, input=asked, output=output)
