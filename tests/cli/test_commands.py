"""The command line against a running stack and without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.commands import COMMANDS
from cli.trace import _replay
from tests.cli.command import everyspan
from tests.everyspan_up import ROOT, Up, free_ports, running
from tests.ingest.otlp_payloads import request, span, trace_id


@pytest.fixture(scope="module")
def trace(up: Up) -> str:
    """A judged trace: an agent, a failing tool below it, and an orphan."""
    trace = trace_id()
    root = span(trace, name="answer", attributes={"gen_ai.operation.name": "invoke_agent"})
    tool = span(
        trace,
        name="get_order",
        parent_span_id=root.span_id,
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_order",
            "gen_ai.tool.call.result": '{"error": "order [not] found"}',
            "code.file.path": "agent.py",
            "code.line.number": 112,
        },
    )
    orphan = span(trace, name="late", parent_span_id=b"neverish")
    up.post("/v1/traces", request(root, tool, orphan).SerializeToString())
    up.judged([trace.hex()])
    return trace.hex()


def port(up: Up) -> str:
    return f"--clickhouse-port={up.ports['clickhouse']}"


def test_trace_shows_the_tree_and_what_failed(up: Up, trace: str) -> None:
    done = everyspan("trace", trace[:12], port(up))
    assert done.returncode == 0, done.stderr
    assert f"trace {trace}" in done.stdout
    lines = done.stdout.splitlines()
    tool = next(i for i, line in enumerate(lines) if "get_order" in line)
    assert "agent.py:112" in lines[tool]
    assert "tool_call_error" in lines[tool + 1]
    assert "order [not] found" in lines[tool + 1]
    assert any("late" in line for line in lines)
    agent = next(line for line in lines if "answer" in line)
    assert lines[tool].index("get_order") > agent.index("answer")
    told = rf"from step \d \(.*get_order\): everyspan replay {trace} --from-step \d\n"
    assert re.search(told, done.stdout), done.stdout
    assert "--entry" not in done.stdout, "the agent may be decorated, and none is known"


def test_replay_is_suggested_from_the_step_that_failed_not_from_the_root() -> None:
    row = {
        "trace_id": "a" * 32, "error_type": "", "status_message": "", "status": "ok",
        "verdicts": {}, "entry": "", "parent_span_id": "1",
    }  # fmt: skip
    root = {"span_id": "1", "parent_span_id": "", "name": "agent", "status": "error"}
    rows = [
        row | root | {"start_time": 1},
        row | {"span_id": "2", "name": "plan", "start_time": 2},
        row | {"span_id": "3", "name": "chat", "status": "error", "start_time": 3},
        row | {"span_id": "4", "name": "log", "start_time": 4},
    ]
    assert _replay(rows) == f"step 3 (chat): everyspan replay {'a' * 32} --from-step 3"
    # A verdict on the whole trace stands at its root, and the step that it comes from below.
    rows[0] |= {"status": "ok", "verdicts": {"goal_completion": ("fail", 0.9)}}
    rows[2] |= {"status": "ok", "verdicts": {"tool_call_error": ("fail", 0.9)}}
    assert _replay(rows).startswith("step 3 (chat)")


@pytest.mark.parametrize(
    ("wanted", "status", "word"), [("xyz", 2, "hex digits"), ("0000000000", 1, "no trace")]
)
def test_trace_errors(up: Up, wanted: str, status: int, word: str) -> None:
    done = everyspan("trace", wanted, port(up))
    assert done.returncode == status
    assert word in done.stderr


def test_sql(up: Up, trace: str) -> None:
    query = (
        f"SELECT name, tool_call_error FROM everyspan.spans WHERE trace_id = '{trace}'"
        " ORDER BY name"
    )
    done = everyspan("sql", query, port(up))
    assert done.stdout.splitlines()[0] == "name\ttool_call_error"
    assert "get_order\tfail" in done.stdout.splitlines()
    done = everyspan("sql", query, "--format=JSONEachRow", port(up))
    assert {"name": "get_order", "tool_call_error": "fail"} in map(
        json.loads, done.stdout.splitlines()
    )
    done = everyspan("sql", "SELECT nothing", port(up))
    assert done.returncode == 1
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_status(up: Up, trace: str) -> None:
    done = everyspan("status", "--json", port(up))
    facts = json.loads(done.stdout)
    assert facts["rows"] >= 3
    assert facts["last_span"].endswith("Z"), "in which zone"
    assert facts["classifier_set"] >= 1
    assert facts["migration"].startswith("0")
    assert "coverage" in everyspan("status", EVERYSPAN_CLICKHOUSE_PORT=port(up)[18:]).stdout


def test_status_says_what_was_not_understood(up: Up) -> None:
    odd = span(trace_id(), name="ask", attributes={"gen_ai.operation.name": "chat"})
    message = request(odd)
    message.resource_spans[0].scope_spans[0].scope.name = "odd.library"
    message.resource_spans[0].scope_spans[0].scope.version = "7.1"
    up.post("/v1/traces", message.SerializeToString())
    up.until_visible()
    facts = json.loads(everyspan("status", "--json", port(up)).stdout)
    found = [each for each in facts["not_understood"] if each["scope"] == "odd.library"]
    assert len(found) == 1
    assert (found[0]["version"], found[0]["kind"], found[0]["steps"]) == ("7.1", "llm", 1)
    assert [found[0][f"no_{name}"] for name in ("model", "tokens", "input", "output")] == [1] * 4
    assert found[0]["example"].count("/") == 1
    told = everyspan("status", EVERYSPAN_CLICKHOUSE_PORT=port(up)[18:]).stdout
    assert "odd.library 7.1, llm: of 1 steps 1 without model" in " ".join(told.split())


def test_readers_open_a_directory_that_nobody_serves(tmp_path: Path) -> None:
    with running(tmp_path / "data") as up:
        up.post("/v1/traces", request(span(trace_id())).SerializeToString())
        free = free_ports()["clickhouse"]
        taken = everyspan("status", f"--data={up.data}", f"--clickhouse-port={free}")
        assert taken.returncode == 1
        assert "another process" in taken.stderr
        assert up.stop() == 0
    done = everyspan("status", "--json", f"--data={tmp_path / 'data'}", f"--clickhouse-port={free}")
    assert json.loads(done.stdout)["rows"] == 1


def test_nothing_there(tmp_path: Path) -> None:
    free = free_ports()["clickhouse"]
    done = everyspan("status", f"--data={tmp_path / 'none'}", f"--clickhouse-port={free}")
    assert done.returncode == 1
    assert "everyspan up" in done.stderr
    assert not (tmp_path / "none").exists()


def test_migrate_twice(tmp_path: Path) -> None:
    first = everyspan("migrate", f"--data={tmp_path}")
    assert first.returncode == 0, first.stderr
    assert "applied 0001_spans" in first.stdout
    assert "applied" not in everyspan("migrate", f"--data={tmp_path}").stdout


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"EVERYSPAN_RETENTION_DAYS": "0"}, "EVERYSPAN_RETENTION_DAYS"),
        ({"EVERYSPAN_DATABASE": "a b"}, "EVERYSPAN_DATABASE"),
        ({"EVERYSPAN_CLICKHOUSE_HOST": "0.0.0.0"}, "EVERYSPAN_CLICKHOUSE_PASSWORD"),
        ({"EVERYSPAN_CLASSIFY_SHARD": "2/2"}, "EVERYSPAN_CLASSIFY_SHARD"),
        ({"EVERYSPAN_CLICKHOUSE_DSN": "mysql://x"}, "EVERYSPAN_CLICKHOUSE_DSN"),
    ],
)
def test_wrong_settings_name_the_variable(
    tmp_path: Path, environment: dict[str, str], word: str
) -> None:
    options = [f"--{name}-port={port}" for name, port in free_ports().items()]
    done = everyspan("up", f"--data={tmp_path}", *options, **environment)
    assert done.returncode in (1, 2)
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(up: Up, tmp_path: Path) -> None:
    ports = free_ports() | {"otlp-http": up.ports["otlp-http"]}
    options = [f"--{name}-port={port}" for name, port in ports.items()]
    done = everyspan("up", f"--data={tmp_path}", *options)
    assert done.returncode == 1
    assert "EVERYSPAN_OTLP_HTTP_PORT" in done.stderr
    ports = free_ports() | {"otlp-grpc": up.ports["otlp-grpc"]}
    options = [f"--{name}-port={port}" for name, port in ports.items()]
    done = everyspan("up", f"--data={tmp_path}", *options)
    assert done.returncode == 1
    assert "EVERYSPAN_OTLP_GRPC_PORT" in done.stderr


def test_help_names_every_command_and_its_variables() -> None:
    listing = everyspan("--help").stdout
    for name, declared in COMMANDS.items():
        assert f" {name} " in listing
        assert declared.help[:60] in listing
    for command in ("up", "classify", "sql"):
        assert "EVERYSPAN_" in everyspan(command, "--help").stdout
    assert everyspan("--version").stdout.startswith("everyspan 0.")


def test_single_services_run_and_stop(tmp_path: Path) -> None:
    """Nothing in their environment turns them into a command that does one thing."""
    once = {f"EVERYSPAN_CLASSIFY_{name}": "24h" for name in ("SINCE", "UNTIL")}
    free = free_ports()
    for command, option in (
        ("classify", f"--classify-port={free['alerting']}"),
        ("alerting", f"--alerting-port={free['alerting']}"),
    ):
        up = Up(tmp_path / command, {"otlp-http": free["alerting"]})
        up.data.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", command, f"--data={up.data}", option],
            cwd=ROOT,
            env=os.environ | once,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 120
            while not up.is_ready():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert up.request("GET", "/metrics").status == 200
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_classify_since_asks_the_running_service(tmp_path: Path) -> None:
    with running(tmp_path / "data", classify_trace_quiet_seconds="0.5") as up:
        _judges_again(up)


def _judges_again(up: Up) -> None:
    trace = trace_id()
    up.post("/v1/traces", request(span(trace), span(trace)).SerializeToString())
    up.judged([trace.hex()])
    classify = f"--classify-port={up.ports['classify']}"
    done = everyspan("classify", "--since", "24h", classify)
    assert done.returncode == 0, done.stderr
    assert "judging again" in done.stdout
    end = time.monotonic() + 60
    while True:
        facts = json.loads(everyspan("status", "--json", port(up)).stdout)
        if not facts["to_judge_again"]:
            break
        assert time.monotonic() < end, facts
        time.sleep(0.5)
    assert facts["coverage"] == 1.0
    assert facts["classifiers"]["data_leakage"]["threshold"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--since", "yesterday"), "write 30m, 24h, 7d"),
        (("--until", "1h"), "--until needs --since"),
        (("--since", "1h", "--until", "2h"), "must lie before until"),
    ],
)
def test_classify_since_that_makes_no_sense(up: Up, arguments: tuple[str, ...], told: str) -> None:
    done = everyspan("classify", *arguments, f"--classify-port={up.ports['classify']}")
    assert done.returncode in (1, 2)
    assert told in done.stderr


def test_classify_since_without_a_service_says_what_to_start() -> None:
    free = free_ports()["classify"]
    done = everyspan("classify", "--since", "1h", f"--classify-port={free}")
    assert done.returncode == 1
    assert "start `everyspan up`" in " ".join(done.stderr.split())


def test_a_threshold_of_no_classifier_ends_the_start(tmp_path: Path) -> None:
    done = everyspan("up", f"--data={tmp_path}", EVERYSPAN_CLASSIFY_THRESHOLDS="jailbrake=0.9")
    assert done.returncode == 1
    assert "there is no classifier 'jailbrake'" in " ".join(done.stderr.split())
