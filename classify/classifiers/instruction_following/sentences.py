"""The sentences of a prompt that may hold an instruction: unconditional ones, in the author's own
words.

What stands beside 'if', 'unless' or 'preferably' is left alone: a missed failure is cheaper than a
false alarm. So are texts that were pasted in: fenced blocks, tagged documents, quoted passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Sentences that are held against the output; a prompt has a few dozen instructions.
_MOST = 150
#: Longer prompts are documents.
_MOST_TEXT = 60_000
_CONDITION = re.compile(
    r"\b(?:if|unless|whenever|when|where|wherever|except|otherwise|in case|depending|provided that"
    r"|trying to|ideally|preferably|optionally|optional|try to|sometimes|usually|need not"
    r"|not required"
    r"|(?:roughly|approximately|approx|about|around|circa)(?= (?:\d{1,5}|two|three|four|five"
    r"|ten)[ -]"
    r"(?:words|sentences|characters|paragraphs|lines|bullets?|pages))"
    r"|sections? (?:called|titled|named)|in a section|insert"
    r"|don['’]t (?:have|need) to|(?:do|are) not (?:have|need|required) to)\b",
    re.I,
)
#: What only gives an example of what was asked.
_EXAMPLE = re.compile(
    r"(?:\(|,|;|:|\s)\s?(?:such as|for example|for instance|e\.\s?g\.?|i\.\s?e\.?|like so|like this"
    r"|like|example)[\s:,]",
    re.I,
)
_CUE = re.compile(
    r"\b(?:answer|respond|response|reply|write|rewrite|give|use|using|keep|limit|make|ensure|sure"
    r"|include|including|provide|list|create|compose|generate|draft|summari[sz]e|describe|explain"
    r"|elaborate|expand|produce|return|output|tell|should|must|need|needs|has to|have to|want|would"
    r"|please|do not|don['’]t|never|avoid|without|refrain|contain|contains|containing|wrap|end"
    r"|finish|begin|start|highlight|separate|add|mention|repeat|put|format|mark|label|speak|only"
    r"|always|not allowed|forbidden|criticize|convert|translate|with|in|no|say|choose|select|pick"
    r"|classify|maximum|minimum|max|min|exactly|at most|at least|come up|stay|be)\b",
    re.I,
)
# A full stop within quotation marks, between figures or letters (9.5, i.e, P.S) ends none.
_SENTENCE = re.compile(
    r"(?:[\"“][^\"”\n]{1,200}[\"”]|(?<![A-Za-z0-9])'[^'\n]{1,60}'|[^.!?\n]|[.!?](?!\s|$)"
    r"|(?<=\bi\.e)\.|(?<=\be\.g)\.|(?<=\bP\.S)\.|(?<=\bp\.s)\.|(?<=\bP\.P\.S)\.)+[.!?]?"
)
#: Speaks of a program, or of what a program is to do; not of the answer.
_PROGRAM = re.compile(
    r"\b(?:functions?|programs?|scripts?|snippets?|regex|algorithms?|class|methods?|endpoints?|apis?"
    r"|rest|sql|csv|app|component|strings?|booleans?|arrays?|parameters?|arguments?|passwords?"
    r"|usernames?|files?|director(?:y|ies)|payload|codes?|compiler|variables?)\b",
    re.I,
)
_CODING = re.compile(
    r"\b(?:write|create|implement|design|build|develop|construct|generate|make|give me|provide|code"
    r"|convert|rewrite|fix|debug)\b[^.\n]{0,60}\b(?:functions?|programs?|scripts?|snippets?|regex"
    r"|algorithm|class|methods?|endpoints?|apis?|query|code|component|command)\b",
    re.I,
)
_OF_ANSWER = re.compile(
    r"\b(?:your (?:entire |whole |final |complete )?(?:answers?|responses?|repl(?:y|ies)|outputs?"
    r"|messages?|text)|respond|responses?|reply|replies|answer|answers|output only|json only)\b",
    re.I,
)
#: 'every answer' is the answer.
_EVERY = re.compile(
    r"\b(?:each|every|all)(?: of)?(?: your| the)? (answer|response|reply|message)s?\b", re.I
)
_LONG_PROMPT = 2_500
_FENCE = re.compile(r"```[^`]{0,20000}```|~~~[^~]{0,20000}~~~")
_TAGGED = re.compile(r"<([A-Za-z][\w-]{1,30})(?:\s[^<>\n]{0,200})?>")
_PASTED = re.compile(
    r"^\s{0,3}(?:[#*_]{0,4}\s?)(?:context|document|documents|passage|article|text|transcript|source"
    r"|sources|content|email|excerpt|search results?|retrieved [\w ]{1,20}|reference|references"
    r"|input|data|knowledge|conversation|chat history|history|story|paragraph|essay|code|snippet"
    r"|review|post|sentence|example|examples)\s?\d{0,3}[*_]{0,2}\s?:",
    re.I,
)
_ASKED = re.compile(
    r"^\s{0,3}[#*_]{0,4}\s?(?:question|query|task|instructions?|request|user|requirements?|rules?"
    r"|constraints?|format|output|answer|response)\b[^:\n]{0,30}:",
    re.I,
)
_LONG_QUOTE = re.compile(r"[\"“][^\"“”\n]{120,4000}[\"”]")
#: Three words and more in quotation marks are somebody's sentence.
_SAID = re.compile(r"[\"“][^\"”\n ]{1,60} [^\"”\n ]{1,60} [^\"”\n]{1,300}[\"”]")
_QUOTE = re.compile(r"[\"“][^\"”\n]{1,300}[\"”]")
_BLANKS = re.compile(r"[^\S\n]+")


@dataclass(slots=True, frozen=True)
class Sentence:
    """``text``: as it was written. ``asked``: without the example that it gives and what it quotes.
    ``loose``: whether it may be about the answer though it doesn't name it. ``whole``: its
    author's own words around it; ``prompt``: with what was pasted into them."""

    text: str
    asked: str
    whole: str
    prompt: str
    loose: bool = True


