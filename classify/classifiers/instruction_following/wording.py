"""Words to use and to avoid, and how often; letters and words in capitals, how often."""

from __future__ import annotations

import re
from collections.abc import Iterator

from classify.classifiers.instruction_following.check import (
    NUMBER,
    Check,
    Range,
    range_before,
    times,
)
from classify.classifiers.instruction_following.sentences import Sentence

_QUOTES = r"[\"“”'‘’`]"
QUOTED = re.compile(r"[\"“]([^\"”\n]{1,80})[\"”]|(?<![A-Za-z])['‘]([^'’\n]{1,80})['’](?![A-Za-z])")
_NOUN = r"(?:key ?words?|words?|phrases?|terms?|expressions?)"
_USE = (
    r"(?:use|using|used|mention|mentioning|say|saying|include|including|includes|write|writing"
    r"|contain|containing|contains|add|adding|have|has|appear|utter|employ|utilize)"
)
_NOT = re.compile(
    rf"\b(?:do not|don['’]t|does not|doesn['’]t|never|avoid|without|refrain(?:ing)? from|should not"
    rf"|shouldn['’]t|must not|mustn['’]t|cannot|can['’]t|not|exclude|excluding|omit|no)\b"
    rf"(?:\s+(?:\w+\s+){{0,3}}?{_USE})?",
    re.I,
)
#: 'How do I say "good night"' asks for no such words.
_WITH = re.compile(
    r"\b(?:use|using|mention|mentioning|include|including|includes|contain|containing|contains|has"
    r"|have)\b",
    re.I,
)
_LIST_OF = re.compile(
    rf"\b(?:the |these |following |all |of |specific |exact |both )*{_NOUN}\b(?:\s*:|\s+of\b)?\s*",
    re.I,
)
_LIST_END = re.compile(
    r"(?:\s+(?:in|anywhere|at|should|must|as|to|into|within|throughout|for|when|while|on|somewhere"
    r"|appear|is|are|from|with|that|which|somewhere|more|less|exactly|only|twice|once|and (?:wrap"
    r"|use|make|do|end|finish|highlight|should|must|have|keep|answer|write|has|is|include))\b"
    r"|[.;!?]|\s-\s|\()",
    re.I,
)
_APPEAR = re.compile(
    rf"\b(?:word|keyword|phrase|term|name)s?\s+(?:{_QUOTES}([^\"”'’`\n]{{1,60}}){_QUOTES}"
    rf"|([\w-]{{2,30}}))"
    r"\s+(?:(?:should|must|has to|needs to|shall|will|would)\s+)?(?:not\s+)?(?:appear|be (?:used"
    r"|included|mentioned)|show up|occur|appears)",
    re.I,
)
#: 'words that appear twice' names none.
_NO_WORD = frozenset("that which who should must to is are in of and or it they this count".split())
_USE_TIMES = re.compile(
    rf"\b(?:use|mention|include|includes|including|repeat|say|contain|contains|containing"
    rf"|with)\s+(?:the\s+)?"
    rf"(?:(?:key ?word|word|phrase|term|name)s?\s+)?(?:{_QUOTES}([^\"”'’`\n]{{1,60}}){_QUOTES}"
    r"|((?!(?:about|at|to|of|for|in|on|by|from|with|it|this|that|them|these|those|so|more|less"
    r"|anything|something|nothing|everything|which|what|if|when)\b)[\w-]{2,30}))\s+"
    r"(?:for\s+)?(?=(?:(?:at|no|more|less|fewer|exactly|only|once|twice|thrice|\d{1,3})\b))",
    re.I,
)
_LETTER = re.compile(
    rf"\b(?:letter|character|symbol)s?\s+{_QUOTES}?([A-Za-z!?#$%&*@.,;:])(?![A-Za-z]){_QUOTES}?",
    re.I,
)
_NEVER_SAY = re.compile(
    r"\b(?:do not|don['’]t|never|avoid|must not|should not)\s+(?:ever\s+)?"
    r"(?:(?:say|mention|saying|mentioning|utter)\b|(?:use|using|write|include)\s+(?=the (?:words?"
    r"|phrases?|terms?)\b))",
    re.I,
)
_CANNOT = re.compile(
    r"\bwords?\s+([^.\n]{2,80}?)\s+(?:cannot|can['’]t|should not|must not|may not|should never"
    r"|must never)\b",
    re.I,
)
CAPITAL_WORDS = re.compile(
    r"\bwords?\b[^.\n]{0,30}\b(?:all[ -])?(?:capital letters|caps|capitals|upper\s?-?case"
    r"|capitali[sz]ed)\b"
    r"|\b(?:all[ -]caps|all[ -]capital|capitali[sz]ed|fully capitali[sz]ed"
    r"|upper\s?-?case)[ -]?(?:letters? )?words?\b",
    re.I,
)
_CAPITAL = re.compile(r"(?<![A-Za-z])[A-Z][A-Z'’]*(?![A-Za-z])")


