"""``everyspan status``: rows, coverage, lag, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client
from rich.table import Table
from rich.text import Text

from classify.coverage import coverage, told
from classify.custom.classifier_store import everything
from classify.detectors.definition import own_version
from classify.job.back_fill import progress
from classify.job.own_traffic import limits
from classify.job.rejudge import left
from classify.registry import BUILT_IN
from classify.reviews.calibration_store import Calibration, history, run_of, standing
from classify.reviews.fails_from import fails_from
from classify.reviews.figures import TITLES, reviewed
from cli.console import console, plain_errors
from cli.options import ClickHousePort, Data, Dsn
from cli.reader import key_shown, open_reader
from clickhouse.set_aside import reasons
from experiments.datasets.dataset_store import versions
from experiments.experiment_store import stored
from grafana.build.gaps import GAP_COLUMNS, MISSING, gaps
from grafana.build.sql import PRODUCTION, TRACE
from service.stack_metrics import stack_troubles
from web.say import interval, iso, plural, share

#: What "per second" is measured over.
_MINUTES = 5
#: What the shares of each classifier are of.
_TOLD_DAYS = 2


def status(
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much is stored and how much of it is judged."""
    with plain_errors():
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        database = settings.database
        key = key_shown(settings)
        judged = coverage(client, database)
        traces, sessions, first, last, last_ingested = client.query(
            f"SELECT uniqExact({TRACE}), uniqExactIf(session_id, session_id != ''),"
            f" min(start_time), max(start_time), max(ingested_at) FROM {database}.spans"
            f" WHERE {PRODUCTION}"
        ).result_rows[0]
        migration, number, described = client.query(
            f"SELECT (SELECT max(name) FROM {database}.migrations), max(version),"
            f" argMax(classifiers, version) FROM {database}.classifier_sets"
        ).result_rows[0]
        known = {each.name for each in BUILT_IN}
        set_of = [each for each in _described(described) if each["name"] in known]
        can_tell = told(client, database, [each["name"] for each in set_of], _TOLD_DAYS)
        of_own = limits(
            client,
            database,
            {each["name"]: each["quantile"] for each in set_of if each.get("quantile")},
        )
        custom = progress(client, database)
        waiting = left(client, database)
        recent, again = client.query(
            f"SELECT countIf(ingested_at > now() - INTERVAL {_MINUTES} MINUTE), count()"
            f" FROM {database}.spans_raw FINAL"
            f" WHERE verdict_at > now() - INTERVAL {_MINUTES} MINUTE"
        ).result_rows[0]
        again -= recent
        own, unreadable = everything(client, database)
        troubles = stack_troubles(client, database)
        states = history(run_of(client), database)
        # Whoever shows a key sees the states of its project, and no other's.
        whose = next((each.project for each in states), "") if key else ""
        moved = standing(states, whose)
        client.database = database
        from_where = fails_from(run_of(client))
        answered = _reviewed(client, database, whose)
        stored(client, database)
        versions(client, database)
        aside = {
            table: found
            for table in ("custom_classifiers", "experiments", "dataset_versions")
            if (found := reasons(database, table))
        }
        not_understood = [
            dict(zip(GAP_COLUMNS, found, strict=True))
            for found in client.query(
                gaps(
                    f"start_time > now() - INTERVAL 1 DAY AND {PRODUCTION}", f"{database}.spans_raw"
                )
            ).result_rows
        ]
        size = 0 if key else _bytes_on_disk(client, database)
    facts: dict[str, Any] = {
        "rows": judged.rows,
        "traces": traces,
        "sessions": sessions,
        "judged": judged.judged,
        "pending": judged.pending,
        "coverage": None if judged.ratio is None else round(judged.ratio, 6),
        "unjudged": judged.unjudged,
        "broken": troubles.broken,
        "errors_24h": troubles.errors,
        "set_aside": aside,
        "not_understood": not_understood,
        "lag_seconds": round(judged.oldest_pending_seconds, 3),
        "judged_per_second": round(recent / (60 * _MINUTES), 2),
        "to_judge_again": waiting,
        "custom_to_go_over": custom.left,
        "judged_again_per_second": round(again / (60 * _MINUTES), 2),
        "judged_again_in_seconds": round(waiting * 60 * _MINUTES / again) if again else None,
        "first_span": iso(first) if judged.rows else None,
        "last_span": iso(last) if judged.rows else None,
        "last_ingested": iso(last_ingested) if judged.rows else None,
        "bytes_on_disk": size,
        "classifier_set": number,
        "classifiers": {
            each["name"]: {
                "version": own_version(each["version"]),
                "threshold": from_where.of(each["name"], whose),
                "judged": can_tell[each["name"]].judged,
                "abstained": can_tell[each["name"]].abstained,
            }
            | _moved(moved.get(each["name"]))
            | ({} if key else _of_projects(from_where.own.get(each["name"], {})))
            | ({"detectors": each["detectors"]} if each.get("detectors") else {})
            | (
                {"quantile": each["quantile"], "own_traffic": of_own[each["name"]]}
                if each["name"] in of_own
                else {}
            )
            for each in set_of
        },
        "reviews": answered,
        "custom_classifiers": {
            each.name: {"version": each.version, "state": each.state} | _moved(moved.get(each.name))
            for each in own
            if each.state != "removed"
        }
        | {
            each.name: {"version": int(each.row["version"]), "state": "set aside"}
            for each in unreadable
            if each.state != "removed"
        },
        "migration": migration,
        "clickhouse": client.server_version,
        "everyspan": version("everyspan-server"),
    }
    if key:
        facts = {"key": key} | {
            name: value for name, value in facts.items() if name not in _OPERATORS
        }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    text: str | Text
    for name, value in facts.items():
        if name == "coverage" and judged.ratio is not None:
            text = f"{judged.ratio:.2%}"
        elif name in ("unjudged", "broken", "errors_24h", "set_aside"):
            if not value:
                continue
            text = _troubles(name, value)
        elif name == "not_understood":
            if not value:
                continue
            text = "\n".join(map(_gap, value))
        elif name == "reviews":
            if not value:
                continue
            text = "\n".join(_review(each, found) for each, found in value.items())
        elif name == "custom_classifiers":
            text = "\n".join(
                f"{each} {f['version']}, {f['state']}"
                + (_calibration(f["calibration"]) if "calibration" in f else "")
                for each, f in value.items()
            )
        elif name == "classifiers":
            text = "\n".join(_classifier(each, one) for each, one in value.items())
        elif isinstance(value, int):
            text = f"{value:,}"
        else:
            text = "–" if value is None else str(value)
        table.add_row(Text(_TITLES.get(name, name).replace("_", " "), "bold"), text)
    console.print(table)
    if key:
        console.print(
            f"of the project of the key {key} alone; the operator's is left out: room on the disk,"
            " troubles of the stack, custom classifiers",
            style="dim",
            soft_wrap=True,
        )


