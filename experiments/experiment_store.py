"""Experiments in ClickHouse: what was started and stopped, and the sums behind verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from clickhouse.set_aside import reasons, set_aside, why
from experiments.experiment_definition import Definition, DefinitionError, read_definition
from experiments.metrics import OPERATIONAL
from experiments.sequential import Sums
from experiments.verdict import Counts
from experiments.views import classifiers, complete
from service.errors import UserError
from service.moments import utc

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class StateError(UserError):
    """What was asked does not fit how the experiment stands. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """``counted_from``: units that came before are not compared. ``stopped_at``: None while it
    runs. ``project``: whose it is, '' for the default one."""

    definition: Definition
    running: bool
    winner: str
    started_at: datetime
    counted_from: datetime
    stopped_at: datetime | None
    project: str = ""

    @property
    def name(self) -> str:
        """As views and boards say it."""
        return named(self.definition.name, self.project)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``first``, ``last``: when the first and the newest counted unit came; None for none.
    ``per_day``: counted units of all variants a day, over the last day at most."""

    first: datetime | None
    last: datetime | None
    per_day: float

    @property
    def hours(self) -> float:
        """Between the two."""
        if self.first is None or self.last is None:
            return 0.0
        return (self.last - self.first).total_seconds() / 3600


def named(name: str, project: str) -> str:
    """'checkout', or 'alpha/checkout' of the project alpha, as the views have it."""
    return f"{project}/{name}" if project else name


def stored(client: Client, database: str) -> dict[str, Stored]:
    """Every experiment that was ever started, by name as views say it; one that this version can't
    read is set aside."""
    found: dict[str, Stored] = {}
    unreadable: dict[str, str] = {}
    rows = client.query(
        "SELECT name, definition, status, winner, started_at, counted_from, stopped_at, project"
        f" FROM {database}.experiments ORDER BY name"
    ).result_rows
    for name, definition, status, winner, started, counted, stopped, project in rows:
        try:
            read = read_definition(json.loads(definition), f"experiment {name}, as it is stored")
        except Exception as error:
            unreadable[str(name)] = why(error)
            continue
        found[str(name)] = Stored(
            read,
            status == "running",
            winner,
            utc(started),
            utc(counted),
            None if status == "running" else utc(stopped),
            str(project),
        )
    set_aside(database, "experiments", unreadable)
    return found


def one(client: Client, database: str, name: str) -> Stored:
    """``name``: as views say it. Raises StateError where it was never started, or can't be read."""
    found = stored(client, database).get(name)
    if found is not None:
        return found
    if reason := reasons(database, "experiments").get(name):
        raise StateError(
            f"experiment {name} is set aside, its record can't be read: {reason}; start it again"
            f" from its file: `everyspan experiment start {name} --file experiments.toml`"
        )
    raise StateError(
        f"no experiment {name} was started; define it in a file and run"
        f" `everyspan experiment start {name} --file experiments.toml`"
    )


def seen(client: Client, database: str, name: str) -> Stored:
    """As ``one``; a name that only one of those has that the client is shown needs no project."""
    own = [each for each in stored(client, database).values() if each.definition.name == name]
    return own[0] if len(own) == 1 else one(client, database, name)


def unknown_names(client: Client, database: str) -> list[str]:
    """Experiments that spans of the last week take part in and that nobody started."""
    # Whatever state a row was in, which is quick to read; rows as they are only where there is any.
    for table in ("spans_raw", "spans"):
        rows = client.query(
            "SELECT DISTINCT arrayJoin(mapKeys(experiments)) AS plain,"
            " if(project = '', plain, concat(project, '/', plain)) AS name"
            f" FROM {database}.{table} WHERE start_time > now() - INTERVAL 7 DAY"
            " AND notEmpty(experiments) AND replay_of = ''"
            f" AND name NOT IN (SELECT name FROM {database}.experiments)"
            " ORDER BY name LIMIT 100"
        ).result_rows
        if not rows:
            return []
    return [str(name) for _, name in rows]


