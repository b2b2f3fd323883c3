"""The exit code that a result states in its text: 'exitcode: 1 (execution failed)'."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Lines at the beginning and at the end of a result in which its frame may state one.
_LINES = 4
_LONGEST = 200
#: After it stands nothing, or what closes or explains it; 'exit code 1 means …' is prose.
_AFTER = r"(?=\s{0,3}(?:$|[\])}.,;:<\"'(|*]))"
_STATED = re.compile(
    r"(?i)\b(?:exit|return)[ _-]?(?:code|status)\b[\"'`*]{0,3}\s{0,3}(?:[:=]|was|is|of)?\s{0,3}"
    rf"[`*]{{0,2}}(-?\d{{1,10}}){_AFTER}"
    r"|<(?:return_?code|exit_?code|exit_?status)>\s{0,3}(-?\d{1,10})"
    r"|\b(?:exited|exit|finished|completed|failed|terminated|ended)(?: with)?(?: a)?(?: non-?zero)?"
    rf"(?: exit| return)? (?:code|status)[:=]?\s{{0,3}}(-?\d{{1,10}}){_AFTER}"
    r"|^\s{0,3}exit(?:ed)?:?\s(-?\d{1,3})\s{0,3}$"
)
_BEGINS = re.compile(
    r"(?i)^[\s\[(<{*#>`\"'-]{0,6}(?:the |your |last )?(?:exit|return|command|process|program|script"
    r"|shell|execution|code|bash|task|job|failed|error|status|✗|❌|<)"
)


#: AutoGen's: the result of the code in the message before comes as the next message.
_RAN = re.compile(r"\s{0,3}exitcode: (-?\d{1,10}) \(execution (?:failed|succeeded)\)")


@dataclass(slots=True, frozen=True)
class Exit:
    """``line``: the words that state it."""

    code: int
    line: str


def exit_in(text: str, *, first_line_only: bool = False) -> Exit | None:
    """What the first or last lines state; None where they don't. ``first_line_only``: for tools
    that print other people's text."""
    head = text[:1200].split("\n")[: 1 if first_line_only else _LINES]
    lines = [line for line in head if line.strip()]
    if not first_line_only and len(text) > sum(map(len, head)) + len(head):
        lines += [line for line in text[-1200:].split("\n")[-_LINES:] if line.strip()]
    for line in lines:
        if len(line) > _LONGEST or _BEGINS.match(line) is None:
            continue
        found = _STATED.search(line)
        if found is not None:
            code = next(group for group in found.groups() if group is not None)
            return Exit(int(code), line.strip())
    return None


def ran_before(message: str) -> Exit | None:
    """What a message states of code that was run without a tool step; None where it is none."""
    found = _RAN.match(message)
    return Exit(int(found[1]), found[0].strip()) if found is not None else None