def read(sentence: Sentence) -> Iterator[Check]:
    """What a sentence asks of the wording."""
    if not sentence.loose:
        yield from _barred(sentence)
        return
    counted = list(_how_often(sentence))
    yield from counted
    if not any(check.kind == "frequency of letters" for check in counted):
        yield from _words(sentence, skip=bool(counted))


def _barred(sentence: Sentence) -> Iterator[Check]:
    """'Never mention "refund"': what must not be said needs no mention of the answer."""
    for match in _NEVER_SAY.finditer(sentence.text):
        for word in _listed(sentence.text[match.end() :], both=True):
            yield _without(sentence, word)


def _words(sentence: Sentence, *, skip: bool) -> Iterator[Check]:
    """``skip``: words to use are counted already."""
    text = sentence.text
    appear = _APPEAR.search(text)
    if appear is not None and (appear[2] or "").lower() in _NO_WORD:
        appear = None
    if appear is not None and not skip:
        word = appear[1] or appear[2]
        negated = re.search(r"\bnot\b", appear[0], re.I) is not None
        yield _without(sentence, word) if negated else _with(sentence, word)
        return
    barred = _CANNOT.search(text)
    if barred is not None:
        for word in _listed(f"words {barred[1]}", both=True):
            yield _without(sentence, word)
        return
    denied = [m.span() for m in _NOT.finditer(text)]
    named: set[str] = set()
    for start, end in denied:
        if re.search(rf"{_USE}|without|avoid|exclud|omit|no ", text[start : end + 1], re.I):
            for word in _listed(text[end:], both=True):
                named.add(word)
                yield _without(sentence, word)
    for asked in () if skip else _WITH.finditer(text):
        if any(start <= asked.start() and asked.start() - end < 25 for start, end in denied):
            continue
        rest = text[asked.end() :]
        # 'works, including "The Iliad"' says what there is.
        states = asked[0].lower() not in ("use", "include", "mention", "contain")
        if states and _LIST_OF.match(rest.lstrip()) is None:
            continue
        for word in _listed(rest, both=False):
            if word not in named:
                named.add(word)
                yield _with(sentence, word)


def _listed(rest: str, *, both: bool) -> list[str]:
    """The words that a list names, right behind its verb. ``both``: 'a or b' names both."""
    noun = _LIST_OF.match(rest.lstrip())
    text = rest.lstrip()[noun.end() :] if noun else rest.lstrip()
    if not noun:
        text = re.sub(r"^(?:the |any of |either |these |a |an )+", "", text)
        if not text[:1] or text[:1] not in "\"“'‘":
            return []
    end = _LIST_END.search(text)
    quoted = list(QUOTED.finditer(text[:600]))
    if quoted and quoted[0].start() <= 2:
        found, at = [], 0
        for match in quoted:
            between = text[at : match.start()]
            if at and not re.fullmatch(
                r"\s*(?:,|;|and|or|&|nor|/|\s|the word|the words)*\s*", between
            ):
                break
            if at and re.search(r"\bor\b", between) and not both:
                return []
            found.append((match[1] or match[2]).strip(" .,"))
            at = match.end()
        return [word for word in found if word][:20]
    # Without quotation marks only what is surely a list: 'the words a and b', 'keywords a'.
    if noun is None or not re.search(
        r"key ?word|\b(?:the|following|specific) \w+|:", noun[0], re.I
    ):
        return []
    part = text[: end.start()] if end else text
    if re.search(r"\bor\b", part) and not both:
        return []
    words = [w.strip(" \"“”'‘’`") for w in re.split(r",|;|\band\b|\bor\b|&", part)]
    words = [w for w in words if w]
    plural = noun[0].lower().rstrip(" :").endswith("s")
    if not words or any(len(w.split()) > 2 or not re.fullmatch(r"[\w' -]{2,40}", w) for w in words):
        return []
    return words[:20] if plural or len(words) > 1 else words[:1]


