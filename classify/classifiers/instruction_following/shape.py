"""Shapes that can be checked: JSON, sections, titles in <<>>, highlights, placeholders,
postscripts, two responses, a choice among options, the language, the request repeated first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import takewhile

from classify.classifiers.instruction_following import answer_language
from classify.classifiers.instruction_following.check import NUMBER, Check, Range, range_before
from classify.classifiers.instruction_following.sentences import Sentence

_DO = (
    r"(?:respond|reply|answer|return|output|outputs|provide|give|format|formatted|wrap|wrapped"
    r"|write"
    r"|produce|generate|present|deliver|print|emit|express|put)"
)
_JSON_ONLY = re.compile(
    rf"\b(?:{_DO}|must be|should be|be)\s+(?:\w+\s+){{0,3}}?(?:only\s+)?(?:with|in"
    rf"|as)?\s*(?:only\s+)?(?:an?\s+)?"
    r"(?:valid |raw |single |pure |strict |well-formed )*json\b(?!\.\w)(?! schema| responses?"
    r"| bod(?:y|ies)| file| path| api"
    r"| parser| web)"
    r"|\bjson only\b|\bonly (?:valid |raw )?json\b"
    r"|\b(?:entire|whole|complete) (?:output|response|answer|reply|text)\b[^.\n]{0,60}\bjson\b",
    re.I,
)
_JSON = re.compile(
    rf"\b(?:{_DO}|use|want|need|in|as)\b[^.\n]{{0,60}}\b(?:in|as|with|use|using)\s+(?:an?\s+"
    rf"|the\s+)?(?:valid )?json(?: format| object| array| block)?\b",
    re.I,
)
#: Where the answer is not named.
_JSON_ORDER = re.compile(
    r"^\W{0,6}(?:(?:please|always|only|you must|must|just)\s+){0,3}(?:return|output|provide|give)\b"
    r"|\bonly (?:valid |raw )?json\b|\bjson only\b",
    re.I,
)
_OF_JSON = re.compile(
    r"\b(?:from json|this json|the json|json (?:schema|file|input|below|above|data|string|path"
    r"|api|parser|web)|parse|explain|convert|difference|what is|tool|function|arguments?)\b",
    re.I,
)
_FENCED = re.compile(r"```(?:\w{1,12})?\s*\n?([^`]{1,60000})```")
_TITLE = re.compile(r"<<[^<>\n]{0,60}>>|\bdouble angular brackets\b", re.I)
_HAS_TITLE = re.compile(r"<<[^\n<>]{1,300}>>")
_HIGHLIGHT = re.compile(r"\bhighlight|\bitalic", re.I)
_HIGHLIGHTED = re.compile(r"\*\*[^\n*]{1,2000}\*\*|(?<!\*)\*[^\n*]{1,2000}\*(?!\*)")
_PLACEHOLDER = re.compile(r"\bplaceholders?\b", re.I)
_BRACKETED = re.compile(r"\[[^\[\]\n]{0,300}\]")
_POSTSCRIPT = re.compile(r"(?<!\w)(P\.\s?)?P\.\s?S\b\.?|\bpost[ -]?script\b", re.I)
_TWO = re.compile(r"\b(?:two|2|both)\b", re.I)
_STARS = re.compile(r"(?<!\*)\*{6}(?!\*)|\b(?:6|six) asteris", re.I)
_DIVIDER = re.compile(r"(?<!\*)\*{6}(?!\*)")
_SECTIONS = re.compile(
    r"\b(?:mark|marking|marked|label|labell?ed|start|starts|begin|begins|beginning|noted|denote"
    r"|indicate|called|titled|separated)\b"
    r"[^.\n]{0,60}?['\"“]?\b([A-Z][A-Za-z]{2,12}|SECTION|PARAGRAPH|Section|Paragraph"
    r"|section) ?(?:X|x|1|i|I|A)\b['\"”]?"
)
_PARAGRAPH = re.compile(
    r"\b(?:the )?(?:(first|second|third|fourth|fifth|sixth|seventh|\d{1,2}(?:st|nd|rd"
    r"|th))(?:[ -]to[ -]last)? paragraph|paragraph (\d{1,2}))"
    r"\s+(?:\w+\s+){0,2}?(?:start|begin)s?\s+with\s+(?:the\s+)?(?:word\s+)?[\"“'‘]?([\w'-]{1,40})",
    re.I,
)
_ORDINAL = {w: n for n, w in enumerate("first second third fourth fifth sixth seventh".split(), 1)}
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
    """What a sentence asks of the shape."""
    yield from _json(sentence)
    if not sentence.loose:
        return
    yield from _marks(sentence)
    yield from _parts(sentence)
    yield from _choice(sentence)
    yield from _language(sentence)
    yield from _repeat(sentence)


def _json(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    if "json" not in text.lower() or _OF_JSON.search(text):
        return
    if not sentence.loose and _JSON_ORDER.search(text) is None:
        return
    if _JSON_ONLY.search(text):
        yield Check(
            "JSON",
            sentence.text,
            lambda output: "" if is_json(output) else "the output is not JSON",
        )
    elif _JSON.search(text):
        yield Check(
            "JSON",
            sentence.text,
            lambda output: "" if has_json(output) else "the output has no JSON",
        )


def is_json(output: str) -> bool:
    """Whether the whole output is JSON, in a fence or not."""
    bare = output.strip()
    if bare.startswith("```") and bare.endswith("```") and len(bare) > 6:
        bare = re.sub(r"^```\w{0,12}", "", bare)[:-3]
    return _is_json(bare)


def has_json(output: str) -> bool:
    """Whether a fenced block of it, or all that is between its first and last brace, is JSON."""
    if is_json(output) or any(_is_json(m[1]) for m in _FENCED.finditer(output)):
        return True
    for begin, end in ("{}", "[]"):
        at, to = output.find(begin), output.rfind(end)
        if 0 <= at < to and _is_json(output[at : to + 1]):
            return True
    return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _marks(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    if _TITLE.search(sentence.text):
        yield Check(
            "title",
            sentence.text,
            lambda o: "" if _HAS_TITLE.search(o) else "the output has no <<title>>",
        )
    if (
        _HIGHLIGHT.search(text)
        and "*" in sentence.whole + "*"
        and re.search(r"markdown|\*|italic", sentence.text, re.I)
    ):
        at = re.search(
            r"\b(?:italic |highlighted )?(?:text |different )?(?:sections?|parts?|phrases?|words?"
            r"|points?|sentences?)\b",
            text,
        )
        wanted = range_before(text[: at.start()], text[at.end() :], exact=True) if at else None
        if wanted is not None and wanted.least:
            yield _count(
                sentence,
                "highlights",
                _HIGHLIGHTED,
                Range(wanted.least, said=f"at least {wanted.least}"),
                "highlighted parts",
            )
    holder = _PLACEHOLDER.search(text)
    if holder is not None and ("[" in sentence.whole or "square bracket" in sentence.whole):
        wanted = range_before(text[: holder.start()], text[holder.end() :], exact=True)
        if wanted is not None and wanted.least:
            yield _count(
                sentence,
                "placeholders",
                _BRACKETED,
                Range(wanted.least, said=f"at least {wanted.least}"),
                "placeholders in []",
            )
    postscript = _POSTSCRIPT.search(sentence.text)
    if postscript is not None and re.search(
        r"\b(?:add|include|end|postscript|post script|with a|finish|at the end)\b",
        sentence.text,
        re.I,
    ):
        double = re.search(r"P\.\s?P\.\s?S", sentence.text, re.I) is not None
        pattern = re.compile(r"p\.\s?p\.\s?s" if double else r"(?:p\.\s?)?p\.\s?s|\bps:", re.I)
        name = "P.P.S." if double else "P.S."
        yield Check(
            "postscript",
            sentence.text,
            lambda o: "" if pattern.search(o) else f"the output has no {name}",
        )


def _count(
    sentence: Sentence, kind: str, pattern: re.Pattern[str], wanted: Range, what: str
) -> Check:
    def wrong(output: str) -> str:
        has = len(pattern.findall(output))
        if not wanted.wrong(has, has):
            return ""
        return f"the output has {has} {what}, {wanted.said} were asked for"

    return Check(kind, sentence.text, wrong)


def _parts(sentence: Sentence) -> Iterator[Check]:
    text = sentence.text
    if _STARS.search(text) and _TWO.search(sentence.whole):
        yield Check("two responses", text, _not_two)
    sections = _SECTIONS.search(text)
    if sections is not None:
        at = re.search(r"\b(?:sections?|parts?|paragraphs?|stanzas?|chapters?|days?)\b", text, re.I)
        wanted = range_before(text[: at.start()], text[at.end() :], exact=True) if at else None
        if wanted is None:
            counted = re.search(
                rf"\b{NUMBER}[ -](?:\w+ )?(?:sections?|parts?|paragraphs?)\b", sentence.whole, re.I
            )
            wanted = (
                range_before(sentence.whole[: counted.end(1)], "", exact=True) if counted else None
            )
        if wanted is not None and wanted.least:
            pattern = re.compile(
                rf"(?<![a-z]){re.escape(sections[1])}\s{{0,2}}(?:\d{{1,3}}|[IVXLC]{{1,5}}|[A-Z])\b",
                re.I,
            )
            yield _count(
                sentence,
                "sections",
                pattern,
                Range(wanted.least, said=f"at least {wanted.least}"),
                f"“{sections[1]} X”",
            )
    for match in _PARAGRAPH.finditer(text):
        which = _ORDINAL.get((match[1] or "").lower()) or int(
            re.sub(r"\D", "", match[1] or match[2])
        )
        if "to last" in match[0] or "to-last" in match[0]:
            continue
        yield Check("first word of a paragraph", text, _begins_paragraph(which, match[3]))


def _not_two(output: str) -> str:
    parts = [part.strip() for part in _DIVIDER.split(output) if part.strip()]
    if len(parts) != 2:
        return f"the output has {len(parts)} responses divided by ******, 2 were asked for"
    return "the two responses are the same" if parts[0] == parts[1] else ""


def _begins_paragraph(which: int, word: str) -> Callable[[str], str]:
    def wrong(output: str) -> str:
        blocks = [b.strip() for b in re.split(r"\n[^\S\n]*\n", output) if b.strip()]
        if len(blocks) < which:
            return (
                f"the output has {len(blocks)} paragraphs, the {which}. should begin with “{word}”"
            )
        first = re.search(r"[\w'-]+", blocks[which - 1])
        if first is not None and first[0].lower() == word.lower():
            return ""
        return f"paragraph {which} of the output begins with “{blocks[which - 1][:40]}”"

    return wrong


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
        code = answer_language.names()[match[1]]
        yield Check(
            "language", sentence.text, _other_language(code, match[1].title()), partial=True
        )
        return


def _other_language(code: str, name: str) -> Callable[[str], str]:
    def wrong(output: str) -> str:
        found = answer_language.differs(output, code)
        return (
            f"the output is in {found}, {name} was asked for: “{' '.join(output.split())[:60]}”"
            if found
            else ""
        )

    return wrong


@cache
def _language_names() -> re.Pattern[str]:
    names = sorted(answer_language.names(), key=len, reverse=True)
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
