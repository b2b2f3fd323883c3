"""What to say at all: in which language, one of which options, the request repeated first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import takewhile

from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.sentences import Sentence
from classify.signals import language

_OPTIONS = re.compile(
    r"\b(?:one of|choose from|select from|pick from|exactly one of)\b[^:\n]{0,80}(?::"
    r"|options|labels|categories|phrases|responses|words)\s*",
    re.I,
)
_EITHER = re.compile(
    r"^(?:(?:you (?:should|must)|please|just|only|simply|always)\s+){0,3}(?:say|answer|respond"
    r"|reply|choose|write)\b[^\"“”\n]{0,40}"
    r"(?:[\"“”][^\"“”\n]{1,60}[\"”](?:,? or |, ){0,1}){2,8}[\s.]*$",
    re.I,
)
_QUOTED = re.compile(r"[\"“”'‘`](\w[^\"“”'‘’`\n]{1,80})[\"”'’`]")
_ONLY_OR = re.compile(
    r"\b(?:answer|respond|reply|say|output|return)\b[^.\n\"“']{0,30}?\b(?:only|just|with|either"
    r"|simply)\b\s*(?:with\s+|either\s+|only\s+|just\s+)*"
    r"[\"“'‘]?(yes|no|true|false)[\"”'’]?,?(?: or|/|,)\s*[\"“'‘]?(yes|no|true|false|maybe"
    r"|unknown)[\"”'’]?",
    re.I,
)
_LANGUAGE_VERB = re.compile(
    r"\b(?:respond|reply|answer|write|speak|communicate|response|output|explain|describe"
    r"|summari[sz]e|say it"
    r"|should be|must be|be entirely|entirely|only|language|translate|translation|please|always"
    r"|criti\w+|give|provide|create|compose|tell|make|in)\b",
    re.I,
)
_NOT_LANGUAGE = re.compile(
    r"\b(?:word|phrase|term|expression|how (?:do|to) |say|sentences?|paragraphs?|lines?|films?"
    r"|that (?:are|is)|lesson|teach|learn|course|class|film"
    r"|movie|song in|called|known as|name"
    r"|speaker|speaking|literature|teacher|names?|not|never|don['’]t|translated from|from"
    r"|original|both|i(?:'ll| will| am going to)? (?:speak|write|talk)|and then|title|quote)\b",
    re.I,
)
#: 'in French folklore', 'in the Greek Revolution' ask for no language.
_AFTER_LANGUAGE = re.compile(
    r"\s*(?:$|[.,;:!?)\"”'*]|(?:language|only|why|what|how|to|for|with|about|and|please|that"
    r"|using|on"
    r"|as|because|instead|but|throughout|exclusively|no|not|so|at|all|when|the|your|my|in|it)\b)"
)
_REPEAT = re.compile(
    r"(?<!\bI )\b(?:repeat|copy|restate)\b(?![^.\n]{0,60}\b(?:everything|all of|system"
    r"|instructions)\b)"
    r"[^.\n]{0,60}\b(?:request|sentence|prompt|question|query|it exactly|it word)\b",
    re.I,
)
_REPEAT_FIRST = re.compile(
    r"\b(?:word for word|first|exact|exactly|without (?:any )?change|verbatim|before)\b", re.I
)


def read(sentence: Sentence) -> Iterator[Check]:
    """What a sentence asks to be said."""
    if not sentence.loose:
        return
    yield from _choice(sentence)
    yield from _language(sentence)
    yield from _repeat(sentence)


def _choice(sentence: Sentence) -> Iterator[Check]:
    both = _ONLY_OR.search(sentence.text)
    if both is not None:
        others = re.findall(r"\b(maybe|unknown|unsure|none)\b", sentence.text, re.I)
        options = [both[1], both[2], *others]
        yield Check("choice", sentence.text, _none_of(options))
        return
    either = _EITHER.search(sentence.text)
    if either is not None:
        yield Check("choice", sentence.text, _none_of(_QUOTED.findall(either[0])))
        return
    listed = _OPTIONS.search(sentence.text)
    if listed is None:
        return
    if sentence.text.endswith(":"):
        # An option a line, right below.
        below = sentence.whole[sentence.whole.find(sentence.text) + len(sentence.text) :]
        lines = [line.strip(" -*•\"“”'\t") for line in below.split("\n")[:8]]
        options = list(takewhile(bool, lines if lines and lines[0] else lines[1:]))
        if len(options) >= 2 and all(len(option) <= 60 for option in options):
            yield Check("choice", sentence.text, _none_of([o for o in options if o[:1].isalnum()]))
        return
    quoted = _QUOTED.findall(sentence.text[listed.end() :])
    if len(quoted) >= 2 and not re.search(r"\b(?:words?|keywords?)\b", sentence.text, re.I):
        yield Check("choice", sentence.text, _none_of(quoted[:30]))


def _none_of(options: list[str]) -> Callable[[str], str]:
    patterns = [re.compile(rf"(?<!\w){re.escape(o.rstrip('.'))}(?!\w)", re.I) for o in options]

    def wrong(output: str) -> str:
        if any(pattern.search(output) for pattern in patterns):
            return ""
        return f"the output is none of {', '.join(options)[:120]}"

    return wrong


def _language(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    lowered = text.lower()
    if not (
        " in " in f" {lowered}"
        or "only" in lowered
        or "language" in lowered
        or "translate" in lowered
        or "using" in lowered
    ):
        return
    for match in _language_names().finditer(lowered):
        before = lowered[: match.start()]
        asked = re.search(
            r"\b(?:in|into|using only|only using|only use|use only|using|use|speak|only|to|than"
            r"|except)(?: the"
            r"| proper| fluent| plain| simple| modern| good| only| clear| either| entirely)*\s*$",
            before,
        )
        near = before[-60:]
        if (
            asked is None
            or _LANGUAGE_VERB.search(near) is None
            or _NOT_LANGUAGE.search(before[-40:])
        ):
            continue
        if _AFTER_LANGUAGE.match(text[match.end() :]) is None:
            continue
        if "translat" in before and _QUOTED.search(sentence.text):
            # What is said of a short text may be in another language.
            continue
        if asked[0].strip().startswith("to") and "translat" not in before:
            continue
        code = language.names()[match[1]]
        yield Check(
            "language", sentence.text, _other_language(code, match[1].title()), partial=True
        )
        return


def _other_language(code: str, name: str) -> Callable[[str], str]:
    def wrong(output: str) -> str:
        found = language.differs(output, code)
        return (
            f"the output is in {found}, {name} was asked for: “{' '.join(output.split())[:60]}”"
            if found
            else ""
        )

    return wrong


@cache
def _language_names() -> re.Pattern[str]:
    names = sorted(language.names(), key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")


def _repeat(sentence: Sentence) -> Iterator[Check]:
    if not (_REPEAT.search(sentence.text) and _REPEAT_FIRST.search(sentence.text)):
        return
    # Which of its lines the request is, prompts say in too many ways; one of them it must be.
    lines = [_letters(line)[:50] for line in sentence.prompt.split("\n")[:200]]
    requests = [line for line in lines if len(line) >= 15]
    if not requests or sum(map(len, requests)) < 40:
        return

    def wrong(output: str) -> str:
        begins = _letters(output[:600])
        kept = any(begins.startswith(request) for request in requests)
        how = f"the output does not begin with the request: “{output.lstrip()[:60]}”"
        return "" if kept else how

    yield Check("repeated request", sentence.text, wrong)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text[:1_000]).lower()
