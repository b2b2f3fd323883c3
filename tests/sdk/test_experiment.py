"""`everyspan.variant`: assignment, definitions from files and ClickHouse, what is recorded."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

import everyspan
from everyspan import _experiment
from everyspan._assignment import HOLD_OUT, Experiment, read_experiment
from everyspan._definitions import Definitions
from everyspan._source import SourceProcessor, Sources
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

UNITS = [f"session-{i}" for i in range(20_000)]


def experiment(name: str = "e", **fields: Any) -> Experiment:
    return read_experiment(name, {"variants": {"a": 1, "b": 1}, **fields})


def near(count: int, share: float, of: int) -> bool:
    """Within five standard errors."""
    return abs(count - share * of) < 5 * math.sqrt(share * (1 - share) * of)


# --- assignment ---


def test_the_algorithm_does_not_change() -> None:
    # Another variant for a unit that has one would spoil every running experiment.
    given = [experiment().assigned(f"session-{i}")[0] for i in range(24)]
    assert "".join(given) == GOLDEN


GOLDEN = "bbbbbababbbbbaabbbaabbba"


def test_shares_follow_the_weights() -> None:
    three = experiment(variants={"a": 0.5, "b": 0.3, "c": 0.2})
    counts = Counter(three.assigned(unit)[0] for unit in UNITS)
    assert all(near(counts[v], w, len(UNITS)) for v, w in three.variants.items()), counts


def test_a_changed_weight_moves_only_who_must_move() -> None:
    before = experiment(variants={"a": 1, "b": 1, "c": 1})
    after = experiment(variants={"a": 1, "b": 3, "c": 1})
    moves = Counter(
        (old, new)
        for unit in UNITS
        if (old := before.assigned(unit)[0]) != (new := after.assigned(unit)[0])
    )
    assert set(moves) == {("a", "b"), ("c", "b")}
    # From a third to three fifths.
    assert near(sum(moves.values()), 3 / 5 - 1 / 3, len(UNITS))
    # All weights alike, another order, and a variant more: nobody moves between the old ones.
    same = experiment(variants={"c": 2, "b": 2, "a": 2})
    assert all(same.assigned(unit) == before.assigned(unit) for unit in UNITS[:2000])
    more = experiment(variants={"a": 1, "b": 1, "c": 1, "d": 1})
    assert all(more.assigned(unit)[0] in (before.assigned(unit)[0], "d") for unit in UNITS[:2000])


def test_overlapping_experiments_are_independent() -> None:
    one, two = experiment("one"), experiment("two")
    both = Counter((one.assigned(unit)[0], two.assigned(unit)[0]) for unit in UNITS)
    assert all(near(count, 0.25, len(UNITS)) for count in both.values()), both
    # The same salt makes them the same draw.
    shared = experiment("three", salt="one")
    assert all(shared.assigned(unit) == one.assigned(unit) for unit in UNITS[:500])


def test_share_and_hold_out() -> None:
    small, large = experiment(share=0.2), experiment(share=0.6)
    inside = [unit for unit in UNITS if small.assigned(unit)[1]]
    assert near(len(inside), 0.2, len(UNITS))
    # Growing the share keeps those who take part where they are.
    assert all(large.assigned(unit) == small.assigned(unit) for unit in inside)
    outside = next(unit for unit in UNITS if not small.assigned(unit)[1])
    assert small.assigned(outside) == ("a", "")
    one, two = experiment("one", hold_out=0.1), experiment("two", hold_out=0.1, control="b")
    held = [unit for unit in UNITS if one.assigned(unit)[1] == HOLD_OUT]
    assert near(len(held), 0.1, len(UNITS))
    assert all(two.assigned(unit) == ("b", HOLD_OUT) for unit in held)
    # Who is not held out is not shifted by it.
    free = experiment("one")
    assert all(one.assigned(u) == free.assigned(u) for u in UNITS[:2000] if u not in set(held))


def test_a_stopped_experiment_gives_its_winner_to_everybody() -> None:
    assert experiment(status="stopped", winner="b").assigned("x") == ("b", "")
    assert experiment(status="stopped", control="b").assigned("x") == ("b", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"variants": {"a": 1}}, "at least two"),
        ({"variants": {"a": 1, "b": 0}}, "weight of variant 'b' is 0"),
        ({"variants": {"a": 1, "b": "1"}}, "weight of variant 'b'"),
        ({"variants": {"a": 1, "b": math.inf}}, "infinite"),
        ({"variants": {"a": 1, "hold_out": 1}}, "hold_out"),
        ({"control": "c"}, "'control' is 'c', which is none of a, b"),
        ({"winner": "c"}, "'winner'"),
        ({"share": 1.5}, "'share' is 1.5"),
        ({"hold_out": True}, "'hold_out' is True"),
    ],
)
def test_a_wrong_definition_names_the_field(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="experiment 'e'") as error:
        experiment(**fields)
    assert said in str(error.value)


# --- definitions ---

TOML = """
[experiment.tone]
unit = "user"
variants = {plain = 1, warm = 1}
[[experiment.tone.metrics]]
metric = "goal_completion"
role = "primary"
"""


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_is_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(TOML)
    known = Definitions(str(path), refresh_seconds=0)
    assert known.find("tone") == read_experiment(
        "tone", {"unit": "user", "variants": {"plain": 1, "warm": 1}}
    )
    path.write_text("[experiment.tone\n")
    until(lambda: known.find("tone") is not None and "is no TOML" in caplog.text)
    path.write_text(TOML.replace("warm = 1", "warm = 3"))
    until(lambda: (e := known.find("tone")) is not None and e.variants["warm"] == 3)
    assert known.find("other") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "is no TOML"),
        ("", "defines none"),
        ("experiment = 3", r"\[experiment.NAME\]"),
        ("[experiment.tone]", "'variants'"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_is_no_use_ends_the_start(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "experiments.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        Definitions(str(path))
    assert str(path) in str(error.value)


class _ClickHouse:
    """Answers as ClickHouse's HTTP port does; the real one is asked in tests/experiments."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)["query"][0]
                outer.asked.append((query, self.headers.get("Authorization", "")))
                body = "".join(json.dumps(row) + "\n" for row in outer.rows).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def clickhouse() -> Iterator[_ClickHouse]:
    found = _ClickHouse()
    yield found
    found.server.shutdown()
    found.server.server_close()