def start(
    client: Client,
    database: str,
    definition: Definition,
    since: datetime | None = None,
    cluster: str = "",
    project: str = "",
) -> Stored:
    """Start an experiment of a project, or change a running one. ``cluster``: EVERYSPAN_CLUSTER.

    Units are counted from ``since``, by default from now; a change that leaves the split as it is
    goes on counting. Raises DefinitionError for a metric that is not there, StateError for a
    ``since`` that lies ahead.
    """
    now = _milliseconds(datetime.now(UTC))
    since = None if since is None else _milliseconds(since)
    if since is not None and since > now:
        raise StateError(f"since {since.isoformat()} lies ahead; units are counted from the past")
    names = classifiers(client, database)
    wanted = [each.metric for each in definition.metrics if each.metric not in OPERATIONAL]
    if missing := [name for name in wanted if name not in names]:
        raise DefinitionError(
            f"experiment {definition.name}: no classifier and no metric is named"
            f" {', '.join(missing)}; there are {', '.join((*names, *OPERATIONAL))}"
        )
    complete(client, database, wanted, cluster)
    before = stored(client, database).get(named(definition.name, project))
    started = counted = since or now
    if before is not None and before.running:
        started = before.started_at
        if since is None and before.definition.same_split(definition):
            counted = before.counted_from
    found = Stored(definition, True, "", started, counted, None, project)
    _write(client, database, found)
    return found


def stop(client: Client, database: str, name: str, winner: str = "") -> Stored:
    """End an experiment; from then on everybody gets ``winner``, else the control. ``name``: as
    views say it.

    Raises StateError for an experiment that does not run and a winner that it does not have.
    """
    before = one(client, database, name)
    if winner and winner not in before.definition.variants:
        raise StateError(
            f"experiment {name} has no variant {winner}; it has"
            f" {', '.join(before.definition.variants)}"
        )
    if not before.running and winner == before.winner:
        raise StateError(f"experiment {name} was stopped already")
    found = Stored(
        before.definition,
        False,
        winner,
        before.started_at,
        before.counted_from,
        before.stopped_at or _milliseconds(datetime.now(UTC)),
        before.project,
    )
    _write(client, database, found)
    return found


def _write(client: Client, database: str, what: Stored) -> None:
    row = {
        "name": what.definition.name,
        "status": "running" if what.running else "stopped",
        "winner": what.winner,
        "started_at": what.started_at,
        "counted_from": what.counted_from,
        "stopped_at": what.stopped_at or _NEVER,
        "definition": json.dumps(what.definition.document()),
        "project": what.project,
    }
    client.insert(
        "experiment_changes",
        [list(row.values())],
        column_names=list(row),
        database=database,
    )


def read_sums(client: Client, database: str, name: str) -> dict[tuple[str, str], Sums]:
    """By variant and metric."""
    rows = client.query(
        "SELECT variant, metric, units, y, x, yy, xy, xx, y_in_full, capped, farthest"
        f" FROM {database}.experiment_sums"
        " WHERE experiment = {name:String}",
        parameters={"name": name},
    ).result_rows
    return {(variant, metric): Sums(int(units), *rest) for variant, metric, units, *rest in rows}


def read_counts(client: Client, database: str, name: str) -> tuple[Counts, Arrivals]:
    """Units of an experiment, and how they come."""
    rows = client.query(
        "SELECT variant, count(), countIf(variants_seen > 1), min(first_seen), max(first_seen),"
        " countIf(first_seen > now() - INTERVAL 1 DAY)"
        f" FROM {database}.experiment_outcomes WHERE experiment = {{name:String}} AND counted"
        " GROUP BY variant",
        parameters={"name": name},
    ).result_rows
    by_variant: Mapping[str, int] = {row[0]: int(row[1]) for row in rows}
    counts = Counts(by_variant, sum(int(row[2]) for row in rows))
    if not rows:
        return counts, Arrivals(None, None, 0.0)
    first, last = utc(min(row[3] for row in rows)), utc(max(row[4] for row in rows))
    days = min(1.0, (datetime.now(UTC) - first).total_seconds() / 86_400)
    recent = sum(int(row[5]) for row in rows)
    return counts, Arrivals(first, last, recent / days if days > 0 else 0.0)


def _milliseconds(time: datetime) -> datetime:
    """As the table keeps it."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
