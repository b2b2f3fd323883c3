"""Claims on passages: sentences of the passage, and the same with one fact changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from training.build import Built
from training.readers.negatives import Index
from training.readers.pairs import sentences
from training.record import Record

PASSAGES = (
    "google-research-datasets/QED",
    "yizhongw/self-instruct",
    "pubmedqa/pubmedqa",
)
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+)*")
OPPOSITES = {
    "increased": "decreased", "increase": "decrease", "higher": "lower", "more": "fewer",
    "before": "after", "first": "last", "largest": "smallest", "north": "south", "east": "west",
    "early": "late", "won": "lost", "began": "ended", "always": "rarely", "most": "few",
    "above": "below", "good": "poor", "long": "short", "old": "young", "major": "minor",
    "high": "low", "large": "small", "best": "worst", "oldest": "youngest", "joined": "left",
    "accepted": "rejected", "improved": "worsened", "significant": "negligible",
}  # fmt: skip
WIDER = {"some": "all", "many": "all", "often": "always", "sometimes": "always", "may": "will",
         "can": "must", "usually": "always", "several": "all", "might": "will", "few": "no",
         "partly": "wholly", "about": "exactly"}  # fmt: skip
AUXILIARY = re.compile(r"\b(is|was|are|were|can|could|will|would|has|have|had|did|does|should)\b")
OPENINGS = ("", "", "", "According to the passage, ", "The document says that ", "In short, ",
            "From what is given, ", "As stated, ")  # fmt: skip
CLAUSE = re.compile(r", ((?:which|who|where|while|after|because|despite|with) [^,;.()]{15,80})[,.]")


def opened(said: str, opening: str) -> str:
    """The sentence after an opening; its first word keeps a capital only where it is a name."""
    if not opening:
        return said
    first = said.split(" ", 1)[0]
    lower = first.lower() in {"the", "a", "an", "in", "it", "this", "these", "he", "she", "they"}
    return opening + (said[:1].lower() + said[1:] if lower else said)


def trimmed(said: str, rng: Random) -> str:
    """The same claim in fewer words: a bracket or a closing clause dropped."""
    short = re.sub(r"\s*\([^)]*\)", "", said)
    cut = re.match(r"(.{40,}?), (?:which|who|where|and|while|with)\b.*", short)
    if cut and rng.random() < 0.5:
        short = cut[1].rstrip(" ,") + "."
    return short


def spoiled(said: str, names: list[str], clauses: list[str], rng: Random) -> tuple[str, str] | None:
    """(kind, false claim) by one change, or None where no change applies."""
    ways = ["number", "name", "opposite", "negate", "wider", "extra", "roles"]
    rng.shuffle(ways)
    # What always applies comes last, or it would crowd out the rest.
    ways.sort(key=lambda way: way == "extra" and rng.random() < 0.7)
    for way in ways:
        made = change(way, said, names, clauses, rng)
        if made and made != said:
            return way, made
    return None


def change(way: str, said: str, names: list[str], clauses: list[str], rng: Random) -> str | None:
    """The sentence changed in the given way, or None."""
    if way == "number":
        found = list(NUMBER.finditer(said))
        if not found:
            return None
        hit = rng.choice(found)
        held = hit[0]
        number = float(held.replace(",", ""))
        year = len(held) == 4 and 1000 < number < 2100
        moved = (
            number + rng.choice((-11, -7, -3, 2, 4, 9))
            if year
            else number * rng.choice((0.5, 2, 3, 10))
        )
        new = (
            f"{moved:.1f}"
            if "." in held
            else f"{max(0, int(moved)):,}"
            if "," in held
            else str(max(0, int(moved)))
        )
        return None if new == held else said[: hit.start()] + new + said[hit.end() :]
    if way == "name":
        inside = list(NAME.finditer(said))
        others = [n for n in names if n not in said]
        if not inside or not others:
            return None
        hit = rng.choice(inside)
        size = len(hit[0].split())
        alike = [n for n in others if len(n.split()) == size] or others
        return said[: hit.start()] + rng.choice(alike) + said[hit.end() :]
    if way == "roles":
        inside = list(NAME.finditer(said))
        if len(inside) < 2 or " and " in said[inside[0].end() : inside[1].start()]:
            return None
        one, two = inside[0], inside[1]
        between = said[one.end() : two.start()]
        if len(between.split()) < 2:
            return None
        return said[: one.start()] + two[0] + between + one[0] + said[two.end() :]
    if way in {"opposite", "wider"}:
        table = OPPOSITES if way == "opposite" else WIDER
        words = [w for w in table if re.search(rf"\b{w}\b", said)]
        if not words:
            return None
        word = rng.choice(words)
        return re.sub(rf"\b{word}\b", table[word], said, count=1)
    if way == "negate":
        auxiliary = AUXILIARY.search(said)
        if not auxiliary or " not " in said or "n't" in said:
            return None
        return f"{said[: auxiliary.end()]} not{said[auxiliary.end() :]}"
    if way == "extra":
        return f"{said.rstrip(' .')}, {rng.choice(clauses)}."
    return None


def generate(rng: Random, built: Built) -> Iterator[Record]:
    held = built.records("hallucination", *PASSAGES)
    passages = sorted({c for r in held for c in r.context if 300 < len(c) < 6000})
    index = Index(passages)
    clauses = sorted({c for text in passages for c in CLAUSE.findall(text)})
    rng.shuffle(passages)
    for passage in passages[:3600]:
        found = [s for s in sentences(passage)[:14] if 6 < len(s.split()) < 45]
        if len(found) < 3:
            continue
        names = sorted(set(NAME.findall(passage)))
        at = rng.randrange(len(found))
        opening = rng.choice(OPENINGS)
        window = " ".join(found[max(0, at - 2) : at + 3])
        said = trimmed(found[at], rng)
        false = spoiled(said, names, clauses, rng)
        yield pair(window, opened(said, opening), 0.0, "supported")
        if false:
            yield pair(window, opened(false[1], opening), 1.0, false[0])
        if rng.random() < 0.35:
            # A true sentence whose evidence is not among what was retrieved.
            near = index.near(found[at], set(), found[at])
            if near is not None:
                text = " ".join(sentences(index.texts[near])[:5])
                yield pair(text, opened(said, opening), 1.0, "evidence_of_another")
        if rng.random() < 0.35:
            picked = sorted(rng.sample(range(len(found)), 2))
            answer = [trimmed(found[n], rng) for n in picked]
            yield whole(passage, answer, 0.0, "supported")
            broken = spoiled(answer[1], names, clauses, rng)
            if broken:
                yield whole(passage, [answer[0], broken[1]], 1.0, broken[0])


def pair(evidence: str, said: str, label: float, kind: str) -> Record:
    return Record("hallucination", label, f"document/{kind}/pair", output=said, context=[evidence])


def whole(passage: str, answer: list[str], label: float, kind: str) -> Record:
    return Record(
        "hallucination",
        label,
        f"document/{kind}",
        input="What does the text say about this?",
        output=" ".join(answer),
        context=[passage],
    )