def row(**changes: str) -> dict[str, str]:
    definition = json.dumps({"variants": {"a": 1, "b": 1}})
    return {"name": "e", "definition": definition, "status": "running", "winner": ""} | changes


def test_definitions_from_clickhouse(
    clickhouse: _ClickHouse, caplog: pytest.LogCaptureFixture
) -> None:
    clickhouse.rows = [row()]
    url = f"http://reader:s%3Acret@{clickhouse.address}/?database=spans_of_us"
    known = Definitions(url, refresh_seconds=0)
    found = known.find("e")
    assert found is not None
    assert found.running
    query, authorization = clickhouse.asked[0]
    assert "FROM spans_of_us.experiments" in query
    assert authorization == "Basic cmVhZGVyOnM6Y3JldA=="
    clickhouse.rows = [row(status="stopped", winner="b")]
    until(lambda: (e := known.find("e")) is not None and not e.running)
    assert known.find("e").assigned("x") == ("b", "")  # type: ignore[union-attr]
    # One that makes no sense keeps its last meaning, others are taken.
    clickhouse.rows = [row(definition="{}"), row(name="f")]
    until(lambda: known.find("f") is not None)
    assert known.find("e").winner == "b"  # type: ignore[union-attr]
    clickhouse.status = 500
    until(lambda: known.find("f") is not None and "does not answer" in caplog.text)
    assert "s:cret" not in caplog.text
    assert "s%3Acret" not in caplog.text


def test_clickhouse_may_come_later(clickhouse: _ClickHouse) -> None:
    clickhouse.status = 503
    known = Definitions(f"http://{clickhouse.address}", refresh_seconds=0)
    assert known.find("e") is None
    clickhouse.status, clickhouse.rows = 200, [row()]
    until(lambda: known.find("e") is not None)


# --- what is recorded ---


@pytest.fixture
def exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans as `init` would make them, kept here."""
    path = tmp_path / "experiments.toml"
    path.write_text(
        TOML
        + """
