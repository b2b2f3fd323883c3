"""``everyspan detector``: classifiers of others, from a model hub, that have a say in built-in
verdicts. What they are stands in detectors.toml."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from classify.classifier import Classifier
from classify.detectors.definition import Detector, read_detectors
from classify.detectors.files import place
from classify.detectors.pull import UnpinnedError, pull
from classify.detectors.reading import Reading
from classify.detectors.standing import models_of, readers, with_detectors
from classify.models.checksums import ModelError
from classify.registry import BUILT_IN
from classify.settings import ClassifySettings
from cli.console import console, errors, fail, plain_errors, read_settings
from service.errors import UserError

app = typer.Typer(
    help="Classifiers of others, from a model hub, that have a say in built-in verdicts.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A name of detectors.toml.")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="detectors.toml; EVERYSPAN_DETECTORS says it by default."),
]


@app.command("list")
def list_detectors(
    file: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what detectors.toml names, and whether its files are there."""
    found, models = _read(file)
    told = [_told(each, models) for each in found]
    if as_json:
        typer.echo(json.dumps(told))
        return
    if not told:
        console.print("no detector is named yet; docs/detectors.md has entries to begin with")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("name", "for", "use", "reads", "files", "licence"):
        table.add_column(title, overflow="fold")
    for one in told:
        state = Text(one["files"], "" if one["files"] == "as pinned" else "yellow")
        texts = (Text(one[k]) for k in ("name", "classifier", "use", "reads"))
        table.add_row(*texts, state, Text(one["licence"]))
    console.print(table)
    for one in told:
        if one["why"]:
            console.print(Text(one["why"]), soft_wrap=True)


