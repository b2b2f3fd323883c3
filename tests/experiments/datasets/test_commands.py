"""``everyspan dataset`` as processes: beside a running ``everyspan up``, and on a directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
from tests.cli.command import everyspan
from tests.clickhouse.migrated import migrated
from tests.everyspan_up import Up, free_ports
from tests.experiments.datasets.traffic import insert, usual
from tests.ingest.otlp_payloads import request, span, trace_id

SERVICE = "dataset-shop"
SECRET = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
WHERE = f"data_leakage = 'fail' AND service_name = '{SERVICE}'"
QUESTIONS = (
    "How do I deploy the shop to production?",
    "Which credentials does the nightly backup use?",
    "What does the pipeline log in with?",
    "When is the office open on holidays?",
    "Where can I park my bicycle?",
    "Who waters the plants in summer?",
)


def send(up: Up, questions: tuple[str, ...], leaks: int) -> None:
    """One model call a question; the first ``leaks`` answers give a token away."""
    ids = []
    spans = []
    for number, question in enumerate(questions):
        answer = f"With the token {SECRET}." if number < leaks else f"Ask at the desk ({number})."
        trace = trace_id()
        ids.append(trace.hex())
        spans.append(
            span(
                trace,
                name="chat",
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "gpt-4.1-mini",
                    "gen_ai.input.messages": json.dumps(
                        [{"role": "user", "parts": [{"type": "text", "content": question}]}]
                    ),
                    "gen_ai.output.messages": json.dumps(
                        [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
                    ),
                },
            )
        )
    answer = up.post("/v1/traces", request(*spans, service=SERVICE).SerializeToString())
    assert answer.status == 200
    up.judged(ids)


@pytest.fixture(scope="module")
def ports(up: Up) -> list[str]:
    send(up, QUESTIONS, 3)
    return [
        f"--clickhouse-port={up.ports['clickhouse']}",
        f"--classify-port={up.ports['classify']}",
    ]


@pytest.mark.slow
def test_the_life_of_a_data_set(up: Up, ports: list[str], tmp_path: Path) -> None:
    reading = ports[:1]
    out = f"--out={tmp_path / 'out'}"
    made = everyspan(
        "dataset", "build", "tokens", "--where", WHERE, "--author=ann", out, *ports
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "tokens v1: 3 failures, 3 controls" in made.stdout
    assert "masked: 3 secret" in made.stdout
    folder = tmp_path / "out/tokens/v1"
    assert (folder / "items.parquet").read_bytes()[:4] == b"PAR1"
    for path in folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path

    same = everyspan("dataset", "build", "tokens", "--where", WHERE, out, *ports)
    assert "nothing changed since version 1" in same.stdout, same.stderr

    (listed,) = json.loads(everyspan("dataset", "list", "--json", *reading).stdout)
    assert (listed["dataset"], listed["version"], listed["author"]) == ("tokens", 1, "ann")
    shown = everyspan("dataset", "show", "tokens", *reading)
    assert "v1  " in shown.stdout
    assert any(question in shown.stdout for question in QUESTIONS[:3])
    one = json.loads(everyspan("dataset", "show", "tokens", "--json", *reading).stdout)
    ids = {item["id"] for item in one["items"]}

    send(up, ("Which key opens the garage door?", QUESTIONS[0]), 2)
    fresh = everyspan("dataset", "refresh", "tokens", out, *ports)
    assert fresh.returncode == 0, fresh.stderr
    assert "tokens v2: 4 failures" in fresh.stdout
    assert "0 retired" in fresh.stdout
    two = json.loads(everyspan("dataset", "show", "tokens", "--json", *reading).stdout)
    assert ids < {item["id"] for item in two["items"]}
    assert two["parent_hash"] == one["content_hash"]

    few = everyspan("dataset", "drift", "tokens", "--check", "--json", *ports)
    assert few.returncode == 0, few.stderr
    assert json.loads(few.stdout)["verdict"] == "unknown"
    assert up.query("SELECT drift FROM everyspan.datasets WHERE dataset = 'tokens'") == [
        {"drift": "unknown"}
    ]

    old = everyspan(
        "dataset", "export", "tokens", "--version=1", "--format=langsmith", out, *reading
    )
    assert old.returncode == 0, old.stderr
    assert (tmp_path / "out/tokens/v1/langsmith/examples.jsonl").exists()

    gone = everyspan("dataset", "delete", "tokens", "--yes", *ports)
    assert gone.returncode == 0, gone.stderr
    assert everyspan("dataset", "show", "tokens", *reading).returncode == 1
    assert everyspan("dataset", "list", "--json", *reading).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["build", "x", "--where", "modle = 'a'"], 1, ["--where", "'modle'", "model"]),
        (["build", "x", "--where", "hallucination = 'yes'"], 1, ["never 'yes'"]),
        (["build", "x", "--where", "model = 'no such model'"], 1, ["none of", "meets --where"]),
        (["build", "a/b", "--where", "1"], 2, ["NAME a/b"]),
        (["build", "x", "--where", "1", "--controls", "many"], 1, ["--controls many"]),
        (["build", "x", "--where", "1", "--format", "csv"], 1, ["--format csv", "langsmith"]),
        (["build", "x", "--where", "1", "--unit", "span"], 1, ["--unit span", "step", "trace"]),
        (["build", "x", "--where", "1", "--since", "soon"], 2, ["--since soon"]),
        (["build", "x", "--where", "1", "--since", "1h", "--until", "2h"], 2, ["not before"]),
        (["refresh", "x"], 1, ["no data set 'x'", "everyspan dataset build"]),
        (["refresh", "x", "--retire-after", "never"], 2, ["--retire-after never"]),
        (["drift", "x"], 1, ["no data set 'x'"]),
        (["delete", "x", "--yes"], 1, ["no data set 'x'"]),
    ],
)
def test_what_is_wrong_is_named(
    ports: list[str], arguments: list[str], status: int, words: list[str]
) -> None:
    done = everyspan("dataset", *arguments, *ports)
    assert done.returncode == status, done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_without_the_service_nothing_can_be_stored(ports: list[str]) -> None:
    closed = f"--classify-port={free_ports()['classify']}"
    done = everyspan("dataset", "build", "x", "--where", WHERE, ports[0], closed)
    assert done.returncode == 1
    assert "--classify-port" in done.stderr


def test_the_service_refuses_what_does_not_fit(up: Up) -> None:
    answer = up.request(
        "POST", "/v1/datasets", b"{}", {"Content-Type": "application/json"}, port="classify"
    )
    assert answer.status == 422
    assert b"dataset" in answer.body
    version = {
        "dataset": "x", "content_hash": "0" * 64, "created_at": "2026-01-01T00:00:00Z",
        "definition": {"where": "1"}, "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    body = json.dumps(version).encode()
    answer = up.request(
        "POST", "/v1/datasets", body, {"Content-Type": "application/json"}, port="classify"
    )
    assert answer.status == 422
    assert b"content_hash" in answer.body


@pytest.mark.slow
def test_a_directory_that_nobody_serves(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = ClickHouseSettings(data=data)
    client = connect(settings.dsn)
    migrated(client, settings)
    insert(client, settings.database, usual(healthy=6))
    client.close()
    free = f"--clickhouse-port={free_ports()['clickhouse']}"
    options = [f"--data={data}", free]
    done = everyspan(
        "dataset", "build", "made-up", "--where", "hallucination = 'fail'", "--per-cluster=2",
        "--controls=3", "--format=jsonl,parquet", f"--out={tmp_path / 'out'}", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.search(r"made-up v1: (\d+) failures, 3 controls", done.stdout)
    assert found
    rows = (tmp_path / "out/made-up/v1/items.jsonl").read_text().splitlines()
    assert len(rows) == int(found[1]) + 3
    drift = everyspan("dataset", "drift", "made-up", "--since=2d", *options)
    assert drift.returncode == 0, drift.stderr
    assert "fresh" in drift.stdout
    assert "inputs unlike every item" in drift.stdout
    again = everyspan("dataset", "refresh", "made-up", *options)
    assert "nothing changed since version 1" in again.stdout, again.stderr
    listed = everyspan("dataset", "list", *options)
    assert re.search(r"made-up +1 .* fresh", listed.stdout), listed.stdout