[experiment.retrieval]
variants = {few = 1, many = 1}
[experiment.closed]
hold_out = 1.0
variants = {x = 1, y = 1}
[experiment.nobody]
share = 0.0
variants = {x = 1, y = 1}
"""
    )
    monkeypatch.setattr(_experiment._State, "definitions", Definitions(str(path)))
    monkeypatch.setattr(_experiment._State, "told", set())
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SourceProcessor(Sources(tmp_path)))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **k: provider.get_tracer("test"))
    return kept


def attributes(span: Any) -> dict[str, Any]:
    return {k: v for k, v in span.attributes.items() if k.startswith("everyspan.")}


def spans(kept: InMemorySpanExporter) -> dict[str, Any]:
    return {span.name: span for span in kept.get_finished_spans()}


def test_overlapping_experiments_are_on_all_following_spans(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("t")
    with everyspan.context(session="s-1", user="u-1"):
        tone = everyspan.variant("tone")
        retrieval = everyspan.variant("retrieval", unit="s-1")
        with tracer.start_as_current_span("agent"), tracer.start_as_current_span("inner"):
            pass
    with tracer.start_as_current_span("next request"):
        pass
    found = spans(exporter)
    expected = {
        "everyspan.experiment": "retrieval",
        "everyspan.variant": retrieval,
        "everyspan.experiments": json.dumps({"tone": tone, "retrieval": retrieval}),
        "everyspan.experiment_units": json.dumps({"tone": "u-1", "retrieval": "s-1"}),
    }
    assert attributes(found["agent"]) == attributes(found["inner"]) == expected
    assert attributes(found["next request"]) == {}
    events = [(e.name, dict(e.attributes)) for e in found["agent"].events]
    assert [e[1]["feature_flag.key"] for e in events] == ["tone", "retrieval"]
    assert events[0] == (
        "feature_flag.evaluation",
        {
            "feature_flag.key": "tone",
            "feature_flag.result.variant": tone,
            "feature_flag.result.reason": "split",
            "feature_flag.context.id": "u-1",
            "feature_flag.provider.name": "everyspan",
        },
    )
    assert not found["inner"].events


def test_assigned_inside_a_step(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("t")
    with tracer.start_as_current_span("agent"):
        for _ in range(3):
            everyspan.variant("retrieval", unit="s-2")
        with tracer.start_as_current_span("inner"):
            pass
    found = spans(exporter)
    assert attributes(found["agent"]) == attributes(found["inner"]) != {}
    assert len(found["agent"].events) == 1  # once, however often it is asked


def test_tasks_do_not_see_each_other(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("t")

    async def request(number: int) -> None:
        everyspan.variant("retrieval", unit=f"s-{number}")
        await asyncio.sleep(0.001 * (number % 3))
        with tracer.start_as_current_span(f"span {number}"):
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(asyncio.create_task(request(i)) for i in range(20)))

    asyncio.run(all_of_them())
    for name, span in spans(exporter).items():
        units = json.loads(span.attributes["everyspan.experiment_units"])
        assert units == {"retrieval": f"s-{name.removeprefix('span ')}"}


def test_who_takes_no_part(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("t")
    with everyspan.context():
        assert everyspan.variant("closed", unit="s") == "x"
        assert everyspan.variant("nobody", unit="s") == "x"
        with tracer.start_as_current_span("agent"):
            pass
    recorded = attributes(spans(exporter)["agent"])
    assert json.loads(recorded["everyspan.experiments"]) == {"closed": HOLD_OUT}


def test_trouble_is_told_once_and_never_raised(
    exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with caplog.at_level(logging.WARNING, "everyspan"):
        for _ in range(3):
            assert everyspan.variant("nothing", unit="s") is None
            assert everyspan.variant("nothing", unit="s", default="plain") == "plain"
            assert everyspan.variant("tone") == "plain"
            assert everyspan.variant("tone", unit=Unprintable(), default="warm") == "warm"
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert "experiment 'nothing' is not in" in told[0]
    assert "everyspan.context(user=…)" in told[1]
    assert "no text" in told[2]


def test_feedback(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("t")
    assert everyspan.traceparent() == ""
    with tracer.start_as_current_span("agent"):
        given = everyspan.traceparent()
        everyspan.feedback("up")
    everyspan.feedback("down", traceparent=given, comment="too long")
    everyspan.feedback("down", traceparent="nonsense")
    agent, late, own = exporter.get_finished_spans()
    assert attributes(agent) == {"everyspan.feedback": "up"}
    assert late.context.trace_id == agent.context.trace_id
    assert late.parent.span_id == agent.context.span_id
    assert attributes(late) == {
        "everyspan.feedback": "down",
        "everyspan.feedback.comment": "too long",
    }
    assert own.parent is None
    with pytest.raises(ValueError, match="'up' or 'down'"):
        everyspan.feedback("sideways")  # type: ignore[arg-type]
