"""What reaches a user as a sentence is a UserError; the rest is caught where it is understood."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

from cli.console import plain_errors
from service.errors import UserError
from tests.everyspan_up import ROOT

ROOMS = (
    "alerting",
    "classify",
    "cli",
    "clickhouse",
    "experiments",
    "grafana",
    "ingest",
    "service",
    "web",
)
#: Answered over HTTP and gRPC, kept with a row, or understood by the code that asked.
CAUGHT = {
    "alerting.app._Refused",
    "alerting.destinations.registry.ChannelError",
    "alerting.destinations.sending.AwayError",
    "alerting.destinations.sending.RefusedError",
    "alerting.enrich.budget.OverBudgetError",
    "alerting.notification.BodyError",
    "alerting.signature.SignatureError",
    "classify.classifiers.tool_call_error.definitions.TooCostly",
    "classify.job.pool.WorkerDiedError",
    "classify.job.rows.TooLargeError",
    "classify.job.working.BrokenError",
    "classify.shares.fence.LeaseLostError",
    "clickhouse.embedded_http.errors.QueryRefused",
    "clickhouse.embedded_http.execution.Disconnected",
    "clickhouse.refused_writes.RefusedWriteError",
    "grafana.evaluation.expressions.RuleError",
    "grafana.evaluation.templates.TemplateError",
    "grafana.macros.MacroError",
    "grafana.variables.VariableError",
    "ingest.pieces.UnreadableError",
    "ingest.refusal.Refused",
    "ingest.snappy.SnappyError",
    "ingest.snappy.TooLarge",
    "service.caller.NotAllowed",
    "service.pattern.PatternError",
    "service.pattern.PatternTimeoutError",
}


def exceptions() -> set[str]:
    """Every exception class of ours, module and name."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and _may_be_error(node):
                    kind = getattr(importlib.import_module(module), node.name)
                    if issubclass(kind, Exception):
                        found.add(f"{module}.{node.name}")
    return found


def _may_be_error(node: ast.ClassDef) -> bool:
    bases = [ast.unparse(base) for base in node.bases]
    return any(base.endswith(("Error", "Exception", "Refused")) for base in bases)


def test_each_error_is_for_the_user_or_caught() -> None:
    """A new one is a UserError, or stands above with those that no command sees."""
    own = exceptions()
    for name in own:
        module, _, kind = name.rpartition(".")
        is_for_users = issubclass(getattr(importlib.import_module(module), kind), UserError)
        assert is_for_users != (name in CAUGHT), name
    assert own >= CAUGHT
    assert len(own - CAUGHT) > 20


def test_the_console_names_no_room() -> None:
    """Nor loads one, nor the driver of ClickHouse."""
    code = "import cli.console, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded & {*ROOMS, "clickhouse_connect", "fastapi", "numpy"} == {"cli", "service"}


def test_errors_of_users_and_of_clickhouse_end_a_command_with_their_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import typer
    from clickhouse_connect.driver.exceptions import DatabaseError

    for error in (UserError("do this"), DatabaseError("no such table")):
        with pytest.raises(typer.Exit) as ended, plain_errors():
            raise error
        assert ended.value.exit_code == 1
        assert capsys.readouterr().err == f"error: {error}\n"
    with pytest.raises(ZeroDivisionError), plain_errors():
        raise ZeroDivisionError
