"""What a person sees in the course of a trace that was not brought to its goal. Each sign is a pure
function of a Course: what it saw, quoted, or '' where it isn't there."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import yaml

from classify import messages
from classify.classifiers.goal_completion.course import Course
from classify.classifiers.tool_call_error.failure_rules import rules
from classify.signals import tool_names
from classify.signals.language import language

PHRASES = Path(__file__).with_name("phrases.yaml")
_CUT = frozenset(
    ("length", "max_tokens", "max_output_tokens", "content_filter", "safety", "recitation")
)
#: An answer that ends like this ends on purpose.
_ENDS = ".!?…。！？\"”’')]}>:*`"
#: Shorter answers that reached a limit were meant to be that short: a label, a figure.
_SHORTEST_CUT = 60
#: Longer answers are what was asked for: a plan, a draft, a table.
_LONGEST_DENIAL = 600
_MOST = 8_000
#: Characters behind a promise from which on the sentence tells more: "One sec, how about …".
_BEHIND = 60
_WAITS = frozenset(("poll", "wait", "status", "sleep"))
_WORD = re.compile(r"[^\W\d_]{3,}")


@cache
def _phrases() -> dict[str, re.Pattern[str]]:
    held = yaml.safe_load(PHRASES.read_text("utf-8"))
    return {name: re.compile(_either(each), re.I) for name, each in held.items()}


def _either(patterns: str | list[str]) -> str:
    return patterns if isinstance(patterns, str) else "|".join(f"(?:{p})" for p in patterns)


def _find(name: str, text: str) -> str:
    """The sentence around the first match, '' for none."""
    text = text[:_MOST].replace("’", "'")
    found = _phrases()[name].search(text)
    if found is None:
        return ""
    start = max(text.rfind(mark, 0, found.start()) for mark in ".!?\n") + 1
    ends = [at for mark in ".!?\n" if (at := text.find(mark, found.end())) >= 0]
    return text[start : min(ends, default=len(text)) + 1].strip()


def speaks_english(course: Course) -> bool:
    """Whether the phrases can be looked for; short texts count as English."""
    return language(course.answer or course.asked) in ("", "English")


# Signs that need no language.


def stopped_at_limit(course: Course) -> str:
    """What a framework writes when steps, turns or time are used up."""
    if found := _find("limit", course.answer if len(course.answer) < 600 else ""):
        return found
    for span in course.trace.spans:
        told = f"{span.error_type} {span.status_message[:600]}"
        if span.status == "error" and _phrases()["limit"].search(told):
            return told.strip()[:200]
    return ""


def ended_in_error(course: Course) -> str:
    """The agent's own step failed, or the last model's did, and nobody answered."""
    root, last = course.trace.root, course.last_model
    for span in (root, last):
        if span is not None and span.status == "error" and span.step_kind != "tool":
            if span is last and course.answer:
                continue
            told = f"{span.error_type}: {span.status_message}".strip(": ")
            if not _is_interrupt(told):
                return told[:200] or "error"
    return ""


def _is_interrupt(told: str) -> bool:
    return any(name in told[:200] for name in rules().control_flow)


def answer_cut_off(course: Course) -> str:
    """The model ran out of tokens, or a filter stopped it, within a sentence."""
    text = course.answer.rstrip()
    if course.finish not in _CUT or len(text) < _SHORTEST_CUT or text[-1] in _ENDS:
        return ""
    return f"{course.finish}: …{text[-80:]}"


def call_instead_of_answer(course: Course) -> str:
    """The call that a model wrote as its answer, which nobody ran."""
    text = course.answer.strip()
    if re.match(r"<(?:tool_call|function_call|function=|invoke|\|python_tag\|)", text):
        return text[:120]
    if text[:1] == "{" and len(text) < 4_000:
        value = messages.decode(text)
        if isinstance(value, dict) and value.keys() >= {"name", "arguments"} and len(value) <= 4:
            return text[:120]
    return ""


def unrecovered(course: Course) -> str:
    """The last call failed, and no other of that tool went well."""
    if not course.calls or not course.calls[-1].failed:
        return ""
    last = course.calls[-1]
    if any(call.name == last.name and not call.failed for call in course.calls):
        return ""
    return f"{last.name}: {last.failed}"


def repeats(course: Course) -> int:
    """How often the call that was made most often with the same arguments was made. Calls that wait
    for something (poll, status) are made again on purpose."""
    counts = Counter(
        call.same for call in course.calls if not _WAITS & {*tool_names.words(call.name)}
    )
    return max(counts.values(), default=0)


# Signs in the words.


def claims(course: Course) -> str:
    """The answer says that something was done that only a tool can do."""
    text = course.answer[:_MOST].replace("’", "'")
    for match in _phrases()["claim"].finditer(text):
        about = text[max(0, match.start() - 60) : match.end() + 80]
        if _is_of_tools(match[0], about):
            return _find("claim", text[match.start() :]) or about
    return ""


def _is_of_tools(verb: str, about: str) -> bool:
    """Whether what a verb is about is something that only a tool changes, and no text."""
    name = "record" if _phrases()["text_verb"].search(verb) else "thing"
    return _phrases()[name].search(about) is not None


def claims_of_nothing(course: Course) -> str:
    """It says that something is done where no call at all went well."""
    if any(not call.failed for call in course.calls):
        return claims(course)
    return claims(course) or _find("done", course.answer)


def admits(course: Course) -> str:
    """The answer says that it did not work."""
    return refuses(course) or _find("gave_up", course.answer)


def claims_without_call(course: Course) -> str:
    """It says so, has tools, and none that may write went well, now or earlier in the session."""
    if not course.tools or course.wrote_before:
        return ""
    if any(call.may_write and not call.failed for call in course.calls):
        return ""
    return claims(course)


def promises(course: Course) -> str:
    """Something was asked for, and the answer ends with what it is going to do."""
    if len(course.answer) > 700 or asks(course) or hands_over(course) or not _wants(course):
        return ""
    if any(call.may_write and not call.failed for call in course.calls):
        return ""
    parts = [p for p in re.split(r"(?<=[.!?])\s+|\n+", course.answer.strip()) if p.strip()]
    if not parts:
        return ""
    last = parts[-1] if not _phrases()["closing"].search(parts[-1]) else "".join(parts[-2:-1])
    found = _phrases()["promise"].search(last.replace("’", "'"))
    if found is None or len(last) - found.end() > _BEHIND:
        return ""
    return last.strip()


def _wants(course: Course) -> bool:
    """Whether the last message of the user wants anything: of two sentences of thanks and one that
    asks, it does."""
    asked = course.asked[-_MOST:].replace("’", "'")
    return _phrases()["request"].search(asked) is not None


def asks(course: Course) -> str:
    """The answer asks for what it needs."""
    text = _phrases()["closing"].sub(" ", course.answer[:_MOST].replace("’", "'"))
    if "?" in text:
        return text[: text.find("?") + 1][-160:].strip()
    return _find("asks", text)


def refuses(course: Course) -> str:
    """The answer says that it can't or won't."""
    return _find("refusal", course.answer)


def hands_over(course: Course) -> str:
    """The answer gives the matter to a person."""
    return _find("hand_over", course.answer)


def not_done(course: Course) -> str:
    """An order that only a tool can carry out; none that may write went well, and the answer
    neither says that it was done, nor asks, refuses or hands over."""
    if not course.tools or course.went_on or len(course.answer) > _LONGEST_DENIAL:
        return ""
    if any(call.may_write and not call.failed for call in course.calls):
        return ""
    ordered = _order(course.asked)
    if ordered is None or claims(course) or refuses(course) or hands_over(course) or asks(course):
        return ""
    verb, order = ordered
    wanted = {verb, *(word.lower().removesuffix("s") for word in _WORD.findall(order))}
    fits = any(
        not tool_names.reads(name) and wanted & {*tool_names.words(name)} for name in course.tools
    )
    guided = _phrases()["guidance"].search(course.answer[:_MOST].replace("’", "'"))
    already = re.search(rf"\b(?:already|{re.escape(verb)}\w{{0,3}})\b", course.answer[:_MOST], re.I)
    if not fits and (guided or already):
        return ""
    return f"“{order}” was asked for, no call did it: “{course.answer.strip()[:100]}”"


def _order(asked: str) -> tuple[str, str] | None:
    """(verb, words) of an order; None where the request is a question or for a text."""
    text = asked[:2_000].replace("’", "'")
    for found in _phrases()["order"].finditer(text):
        before = text[: found.start("verb")]
        if _phrases()["question"].search(before) and not before.rstrip().endswith("please"):
            continue
        if re.search(
            r"\b(?:how|want to know|wanted to|if I|whether|not|n't|never"
            r"|able)\b[^.!?\n]{0,30}$",
            before,
            re.I,
        ):
            continue
        if _is_of_tools(found["verb"], found["object"]):
            return found["verb"].lower(), text[found.start("verb") : found.end()].strip()[:80]
    return None


def asked_again(course: Course) -> str:
    """The user asks for what was asked earlier in the session, and gets much the same answer."""
    mine = _words(course.asked)
    again = _find("again", course.asked)
    if not again and _phrases()["consent"].search(course.asked[:_MOST]):
        return ""
    for asked, answered in course.earlier:
        alike = _alike(mine, _words(asked))
        if alike < (0.25 if again else 0.7) or len(mine) < 3:
            continue
        # Two questions of the assistant, and the answer to the first: nobody was left waiting.
        if not again and "?" in course.answer and "?" in answered:
            continue
        if _alike(_words(course.answer), _words(answered)) >= 0.5:
            return f"“{course.asked.strip()[:80]}” after “{asked.strip()[:80]}”, the same answer"
    return ""


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text[:3_000]))


def _alike(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0
