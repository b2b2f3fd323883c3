"""Has a teacher answer reviews: as many as the budget says, after its cost is shown and agreed to,
and only where it agrees with the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import typer
from rich.text import Text

from classify.registry import BUILT_IN
from classify.reviews import queue
from classify.reviews.fails_from import FailsFrom
from classify.reviews.review_store import Review, settled
from classify.reviews.teacher import LEAST_SHARED, Teacher, TeacherError, agreed, messages
from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors
from ingest.prices import cost_usd
from web import conversation, say, trace
from web.reader import Reader

#: Of the person's own answers, that many at most are asked again.
_MOST_SHARED = 50
#: Tokens of an answer, and characters of a token, for the estimate.
_ANSWER_TOKENS, _TOKEN = 15, 4
#: Answers in a row that are none, after which it is given up.
_PATIENCE = 3
#: Steps before the one that is judged, which it may rest on.
_BEFORE = 12


@dataclass(frozen=True, slots=True)
class _Asked:
    """A case with what the teacher says: whether it fails."""

    case: queue.Case
    fails: bool | None


def teach(
    settings: ClassifySettings,
    reader: Reader,
    classifier: str,
    reviews: Sequence[Review],
    from_where: FailsFrom,
    budget: int,
    *,
    agreed_to: bool,
) -> None:
    """Ends the command where the teacher is refused, or can't be asked."""
    if not settings.teacher_url or not settings.teacher_model:
        fail(
            "there is no teacher; set EVERYSPAN_TEACHER_URL (http://127.0.0.1:8080/v1) and"
            " EVERYSPAN_TEACHER_MODEL",
            2,
        )
    teacher = Teacher(
        settings.teacher_url, settings.teacher_model, settings.teacher_token.get_secret_value()
    )
    person = settled(reviews)
    if len(person) < LEAST_SHARED:
        fail(
            f"you have answered {say.plural(len(person), 'row')} of {classifier}; {LEAST_SHARED}"
            f" are needed before a teacher can be held against you: everyspan review {classifier}"
        )
    if budget < LEAST_SHARED:
        fail(f"--budget {budget} is less than the {LEAST_SHARED} rows that it is held against", 2)
    with plain_errors():
        description = _description(reader, classifier)
        shared = _shared(reader, person, min(_MOST_SHARED, budget))
        shown = [(case, _text(reader, case)) for case, _ in shared]
    _agree(teacher, description, [text for _, text in shown], budget, agreed_to=agreed_to)
    with plain_errors():
        pairs = []
        first = []
        for (case, known), (_, text) in zip(shared, shown, strict=True):
            fails = teacher.ask(description, text)
            first.append(_Asked(case, fails))
            if fails is not None:
                pairs.append((known, fails))
    found = agreed(pairs)
    console.print(Text(f"{teacher.reviewer} {found.told()}"), soft_wrap=True)
    if found.refused:
        fail(f"its answers do not count, and nothing is stored: {found.refused}")
    _keep(settings, classifier, teacher, first)
    kept = _more(
        settings, reader, classifier, list(reviews), from_where, teacher, description,
        budget - len(first),
    )  # fmt: skip
    console.print(
        f"{say.plural(len(first) + kept, 'answer')} of {teacher.reviewer} stored;"
        f" `everyspan calibrate {classifier}` weighs them beside yours. How good it is here is told"
        " of yours alone",
        soft_wrap=True,
    )


def _more(
    settings: ClassifySettings, reader: Reader, classifier: str, reviews: list[Review],
    from_where: FailsFrom, teacher: Teacher, description: str, left: int,
) -> int:  # fmt: skip
    """New cases, as they come to a person. Returns how many it has answered."""
    kept = misses = 0
    for _ in range(left):
        with plain_errors():
            case = queue.next_case(reader.rows, classifier, reviews, from_where)
            if case is None:
                console.print(f"nothing of the last {queue.DAYS} days is left to ask")
                return kept
            text = _text(reader, case)
        # Asked once, whatever it says.
        reviews.append(
            Review(
                classifier, case.trace_id, case.span_id, "unsure", case.label, case.score,
                case.chosen, teacher.reviewer, "", reviews[-1].reviewed_at,
            )
        )  # fmt: skip
        try:
            fails = teacher.ask(description, text)
        except TeacherError as error:
            misses += 1
            if misses >= _PATIENCE:
                fail(f"{error}; stopped after {say.plural(kept, 'answer')} of new rows")
            continue
        misses = 0
        _keep(settings, classifier, teacher, [_Asked(case, fails)])
        kept += 1
    return kept


