"""``everyspan dataset``: evaluation data sets out of production."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli import dataset_report
from cli.console import console, fail, plain_errors, read_settings
from cli.extras import need
from cli.moment import moment
from cli.options import ClassifyPort, ClickHousePort, Data, Dsn, Host
from cli.reader import is_served, key_shown, open_reader
from service.keys import DEFAULT, told
from service.moments import duration

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from experiments.datasets.dataset_definition import Definition
    from experiments.datasets.item import Version
    from experiments.datasets.source import Source
    from experiments.datasets.writer import Writer
    from service.stack_settings import UpSettings

app = typer.Typer(
    help="Evaluation data sets out of production: failures, healthy controls, without personal"
    " data.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Of the data set: letters, digits, dot, dash.")]
Number = Annotated[
    int,
    typer.Option("--version", min=0, help="Version; the newest by default."),
]
Since = Annotated[
    str | None,
    typer.Option(help="Look at what started since then: 24h, 7d, or 2026-11-24T08:00Z."),
]
Until = Annotated[
    str | None,
    typer.Option(help="Up to then; now by default."),
]
Author = Annotated[
    str | None,
    typer.Option(help="Who made it; you by default."),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="all, or some of jsonl, parquet, openai-evals, promptfoo, deepeval, ragas, langsmith,"
        " with commas between.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(help="Directory that NAME/vN with the files goes into."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Project = Annotated[
    str,
    typer.Option("--project", help="Whose; `default` by default. With a key it is the key's own."),
]
_OUT = Path("everyspan-datasets")


@app.command()
def build(
    name: Name,
    where: Annotated[
        str,
        typer.Option(
            help="SQL that a failing row of spans meets, such as \"hallucination = 'fail'\"."
        ),
    ],
    per_cluster: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Failures of each group of like questions at most."),
    ] = 5,
    controls: Annotated[
        str,
        typer.Option(
            help="Healthy rows to add: a number such as 20, or a share of the failures such as 1x."
        ),
    ] = "1x",
    healthy: Annotated[
        str,
        typer.Option(
            help="SQL that a control meets; by default it passed what --where names and failed"
            " nothing."
        ),
    ] = "",
    unit: Annotated[
        str,
        typer.Option(
            help="step: an item is the failing step; trace: the request and answer of its trace."
        ),
    ] = "step",
    limit: Annotated[
        int,
        typer.Option(min=0, help="Failures at most; 0 for no limit."),
    ] = 0,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Another number draws other rows where there are more than 2,000."
        ),
    ] = 0,
    since: Since = None,
    until: Until = None,
    author: Author = None,
    format_: Format = "all",
    out: Out = _OUT,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Make a data set, or the next version of one, store it, and write its files."""
    need("datasets", "everyspan dataset build")
    from pydantic import ValidationError

    from experiments.datasets.build import build as make
    from experiments.datasets.dataset_definition import DEFAULT_WINDOW, Definition
    from experiments.datasets.export import formats

    now = datetime.now(UTC)
    back = duration(since) if since else DEFAULT_WINDOW
    with plain_errors():
        wanted = formats(format_)
        try:
            definition = Definition.model_validate(
                {
                    "where": where,
                    "healthy": healthy,
                    "unit": unit,
                    "per_cluster": per_cluster,
                    "controls": controls,
                    "limit": limit,
                    "seed": seed,
                    "window_seconds": int(back.total_seconds()) if back else 0,
                    "since": None if back else moment("--since", since or "", now),
                }
            )
        except ValidationError as error:
            problem = error.errors()[0]
            option = str(problem["loc"][0]).replace("_", "-")
            fail(f"--{option} {problem['input']}: {problem['msg'].removeprefix('Value error, ')}")
        _check_name(name)
        definition.wanted_controls(1)
        window = _window(definition, since, until, now)
        client, settings, writer = _open(data, clickhouse_dsn, clickhouse_port, host, classify_port)
        whose = _whose(settings, project)
        parent = _newest(client, settings, name, whose)
        with console.status("Reading, masking, grouping …"):
            version = make(
                _source(client, whose),
                name,
                definition,
                window,
                author or getpass.getuser(),
                parent,
            )
            unchanged = parent is not None and _same(parent, version)
            version = parent if unchanged and parent else writer.save(version)
        if unchanged:
            console.print(f"{name}: nothing changed since version {version.number}")
        else:
            dataset_report.version(version)
        _write(client, settings, version, wanted, out)


