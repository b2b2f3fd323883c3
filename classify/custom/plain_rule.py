"""A plain rule that says what the examples have in common: a phrase that all of them hold and few
other rows do, or that none of them is in the language of the traffic.

It is offered beside what was learned, with what was counted and no more: which rows it should find
and does not, nobody has looked at. Rows are counted by what the condition asks (conditions.py).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from classify.custom.classifier_definition import Definition, plain
from classify.signals.language import in_another, language, names

#: Examples, and other rows, of which counting says something.
LEAST_EXAMPLES, LEAST_ROWS = 3, 100
#: Of the other rows it may find so many: what is looked for is among them.
MOST_FOUND = 0.1
#: Phrases of the first example that all others would hold by chance, where each is as frequent as
#: the one that is offered: four examples share what one row in ten has, three what one in thirty.
_BY_CHANCE = 0.05
#: Rows that are counted, words of a phrase, letters of it.
_MOST_ROWS, _MOST_WORDS, _FEWEST_LETTERS = 2_000, 3, 3
#: Phrases that are counted in all rows: examples that share more are nearly one text.
_MOST_PHRASES = 400
_WORD = re.compile(r"\w+")


class PlainRule(BaseModel):
    """``says``: of the rows, in words. ``examples``: all of them are so; ``found`` of ``rows``
    others are. ``toml``: the file of the rule."""

    says: str
    examples: int
    found: int
    rows: int
    toml: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    found: int
    says: str
    test: str
    value: str


def plain_rule(definition: Definition, others: Sequence[str]) -> PlainRule | None:
    """``others``: texts of rows. None where none is so plain, or the examples are of more than one
    text."""
    positives = [each.texts[0] for each in definition.marked("positive") if len(each.texts) == 1]
    negatives = [each.texts[0] for each in definition.marked("negative")]
    own = {plain(each) for each in (*positives, *negatives)}
    rows = [each for each in others if plain(each) not in own][:_MOST_ROWS]
    if (
        definition.on not in ("input", "output")
        or definition.fail_if
        or len({plain(each) for each in positives}) < LEAST_EXAMPLES
        or len(rows) < LEAST_ROWS
    ):
        return None
    found = [
        each
        for each in (
            _language(positives, negatives, rows),
            _phrase(positives, negatives, rows),
        )
        if each is not None and each.found <= MOST_FOUND * len(rows)
    ]
    if not found:
        return None
    # Words of a language are in many of its texts: the language says more than one of them.
    best = found[0]
    return PlainRule(
        says=best.says,
        examples=len(positives),
        found=best.found,
        rows=len(rows),
        toml=_toml(definition, best.test, best.value),
    )


def _language(
    positives: Sequence[str], negatives: Sequence[str], rows: Sequence[str]
) -> _Candidate | None:
    known = Counter(filter(None, map(language, rows))).most_common(1)
    usual = known[0][0] if known else "English"
    code = names().get(usual.lower(), "")
    if not code:
        return None
    if not all(in_another(each, code) for each in positives):
        return None
    if any(in_another(each, code) for each in negatives):
        return None
    found = sum(in_another(each, code) for each in rows)
    return _Candidate(found, f"are not in {usual}", "not_language", usual)


def _phrase(
    positives: Sequence[str], negatives: Sequence[str], rows: Sequence[str]
) -> _Candidate | None:
    """Of the shortest phrases that all hold and few rows do, the one that fewest do: a longer one
    finds what was written alike, and no more."""
    phrases = set(_phrases(positives[0]))
    common = phrases
    for each in positives[1:]:
        folded = each.casefold()
        common = {phrase for phrase in common if phrase in folded}
    refused = [each.casefold() for each in negatives]
    common = {each for each in common if not any(each in text for text in refused)}
    if not common or len(common) > _MOST_PHRASES:
        return None
    folded_rows = [each.casefold() for each in rows]
    counted = {each: sum(each in text for text in folded_rows) for each in common}
    different = len({plain(each) for each in positives})
    few = [
        each
        for each in common
        if counted[each] <= MOST_FOUND * len(rows)
        and len(phrases) * (counted[each] / len(rows)) ** (different - 1) <= _BY_CHANCE
    ]
    if not few:
        return None
    best = min(few, key=lambda each: (len(each.split()), counted[each], -len(each), each))
    return _Candidate(counted[best], f"hold “{best}”", "contains", best)


def _phrases(text: str) -> Iterable[str]:
    """Of one to three words that follow each other, in small letters; none of figures alone."""
    words = list(_WORD.finditer(text.casefold()))
    folded = text.casefold()
    for i, first in enumerate(words):
        for last in words[i : i + _MOST_WORDS]:
            phrase = folded[first.start() : last.end()]
            letters = sum(map(str.isalpha, phrase))
            if letters >= _FEWEST_LETTERS and "\n" not in phrase:
                yield phrase


def _toml(definition: Definition, test: str, value: str) -> str:
    kept = {"kinds": definition.kinds, "services": definition.services}
    lines = [f"name = {_string(definition.name + '_rule')}"]
    lines += [f"{key} = {_string(values)}" for key, values in kept.items() if values]
    lines += ["", "[[fail_if]]", f"column = {_string(definition.on)}", f"{test} = {_string(value)}"]
    return "\n".join(lines) + "\n"


def _string(value: str | list[str]) -> str:
    """JSON's strings, and lists of them, are TOML's."""
    return json.dumps(value, ensure_ascii=False)
