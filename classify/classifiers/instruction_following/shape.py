"""Shapes that can be checked: sections, titles in <<>>, highlights, placeholders, postscripts, two
responses, the first word of a paragraph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from classify.classifiers.instruction_following.check import NUMBER, Check, Range, range_before
from classify.classifiers.instruction_following.sentences import Sentence

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


def read(sentence: Sentence) -> Iterator[Check]:
    """What a sentence asks of the shape."""
    if sentence.loose:
        yield from _marks(sentence)
        yield from _parts(sentence)


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
