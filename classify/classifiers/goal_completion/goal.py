"""The verdict of goal_completion: signs that are certain fail, the rest passes with what speaks
against it as its score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.classifiers.goal_completion import signs
from classify.classifiers.goal_completion.course import Course
from classify.models.evidence import quoted
from clickhouse.span import Verdict

Sign = Callable[[Course], str]

#: (what it says, what reads it, score). In any language.
PLAIN: tuple[tuple[str, Sign, float], ...] = (
    ("it stopped at its limit", signs.stopped_at_limit, 0.97),
    ("it ended in an error", signs.ended_in_error, 0.95),
    ("the answer is cut off", signs.answer_cut_off, 0.9),
    ("a call instead of an answer", signs.call_instead_of_answer, 0.9),
)
#: In English.
IN_WORDS: tuple[tuple[str, Sign, float], ...] = (
    ("it says that it was done, no call did it", signs.claims_without_call, 0.9),
    ("not done", signs.not_done, 0.85),
    ("asked again", signs.asked_again, 0.85),
    ("it only promises", signs.promises, 0.8),
)
#: Calls with the same arguments from which on it goes in a circle.
_CIRCLE = 4
#: A refusal and a hand-over too: on rewarded trajectories they are no rarer than on others.
_QUIET = 0.05


class GoalCompletion:
    """Rules alone, on the whole trace."""

    name = "goal_completion"
    description = "The request was not done: given up, only claimed, or only promised."
    #: Above those that earlier versions, which asked the encoder, counted.
    version = 5_000_000
    unit: Unit = "trace"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    threshold = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [_judge(Course(subject.trace)) for subject in subjects]


def _judge(course: Course) -> Verdict:
    if not course.asked.strip():
        return NOT_APPLICABLE
    for says, sign, score in PLAIN:
        if found := sign(course):
            return Verdict("fail", score, quoted(says, found))
    if not course.answer.strip():
        return _without_answer(course)
    given_up = signs.unrecovered(course)
    if given_up and signs.repeats(course) >= _CIRCLE:
        return Verdict("fail", 0.9, quoted("the same call failed again and again", given_up))
    if not signs.speaks_english(course):
        if given_up:
            return abstained("its last call failed, and its answer is in a language not read here")
        return (
            Verdict("pass", _QUIET)
            if not course.tools
            else abstained("whether the answer claims or refuses is read in English only")
        )
    if given_up:
        return _given_up(course, given_up)
    for says, sign, score in IN_WORDS:
        if found := sign(course):
            return Verdict("fail", score, quoted(says, found))
    if told := signs.hands_over(course):
        return Verdict("pass", _QUIET, quoted("handed over", told))
    if told := signs.refuses(course):
        return Verdict("pass", _QUIET, quoted("refused or could not", told))
    return Verdict("pass", _QUIET)


def _without_answer(course: Course) -> Verdict:
    if course.said_nothing:
        return Verdict("fail", 0.9, "the last model's answer is empty")
    if not any(span.step_kind in ("llm", "agent", "chain") for span in course.trace.spans):
        return NOT_APPLICABLE
    if course.is_recorded and (failure := signs.unrecovered(course)):
        return Verdict("fail", 0.8, quoted("its last call failed, no answer followed", failure))
    return abstained("no answer is recorded")


def _given_up(course: Course, failure: str) -> Verdict:
    """The last call failed and none like it went well."""
    if (told := signs.claims_of_nothing(course)) and not signs.admits(course):
        return Verdict(
            "fail",
            0.95,
            quoted("it says that it was done, its call failed", f"{failure}; “{told}”"),
        )
    if told := signs.admits(course):
        return Verdict(
            "fail", 0.8, quoted("its last call failed and it gave up", f"{failure}; “{told}”")
        )
    return Verdict("pass", 0.4, quoted("its last call failed", failure))


classifier: Classifier = GoalCompletion()