#: What a project's key is not told: it concerns all projects.
_OPERATORS = frozenset(
    (
        *("broken", "errors_24h", "set_aside", "custom_to_go_over", "custom_classifiers"),
        "bytes_on_disk",
    )
)
_TITLES = {
    "unjudged": "rows that wait for",
    "broken": "can't judge",
    "errors_24h": "errors in 24 h",
    "not_understood": "not understood in 24 h",
}


def _bytes_on_disk(client: Client, database: str) -> int:
    rows = client.query(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = {database:String}",
        parameters={"database": database},
    ).result_rows
    return int(rows[0][0])


def _gap(found: dict[str, Any]) -> str:
    """'genkit-tracer v1, llm: of 12 steps 12 without model; e.g. TRACE/SPAN'."""
    lacks = ", ".join(
        f"{found[each]:,} without {each.removeprefix('no_')}" for each in MISSING if found[each]
    )
    who = f"{found['scope'] or 'no scope'} {found['version']}".strip()
    return f"{who}, {found['kind']}: of {found['steps']:,} steps {lacks}; e.g. {found['example']}"


def _calibration(facts: dict[str, Any]) -> str:
    """' (its own: 0.83; 40 answers: down from 0.83 to 0.62, …)'."""
    return f" (its own: {facts['own']:.3g}; {facts['reason']})"


