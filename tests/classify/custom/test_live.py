"""The command and HTTP against a running stack: from the command to verdicts on rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.classify.custom.traffic import OTHERS, REFUNDS
from tests.cli.command import everyspan
from tests.everyspan_up import Up, running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("live")
    (folder / "files").mkdir()
    with running(
        folder / "data",
        classify_trace_quiet_seconds="0.5",
        classify_interval_seconds="0.2",
        classify_embed_share="1",
        classifiers=str(folder / "files"),
    ) as up:
        send(up, [*REFUNDS, *OTHERS], 1)
        up.judged([f"{i:032x}" for i in range(1, 29)])
        yield up


def send(up: Up, texts: list[str], first: int) -> None:
    """One trace of one model step for each text; span id = trace number."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    start = time.time_ns() - 10**9
    for number, text in enumerate(texts, first):
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name="chat",
            start_time_unix_nano=start,
            end_time_unix_nano=start + 10**6,
        )
        for key, value in (
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.input.messages", _message("user", "content", "Hello?")),
            ("gen_ai.output.messages", _message("assistant", "content", text)),
        ):
            attribute = span.attributes.add(key=key)
            attribute.value.string_value = value
    assert up.post("/v1/traces", request.SerializeToString()).status == 200


def _message(role: str, key: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", key: text}]}])


def command(up: Up, *arguments: str, ok: bool = True) -> str:
    """Run ``everyspan classifier``; what it printed (stderr where it must fail)."""
    port = f"--classify-port={up.ports['classify']}"
    done = everyspan("classifier", port, *arguments)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout if ok else done.stderr


def wait_for(up: Up, sql: str, wanted: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while (found := int(up.query(sql)[0]["n"])) != wanted:
        assert time.monotonic() < end, f"{found} instead of {wanted}: {sql}\n{up.log()}"
        time.sleep(0.2)


def count(condition: str) -> str:
    return f"SELECT countIf({condition}) AS n FROM everyspan.spans"


SPANS = [f"{i:016x}" for i in range(1, 5)]


def test_from_the_command_to_verdicts(stack: Up, tmp_path: Path) -> None:
    told = command(stack, "add", "promises_refund", "--positive", *SPANS, "--describe", "Refunds.")
    assert "promises_refund version 1 is live" in told
    assert "nearest to the examples" in told
    assert "nobody was asked about the 10 nearest rows" in told
    assert "4 examples are too few to say how good it is" in told
    assert "% of 28 recent rows" in told
    send(stack, ["A full refund is on its way to your card.", "The shop is in Rome."], 101)
    wait_for(stack, count("custom['promises_refund'] IN ('pass', 'fail')"), 30)
    rows = stack.query(
        "SELECT output, custom['promises_refund'] AS label, evidence['promises_refund'] AS said"
        " FROM everyspan.spans WHERE trace_id > leftPad('64', 32, '0') ORDER BY trace_id"
    )
    assert [row["label"] for row in rows] == ["fail", "pass"]
    assert rows[0]["said"] == "output: A full refund is on its way to your card."

    listed = json.loads(command(stack, "list", "--json"))
    assert [each["name"] for each in listed["classifiers"]] == ["promises_refund"]
    assert listed["back_fill"] == {"rows": 30, "left": 0}
    answer = json.loads(command(stack, "review", "promises_refund", "--json"))
    doubtful = answer["borderline"][0]["span_id"]
    told = command(stack, "review", "promises_refund", "--negative", doubtful)
    assert "version 2 is live" in told
    shown = json.loads(command(stack, "show", "promises_refund"))
    assert [e["mark"] for e in shown["definition"]["examples"]] == ["positive"] * 4 + ["negative"]
    assert 0 < shown["head_bytes"] < 262_144

    path = tmp_path / "refund.toml"
    command(stack, "export", "promises_refund", "-o", str(path))
    assert "in use" in command(stack, "import", str(path), ok=False)
    command(stack, "disable", "promises_refund")
    command(stack, "enable", "promises_refund")
    command(stack, "remove", "promises_refund")
    wait_for(stack, count("mapContains(custom, 'promises_refund')"), 0)
    assert "is live" in command(stack, "import", str(path))
    command(stack, "remove", "promises_refund")


def test_wrong_input_ends_with_a_sentence(stack: Up, tmp_path: Path) -> None:
    assert "no span is stored with the id 00000000000fffff" in command(
        stack, "add", "gone", "--positive", "00000000000fffff", SPANS[0], ok=False
    )
    assert "one example is too little" in command(
        stack, "add", "one", "--positive", SPANS[0], ok=False
    )
    assert "is no name for a classifier" in command(
        stack, "add", "Refund!", "--positive", *SPANS, ok=False
    )
    assert "there is no custom classifier 'nobody'" in command(stack, "show", "nobody", ok=False)
    lines = tmp_path / "examples.jsonl"
    lines.write_text('{"mark": "positive", "text": "a"}\n{"mark": "perhaps", "text": "b"}\n')
    assert "line 2: mark is 'perhaps'" in command(
        stack, "add", "jsonl", "--examples", str(lines), ok=False
    )
    rule = tmp_path / "rule.toml"
    rule.write_text('[[fail_if]]\ncolumn = "outptu"\nequals = "x"\n')
    assert "column 'outptu' is none of spans; did you mean output?" in command(
        stack, "add", "typo", "--rule", str(rule), ok=False
    )
    rule.write_text('fail_fi = []\n[[rules]]\ncolumn = "output"\n')
    told = command(stack, "add", "typo", "--rule", str(rule), ok=False)
    assert "fail_fi: there is no such key; did you mean fail_if? known are name, on," in told
    rule.write_text('[[fail_if]]\ncolumn = "output"\nis = "x"\n')
    told = command(stack, "add", "typo", "--rule", str(rule), ok=False)
    assert "fail_if.0: is: there is no such key; " in told
    assert " equals, " in told
    told = command(stack, "add", "typo", "--rule", str(tmp_path / "none.toml"), ok=False)
    assert told.endswith("none.toml can't be read: No such file or directory\n"), told


def test_examples_of_a_file_and_a_rule(stack: Up, tmp_path: Path) -> None:
    lines = tmp_path / "examples.jsonl"
    written = [json.dumps({"mark": "positive", "text": text}) for text in REFUNDS[:3]]
    written += [json.dumps({"label": 0, "text": OTHERS[0]}), json.dumps({"span_id": SPANS[3]})]
    lines.write_text("\n".join(written))
    told = command(stack, "add", "from_lines", "--examples", str(lines), "--kind", "llm", "--wait")
    assert "from_lines version 1 is" in told
    rule = tmp_path / "rule.toml"
    rule.write_text('[[fail_if]]\ncolumn = "output"\ncontains = "jacket"\n')
    told = command(stack, "add", "jackets", "--rule", str(rule), "--wait")
    assert "jackets version 1 is live" in told
    wait_for(stack, count("custom['jackets'] = 'fail'"), 1)
    status = everyspan("status", "--json", f"--clickhouse-port={stack.ports['clickhouse']}")
    assert json.loads(status.stdout)["custom_classifiers"]["jackets"] == {
        "version": 1,
        "state": "live",
    }


def test_a_file_in_the_folder_goes_live(stack: Up) -> None:
    path = stack.data.parent / "files" / "shop.toml"
    path.write_text('name = "names_rome"\n[[fail_if]]\ncolumn = "output"\ncontains = "Rome"\n')
    wait_for(stack, count("custom['names_rome'] != ''") + " WHERE step_kind = 'llm'", 30)
    path.unlink()
    wait_for(stack, count("mapContains(custom, 'names_rome')"), 0)


def test_http_is_documented(stack: Up) -> None:
    document = json.loads(stack.request("GET", "/openapi.json", port="classify").body)
    paths = document["paths"]
    assert {"/v1/classifiers", "/v1/classifiers/{name}/examples", "/v1/import"} <= set(paths)
    for path, methods in paths.items():
        for method, what in methods.items():
            assert what.get("description"), f"{method} {path} says nothing"
    assert stack.request("GET", "/v1/classifiers/nobody", port="classify").status == 404
    plain = stack.request("POST", "/v1/classifiers", b"name=x", port="classify")
    assert plain.status == 415, "a web page can't add one"
    body = json.dumps({"name": "xx", "positive": SPANS, "typo": 1}).encode()
    headers = {"content-type": "application/json"}
    answer = stack.request("POST", "/v1/classifiers", body, headers, port="classify")
    assert answer.status == 422
    assert b"typo" in answer.body
