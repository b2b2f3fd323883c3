"""``everyspan review CLASSIFIER``: a verdict at a time, one key each."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from classify.reviews import queue
from classify.reviews.estimate import Estimate
from classify.reviews.fails_from import fails_from
from classify.reviews.figures import TITLES
from classify.reviews.review_store import Review
from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors, read_settings
from cli.options import ClassifyPort, ClickHousePort, Data, Dsn, Host
from cli.reader import open_reader
from cli.teacher import teach
from web import conversation, say, trace
from web.mark import shown
from web.reader import Reader
from web.reviews import known, reviews_of

_ANSWERS = {"y": "right", "n": "wrong", "": "unsure", " ": "unsure", "s": "unsure"}


def review(
    classifier: Annotated[str, typer.Argument(help="Whose verdicts.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Stop after so many.")] = 20,
    reviewer: Annotated[str, typer.Option(help="Who answers, for others.")] = "",
    budget: Annotated[
        int,
        typer.Option(
            "--budget",
            min=0,
            help="Let the teacher of EVERYSPAN_TEACHER_URL answer so many, instead of you.",
        ),
    ] = 0,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --budget: do not ask before it begins.")
    ] = False,
    host: Host = None,
    classify_port: ClassifyPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Say of verdicts whether they are right, one after the other."""
    settings = read_settings(ClassifySettings, host=host, classify_port=classify_port)
    with plain_errors():
        client, where = open_reader(data, clickhouse_dsn, clickhouse_port)
        reader = Reader(lambda _: client, where.database)
        names = known(reader)
        if classifier not in names:
            fail(f"there is no classifier {classifier}; there are {', '.join(names)}", 2)
        fails = fails_from(reader.rows)
        reviews = reviews_of(reader, classifier)
    if budget:
        teach(settings, reader, classifier, reviews, fails, budget, agreed_to=yes)
        return
    answered = 0
    last: Review | None = reviews[-1] if reviews else None
    while answered < count:
        with plain_errors():
            case = queue.next_case(reader.rows, classifier, reviews, fails)
        if case is None:
            console.print(f"nothing of the last {queue.DAYS} days is left to ask")
            break
        with plain_errors():
            _show(reader, classifier, case, fails.of(classifier, case.project))
        key = typer.prompt(
            "right? y, n, enter for can't say, u undoes the last, q ends",
            default="",
            show_default=False,
        )
        key = key.strip().lower()[:1]
        if key == "q":
            break
        if key == "u":
            if last is not None:
                _tell(settings, classifier, last.trace_id, last.span_id, "", "asked", reviewer)
                gone = last
                reviews = [each for each in reviews if each is not gone]
                console.print("the last answer is taken back")
                last = reviews[-1] if reviews else None
            continue
        if key not in _ANSWERS:
            console.print("y, n, enter, u or q")
            continue
        _tell(
            settings, classifier, case.trace_id, case.span_id, _ANSWERS[key], case.chosen, reviewer
        )
        with plain_errors():
            last = Review(
                classifier, case.trace_id, case.span_id, _ANSWERS[key], case.label, case.score,
                case.chosen, reviewer, "", trace.load(reader, case.trace_id).started,
            )  # fmt: skip
        reviews = [*reviews, last]
        answered += 1
    with plain_errors():
        quality = queue.how_good(reader.rows, classifier, reviews)
    console.print(f"{say.plural(len(reviews), 'answer')} on {classifier}")
    for name, title in TITLES.items():
        console.print(f"  {title:<20} {_told(quality.estimate(name))}")


def _tell(
    settings: ClassifySettings, classifier: str, trace_id: str, span_id: str, answer: str,
    chosen: str, reviewer: str,
) -> None:  # fmt: skip
    body = {
        "classifier": classifier,
        "trace_id": trace_id,
        "span_id": span_id,
        "answer": answer,
        "chosen": chosen,
        "reviewer": reviewer,
    }
    call(settings, "POST", "/v1/reviews", body)


def _show(reader: Reader, classifier: str, case: queue.Case, threshold: float) -> None:
    found = trace.load(reader, case.trace_id)
    steps = [step for step in found.steps if step.row["span_id"] == case.span_id]
    trace.contents(reader, found, steps)
    for step in steps:
        console.print(
            Text.assemble(
                (f"\n{conversation.summary(step)}", "bold"),
                (f"  step {step.number} of trace {case.trace_id}", "dim"),
            ),
            soft_wrap=True,
        )
        for block in conversation.blocks(step):
            console.print(
                Text(f"  {block.role} {block.label}".rstrip() + ":", "cyan"), soft_wrap=True
            )
            console.print(
                "\n".join(f"    {line}" for line in block.text.splitlines()), soft_wrap=True
            )
        said = next((v.said for v in step.verdicts if v.classifier == classifier), "")
        console.print(
            Text(
                f"  {classifier}: {case.label} {case.score:.2f}, fails from {threshold:.2f}"
                f"  {shown(said)}",
                "red" if case.label == "fail" else "green",
            ),
            soft_wrap=True,
        )


def _told(estimate: Estimate) -> str:
    if not estimate.is_known:
        return "not known yet"
    between = say.interval(estimate.low, estimate.high)
    drawn = f"from {say.plural(estimate.reviews, 'answer')} drawn at random"
    if not estimate.has_figure:
        return f"{between}, {drawn}"
    return f"{say.share(estimate.value)} ({between}, {drawn})"
