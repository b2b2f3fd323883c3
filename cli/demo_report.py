"""What ``everyspan demo`` prints: the three layers, coverage, planted failures, worst traces."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from pydantic import SecretStr
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from classify.coverage import coverage
from classify.registry import BUILT_IN
from cli.console import console
from web.key import address, key
from web.settings import WebSettings

_WORST = 5
#: What these look for is plain to see: all of it must be found.
_CERTAIN = ("tool_call_error", "data_leakage")
_MAX_EVIDENCE = 90


def show(client: Client, traffic: dict[str, Any]) -> bool:
    """Print the report. True when every row is judged and every planted failure of the rule
    classifiers was found."""
    console.print(Rule(Text("What Everyspan found", "bold")), width=80)
    _operational(client)
    _verdicts(client)
    found = _planted(client, traffic)
    _worst(client)
    judged = coverage(client, "everyspan")
    color = "green" if not judged.pending else "red"
    console.print(
        Text.assemble(
            (f"\ncoverage {judged.ratio or 0:.0%}", f"bold {color}"),
            f": {judged.judged} of {judged.rows} rows judged, {traffic['spans_sent']} spans sent",
        )
    )
    return found and not judged.pending and judged.rows == traffic["spans_sent"]


def alert(event: dict[str, Any], taken: int, refused: list[str]) -> None:
    """Print an alert as PagerDuty's Events API v2 got it."""
    payload = event["payload"]
    console.print()
    console.print(
        Rule(Text("The alert of the planted hallucination, as PagerDuty got it", "bold")), width=80
    )
    console.print(f"{payload['summary']}\n", style="bold red")
    details = {"classifier": payload["class"], "severity": payload["severity"]}
    for name, text in (details | payload["custom_details"]).items():
        name = name.lstrip("0123456789 ")
        text = str(text).strip("\n")
        if "\n" in text:
            console.print(Text.assemble((name, "bold"), f"\n{text}"), soft_wrap=True)
        else:
            console.print(Text.assemble((f"{name:<15}", "bold"), f" {text}"), soft_wrap=True)
    color = "red" if refused else "green"
    console.print(
        Text.assemble(
            (f"\n{taken} events taken, {len(refused)} refused", color),
            " by a local stand-in that checks the published schema of PagerDuty's Events API v2",
        )
    )
    for reason in refused[:5]:
        console.print(f"  {reason}", style="red")


def where_to_look(
    otlp: str, clickhouse: str, ports: dict[str, int], traffic: dict[str, Any], data: Path
) -> None:
    """Print addresses and commands to go on with."""
    page = f"http://127.0.0.1:{ports['web']}"
    # The stack was started without settings of the environment.
    own = WebSettings(data=data, web_token=SecretStr(""), clickhouse_dsn="")
    failing = next((turn for turn in traffic["turns"] if turn["plants"]), traffic["turns"][0])
    port = "" if ports["clickhouse"] == 8123 else f" --clickhouse-port {ports['clickhouse']}"
    command = "everyspan" if shutil.which("everyspan") else os.path.relpath(sys.argv[0])
    console.print("\nWhere to look", style="bold")
    turn = next((t for t in traffic["turns"] if t["scenario"] == "tent-guarantee"), failing)
    again = f"{command} replay {turn['trace_id']} --from-step 4 --entry demo.replay:answer{port}"
    rows = [
        ("the page", f"{page}/traces/{turn['trace_id']}"),
        ("answering", f"{address(page, key(own))}  (once in a browser)"),
        ("a trace", f"{command} trace {failing['trace_id']}{port}"),
        ("again", again),
        ("SQL", f'{command} sql "SELECT name, count() FROM everyspan.spans GROUP BY name"{port}'),
        ("curl", f"curl '{clickhouse}/?query=SELECT+count()+FROM+everyspan.spans'"),
        (
            "browser",
            f"{clickhouse}/?query=SELECT+*+FROM+everyspan.spans+LIMIT+10+FORMAT+PrettyCompact",
        ),
        ("Grafana", f"ClickHouse data source, HTTP, server 127.0.0.1, port {ports['clickhouse']}"),
        ("your agent", f"OTEL_EXPORTER_OTLP_ENDPOINT={otlp}"),
        ("metrics", f"{otlp}/metrics"),
    ]
    for name, text in rows:
        console.print(Text.assemble((f"  {name:<11}", "dim"), text), soft_wrap=True)