def _agree(
    teacher: Teacher, description: str, texts: Sequence[str], budget: int, *, agreed_to: bool
) -> None:
    """Say what it will cost, and ask."""
    sizes = [
        sum(len(message["content"]) for message in messages(description, text)) for text in texts
    ]
    tokens = int(budget * sum(sizes) / len(sizes) / _TOKEN)
    usd = cost_usd(
        provider="", model=teacher.model, input_tokens=tokens,
        output_tokens=budget * _ANSWER_TOKENS, cached_input_tokens=None, at=None,
    )  # fmt: skip
    price = f"about ${usd:.2f}" if usd is not None else "a price that is not known"
    console.print(
        Text(
            f"{budget} questions to {teacher.model} at {teacher.url}: about {tokens:,} tokens,"
            f" {price}. Texts are masked before they go; {len(texts)} questions are on rows that"
            " you have answered"
        ),
        soft_wrap=True,
    )
    if not agreed_to and not typer.confirm("ask them?"):
        raise typer.Exit(1)


def _shared(
    reader: Reader, person: dict[tuple[str, str], tuple[Review, bool]], most: int
) -> list[tuple[queue.Case, bool]]:
    """The person's newest answers on rows that are still there, as many that fail as that do not
    while there are any."""
    newest = sorted(person.values(), key=lambda each: each[0].reviewed_at, reverse=True)
    sides = {fails: [each for each in newest if each[1] == fails] for fails in (True, False)}
    few = min(len(sides[True]), len(sides[False]), most // 2)
    chosen = sides[True][:few] + sides[False][:few]
    chosen += [each for each in newest if each not in chosen][: most - len(chosen)]
    found = []
    for review, fails in chosen:
        case = queue.Case(
            review.trace_id, review.span_id, review.label, review.score, review.chosen
        )
        if _text(reader, case):
            found.append((case, fails))
    if len(found) < LEAST_SHARED:
        fail(
            f"of the rows that you have answered, {len(found)} are still stored; {LEAST_SHARED} are"
            " needed"
        )
    return found


def _text(reader: Reader, case: queue.Case) -> str:
    """The step and those before it that it may rest on; '' where it is gone."""
    try:
        found = trace.load(reader, case.trace_id)
    except trace.NotStoredError:
        return ""
    at = next((i for i, s in enumerate(found.steps) if s.row["span_id"] == case.span_id), None)
    if at is None:
        return ""
    before = [
        step
        for step in found.steps[:at]
        if step.row["step_kind"] in ("retrieval", "reranker", "tool")
    ][-_BEFORE:]
    steps = [*before, found.steps[at]]
    trace.contents(reader, found, steps)
    parts = []
    for step in steps:
        parts.append("Before it:" if step is not found.steps[at] else "The step:")
        parts.append(conversation.summary(step))
        parts += [f"{b.role} {b.label}:\n{b.text}" for b in conversation.blocks(step)]
    return "\n\n".join(parts)


def _description(reader: Reader, classifier: str) -> str:
    """What it finds, in a sentence."""
    for each in BUILT_IN:
        if each.name == classifier:
            return each.description
    rows = reader.rows(
        "SELECT name, JSONExtractString(argMax(definition, revision), 'describe') AS said"
        " FROM custom_classifiers GROUP BY name"
    )
    said = next((row["said"] for row in rows if row["name"] == classifier), "")
    if not said:
        fail(
            f"{classifier} says nowhere what it finds, and a teacher has to know:"
            f" everyspan classifier add {classifier} --describe …"
        )
    return str(said)


def _keep(
    settings: ClassifySettings, classifier: str, teacher: Teacher, asked: Sequence[_Asked]
) -> None:
    for each in asked:
        case = each.case
        right = (case.label == "fail") == each.fails
        body = {
            "classifier": classifier,
            "trace_id": case.trace_id,
            "span_id": case.span_id,
            "answer": "unsure" if each.fails is None else "right" if right else "wrong",
            "chosen": case.chosen,
            "reviewer": teacher.reviewer,
            "kind": "teacher",
        }
        call(settings, "POST", "/v1/reviews", body)
