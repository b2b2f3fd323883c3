"""What the steps of a trace said, for ``everyspan trace --content`` and ``--json``."""

from __future__ import annotations

import json

import typer
from clickhouse_connect.driver.client import Client
from rich.text import Text

from cli.console import console
from web import conversation, say, trace
from web.mark import shown
from web.reader import Reader
from web.trace_view import MOST_OPEN, document


def show(client: Client, database: str, trace_id: str, *, as_json: bool) -> None:
    """Of every step, a text at most 2,000 characters; as JSON what the columns hold. Raises
    ReadError and AddressError."""
    reader = Reader(lambda _: client, database)
    first = trace.load(reader, trace.find(reader, trace_id), 1)
    runs = [first, *(trace.load(reader, first.trace_id, n) for n in range(2, first.runs + 1))]
    for found in runs:
        for start in range(0, len(found.steps), MOST_OPEN):
            trace.contents(reader, found, found.steps[start : start + MOST_OPEN])
        if as_json:
            typer.echo(json.dumps(document(found)))
            continue
        for step in found.steps:
            _step(step)


def _step(step: trace.Step) -> None:
    console.print(
        Text.assemble(
            (f"\n{step.number} {conversation.summary(step)}", "bold"),
            (f"  {step.row['step_kind']}  {say.duration(step.row['duration_ms'])}", "dim"),
        ),
        soft_wrap=True,
    )
    for each in step.failures:
        console.print(
            Text(f"  ✗ {each.classifier} {each.score:.2f}  {shown(each.said)}", "red"),
            soft_wrap=True,
        )
    for block in conversation.blocks(step):
        label = f" {block.label}" if block.label else ""
        console.print(Text(f"  {block.role}{label}:", "cyan"), soft_wrap=True)
        console.print(
            "\n".join(f"    {line}" for line in block.text.splitlines())
            + (f"\n    … of {say.size(block.length)} characters" if block.column else ""),
            soft_wrap=True,
        )