def _classifier(name: str, facts: dict[str, Any]) -> str:
    """'toxicity 1002 with prompt-guard (signal), fails from 0.97, judged 1,204 of 1,204'."""
    judged, looked = facts["judged"], facts["judged"] + facts["abstained"]
    share = f" ({judged / looked:.0%})" if judged < looked else ""
    fails_from = f"{facts['threshold']:.3g}"
    others = ", ".join(f"{who} ({use})" for who, use in facts.get("detectors", {}).items())
    beside = f" with {others}" if others else ""
    if "quantile" in facts:
        each = ", ".join(
            f"{service} {score:.3g}" for service, score in facts["own_traffic"].items()
        )
        fails_from += (
            f", of the services with rows enough p{100 * facts['quantile']:g}: {each or '–'}"
        )
    if "calibration" in facts:
        fails_from += _calibration(facts["calibration"])
    if "thresholds_of_projects" in facts:
        fails_from += "".join(
            f", of {project} {score:.3g}"
            for project, score in facts["thresholds_of_projects"].items()
        )
    return (
        f"{name} {facts['version']}{beside}, fails from {fails_from},"
        f" judged {judged:,} of {looked:,}{share}"
    )


def _moved(state: Calibration | None) -> dict[str, Any]:
    """What reviews made of its threshold, as far as they did."""
    if state is None or not state.moves:
        return {}
    return {"calibration": {"number": state.number, "own": state.before, "reason": state.reason}}


def _of_projects(thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Of projects that have another threshold."""
    return {"thresholds_of_projects": dict(thresholds)} if thresholds else {}


def _reviewed(client: Client, database: str, whose: str) -> dict[str, dict[str, Any]]:
    """By classifier that somebody has answered on: how many answers, and what they tell: a figure
    (None where they are too few for one) and the ends of its interval."""
    found = {}
    for each in reviewed(run_of(client), database, whose):
        told = {name: each.quality.estimate(name) for name in TITLES}
        found[each.classifier] = {"answers": each.answers} | {
            name: [
                round(one.value, 4) if one.has_figure else None,
                round(one.low, 4),
                round(one.high, 4),
            ]
            for name, one in told.items()
            if one.is_known
        }
    return found


def _review(name: str, found: dict[str, Any]) -> str:
    """'toxicity 24 answers, fail rate 12 % (6-21 %), precision 71-100 %'."""
    told = [f"{name} {plural(found['answers'], 'answer')}"]
    for title in TITLES:
        if title in found:
            value, low, high = found[title]
            between = interval(low, high)
            figure = between if value is None else f"{share(value)} ({between})"
            told.append(f"{title.replace('_', ' ')} {figure}")
    return ", ".join(told)


def _troubles(name: str, value: Any) -> Text:
    """A line each, in red: what is wrong, and where it is known why."""
    if name == "broken":
        lines = [f"{each}: see /readyz and the log of classify" for each in value]
    elif name == "set_aside":
        lines = [
            f"{table}: {each}: {reason}"
            for table, found in value.items()
            for each, reason in found.items()
        ]
    else:
        lines = [f"{each}: {count:,}" for each, count in value.items()]
    return Text("\n".join(lines), "red")


def _described(text: str) -> list[dict[str, Any]]:
    """What stands behind the deployed set; nothing where the record can't be read."""
    try:
        found = [dict(each) for each in json.loads(text or "[]")]
    except (ValueError, TypeError):
        return []
    return [each for each in found if {"name", "version", "threshold"} <= each.keys()]