def _operational(client: Client) -> None:
    result = client.query(
        "SELECT step_kind, count() AS steps, countIf(status = 'error') AS errors,"
        " quantile(0.95)(duration_ms) AS p95, sum(input_tokens) AS i, sum(output_tokens) AS o,"
        " sum(cost_usd) AS cost FROM everyspan.spans GROUP BY step_kind ORDER BY steps DESC"
    )
    table = Table(title="Operational", title_justify="left", header_style="bold")
    table.add_column("step")
    for name in ("steps", "errors", "p95 ms", "tokens in", "tokens out", "cost"):
        table.add_column(name, justify="right")
    for kind, steps, failed, p95, tokens_in, tokens_out, cost in result.result_rows:
        table.add_row(
            kind,
            f"{steps:,}",
            Text(f"{failed:,}", "red" if failed else ""),
            f"{p95:,.1f}",
            _number(tokens_in),
            _number(tokens_out),
            "–" if cost is None else f"${cost:.4f}",
        )
    console.print(table)


def _verdicts(client: Client) -> None:
    for layer in ("quality", "safety"):
        names = [c.name for c in BUILT_IN if c.layer == layer]
        if not names:
            continue
        table = Table(
            title=f"{layer.capitalize()}, in steps", title_justify="left", header_style="bold"
        )
        table.add_column("classifier")
        for name in ("looked at", "fail", "pass", "can't tell", "judged"):
            table.add_column(name, justify="right")
        for name in names:
            failed, passed, untold = client.query(
                f"SELECT countIf({name} = 'fail'), countIf({name} = 'pass'),"
                f" countIf({name} = 'abstained') FROM everyspan.spans"
            ).result_rows[0]
            looked = failed + passed + untold
            table.add_row(
                name,
                f"{looked:,}",
                Text(f"{failed:,}", "red" if failed else ""),
                f"{passed:,}",
                f"{untold:,}",
                f"{(failed + passed) / looked:.0%}" if looked else "–",
            )
        console.print(table)


def _planted(client: Client, traffic: dict[str, Any]) -> bool:
    complete = True
    table = Table(title="Planted failures, in traces", title_justify="left", header_style="bold")
    for name in ("classifier", "planted", "found", "false alarms"):
        table.add_column(name, justify="left" if name == "classifier" else "right")
    for name in (c.name for c in BUILT_IN):
        planted = {
            turn["trace_id"]
            for turn in traffic["turns"]
            if any(plant["classifier"] == name for plant in turn["plants"])
        }
        failing = {
            row[0]
            for row in client.query(
                f"SELECT DISTINCT trace_id FROM everyspan.spans WHERE {name} = 'fail'"
                " AND trace_id IN {ids:Array(String)}",
                parameters={"ids": [turn["trace_id"] for turn in traffic["turns"]]},
            ).result_rows
        }
        if not planted and not failing:
            continue
        found, wrong = len(planted & failing), len(failing - planted)
        complete &= found == len(planted) or name not in _CERTAIN
        color = "green" if found == len(planted) else "red"
        table.add_row(name, str(len(planted)), Text(str(found), color), str(wrong))
    console.print(table)
    return complete


def _worst(client: Client) -> None:
    names = [c.name for c in BUILT_IN]
    fails = " + ".join(f"countIf({name} = 'fail')" for name in names)
    failing = " OR ".join(f"{name} = 'fail'" for name in names)
    result = client.query(
        f"SELECT trace_id, {fails} AS fails, countIf(status = 'error') AS errors,"
        f" anyIf(concat(name, ': ', arrayElement(mapValues(evidence), 1)), {failing}) AS why"
        " FROM everyspan.spans GROUP BY trace_id HAVING fails > 0"
        f" ORDER BY fails DESC, errors DESC, trace_id LIMIT {_WORST}"
    )
    table = Table(title="Worst traces", title_justify="left", header_style="bold")
    table.add_column("trace", no_wrap=True)
    table.add_column("fails", justify="right")
    table.add_column("why")
    for trace_id, number, _, why in result.result_rows:
        text = why if len(why) <= _MAX_EVIDENCE else why[:_MAX_EVIDENCE] + "…"
        table.add_row(trace_id[:16], str(number), text)
    console.print(table)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
