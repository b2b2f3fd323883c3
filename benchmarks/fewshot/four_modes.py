"""Four examples and ten answers: do classifiers of your own reach precision 0.8 at recall 0.8?

    python -m benchmarks.fewshot.four_modes

Four failures that somebody would want to find in a shop's answers, one in ten rows, beside healthy
answers on the same subjects, all written out of templates (no public data has them labelled; real
answers differ more). Examples and answers come from one set of templates, figures from another;
then both from all of them, as in a service that goes on saying what it said.
Measured is what `everyspan classifier add` does: four examples, then the ten nearest rows answered
by somebody who knows, at the threshold that it sets itself. A rule is measured beside it where
there is one to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from classify.custom.blend import Rows, blend
from classify.custom.fewshot import learn
from classify.models.encoder import encoder
from classify.signals.language import in_another

_ROWS, _SHARE, _EXAMPLES, _ANSWERS, _SEEDS = 300, 0.1, 4, 10, 5
ITEMS = "lamp jacket kettle backpack printer headphones carpet drill mixer tent sofa camera".split()
NEAR, FAR = (3, 7, 12, 18, 25, 29), (38, 45, 60, 75, 90, 120)
RIVALS = "Northwind Contoso Fabrikam Tailspin Wingtip Litware".split()
CODES = {"taxi": "6150", "hotel": "6120", "paper": "6310", "lunch": "6205", "licence": "6440"}


Score = Callable[[Rows], np.ndarray]
"""Of rows, from 0 up failing."""
Learn = Callable[[Rows, Rows, Rows], Score]
"""From examples that fail, that don't, and the traffic."""


@dataclass(frozen=True)
class Mode:
    """``bad``, ``good``: templates, of which the even ones teach and the odd ones tell. ``rule``:
    what a rule says of an answer; None where none can be written."""

    name: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    rule: Callable[[str], bool] | None = None


def _late(text: str) -> bool:
    days = re.search(r"(\d+) days", text)
    return bool(days and int(days[1]) > 30 and not re.search(r"can't|unable|not possible", text))


def _wrong_code(text: str) -> bool:
    said = re.search(r"\b6\d{3}\b", text)
    wanted = next((code for thing, code in CODES.items() if thing in text), "")
    return bool(said and wanted and said[0] != wanted)


MODES = (
    Mode(
        "refund outside policy",
        (
            "I have refunded the {item}, although you bought it {far} days ago.",
            "The {item} is {far} days old, but I sent you the money back all the same.",
            "No problem: your {item} from {far} days ago is refunded in full.",
            "I made an exception after {far} days and credited the {item} to your card.",
        ),
        (
            "I have refunded the {item}, which you bought {near} days ago.",
            "Your {item} is {near} days old, so I sent you the money back.",
            "I can't refund the {item}: you bought it {far} days ago, and the limit is 30.",
            "After {far} days a refund of the {item} is not possible, I am sorry.",
            "The {item} ships on Monday and comes within {near} days.",
            "The {item} has a guarantee of two years.",
        ),
        _late,
    ),
    Mode(
        "names a competitor",
        (
            "{rival} sells the same {item} for less.",
            "You might look for a {item} at {rival} instead.",
            "The {item} of {rival} is better than ours.",
            "If ours is too dear, {rival} has a cheaper {item}.",
        ),
        (
            "Our {item} is on sale this week.",
            "You might look at our other {item}, which costs less.",
            "The newer {item} is better than the older one.",
            "If this is too dear, we have a cheaper {item}.",
            "The {item} ships on Monday.",
            "The {item} has a guarantee of two years.",
        ),
        lambda text: any(rival in text for rival in RIVALS),
    ),
    Mode(
        "answers in another language",
        (
            "Ihre Bestellung ({item}) kommt in {near} Tagen an.",
            "Su pedido ({item}) llegará en {near} días.",
            "Leider ist der Artikel ({item}) zurzeit nicht verfügbar.",
            "Lo siento, el artículo ({item}) no está disponible ahora.",
        ),
        (
            "Your order ({item}) comes in {near} days.",
            "Your order of a {item} will be there within {near} days.",
            "I am sorry, the {item} is not available right now.",
            "The {item} has a guarantee of two years.",
        ),
        lambda text: in_another(text, "en"),
    ),
    Mode(
        "wrong GL code",
        (
            "The {thing} of {near} euros is booked to {wrong}.",
            "I booked {near} euros for the {thing} on account {wrong}.",
            "Account {wrong} has the {thing}, {near} euros.",
            "GL code for the {thing} ({near} euros): {wrong}.",
        ),
        (
            "The {thing} of {near} euros is booked to {code}.",
            "I booked {near} euros for the {thing} on account {code}.",
            "Account {code} has the {thing}, {near} euros.",
            "GL code for the {thing} ({near} euros): {code}.",
        ),
        _wrong_code,
    ),
)


def _written(templates: tuple[str, ...], random: Random) -> str:
    thing = random.choice(sorted(CODES))
    wrong = random.choice([code for code in CODES.values() if code != CODES[thing]])
    return random.choice(templates).format(
        item=random.choice(ITEMS), near=random.choice(NEAR), far=random.choice(FAR),
        rival=random.choice(RIVALS), thing=thing, code=CODES[thing], wrong=wrong,
    )  # fmt: skip


def _traffic(mode: Mode, part: slice, random: Random) -> tuple[list[str], np.ndarray]:
    fails = np.array([random.random() < _SHARE for _ in range(_ROWS)])
    return [_written((mode.bad if each else mode.good)[part], random) for each in fails], fails


def _figures(scores: np.ndarray, fails: np.ndarray) -> tuple[float, float]:
    called = scores >= 0 if scores.dtype != bool else scores
    right = float((called & fails).sum())
    return right / max(1, int(called.sum())), right / max(1, int(fails.sum()))


def measured(mode: Mode, seed: int, learned: Learn, seen: bool) -> list[tuple[float, float]]:
    """(precision, recall) after the examples, after the answers, and of the rule. ``seen``: whether
    figures are of the wordings that taught."""
    random = Random(seed)
    parts = (slice(None), slice(None)) if seen else (slice(0, None, 2), slice(1, None, 2))
    taught, fails = _traffic(mode, parts[0], random)
    told, truth = _traffic(mode, parts[1], random)
    rows, unseen = _rows(taught), _rows(told)
    yes, no = [int(i) for i in np.flatnonzero(fails)[:_EXAMPLES]], list[int]()
    found = []
    for _ in range(2):
        known = {taught[i] for i in (*yes, *no)}
        rest = [i for i in range(_ROWS) if taught[i] not in known]
        score = learned(rows.only(yes), rows.only(no), rows.only(rest))
        found.append(_figures(score(unseen), truth))
        # The nearest of different texts, as the command asks.
        nearest = np.argsort(-score(rows.only(rest)), kind="stable")
        asked = list(dict.fromkeys(taught[rest[i]] for i in nearest))[:_ANSWERS]
        for i in map(taught.index, asked):
            (yes if fails[i] else no).append(i)
    rule = (float("nan"),) * 2
    if mode.rule:
        rule = _figures(np.array([mode.rule(text) for text in told]), truth)
    return [*found, rule]


def _rows(texts: list[str]) -> Rows:
    return Rows(encoder().vectors(texts), texts)


def _now(positives: Rows, negatives: Rows, background: Rows) -> Score:
    texts = {text: i for i, text in enumerate(background.texts)}
    answered = len(positives) + len(negatives) >= _EXAMPLES + _ANSWERS
    head = blend(positives, negatives, background.only(sorted(texts.values())), answered=answered)
    return lambda rows: head.score(rows.vectors, rows.texts) - head.threshold


def _vectors_alone(positives: Rows, negatives: Rows, background: Rows) -> Score:
    head = learn(positives.vectors, negatives.vectors, background.vectors)
    return lambda rows: head.score(rows.vectors) - head.threshold


def main() -> None:
    """Prints two tables: means over draws."""
    for seen in (False, True):
        print("\nwordings that taught:" if seen else "other wordings:")
        print(
            "| | vectors alone: 4 examples | and 10 answers | with words and numbers: 4 examples"
            " | and 10 answers | a rule |\n|---|---|---|---|---|---|"
        )
        for mode in MODES:
            before, now = (
                np.array([measured(mode, seed, each, seen) for seed in range(_SEEDS)]).mean(axis=0)
                for each in (_vectors_alone, _now)
            )
            told = " | ".join(f"{p:.2f}, {r:.2f}" for p, r in (*before[:2], *now))
            print(f"| {mode.name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
