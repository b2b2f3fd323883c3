"""``everyspan score`` and ``everyspan evaluate``: one classifier on records of your own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from cli.console import console, errors, fail, plain_errors, put

Name = Annotated[str, typer.Argument(help="A classifier, for example prompt_injection.")]
Threshold = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Scores from here up fail; the classifier's own by default."),
]


def score(classifier: Name, threshold: Threshold = None) -> None:
    """Judge JSONL records from stdin: {id, input, output, context, steps}, any may be missing."""
    from classify.scoring.score import UnknownClassifierError, classifier_named, scored

    try:
        found = classifier_named(classifier)
    except UnknownClassifierError as error:
        fail(str(error), 2)
    wrong = 0
    with plain_errors():
        for answer in scored(found, sys.stdin.buffer, threshold):
            if "error" in answer:
                wrong += 1
                errors.print(f"line {answer['line']}: {answer['error']}")
            put(orjson.dumps(answer) + b"\n")
    if wrong:
        raise typer.Exit(1)


def evaluate(
    classifier: Name,
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Records with label.")],
    threshold: Threshold = None,
) -> None:
    """Measure a classifier on labelled JSONL records (label 1 fails, 0 is healthy)."""
    import numpy as np

    from classify.scoring.figures import figures
    from classify.scoring.record import Record, RecordError, read_record
    from classify.scoring.score import UnknownClassifierError, classifier_named, verdicts

    try:
        found = classifier_named(classifier)
    except UnknownClassifierError as error:
        fail(str(error), 2)
    records: list[Record] = []
    for number, line in enumerate(data.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = read_record(line)
        except RecordError as error:
            errors.print(f"{data}:{number}: {error}")
            raise typer.Exit(1) from error
        if record.label not in (0.0, 1.0):
            continue
        records.append(record)
    if not records:
        fail(f"{data} has no record with label 0 or 1")
    with plain_errors():
        judged = verdicts(found, records)
    scores = np.array([0.0 if v.score != v.score else v.score for v in judged])
    labels = np.array([float(r.label or 0) for r in records])
    told = np.array([v.label in ("pass", "fail") for v in judged])
    table = Table(title=f"{classifier} on {data.name}", title_justify="left", show_header=False)
    for name, value in figures(
        scores, labels, found.threshold if threshold is None else threshold
    ).items():
        text = f"{value:.0f}" if name.endswith("tives") or name == "records" else f"{value:.4f}"
        table.add_row(name.replace("_", " "), text)
    table.add_row("judged (pass or fail)", f"{told.mean():.4f}")
    for label in ("abstained", "not_applicable"):
        number = sum(v.label == label for v in judged)
        table.add_row(f"{label.replace('_', ' ')} (counted as score 0)", str(number))
    only = figures(scores[told], labels[told], found.threshold if threshold is None else threshold)
    table.add_row("auroc of those judged", f"{only['auroc']:.4f}")
    console.print(table)