def own_words(text: str) -> str:
    """A prompt without what was pasted into it."""
    text = _FENCE.sub(" ", text[:_MOST_TEXT])
    text = _LONG_QUOTE.sub(" “…” ", _without_tagged(text))
    kept, pasted = [], False
    for line in text.split("\n"):
        if _ASKED.match(line):
            pasted = False
        elif _PASTED.match(line):
            pasted = True
            continue
        elif not line.strip() and pasted:
            # A pasted text ends with a blank line; one of several paragraphs is read on, which is
            # why what it asks for must read like an instruction.
            pasted = False
        if not pasted and not line.lstrip().startswith((">", "|")):
            kept.append(line)
    return "\n".join(kept)


def _without_tagged(text: str) -> str:
    """Without <document>…</document>; instructions in such tags are kept."""
    out, at = [], 0
    for match in _TAGGED.finditer(text):
        if match.start() < at or match[1].lower() in _INSTRUCTING:
            continue
        end = text.find(f"</{match[1]}>", match.end(), match.end() + 40_000)
        if end < 0:
            continue
        out.append(text[at : match.start()])
        at = end + len(match[1]) + 3
    out.append(text[at:])
    return " ".join(out)


_INSTRUCTING = frozenset(
    "instructions instruction rules rule task format output_format system guidelines requirements"
    " constraints style tone role prompt b i em strong u p br ul li ol h1 h2 h3".split()
)


def _without_examples(text: str) -> str:
    """Of 'at least 3 names, such as [name], and no commas' what is asked."""
    out, at = [], 0
    for match in _EXAMPLE.finditer(text):
        if match.start() < max(at, 12):
            continue
        out.append(text[at : match.start()])
        more = _GOES_ON.search(text, match.end())
        at = more.start() if more else len(text)
    out.append(text[at:])
    return "".join(out).strip()


_GOES_ON = re.compile(
    r",? (?:and|but) (?=(?:exactly|at least|at most|must|should|use|using|has|have|cannot|can['’]t"
    r"|not|no|do|don['’]t|end|finish|wrap|make|keep|add|with|without|highlight|in)\b)",
    re.I,
)


def sentences(prompt: str, *, system: bool = False) -> Iterator[Sentence]:
    """Those that may be checked, in order. ``system``: of a system prompt, which speaks of tools,
    files, sections and tickets as well, so that only a sentence that names the answer is about it;
    long prompts of users are read like that too."""
    strict = system or len(prompt) > _LONG_PROMPT
    own = own_words(prompt)
    coding = _CODING.search(own) is not None
    found = 0
    for match in _SENTENCE.finditer(own):
        # Runs of blanks as one: they take a pattern with several gaps long.
        text = _EVERY.sub(r"your \1", _BLANKS.sub(" ", match[0]).strip(" \t-*•"))
        if len(text) < 3 or len(text) > 1_500:
            continue
        asked = _without_examples(text)
        asked = _SAID.sub("“…”", asked)
        if (coding or _PROGRAM.search(asked)) and not _OF_ANSWER.search(asked):
            continue
        if _CONDITION.search(_QUOTE.sub(" ", asked)) or not _CUE.search(asked):
            continue
        loose = not strict or _OF_ANSWER.search(asked) is not None
        yield Sentence(text, asked, own, prompt, loose)
        found += 1
        if found == _MOST:
            return