def _without(sentence: Sentence, word: str) -> Check:
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I)

    def wrong(output: str) -> str:
        return f"the output uses “{word}”" if pattern.search(output) else ""

    return Check("forbidden words", sentence.text, wrong, partial=True)


def _with(sentence: Sentence, word: str) -> Check:
    def wrong(output: str) -> str:
        return "" if word.lower() in output.lower() else f"the output does not use “{word}”"

    return Check("keywords", sentence.text, wrong)


def _how_often(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    letter = _LETTER.search(sentence.text)
    if letter is not None:
        wanted = times(text)
        absent = re.search(
            r"\b(?:do not|don['’]t|without|avoid|no|not|never)\b[^.]{0,40}$",
            text[: letter.start()],
            re.I,
        )
        if (
            wanted is None
            and absent
            and re.search(r"\b(?:use|include|contain|letter|appear|the)\b", absent[0], re.I)
        ):
            wanted = Range(0, 0, "none")
        if wanted is not None:
            yield _letters(sentence, letter[1], wanted)
        return
    if CAPITAL_WORDS.search(text):
        wanted = times(text)
        counted = re.search(r"\b(?:such |capitali[sz]ed |different )?words?\b", text, re.I)
        if wanted is None and counted is not None:
            # '5 words in all capital letters', 'the number of words … should be less than 5'.
            wanted = range_before(text[: counted.start()], text[counted.end() :], exact=False)
            last = re.search(rf"\b{NUMBER}\W*$", text, re.I)
            if wanted is None and last is not None:
                wanted = range_before(text[: last.end(1)], "", exact=False)
        if wanted is not None:
            yield _capitals(sentence, wanted)
        return
    for pattern in (_APPEAR, _USE_TIMES):
        for match in pattern.finditer(text):
            if match[2] and match[2].lower() in _NO_WORD:
                continue
            rest = text[match.end() :][:60]
            stop = re.search(r",? and (?:the|use|mention|include)\b", rest)
            wanted = times(rest[: stop.start()] if stop else rest)
            word = match[1] or match[2]
            if wanted is not None and not re.search(r"\bnot\b", match[0], re.I):
                yield _frequency(sentence, word, wanted)


def _frequency(sentence: Sentence, word: str, wanted: Range) -> Check:
    alone = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I)
    within = re.compile(re.escape(word), re.I)

    def wrong(output: str) -> str:
        fewest, most = len(alone.findall(output)), len(within.findall(output))
        if not wanted.wrong(fewest, most):
            return ""
        has = fewest if fewest > wanted.most else most
        return f"the output has “{word}” {has} times, {wanted.said} were asked for"

    return Check("frequency of words", sentence.text, wrong)


def _letters(sentence: Sentence, letter: str, wanted: Range) -> Check:
    def wrong(output: str) -> str:
        has = output.lower().count(letter.lower())
        if not wanted.wrong(has, has):
            return ""
        return f"the output has “{letter}” {has} times, {wanted.said} were asked for"

    return Check("frequency of letters", sentence.text, wrong)


def _capitals(sentence: Sentence, wanted: Range) -> Check:
    def wrong(output: str) -> str:
        found = _CAPITAL.findall(output)
        fewest = sum(1 for word in found if len(word) > 1)
        if not wanted.wrong(fewest, len(found)):
            return ""
        return f"the output has {fewest} words in capitals, {wanted.said} were asked for"

    return Check("words in capitals", sentence.text, wrong)
