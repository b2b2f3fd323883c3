"""Ids are new at each run, whatever a program does with `random`: real processes."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.sdk.receiver import receiving

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan import _ids
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

ROOT = Path(__file__).parents[2]

SEEDED = """
    import random, everyspan
    {provider}
    everyspan.init(service="seeded", instrument=False)

    @everyspan.step(kind="tool")
    def look_up(word): return word

    random.seed(42)
    look_up("a")
    look_up("b")
"""
THEIRS = (
    "from opentelemetry import trace; from opentelemetry.sdk.trace import TracerProvider; "
    "trace.set_tracer_provider(TracerProvider()); early = trace.get_tracer('early')"
)


@pytest.mark.parametrize("provider", ["", THEIRS], ids=["ours", "theirs"])
def test_a_seeded_program_gets_other_ids_at_each_run(provider: str, tmp_path: Path) -> None:
    source = textwrap.dedent(SEEDED.format(provider=provider))
    if provider:  # a tracer handed out before init
        source += "random.seed(42)\nearly.start_span('early').end()\n"
    (tmp_path / "agent.py").write_text(source, encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "EVERYSPAN_"))}
    with receiving() as receiver:
        for _ in range(2):
            subprocess.run(
                [sys.executable, "agent.py"],
                cwd=tmp_path,
                env={**clean, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
                check=True,
                timeout=60,
            )
    traces = [span.trace_id for span in receiver.spans]
    assert len(traces) == (6 if provider else 4)
    assert len(set(traces)) == len(traces)
    assert len({span.span_id for span in receiver.spans}) == len(traces)


def test_an_id_is_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [bytes(8), bytes(8), b"\0" * 7 + b"\1"]
    monkeypatch.setattr(os, "urandom", lambda size: given.pop(0))
    assert _ids.SystemIdGenerator().generate_span_id() == 1


def test_a_forked_process_gets_other_ids() -> None:
    generator = _ids.SystemIdGenerator()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, generator.generate_trace_id().to_bytes(16, "big"))
        os._exit(0)
    os.waitpid(child, 0)
    assert int.from_bytes(os.read(read, 16), "big") != generator.generate_trace_id()


def test_a_generator_that_somebody_chose_stays() -> None:
    class Counting(IdGenerator):
        def generate_span_id(self) -> int:
            return 7

        def generate_trace_id(self) -> int:
            return 8

    provider = TracerProvider(id_generator=Counting(), shutdown_on_exit=False)
    _ids.secure(provider)
    assert provider.id_generator.generate_trace_id() == 8


def test_nothing_that_runs_draws_from_the_global_random() -> None:
    """A `Random(seed)` of one's own is fine; the module's functions are shared with the program."""
    drawing = set(dir(random)) - {"Random", "SystemRandom"}
    found = []
    rooms = ("sdk/src", "ingest", "classify", "clickhouse", "experiments", "alerting", "grafana")
    for path in (path for room in (*rooms, "cli") for path in (ROOT / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                drawn = node.value.id == "random" and node.attr in drawing
            else:
                drawn = (
                    isinstance(node, ast.ImportFrom)
                    and node.module == "random"
                    and any(name.name in drawing for name in node.names)
                )
            if drawn and "import random" in path.read_text(encoding="utf-8"):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []
