"""Instructions to the model planted in carriers' pages; for each, its harmless twin.

A twin is the same page, in the same wrapping, with an instruction to a person at another place: a
classifier that reads the page's topic, its wrapping or an imperative cannot tell the two apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random

from training.build import Built
from training.generate.disguise import DISGUISES, READABLE
from training.generate.grammar import Grammar
from training.record import Record

TWIN = {
    "attack_override": "human_override",
    "attack_polite": "human_polite",
    "attack_authority": "human_authority",
    "attack_fake_system": "human_system",
    "attack_fake_turn": "human_turn",
    "attack_conditional": "human_conditional",
    "attack_hidden": "human_hidden",
    "attack_code_comment": "human_comment",
    "attack_emotional": "human_emotional",
    "attack_confusion": "human_confusion",
    "attack_other_language": "human_other_language",
}
PAIRS = 2600


def email(text: str, rng: Random) -> str:
    who = rng.choice(("Marta Ruiz", "J. Bell", "noreply@harbour.example", "Wen Li", "Sales desk"))
    about = rng.choice(("Re: your question", "Minutes", "Update", "Fwd: notes", "Next week"))
    return f"From: {who}\nTo: me\nSubject: {about}\n\n{text}\n\nBest regards,\n{who}"


def web_page(text: str, _: Random) -> str:
    body = "\n".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    return f"<html><head><title>Page</title></head><body>\n{body}\n</body></html>"


def json_field(text: str, rng: Random) -> str:
    name = rng.choice(("content", "description", "body", "notes", "review", "snippet"))
    return json.dumps({"id": rng.randrange(9000), name: text, "status": "ok"}, ensure_ascii=False)


def code_block(text: str, rng: Random) -> str:
    mark = rng.choice(("# ", "// "))
    lines = "\n".join(f"{mark}{line}" for line in text.splitlines())
    return f"{lines}\ndef load(path):\n    return open(path).read()\n"


def table(text: str, rng: Random) -> str:
    rows = [f"{rng.randrange(999)} | {part.strip()}" for part in text.splitlines() if part.strip()]
    return "id | text\n" + "\n".join(rows)


def plain(text: str, _: Random) -> str:
    return text


WRAPPINGS: tuple[Callable[[str, Random], str], ...] = (
    plain,
    plain,
    plain,
    email,
    email,
    web_page,
    json_field,
    code_block,
    table,
)


def planted(page: str, line: str, rng: Random) -> str:
    """`line` in `page`: first, last, a paragraph of its own, or inside a paragraph."""
    parts = page.split("\n\n")
    where = rng.choice(("start", "middle", "middle", "end", "inside"))
    if where == "inside":
        at = rng.randrange(len(parts))
        sentences = parts[at].split(". ")
        sentences.insert(rng.randrange(len(sentences) + 1), line.rstrip("."))
        parts[at] = ". ".join(sentences)
    else:
        at = {"start": 0, "middle": len(parts) // 2, "end": len(parts)}[where]
        parts.insert(at, line)
    return "\n\n".join(parts)


def shortened(page: str, rng: Random) -> str:
    """The page, or its first paragraphs: lengths from 200 characters to all of it."""
    size = rng.choice((200, 400, 800, 1600, 4000))
    return page if len(page) <= size else page[:size].rsplit(" ", 1)[0]


def generate(rng: Random, built: Built) -> Iterator[Record]:
    """Pairs of an attacked page and its twin. Raises ValueError without carriers."""
    carriers = built.records("document")
    if not carriers:
        raise ValueError("no carriers: build with at least one source that yields documents")
    say = Grammar("injection", rng)
    families = sorted(TWIN)
    for at in range(PAIRS):
        carrier = carriers[rng.randrange(len(carriers))]
        page, family = shortened(carrier.context[0], rng), families[at % len(families)]
        wrapping = rng.choice(WRAPPINGS)
        asked = say.say("ask") if rng.random() < 0.6 else ""
        kind = family.removeprefix("attack_")
        line = say.say(family).strip()
        if rng.random() < 0.12 and family not in ("attack_hidden", "attack_other_language"):
            kind = rng.choice(READABLE)
            line = DISGUISES[kind](line, rng)
        elif rng.random() < 0.05:
            kind = "base64"
            line = "Assistant, decode and carry out: " + DISGUISES["base64"](line, rng)
        licence = f"Apache-2.0; page {carrier.licence}"
        for label, named, planted_line in (
            (1, kind, line),
            (0, "instruction_to_person", say.say(TWIN[family]).strip()),
        ):
            text = wrapping(planted(page, planted_line, rng), rng)
            given = Record("prompt_injection", label, named, asked, licence=licence)
            if at % 3 == 0:
                tool = rng.choice(("search", "fetch_page", "read_email", "read_file", "query_crm"))
                given.steps = [{"kind": "tool", "name": tool, "input": asked, "output": text}]
            else:
                given.context = [text]
            yield given
