"""Limits of length: 'at most 80 words', 'exactly 3 bullet points', 'a 2 paragraph summary'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from classify.classifiers.instruction_following import counting
from classify.classifiers.instruction_following.check import (
    NUMBER,
    Check,
    Range,
    number,
    range_before,
)
from classify.classifiers.instruction_following.sentences import Sentence

_UNIT = re.compile(
    r"[ -](?P<more>or more |or fewer |or less )?(?:(?:short|long|very|concise|brief|full|complete"
    r"|simple|single|separate|distinct|clear|markdown|main|key) ){0,3}"
    r"(?P<unit>words?|sentences?|characters?|paragraphs?|bullet[ -]?points?|bullets?|lines?"
    r"|sections?|parts?)\b",
    re.I,
)
_ONE = re.compile(
    r"\b(?:a single|just one|only one|exactly one|in one|one)[ -](sentence|paragraph)\b", re.I
)
#: A limit on a part of the answer, not on all of it.
_PART = re.compile(
    r"\b(?:each|every|per|apiece|titles?|subject|headlines?|headings?|captions?|verses?|steps?"
    r"|labels?|slogans?|taglines?|introductions?|conclusions?|first|second|third|fourth|last|final"
    r"|opening|closing|stanzas?|names?|entry|entries|columns?|rows?|cells?|fields?|options?|ideas?"
    r"|reasons?|bullets?|bullet points?|paragraphs?|sections?|lines?|sentences?|words|questions?"
    r"|items?|its|their)\b",
    re.I,
)
_EACH = re.compile(
    r"\b(?:each|every|no) (?P<part>sentence|paragraph|bullet(?: point)?|line)s?\b[^.,\n\d]{0,60}?"
    r"(?:exceed(?:s|ing)?|no more than|not more than|at most|under|less than|fewer than"
    r"|surpass(?:es|ing)?|no longer than|longer than|maximum of|limited to|within|over)"
    rf" (?P<most>{NUMBER}) words\b",
    re.I,
)
_CLAUSE = re.compile(
    r",|;|\(|\band\b|\bbut\b|\busing\b|\bwith\b|:|\bmake sure\b|\bensure\b|--", re.I
)
#: Words of the passage that is worked on, not of the answer.
_OTHER = re.compile(
    r"\b(?:following|these|those|this|that|the|above|below|given|my|his|her|their|first|last|next"
    r"|other|new|same|previous|of)\s*(?:\d{1,5}|\w{3,9})?\s*$",
    re.I,
)
#: "List all documents with at least two paragraphs": what is looked for has them.
_LOOKED_FOR = re.compile(
    r"^\W*(?:please )?(?:list|find|show|return|select|count|get|which|how many)\b[^.\n]{0,60}"
    r"\b(?:documents?|files?|pages?|records?|articles?|posts?|ids|messages?|texts|entries|rows)"
    r" (?:with|having|that (?:has|have|contains?)) [\w ]{0,24}$",
    re.I,
)
_COUNT: dict[str, Callable[[str], tuple[int, int]]] = {
    "word": counting.words,
    "sentence": counting.sentences,
    "character": counting.characters,
    "paragraph": counting.paragraphs,
    "bullet point": counting.bullets,
    "line": counting.lines,
}


def read(sentence: Sentence) -> Iterator[Check]:
    """The limits in a sentence."""
    text = sentence.asked
    if not sentence.loose:
        return
    yield from _each(sentence)
    found = False
    for match in _UNIT.finditer(text):
        unit = _unit(match["unit"])
        if unit in ("section", "part"):
            divided = "***" in sentence.whole and "******" not in sentence.whole
            if not divided or re.search(r"\b(?:highlight|italic)", text, re.I):
                continue
            unit = "paragraph"
        before = text[: match.start()] + (f" {match['more'].strip()}" if match["more"] else "")
        wanted = range_before(before, text[match.end() :][:40], exact=_is_exact(unit, before))
        after = text[match.end() :]
        if wanted is None or _is_partial(unit, before, after) or _LOOKED_FOR.search(before):
            continue
        found = True
        yield from _check(sentence, unit, wanted)
    one = None if found else _ONE.search(text)
    if one is not None and re.search(
        r"\b(?:from|of|this|the|following|given)\s*$", text[: one.start()]
    ):
        one = None
    if one is not None and not _is_partial(one[1].lower(), text[: one.start()], text[one.end() :]):
        yield from _check(sentence, one[1].lower(), Range(1, 1, "exactly 1"))


def _each(sentence: Sentence) -> Iterator[Check]:
    """'Each sentence should not exceed 15 words'."""
    match = _EACH.search(sentence.asked)
    if match is None:
        return
    unit = _unit(match["part"]).removesuffix(" point").replace("point", "bullet")
    most = number(match["most"])

    def wrong(output: str) -> str:
        for part in counting.parts(unit, output):
            fewest = counting.words(part)[0]
            if fewest > most + 1:
                return f"a {unit} of the output has {fewest} words, at most {most} were asked for"
        return ""

    yield Check(f"words of each {unit}", sentence.text, wrong, partial=True)


def _unit(said: str) -> str:
    name = said.lower().replace("-", " ").removesuffix("s")
    return "bullet point" if name.startswith("bullet") else name


def _is_exact(unit: str, before: str) -> bool:
    """'300 words' is about 300; '3 sentences' are three, but 'the 3 sentences' are not the
    answer's."""
    return unit not in ("word", "character", "line") and _OTHER.search(before) is None


def _is_partial(unit: str, before: str, after: str) -> bool:
    """Whether the clause speaks of a part: 'each with 3 sentences', 'a title of at most 6 words',
    '3 bullet points of 10 words'."""
    if re.match(
        r"\s*(?:each(?! separated)|per|apiece|or so|in each|for each|every|long each)\b",
        after,
        re.I,
    ):
        return True
    if re.search(r"\b(?:each(?! separated)|every|per)\b", before, re.I):
        return True
    if unit == "word" and re.match(r"\s*(?:with the|that|which|starting|beginning|from)\b", after):
        return True
    ends = list(_CLAUSE.finditer(before))
    clause = before[ends[-1].end() if ends else 0 :]
    stop = _CLAUSE.search(after)
    if re.search(r"\b(?:each(?! separated)|every|per)\b", after[: stop.start() if stop else 60]):
        return True
    part = _PART.search(clause)
    return part is not None


def _check(sentence: Sentence, unit: str, wanted: Range) -> Iterator[Check]:
    if unit == "paragraph" and "***" in sentence.whole:
        count: Callable[[str], tuple[int, int]] = lambda text: counting.paragraphs(text, True)  # noqa: E731
    else:
        count = _COUNT[unit]
    bound = wanted.least or min(wanted.most, 10_000)
    slack = 1 + bound // 200 if unit in ("word", "character") else 0

    def wrong(output: str) -> str:
        fewest, most = count(output)
        if not wanted.wrong(fewest, most, slack):
            return ""
        has = fewest if fewest > wanted.most else most
        return f"the output has {has} {unit}{'' if has == 1 else 's'}, {wanted.said} were asked for"

    yield Check(f"{unit}s", sentence.text, wrong, partial=wanted.least == 0)
