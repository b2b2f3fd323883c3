"""``everyspan trace``: one trace as the tree of its steps."""

from __future__ import annotations

import re
from math import nan
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client
from everyspan.masking.mask import masked
from rich.text import Text
from rich.tree import Tree

from cli.console import console, fail, plain_errors
from cli.content import show
from cli.options import ClickHousePort, Data, Dsn
from cli.reader import open_reader
from grafana.failing_step import first_failing
from grafana.replay_command import ENTRY_ATTRIBUTE, replay_command, replay_note
from web import say

_COLUMNS = (
    "trace_id, span_id, parent_span_id, name, step_kind, start_time, duration_ms, status,"
    " status_message,"
    " error_type, model, input_tokens, output_tokens, cost_usd, tool_name, code_file, code_line,"
    " evidence, verdict_version, unjudged, id_reuse, twin_of, replay_of,"
    " resource_attributes['" + ENTRY_ATTRIBUTE + "'] AS entry"
)
_MAX_TEXT = 160
#: More than is shown, so that a secret is whole when it is masked.
_MOST_READ = 8192

Row = dict[str, Any]


def trace(
    trace_id: Annotated[str, typer.Argument(help="32 hex digits, or as many as make it unique.")],
    content: Annotated[
        bool, typer.Option("--content", help="What each step said: messages, calls, documents.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a line a run, with what was said.")
    ] = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Show a trace: its steps with latency, tokens, cost and verdicts."""
    wanted = trace_id.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", wanted):
        fail(f"TRACE_ID must be 4 to 32 hex digits, not '{trace_id}'", 2)
    with plain_errors():
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        if as_json:
            show(client, settings.database, wanted, as_json=True)
            return
        rows = load(client, settings.database, wanted)
    ids = sorted({row["trace_id"] for row in rows})
    if not ids:
        fail(f"no trace {wanted} is stored")
    if len(ids) > 1:
        fail(f"{len(ids)} traces begin with {wanted}; give more digits: {', '.join(ids[:5])}")
    runs = sorted({row["id_reuse"] for row in rows})
    for run in runs:
        if len(runs) > 1:
            console.print(
                f"run {run + 1} of {len(runs)} that used these ids: the sender's are not random",
                style="yellow",
                soft_wrap=True,
            )
        shown = [row for row in rows if row["id_reuse"] == run]
        console.print(tree(shown))
    if content:
        with plain_errors():
            show(client, settings.database, ids[0], as_json=False)
    console.print(f"\nreplay from {_replay(shown)}", soft_wrap=True)


def load(client: Client, database: str, wanted: str) -> list[Row]:
    """The rows of all traces whose id begins with ``wanted``, by start time."""
    verdicts = verdict_columns(client, database)
    condition = (
        "trace_id = {wanted:String}"
        if len(wanted) == 32
        else "startsWith(trace_id, {wanted:String})"
    )
    columns = ", ".join(
        [_COLUMNS, *verdicts, *(f"{name}_score" for name in verdicts), "custom", "custom_scores"]
    )
    result = client.query(
        f"SELECT {columns} FROM {database}.spans WHERE {condition} ORDER BY start_time, span_id",
        parameters={"wanted": wanted},
    )
    rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    for row in rows:
        row["verdicts"] = {name: (row[name], row[f"{name}_score"]) for name in verdicts} | {
            name: (label, row["custom_scores"].get(name, nan))
            for name, label in row["custom"].items()
        }
    return rows


def _replay(rows: list[Row]) -> str:
    """What to replay: the first step that failed, and not one that passes it on; else all of it."""
    found = first_failing(rows, lambda row: row["status"] == "error" or bool(_failed(dict(row))))
    step = next((i for i, row in enumerate(rows, 1) if row is found), 1)
    entry = next((row["entry"] for row in rows if row["entry"]), "")
    name = _short(rows[step - 1]["name"])
    note = f"\n({note})" if (note := replay_note(entry)) else ""
    return f"step {step} ({name}): {replay_command(rows[0]['trace_id'], step)}{note}"


def _replay_of(rows: list[Row]) -> tuple[str, str]:
    """That it is no production, and in which style."""
    of = next((row["replay_of"] for row in rows if row.get("replay_of")), "")
    return (f"  a replay of {of}: it counts nowhere" if of else "", "yellow")


def verdict_columns(client: Client, database: str) -> list[str]:
    """Names of the classifiers that the view has columns for: c where c_score is one too."""
    names = [
        row[0]
        for row in client.query(
            "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spans'"
            " ORDER BY position",
            parameters={"database": database},
        ).result_rows
    ]
    return [name for name in names if f"{name}_score" in names]


def tree(rows: list[Row]) -> Tree:
    """The steps under their parents; those whose parent never came stand at the top."""
    ids = {row["span_id"] for row in rows}
    total_in = sum(row["input_tokens"] or 0 for row in rows)
    total_out = sum(row["output_tokens"] or 0 for row in rows)
    cost = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    top = Tree(
        Text.assemble(
            (f"trace {rows[0]['trace_id']}", "bold"),
            f"  {say.plural(len(rows), 'step')}",
            f"  {total_in:,} → {total_out:,} tokens" if total_in or total_out else "",
            f"  {say.money(sum(cost))}" if cost else "",
            _replay_of(rows),
        )
    )
    children: dict[str, list[Row]] = {}
    tops: list[Row] = []
    for row in rows:
        parent = row["parent_span_id"]
        if parent in ids and parent != row["span_id"]:
            children.setdefault(parent, []).append(row)
        else:
            tops.append(row)
    shown: set[str] = set()
    # Branches wait in a list of our own: a trace may be deeper than Python's stack.
    todo = [(top, row) for row in reversed(tops)]
    while todo or len(shown) < len(rows):
        if not todo:
            # Only circles are left: break one open.
            todo.append((top, next(row for row in rows if row["span_id"] not in shown)))
        branch, row = todo.pop()
        if row["span_id"] in shown:
            continue
        shown.add(row["span_id"])
        here = branch.add(_line(row))
        for text in _below(row):
            here.add(text)
        todo.extend((here, child) for child in reversed(children.get(row["span_id"], [])))
    return top


def _line(row: Row) -> Text:
    parts: list[str | tuple[str, str]] = [
        (_short(row["name"]), "bold"),
        (row["step_kind"], "dim"),
        say.duration(row["duration_ms"]),
    ]
    if row["model"]:
        parts.append(_short(row["model"]))
    if row["input_tokens"] is not None or row["output_tokens"] is not None:
        parts.append(f"{row['input_tokens'] or 0:,} → {row['output_tokens'] or 0:,} tokens")
    if row["cost_usd"] is not None:
        parts.append(say.money(row["cost_usd"]))
    if row["code_file"]:
        parts.append((f"{_short(row['code_file'])}:{row['code_line']}", "dim"))
    if row["status"] == "error":
        parts.append(("error", "red"))
    if not row["verdict_version"]:
        parts.append(("not judged yet", "yellow"))
    elif row["unjudged"]:
        parts.append((f"not judged by {_short(', '.join(row['unjudged']))}", "yellow"))
    elif any(label == "pass" for label, _ in row["verdicts"].values()) and not _failed(row):
        parts.append(("pass", "green"))
    return Text("  ").join(Text.assemble(part) for part in parts)


def _failed(row: Row) -> dict[str, float]:
    return {name: score for name, (label, score) in row["verdicts"].items() if label == "fail"}


def _below(row: Row) -> list[Text]:
    found: list[Text] = []
    if row["twin_of"]:
        there, _, span_id = row["twin_of"].partition("/")
        told = f"the same call as span {span_id} of trace {there}, where it counts"
        found.append(Text(_short(told), "dim"))
    if row["status"] == "error":
        text = ": ".join(part for part in (row["error_type"], row["status_message"]) if part)
        if text:
            found.append(Text(_short(text), "red"))
    for name, score in _failed(row).items():
        reason = _short(row["evidence"].get(name, ""))
        found.append(Text.assemble((f"✗ {name} {score:.2f}", "red"), f" {reason}"))
    return found


def _short(text: str) -> str:
    """What a span says, masked, on one line."""
    line = " ".join(masked(text[:_MOST_READ]).split())
    return line if len(line) <= _MAX_TEXT else line[:_MAX_TEXT] + "…"