@app.command("pull")
def pull_detectors(
    name: Annotated[str, typer.Argument(help="Only this one; all by default.")] = "",
    file: File = None,
) -> None:
    """Bring the files of detectors from the hub, and hold them against their hashes."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if not errors.is_terminal:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    found, models = _read(file)
    failed = False
    for each in [_named(found, name)] if name else found:
        try:
            pulled = pull(each, models)
        except UnpinnedError as error:
            errors.print(Text.assemble(("error:", "bold red"), f" {error}"), soft_wrap=True)
            typer.echo(error.pins)
            failed = True
            continue
        except UserError as error:
            errors.print(Text.assemble(("error:", "bold red"), f" {error}"), soft_wrap=True)
            failed = True
            continue
        brought = ", ".join(pulled.brought) or "all was there"
        console.print(Text(f"{each.name}: {brought}; as pinned, in {pulled.folder}"))
    if failed:
        raise typer.Exit(1)
    if found:
        console.print("a service that runs takes them up within seconds")


@app.command("test")
def try_out(
    name: Name,
    text: Annotated[
        str | None, typer.Option(help="What to judge: a text, a claim or a question.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="A context or document beside it, more than once for several."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Labelled records, as `everyspan evaluate` takes: its classifier without it and"
            " with it.",
        ),
    ] = None,
    file: File = None,
) -> None:
    """Have a detector read something, here and now: what it says, and what it costs."""
    from classify.detectors.model import EVERYDAY, model

    found, models = _read(file)
    detector = _named(found, name)
    with plain_errors():
        installed = place(detector, models)
        before = time.perf_counter()
        loaded = model(installed)
        seconds = time.perf_counter() - before
        usual = EVERYDAY[detector.reads]
        if against and not usual.against:
            fail(f"{name} reads a text alone; leave --against out", 2)
        if usual.against and text and not against:
            fail(f'{name} reads "{detector.reads}"; give --against too', 2)
        reading = Reading("", text, tuple(against or ())) if text else usual
        before = time.perf_counter()
        (chance,) = loaded.fails([reading])
        took = time.perf_counter() - before
        shares = loaded.probabilities(reading)
    size = sum(path.stat().st_size for _, path, _ in installed.pinned())
    console.print(Text(f"reads: {reading.text[:200]!r}" + _beside(reading)), soft_wrap=True)
    for label, share in zip(detector.labels, shares, strict=True):
        console.print(Text(f"  {label} {share:.4f}"))
    verdict = "fails" if chance >= detector.threshold else "passes"
    console.print(Text(f"{verdict}: {chance:.4f}, its threshold is {detector.threshold:g}"))
    console.print(
        Text(
            f"{took * 1000:.0f} ms on one core; loaded in {seconds:.1f} s; {size / 1e6:,.0f} MB,"
            " which each worker process holds"
        ),
        soft_wrap=True,
    )
    if data is not None:
        _measured(detector, models, data)


def _measured(detector: Detector, models: Path, data: Path) -> None:
    """The classifier alone, and with the detector, on the same records."""
    import numpy as np

    from classify.scoring.figures import figures
    from classify.scoring.record import RecordError, read_record
    from classify.scoring.score import classifier_named, verdicts

    records = []
    for number, line in enumerate(data.read_bytes().splitlines(), 1):
        try:
            record = read_record(line) if line.strip() else None
        except RecordError as error:
            fail(f"{data}:{number}: {error}")
        if record is not None and record.label in (0.0, 1.0):
            records.append(record)
    if not records:
        fail(f"{data} has no record with label 0 or 1")
    alone = classifier_named(detector.classifier)
    (beside,) = with_detectors((alone,), [place(detector, models)])
    labels = np.array([float(each.label or 0) for each in records])
    table = Table(title=f"{alone.name} on {data.name}", title_justify="left")
    table.add_column("")
    rows: dict[str, list[str]] = {}
    each: Classifier
    for title, each in (("alone", alone), (f"with {detector.name}", beside)):
        table.add_column(title, justify="right")
        with plain_errors():
            judged = verdicts(each, records)
        scores = np.array([0.0 if v.score != v.score else v.score for v in judged])
        told: dict[str, Any] = figures(scores, labels, each.threshold)
        told["judged"] = float(np.mean([v.label in ("pass", "fail") for v in judged]))
        for key, value in told.items():
            whole = key.endswith("tives") or key == "records"
            rows.setdefault(key, []).append(f"{value:.0f}" if whole else f"{value:.4f}")
    for key, values in rows.items():
        table.add_row(key.replace("_", " "), *values)
    console.print(table)


def _beside(reading: Reading) -> str:
    return "".join(f"\nagainst: {each[:200]!r}" for each in reading.against)


def _told(detector: Detector, models: Path) -> dict[str, str]:
    installed = place(detector, models)
    try:
        installed.check()
    except ModelError as error:
        state, why = _state(detector, installed.model), str(error)
    else:
        state, why = "as pinned", ""
    return {
        "name": detector.name,
        "classifier": detector.classifier,
        "use": detector.use,
        "reads": detector.reads,
        "from": detector.repository or str(detector.folder),
        "revision": detector.revision,
        "folder": str(installed.folder),
        "licence": detector.licence,
        "files": state,
        "why": why,
    }


def _state(detector: Detector, path: Path) -> str:
    if not detector.pinned:
        return "not pinned"
    return "changed" if path.is_file() else "not pulled"


def _read(file: Path | None) -> tuple[Sequence[Detector], Path]:
    """Ends the command where there is no file, or one that says nonsense."""
    settings = read_settings(ClassifySettings, detectors=file)
    if settings.detectors is None:
        fail("EVERYSPAN_DETECTORS names no file; set it, or give --file detectors.toml", 2)
    with plain_errors():
        found = read_detectors(settings.detectors, readers(BUILT_IN))
    return found, models_of(settings.detectors, settings.detector_files)


def _named(found: Sequence[Detector], name: str) -> Detector:
    mine = [each for each in found if each.name == name]
    if not mine:
        known = ", ".join(each.name for each in found) or "none"
        fail(f"detectors.toml names no '{name}'; there are: {known}")
    return mine[0]