@app.command("list")
def list_(
    as_json: Json = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """List the data sets with their newest version and its drift."""
    from experiments.datasets import dataset_store

    with plain_errors():
        client, settings = _reader(data, clickhouse_dsn, clickhouse_port)
        newest: dict[tuple[str, str], Version] = {}
        for version in dataset_store.versions(client, settings.database):
            newest.setdefault((version.project, version.dataset), version)
        drifts = dataset_store.last_drift(client, settings.database)
    rows = [
        {
            "project": told(version.project),
            "dataset": version.dataset,
            "version": version.number,
            "failures": version.failure_count,
            "controls": version.control_count,
            "created_at": f"{version.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "author": version.author,
            "drift": found.verdict if (found := drifts.get((*each, version.number))) else "–",
            "where": version.definition.where,
        }
        for each, version in newest.items()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        console.print("no data sets yet; `everyspan dataset build NAME --where …` makes one")
        return
    shown = ["dataset", "version", "failures", "controls", "created_at", "drift"]
    if any(row["project"] != DEFAULT for row in rows):
        shown.insert(0, "project")
    table = Table(*shown, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[name]) for name in shown))
    console.print(table)


@app.command()
def show(
    name: Name,
    number: Number = 0,
    as_json: Json = False,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Show a version: what it was made of, its groups with an example each, its versions."""
    from experiments.datasets import dataset_store

    with plain_errors():
        client, settings = _reader(data, clickhouse_dsn, clickhouse_port)
        whose = _whose(settings, project)
        version = dataset_store.load(client, settings.database, name, number, whose)
        versions = dataset_store.versions(client, settings.database, name, whose)
        drifts = dataset_store.last_drift(client, settings.database)
    drift = drifts.get((version.project, name, version.number))
    if as_json:
        typer.echo(version.model_dump_json(exclude={"reference"}, ensure_ascii=True))
        return
    dataset_report.version(version)
    examples: dict[int, str] = {}
    for item in version.failures:
        examples.setdefault(item.cluster, " ".join(item.request.split())[:160])
    for cluster, text in sorted(examples.items()):
        dataset_report.say(f"  {cluster}  {text}")
    if drift is not None:
        dataset_report.say(f"drift: {drift.verdict}: {drift.told}")
    for each in versions:
        dataset_report.say(
            f"v{each.number}  {each.created_at:%Y-%m-%d %H:%M}  {each.author}"
            f"  {each.failure_count} failures, {each.control_count} controls"
            f"  +{len(each.added)} -{len(each.retired)}  {each.content_hash[:12]}"
        )


@app.command()
def export(
    name: Name,
    number: Number = 0,
    format_: Format = "all",
    out: Out = _OUT,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Write the files of a version."""
    from experiments.datasets import dataset_store
    from experiments.datasets.export import formats

    with plain_errors():
        wanted = formats(format_)
        client, settings = _reader(data, clickhouse_dsn, clickhouse_port)
        whose = _whose(settings, project)
        version = dataset_store.load(client, settings.database, name, number, whose)
        _write(client, settings, version, wanted, out)


@app.command()
def refresh(
    name: Name,
    retire_after: Annotated[
        str,
        typer.Option(help="Items go when production has asked nothing like them for so long."),
    ] = "30d",
    since: Since = None,
    until: Until = None,
    author: Author = None,
    format_: Format = "all",
    out: Out = _OUT,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Do it again on newer traffic: what is new comes in, what is over goes, ids stay."""
    need("datasets", "everyspan dataset refresh")
    from experiments.datasets import dataset_store
    from experiments.datasets.export import formats
    from experiments.datasets.refresh import refresh as renew

    now = datetime.now(UTC)
    patience = duration(retire_after)
    if patience is None:
        fail(f"--retire-after {retire_after}: write a number and h, d or w, such as 30d", 2)
    with plain_errors():
        wanted = formats(format_)
        client, settings, writer = _open(data, clickhouse_dsn, clickhouse_port, host, classify_port)
        whose = _whose(settings, project)
        parent = dataset_store.load(client, settings.database, name, project=whose)
        window = _window(parent.definition, since, until, now, parent)
        with console.status("Reading, masking, grouping …"):
            version = renew(
                _source(client, whose), parent, window, author or getpass.getuser(), patience
            )
            if _same(parent, version):
                console.print(f"{name}: nothing changed since version {parent.number}")
                return
            version = writer.save(version)
        dataset_report.version(version)
        dataset_report.difference(version)
        _write(client, settings, version, wanted, out)


@app.command()
def drift(
    name: Name,
    number: Number = 0,
    check: Annotated[
        bool,
        typer.Option("--check", help="End with 1 where it is stale."),
    ] = False,
    as_json: Json = False,
    since: Since = None,
    until: Until = None,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Measure how far production's inputs have moved away from a version, and keep the answer."""
    need("datasets", "everyspan dataset drift")
    from experiments.datasets import dataset_store
    from experiments.datasets.measure import measured

    now = datetime.now(UTC)
    with plain_errors():
        client, settings, writer = _open(data, clickhouse_dsn, clickhouse_port, host, classify_port)
        whose = _whose(settings, project)
        version = dataset_store.load(client, settings.database, name, number, whose)
        window = _window(version.definition, since, until, now)
        with console.status("Reading inputs of production …"):
            found, unlike = measured(_source(client, whose), version, window, now)
            writer.save_drift(found)
    if as_json:
        typer.echo(json.dumps(dataset_report.as_json(found) | {"unlike": unlike}))
    else:
        dataset_report.drift(found, unlike)
    if check and found.verdict == "stale":
        raise typer.Exit(1)


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = "",
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Delete every version from ClickHouse. Files that were written stay."""
    with plain_errors():
        _, settings, writer = _open(data, clickhouse_dsn, clickhouse_port, host, classify_port)
        whose = _whose(settings, project)
        if not yes:
            typer.confirm(f"Delete every version of {name}?", abort=True)
        writer.delete(name, whose or "")
    console.print(f"{name} is deleted")


def _reader(
    data: Path | None, dsn: str | None, clickhouse_port: int | None
) -> tuple[Client, UpSettings]:
    from experiments.datasets.dataset_store import check_schema

    client, settings = open_reader(data, dsn, clickhouse_port)
    client.database = settings.database
    check_schema(client, settings.database)
    return client, settings


def _open(
    data: Path | None,
    dsn: str | None,
    clickhouse_port: int | None,
    host: str | None,
    classify_port: int | None,
) -> tuple[Client, UpSettings, Writer]:
    """A reader, and the way to write: the running service where it alone can."""
    from classify.settings import ClassifySettings
    from cli.classify_client import classify_client
    from experiments.datasets.dataset_store import check_schema
    from experiments.datasets.writer import Direct, Service

    client, settings = open_reader(data, dsn, clickhouse_port)
    client.database = settings.database
    if is_served(settings):
        service = read_settings(ClassifySettings, host=host, classify_port=classify_port)
        check_schema(client, settings.database)
        return client, settings, Service(classify_client(service))
    if settings.embedded:
        from clickhouse.migrate import migrate

        migrate(client, settings, retention=False)
    check_schema(client, settings.database)
    return client, settings, Direct(client, settings)


def _source(client: Client, project: str | None) -> Source:
    from experiments.datasets.condition import Columns
    from experiments.datasets.encoder import fingerprint, vectors
    from experiments.datasets.source import Source

    return Source(client, vectors, fingerprint(), Columns(client), project)


def _newest(client: Client, settings: UpSettings, name: str, project: str | None) -> Version | None:
    from experiments.datasets import dataset_store

    if name not in dataset_store.names(client, settings.database, project):
        return None
    return dataset_store.load(client, settings.database, name, project=project)


def _whose(settings: UpSettings, project: str) -> str | None:
    """The project whose data sets and rows are meant. None: a key's own, as it is shown no other's.
    Whoever reads all takes them of one: what is in a data set is for those who may read it."""
    if not key_shown(settings):
        return "" if project == DEFAULT else project
    if project:
        fail("a key is of one project, whose data sets it opens: leave --project out", 2)
    return None


def _same(parent: Version, version: Version) -> bool:
    """Whether there is nothing to store: a new reference is wanted with a new encoder too."""
    return (parent.content_hash, parent.encoder, parent.definition) == (
        version.content_hash,
        version.encoder,
        version.definition,
    )


def _window(
    definition: Definition,
    since: str | None,
    until: str | None,
    now: datetime,
    parent: Version | None = None,
) -> tuple[datetime, datetime]:
    """As the options say, else as the definition does; from a fixed moment on, a refresh goes on
    where ``parent`` ended."""
    end = moment("--until", until, now) if until else now
    start, _ = definition.window(end)
    if parent is not None and not definition.window_seconds:
        start = parent.until
    if since:
        start = moment("--since", since, now)
    if start >= end:
        fail(f"--since {start:%Y-%m-%d %H:%M} is not before --until {end:%Y-%m-%d %H:%M}", 2)
    return start, end


def _write(
    client: Client, settings: UpSettings, version: Version, wanted: list[str], out: Path
) -> None:
    from experiments.datasets import dataset_store
    from experiments.datasets.export import export as write

    folder = write(
        version, wanted, out, lambda: dataset_store.parquet(client, settings.database, version)
    )
    console.print(f"{folder}: {', '.join(wanted)}", soft_wrap=True)


def _check_name(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from experiments.datasets.dataset_definition import Name as NameType

    try:
        TypeAdapter(NameType).validate_python(name)
    except ValidationError:
        fail(
            f"NAME {name}: use letters, digits, dots, dashes and underscores, at most 64, not"
            " beginning with a sign",
            2,
        )
