"""A key opens its own project and nothing else: every path with every key, over real sockets."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import typer
from everyspan._definitions import read_clickhouse
from fastapi.routing import iter_route_contexts
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli.lazy import Lazy
from cli.main import app as everyspan
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.item import Item, Version, content_hash
from ingest.paths import SIGNAL_OF
from service.caller import FREE
from tests.everyspan_up import Answer, Up
from tests.service.test_every_route import sites

JSON = {"content-type": "application/json"}
JSON_ = {"content_type": "application/json"}
#: Service to its port in the shared house.
PORTS = {
    "OTLP/HTTP": "otlp-http",
    "classify": "classify",
    "alerting": "alerting",
    "web": "web",
    "ClickHouse HTTP": "clickhouse",
}
#: What a key opens, by service, method and path; None: no key. Everything that a route table has is
#: here, or the test fails.
OPENED: dict[tuple[str, str, str], str | None] = {
    **{("OTLP/HTTP", "POST", path): "write" for path in SIGNAL_OF},
    ("classify", "POST", "/v1/keys"): "admin",
    ("classify", "GET", "/v1/keys"): "admin",
    ("classify", "DELETE", "/v1/keys/{number}"): "admin",
    ("classify", "GET", "/v1/reviews"): "review",
    ("classify", "GET", "/v1/classifiers"): "review",
    ("classify", "GET", "/v1/calibrations"): "review",
    ("classify", "POST", "/v1/calibrations"): "review",
    ("classify", "POST", "/v1/classifiers/{name}/enable"): "review",
    ("classify", "POST", "/v1/classifiers/{name}/disable"): "review",
    ("classify", "DELETE", "/v1/classifiers/{name}"): "review",
    # Their answers show texts.
    ("classify", "POST", "/v1/classifiers"): "review read",
    ("classify", "GET", "/v1/classifiers/{name}"): "review read",
    ("classify", "GET", "/v1/classifiers/{name}/review"): "review read",
    ("classify", "GET", "/v1/classifiers/{name}/export"): "review read",
    ("classify", "POST", "/v1/classifiers/{name}/examples"): "review read",
    ("classify", "POST", "/v1/import"): "review read",
    ("classify", "POST", "/v1/datasets"): "review",
    ("classify", "POST", "/v1/datasets/drift"): "review",
    ("classify", "DELETE", "/v1/datasets/{name}"): "review",
    ("classify", "GET", "/v1/forget"): "admin",
    ("classify", "POST", "/v1/forget"): "admin",
    ("alerting", "POST", "/v1/forget"): "admin",
    ("classify", "POST", "/v1/experiments/{name:path}/start"): "admin",
    ("classify", "POST", "/v1/experiments/{name:path}/stop"): "admin",
    ("classify", "POST", "/v1/reviews"): "review",
    ("web", "GET", "/classifiers"): "read",
    ("web", "GET", "/review/{classifier:path}"): "read",
    ("web", "POST", "/review/{classifier:path}"): "review",
    ("web", "GET", "/"): "read",
    ("web", "GET", "/traces"): "read",
    ("web", "GET", "/traces.json"): "read",
    ("web", "GET", "/traces/{trace_id}"): "read",
    ("web", "GET", "/traces/{trace_id}/text/{span_id}/{column}"): "read",
    ("web", "GET", "/api/traces/{trace_id}"): "read",
    ("web", "GET", "/sessions/{session:path}"): "read",
    ("web", "GET", "/static/{name}"): "read",
    **dict.fromkeys(
        [
            ("alerting", "GET", "/v1/alerts"),
            ("alerting", "GET", "/v1/alerts/{number}"),
            ("alerting", "POST", "/v1/alerts/{number}/resend"),
            ("alerting", "POST", "/v1/alerts/{number}/acknowledge"),
            ("alerting", "POST", "/v1/alerts/test"),
            ("alerting", "GET", "/v1/silences"),
            ("alerting", "POST", "/v1/silences"),
            ("alerting", "DELETE", "/v1/silences/{number}"),
            ("web", "GET", "/alerts"),
            ("web", "GET", "/alerts/{number}"),
            ("web", "POST", "/alerts/{number}/resend"),
            ("web", "POST", "/alerts/silence"),
            ("web", "POST", "/alerts/silences/{number}/end"),
        ],
        "alerts",
    ),
    **dict.fromkeys(
        [
            *((name, "GET", "/metrics") for name in ("OTLP/HTTP", "classify", "alerting", "web")),
            ("classify", "GET", "/openapi.json"),
            ("classify", "HEAD", "/openapi.json"),
            ("classify", "GET", "/v1/audit"),
            ("classify", "POST", "/v1/rejudge"),
            ("alerting", "POST", "/v1/grafana"),
            ("web", "GET", "/enter"),
        ]
    ),
}


def _lines(name: str) -> list[str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


ATTEMPTS = _lines("project_attempts.txt")
COMMANDS = _lines("project_commands.txt")
RANDOM = "es_0123abcd_" + "x" * 43


@dataclass(frozen=True)
class House:
    """``keys``: by what they are. ``markers``: a word in every text of a project, by its name.
    ``trace``: an id that every project has used."""

    up: Up
    keys: Mapping[str, str]
    markers: Mapping[str, str]
    trace: str

    def ask(
        self, port: str, method: str, path: str, key: str = "", body: bytes = b"", **headers: str
    ) -> Answer:
        """``key``: what stands in ``keys``; '' for none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            named["authorization"] = f"Bearer {self.keys[key]}"
        return self.up.request(method, path, body, named, port=port)

    def sql(self, statement: str, key: str = "") -> Answer:
        return self.ask("clickhouse", "POST", "/", key, statement.encode())

    def others(self, key: str) -> list[str]:
        """Words that this key must never see."""
        mine = key.partition(" ")[0]
        return [word for project, word in self.markers.items() if project != mine]


def spans(trace: str, word: str, count: int = 1) -> ExportTraceServiceRequest:
    """A call of a model, in every text of which ``word`` is. Its resource claims a project."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for name in ("service.name", "project", "everyspan.project"):
        resource.resource.attributes.add(key=name).value.string_value = "beta"
    scope = resource.scope_spans.add()
    for number in range(count):
        span = scope.spans.add()
        span.trace_id, span.span_id = bytes.fromhex(trace), (number + 1).to_bytes(8)
        span.name = f"chat {word}"
        span.start_time_unix_nano = time.time_ns() - 10**9
        span.end_time_unix_nano = span.start_time_unix_nano + 10**8
        for name, text in (
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.conversation.id", "one session"),
            ("gen_ai.prompt", word),
            ("gen_ai.completion", f"{word} answered"),
            ("project", "beta"),
        ):
            span.attributes.add(key=name).value.string_value = text
    return request


def content(trace: str, word: str) -> ExportLogsServiceRequest:
    """What came apart from the span above."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id = bytes.fromhex(trace), (1).to_bytes(8)
    record.time_unix_nano = time.time_ns()
    record.event_name = "gen_ai.user.message"
    record.body.kvlist_value.values.add(key="content").value.string_value = f"late {word}"
    return request


def export(up: Up, key: str, body: bytes, signal: str = "trace.v1.TraceService") -> None:
    """Over gRPC. Raises grpc.RpcError."""
    with grpc.insecure_channel(f"127.0.0.1:{up.ports['otlp-grpc']}") as channel:
        call = channel.unary_unary(f"/opentelemetry.proto.collector.{signal}/Export")
        call(body, metadata=(("authorization", f"Bearer {key}"),), timeout=60)


def made(up: Up, project: str, *scopes: str, limit: int = 0) -> dict[str, Any]:
    body = {"project": project, "scopes": scopes, "spans_per_second": limit}
    answer = up.request("POST", "/v1/keys", json.dumps(body).encode(), JSON, port="classify")
    assert answer.status == 201, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


def until(what: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def house(up: Up) -> House:
    trace = uuid4().hex
    markers = {name: f"{name}{uuid4().hex[:12]}" for name in ("alpha", "beta", "default")}
    keys = {
        "alpha": made(up, "alpha", "write", "read")["key"],
        "beta": made(up, "beta", "write", "read")["key"],
        "alpha write": made(up, "alpha", "write")["key"],
        "alpha read": made(up, "alpha", "read")["key"],
        "alpha review": made(up, "alpha", "review")["key"],
        "alpha review read": made(up, "alpha", "review", "read")["key"],
        "alpha alerts": made(up, "alpha", "alerts")["key"],
        "alpha admin": made(up, "alpha", "admin")["key"],
        "revoked": made(up, "alpha", "write", "read", "admin")["key"],
        "random": RANDOM,
    }
    house = House(up, keys, markers, trace)

    def opens(key: str) -> bool:
        return house.sql("SELECT 1", key).status == 200

    def writes(key: str) -> bool:
        return house.ask("otlp-http", "POST", "/v1/metrics", key, b"{}", **JSON_).status == 200

    until(lambda: writes("alpha write") and writes("revoked") and opens("alpha read"))
    until(lambda: opens("revoked"))
    number = keys["revoked"].split("_")[1]
    assert up.request("DELETE", f"/v1/keys/{number}", b"", JSON, port="classify").status == 200
    until(lambda: not opens("revoked") and not writes("revoked"))
    for project in ("alpha", "beta"):
        sent = {"Authorization": f"Bearer {keys[project]}"}
        body = spans(trace, markers[project]).SerializeToString()
        assert up.post("/v1/traces", body, **sent).status == 200
        body = content(trace, markers[project]).SerializeToString()
        assert up.post("/v1/logs", body, **sent).status == 200
    body = spans(trace, markers["default"]).SerializeToString()
    assert up.post("/v1/traces", body).status == 200
    # What nothing is shown of is no proof: each is there, and is judged.
    up.judged([trace])
    return house


def test_each_project_has_its_own_rows(house: House) -> None:
    """Whatever a span says of itself, and with the same ids, session and service."""
    rows = house.up.spans(house.trace, "project, input, output, events, id_reuse")
    assert sorted(row["project"] for row in rows) == ["", "alpha", "beta"]
    for row in rows:
        project = row["project"] or "default"
        text = json.dumps(row)
        assert house.markers[project] in row["output"]
        assert not [word for word in house.others(project) if word in text]
        assert row["id_reuse"] == 0, "another project's span is no run of one's own"
        assert ("late" in row["events"]) is (project != "default"), "its late content, and no other"


def test_every_path_with_every_key(house: House, tmp_path: Path) -> None:
    asked = 0
    for site in sites(tmp_path):
        found = {(site.name, *each) for each in _templates(site.app)} if _is_ours(site.app) else ()
        missing = [each for each in found if each[2] not in FREE and each not in OPENED]
        assert not missing, f"say in OPENED what a project's key opens: {missing}"
        for name, method, path in sorted(found):
            if path in FREE:
                continue
            scope = OPENED.get((name, method, path))
            for key in house.keys:
                sent = {**JSON_, "Origin": _own(house, name)}
                at = _filled(path, house)
                answer = house.ask(PORTS[name], method, at, key, b"{}", **sent)
                what = (name, method, path, key, answer.status, answer.body[:200])
                body = answer.body.decode(errors="replace") + str(answer.headers)
                assert not [word for word in house.others(key) if word in body], what
                if key in ("revoked", "random"):
                    assert answer.status == 401, what
                elif scope is None or not _has(key, scope):
                    assert answer.status == 403, what
                else:
                    assert answer.status not in (401, 403), what
                asked += 1
    assert asked > 400


def _is_ours(app: Any) -> bool:
    return hasattr(app, "router")


def _templates(app: Any) -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ["GET"])
    ]


def _filled(path: str, house: House) -> str:
    path = path.replace("{trace_id}", house.trace).replace("{span_id}", f"{1:016x}")
    path = path.replace("{column}", "input").replace("{session:path}", "one%20session")
    return re.sub(r"\{\w+(:path)?\}", "1", path)


def _own(house: House, name: str) -> str:
    return f"http://127.0.0.1:{house.up.ports[PORTS[name]]}"


def _has(key: str, scope: str) -> bool:
    scopes = key.split(" ")[1:] or ["write", "read"]
    return set(scope.split()) <= set(scopes)


def test_every_statement_with_every_key(house: House) -> None:
    """No answer has another project's word in it, or depends on whether another has it."""
    never = f"never{uuid4().hex[:12]}"
    for line in ATTEMPTS:
        for key in ("alpha", "alpha read", "beta"):
            # Rows are merged and judged meanwhile, which changes an answer once: one that hangs on
            # the word differs each time.
            for _ in range(5):
                answers = [_told(house, line, key, word) for word in (*house.others(key), never)]
                if len(set(answers)) == 1:
                    break
            assert len(set(answers)) == 1, (key, line, answers)
        for key in ("alpha write", "alpha review", "alpha alerts", "alpha admin", "random"):
            answer = house.sql(line.format(word=never, trace=house.trace), key)
            assert answer.status == 403, (key, line, answer.body[:200])
            assert not [w for w in house.others("none") if w.encode() in answer.body]
    # The same reader finds its own, so that the above is no reader that finds nothing.
    assert house.markers["alpha"].encode() in house.sql(ATTEMPTS[0], "alpha read").body


def _told(house: House, line: str, key: str, word: str) -> tuple[int, str, str]:
    """Status, answer without the word, and what it says of itself. None has another's word."""
    answer = house.sql(line.format(word=word, trace=house.trace), key)
    text = answer.body.decode(errors="replace").replace(word, "WORD").replace(word.lower(), "WORD")
    assert not [each for each in house.others(key) if each in text], (key, line, text[:500])
    summary = answer.headers.get("x-clickhouse-summary", "")
    return answer.status, text, re.sub(r'"elapsed_ns": "\d+"', "", summary)


def test_every_command_with_a_key(house: House, tmp_path: Path) -> None:
    """It answers with the project's own, or says in a sentence what the key does not open."""
    group = typer.main.get_command(everyspan)
    assert isinstance(group, TyperGroup)
    named = {" ".join(line.split()[1:3]) for line in COMMANDS}
    named |= {line.split()[1] for line in COMMANDS}
    missing = set(_commands(group)) - named
    assert not missing, f"say in project_commands.txt what a key gets: {missing}"
    told = [_run(house, line, tmp_path) for line in COMMANDS if line.startswith(("own ", "no "))]
    assert sum(house.markers["alpha"] in text for text in told) > 4


@pytest.mark.slow
def test_the_report_of_a_key(house: House, tmp_path: Path) -> None:
    for line in COMMANDS:
        if line.startswith("slow "):
            _run(house, line, tmp_path)
            written = (tmp_path / "here").read_text(encoding="utf-8")
            assert house.markers["alpha"] in written
            assert not [word for word in house.others("alpha") if word in written]


def _run(house: House, line: str, folder: Path, key: str = "alpha read") -> str:
    """What a command says, with a key wherever it takes a token or a password."""
    secret = house.keys[key]
    ports = {name.replace("-", "_"): port for name, port in house.up.ports.items()}
    environment = {
        "COLUMNS": "200",
        "EVERYSPAN_DATA": str(folder / "nothing"),
        **{f"EVERYSPAN_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        **{f"EVERYSPAN_{name}_TOKEN": secret for name in ("INGEST", "CLASSIFY", "ALERTING", "WEB")},
        "EVERYSPAN_CLICKHOUSE_PASSWORD": secret,
    }
    kind, *words = shlex.split(line.format(trace=house.trace, here=folder / "here"))
    done = CliRunner().invoke(everyspan, words, input="q\n", env=environment)
    what = (line, done.exit_code, done.output[-2000:])
    assert done.exception is None or isinstance(done.exception, SystemExit), what
    assert "Traceback" not in done.output, what
    assert not [word for word in house.others(key) if word in done.output], what
    assert done.exit_code == int(kind == "no"), what
    said = done.stderr.strip().splitlines()
    assert [each[:7] for each in said] == ["error: "] * (kind == "no"), what
    return done.stdout + done.stderr


def _commands(group: TyperGroup) -> Iterator[str]:
    """'traces', 'dataset list'."""
    for name, each in group.commands.items():
        inner = _loaded(each)
        if isinstance(inner, TyperGroup) and f"local {name}" not in COMMANDS:
            yield from (f"{name} {further}" for further in inner.commands)
        else:
            yield name


def _loaded(command: Any) -> Any:
    return command.load() if isinstance(command, Lazy) else command


def test_a_key_is_a_password_for_any_client(house: House) -> None:
    """Basic, ClickHouse's own headers, and the URL; and a browser's password on the page."""
    statement = b"SELECT DISTINCT project FROM everyspan.spans"
    secret = house.keys["alpha read"]
    basic = base64.b64encode(f"anybody:{secret}".encode()).decode()
    for path, headers in (
        ("/", {"Authorization": f"Basic {basic}"}),
        ("/", {"X_ClickHouse_User": "default", "X_ClickHouse_Key": secret}),
        (f"/?user=default&password={secret}", {}),
    ):
        answer = house.ask("clickhouse", "POST", path, body=statement, **headers)
        assert (answer.status, answer.body) == (200, b"alpha\n")
    page = house.ask("web", "GET", f"/traces/{house.trace}", Authorization=f"Basic {basic}")
    assert house.markers["alpha"].encode() in page.body
    assert not [word for word in house.others("alpha") if word.encode() in page.body]


def test_what_may_not_write_stores_nothing(house: House) -> None:
    trace = uuid4().hex
    body = spans(trace, "refused").SerializeToString()
    logs = content(trace, "refused").SerializeToString()
    for key, status, code in (
        ("alpha read", 403, grpc.StatusCode.PERMISSION_DENIED),
        ("alpha admin", 403, grpc.StatusCode.PERMISSION_DENIED),
        ("revoked", 401, grpc.StatusCode.UNAUTHENTICATED),
        ("random", 401, grpc.StatusCode.UNAUTHENTICATED),
    ):
        for path, sent in (("/v1/traces", body), ("/v1/logs", logs)):
            for header in ("Authorization", "X_Api_Key"):
                shown = house.keys[key]
                given = f"Bearer {shown}" if header == "Authorization" else shown
                assert house.up.post(path, sent, **{header: given}).status == status
        for signal, sent in (("trace.v1.TraceService", body), ("logs.v1.LogsService", logs)):
            with pytest.raises(grpc.RpcError) as refused:
                export(house.up, house.keys[key], sent, signal)
            assert refused.value.code() == code
    export(house.up, house.keys["beta"], spans(trace, "taken").SerializeToString())
    house.up.sent()
    assert house.up.spans(trace, "project, input") == [{"project": "beta", "input": "taken"}]


def test_a_limit_takes_a_request_whole_or_not_at_all(house: House) -> None:
    key = made(house.up, "gamma", "write", limit=1)["key"]
    sent = {"Authorization": f"Bearer {key}"}
    first, second = uuid4().hex, uuid4().hex
    body = spans(first, "first", 40).SerializeToString()
    until(lambda: house.up.post("/v1/metrics", b"", **sent).status == 200)
    # More than it may: the account is in debt from then on.
    assert house.up.post("/v1/traces", body, **sent).status == 200
    body = spans(second, "second", 40).SerializeToString()
    answer = house.up.post("/v1/traces", body, **sent)
    assert answer.status == 429
    assert 1 < int(answer.headers["retry-after"]) <= 60
    with pytest.raises(grpc.RpcError) as refused:
        export(house.up, key, body)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    told = Status.FromString(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
    retry = RetryInfo()
    assert told.details[0].Unpack(retry)
    assert retry.retry_delay.seconds > 1
    assert len(house.up.spans(first, "span_id")) == 40
    assert house.up.spans(second, "span_id") == []
    metrics = house.up.request("GET", "/metrics").body.decode()
    assert re.search(r'everyspan_ingest_over_rate_total\{signal="traces"\} [1-9]', metrics)


def test_one_key_takes_anothers_place_and_no_text_of_it_is_stored(house: House) -> None:
    old, new = made(house.up, "delta", "read"), made(house.up, "delta", "read")
    both = House(house.up, {"old": old["key"], "new": new["key"]}, {}, "")
    until(lambda: both.sql("SELECT 1", "old").status == both.sql("SELECT 1", "new").status == 200)
    path = f"/v1/keys/{old['id']}"
    assert house.up.request("DELETE", path, b"", JSON, port="classify").status == 200
    until(lambda: both.sql("SELECT 1", "old").status == 403, 15)
    assert both.sql("SELECT 1", "new").status == 200
    house.up.sent()
    rows = house.up.query("SELECT * FROM everyspan.api_keys")
    text = json.dumps(rows)
    assert old["id"] in text
    assert not [key for key in (*house.keys.values(), new["key"]) if key[12:] in text]

    def acts() -> list[str]:
        answer = house.up.request("GET", "/v1/audit?limit=1000", port="classify")
        return [each["act"] for each in json.loads(answer.body)]

    until(lambda: f"classify DELETE {path}" in acts())
    assert f"made key {new['id']} of delta: read" in acts()


def test_an_admin_has_the_keys_of_its_own_project(house: House) -> None:
    seen = house.ask("classify", "GET", "/v1/keys", "alpha admin")
    assert {each["project"] for each in json.loads(seen.body)} == {"alpha"}
    beta = house.keys["beta"].split("_")[1]
    assert house.ask("classify", "DELETE", f"/v1/keys/{beta}", "alpha admin", **JSON_).status == 404
    for project, status in (("beta", 403), ("default", 403), ("alpha", 201)):
        body = json.dumps({"project": project, "scopes": ["read"]}).encode()
        answer = house.ask("classify", "POST", "/v1/keys", "alpha admin", body, **JSON_)
        assert answer.status == status, answer.body
    assert house.sql("SELECT 1", "beta").status == 200


def test_answers_are_of_one_project(house: House) -> None:
    """About verdicts on spans with the same ids, and by reviewers of the same name."""
    names = ("toxicity", "data_leakage", "jailbreak", "prompt_injection")
    rows = house.up.spans(house.trace, ", ".join(names))
    classifier = next(n for n in names if all(row[n] in ("pass", "fail") for row in rows))
    keys = {
        "alpha": house.keys["alpha review"],
        "beta": made(house.up, "beta", "review")["key"],
        "gamma": made(house.up, "gamma", "review")["key"],
    }
    all_ = House(house.up, {**keys, "read": house.keys["alpha read"]}, {}, "")
    body = {
        "classifier": classifier,
        "trace_id": house.trace,
        "span_id": f"{1:016x}",
        "reviewer": "same",
    }

    def answer(project: str, said: str) -> int:
        sent = json.dumps({**body, "answer": said}).encode()
        return all_.ask("classify", "POST", "/v1/reviews", project, sent, **JSON_).status

    def answers(project: str) -> list[str]:
        found = json.loads(all_.ask("classify", "GET", "/v1/reviews", project).body)
        return [each["answer"] for each in found if each["trace_id"] == house.trace]

    until(lambda: all_.ask("classify", "GET", "/v1/reviews", "gamma").status == 200)
    assert (answer("alpha", "wrong"), answer("beta", "right")) == (200, 200)
    assert answer("gamma", "right") == 409, "it has no such span"
    assert (answers("alpha"), answers("beta"), answers("gamma")) == (["wrong"], ["right"], [])
    # On the page, with the password that a browser sends by itself: from a page of ours only.
    basic = base64.b64encode(f"anybody:{keys['alpha']}".encode()).decode()
    form = f"trace_id={house.trace}&span_id={body['span_id']}&answer=unsure&reviewer=same".encode()
    sent = {
        "Authorization": f"Basic {basic}",
        "content_type": "application/x-www-form-urlencoded",
    }
    at = f"/review/{classifier}"
    for origin, status in (("https://page.example", 403), (_own(house, "web"), 303)):
        found = all_.ask("web", "POST", at, body=form, **sent, Origin=origin)
        assert found.status == status, found.body[:300]
    assert (answers("alpha"), answers("beta")) == (["unsure"], ["right"])
    house.up.sent()
    kept = house.up.query(
        f"SELECT project, answer FROM everyspan.reviews WHERE trace_id = '{house.trace}'"
        " ORDER BY reviewed_at"
    )
    assert [(row["project"], row["answer"]) for row in kept] == [
        ("alpha", "wrong"),
        ("beta", "right"),
        ("alpha", "unsure"),
    ]
    assert all_.sql("SELECT DISTINCT project FROM everyspan.reviews", "read").body == b"alpha\n"


def test_data_sets_are_of_one_project(house: House, tmp_path: Path) -> None:
    """Two of the same name, each told to be the other's, and one of the operator's."""
    name = f"set-{uuid4().hex[:8]}"
    keys = {
        project: made(house.up, project, "read", "review")["key"] for project in ("alpha", "beta")
    }
    both = House(house.up, {**keys, "alpha read": house.keys["alpha read"]}, house.markers, "")
    now = datetime.now(UTC)
    moments = {"since": now.isoformat(), "until": now.isoformat()}

    def version(word: str, project: str) -> bytes:
        item = Item(
            id="0" * 16, kind="failure", request=word, input=word, output=word,
            trace_id=house.trace, span_id=f"{1:016x}", start_time=now,
        )  # fmt: skip
        made_ = Version(
            project=project, dataset=name, content_hash=content_hash([item]), created_at=now,
            author=word, definition=Definition(where="1"), since=now, until=now, failure_count=1,
            summary=dict.fromkeys(("rows", "traces", "looked_at", "empty", "duplicates"), 1)
            | {"clusters": [], "masked": {}, "controls": {"wanted": 0, "chosen": 0}},
            items=[item],
        )  # fmt: skip
        return made_.model_dump_json().encode()

    def drift(project: str) -> bytes:
        zeros = dict.fromkeys(
            ("uncovered", "uncovered_low", "uncovered_then", "mmd", "mmd_p", "inputs"), 0
        )
        said = {"dataset": name, "version": 1, "verdict": "fresh", "project": project}
        return json.dumps(
            zeros | moments | said | {"told": house.markers["beta"], "measured_at": now.isoformat()}
        ).encode()

    def ask(method: str, path: str, key: str, body: bytes = b"") -> int:
        return both.ask("classify", method, path, key, body, **JSON_).status

    for key in keys:
        until(lambda key=key: both.sql("SELECT 1", key).status == 200)
        until(lambda key=key: ask("DELETE", "/v1/datasets/none", key) == 404)
    assert ask("POST", "/v1/datasets", "alpha read", version("refused", "alpha")) == 403
    for project, claimed in (("alpha", "beta"), ("beta", "alpha")):
        body = version(house.markers[project], claimed)
        assert ask("POST", "/v1/datasets", project, body) == 201
    assert ask("POST", "/v1/datasets", "", version(house.markers["default"], "")) == 201
    assert ask("POST", "/v1/datasets/drift", "beta", drift("alpha")) == 201
    house.up.sent()
    tables = ("dataset_versions", "dataset_items", "dataset_drift", "datasets")
    for table in tables:
        rows = house.up.query(f"SELECT * FROM everyspan.{table} WHERE dataset = '{name}'")
        for project in ("alpha", "beta"):
            shown = both.sql(f"SELECT * FROM everyspan.{table} FORMAT Vertical", project)
            assert shown.status == 200
            text = shown.body.decode()
            assert not [word for word in both.others(project) if word in text]
            wanted = (project, table) != ("alpha", "dataset_drift")
            assert (house.markers[project] in text) is wanted
        assert len(rows) == (1 if table == "dataset_drift" else 3)
    for project in ("alpha", "beta"):
        told = _run(both, f"own dataset show {name} --json", tmp_path, project)
        assert json.loads(told)["project"] == project
        assert house.markers[project] in told
        listed = json.loads(_run(both, "own dataset list --json", tmp_path, project))
        (mine,) = [each for each in listed if each["dataset"] == name]
        assert (mine["author"], mine["drift"]) == (
            house.markers[project], "fresh" if project == "beta" else "\u2013",
        )  # fmt: skip
    assert ask("DELETE", f"/v1/datasets/{name}?project=beta", "alpha") == 200
    assert ask("DELETE", f"/v1/datasets/{name}", "alpha") == 404
    # Readers see a deletion a moment later.
    left = f"SELECT project FROM everyspan.dataset_items WHERE dataset = '{name}' ORDER BY project"
    until(lambda: [row["project"] for row in house.up.query(left)] == ["", "beta"])


EXPERIMENT = """[experiment.NAME]
variants = {a = 1, b = 1}
[[experiment.NAME.metrics]]
metric = "error_rate"
role = "primary"
"""


def test_experiments_are_of_one_project(house: House, tmp_path: Path) -> None:
    """Two of the same name, over traces with the same ids: each counts its own."""
    name = f"try-{uuid4().hex[:8]}"
    keys = {
        project: made(house.up, project, "write", "read", "admin")["key"]
        for project in ("alpha", "beta")
    }
    both = House(house.up, keys, house.markers, "")
    until(lambda: both.ask("classify", "GET", "/v1/keys", "beta").status == 200)
    until(lambda: both.sql("SELECT 1", "beta").status == 200)
    file = tmp_path / "experiments.toml"
    file.write_text(EXPERIMENT.replace("NAME", name), encoding="utf-8")
    traces = [uuid4().hex for _ in range(3)]
    for project, count in (("alpha", 2), ("beta", 3)):
        for number, trace in enumerate(traces[:count]):
            body = spans(trace, house.markers[project])
            given = {"everyspan.experiments": {name: "ab"[number % 2]}}
            given["everyspan.experiment_units"] = {name: f"unit {number}"}
            for attribute, value in given.items():
                span = body.resource_spans[0].scope_spans[0].spans[0]
                span.attributes.add(key=attribute).value.string_value = json.dumps(value)
            sent = {"Authorization": f"Bearer {keys[project]}"}
            until(
                lambda body=body, sent=sent: (
                    house.up.post("/v1/traces", body.SerializeToString(), **sent).status == 200
                )
            )
    house.up.query("SELECT 1")
    assert "not started" in _run(both, "own experiment list", tmp_path, "alpha")
    start = f"own experiment start {name} --since 1h --file {file}"
    _run(both, start, tmp_path, "alpha")
    house.up.sent()
    house.up.query("SELECT 1")
    assert name in _run(both, f"no experiment status {name}", tmp_path, "beta")
    path = f"/v1/experiments/alpha%2F{name}/stop"
    assert both.ask("classify", "POST", path, "beta", b"{}", **JSON_).status == 404
    _run(both, start, tmp_path, "beta")
    house.up.sent()
    house.up.query("SELECT 1")
    for project, units in (("alpha", 2), ("beta", 3)):
        told = json.loads(_run(both, f"own experiment status {name} --json", tmp_path, project))
        assert (told["experiment"], told["units"]) == (f"{project}/{name}", units)
        found = json.loads(_run(both, "own experiment list --json", tmp_path, project))
        assert {each["experiment"].partition("/")[0] for each in found["experiments"]} == {project}
        seen = both.sql("SELECT DISTINCT experiment FROM everyspan.experiment_spans", project)
        names = seen.body.decode().split()
        assert f"{project}/{name}" in names
        assert {each.partition("/")[0] for each in names} == {project}
    url = f"http://any:{keys['beta']}@127.0.0.1:{house.up.ports['clickhouse']}"
    assert name in read_clickhouse(url, 20, {}), "an agent finds it by the name in its code"
    _run(both, f"own experiment stop {name} --ship b", tmp_path, "alpha")
    house.up.sent()
    states = f"SELECT project, status FROM everyspan.experiments WHERE endsWith(name, '/{name}')"
    found = {row["project"]: row["status"] for row in house.up.query(states)}
    assert found == {"alpha": "stopped", "beta": "running"}
    path = f"/v1/experiments/{name}/stop"
    assert both.ask("classify", "POST", path, "beta", b"{}", **JSON_).status == 200


def test_a_project_forgets_its_own(house: House, tmp_path: Path) -> None:
    """A trace id that three projects have used, by its id and by its session."""
    trace = uuid4().hex
    keys = {p: made(house.up, p, "write", "read", "admin")["key"] for p in ("alpha", "beta")}
    both = House(house.up, keys, house.markers, trace)
    until(lambda: both.ask("classify", "GET", "/v1/forget", "beta").status == 200)
    until(lambda: both.sql("SELECT 1", "beta").status == 200)
    before = {p: json.loads(both.ask("classify", "GET", "/v1/forget", p).body) for p in keys}
    for project in house.markers:
        body = spans(trace, house.markers[project], 2).SerializeToString()
        shown = {"Authorization": f"Bearer {keys[project]}"} if project in keys else {}
        until(
            lambda body=body, shown=shown: house.up.post("/v1/traces", body, **shown).status == 200
        )

    def left() -> dict[str, int]:
        rows = house.up.query(
            "SELECT project, count() AS n FROM everyspan.spans"
            f" WHERE trace_id = '{trace}' GROUP BY ALL"
        )
        return {row["project"]: int(row["n"]) for row in rows}

    until(lambda: left() == {"": 2, "alpha": 2, "beta": 2})
    told = json.loads(
        _run(both, "own forget --trace {trace} --yes --json", tmp_path, "alpha").splitlines()[-1]
    )
    assert (told["project"], told["traces"]) == ("alpha", 1)
    until(lambda: left() == {"": 2, "beta": 2})
    where = f"own forget --where \"output LIKE '%{house.markers['default']}%'\" --yes"
    assert "no trace of this where" in _run(both, where.replace("own", "no", 1), tmp_path, "alpha")
    # There are several readers, and one may be behind another.
    until(lambda: left() == {"": 2, "beta": 2})
    after = {p: json.loads(both.ask("classify", "GET", "/v1/forget", p).body) for p in keys}
    assert len(after["alpha"]) == len(before["alpha"]) + 1
    assert after["beta"] == before["beta"]
    assert told["id"] in _run(both, "own forget --receipts", tmp_path, "alpha")


def test_alerts_and_silences_are_of_one_project(house: House, tmp_path: Path) -> None:
    """Those of two projects, the default one's, and one about the stack."""
    turn = uuid4().hex
    projects = ("alpha", "beta", "default", "stack")
    keys = {p: made(house.up, p, "alerts")["key"] for p in ("alpha", "beta", "default")}
    both = House(house.up, keys, house.markers, "")

    def tell(named: str) -> None:
        alerts = []
        for project in projects:
            labels = {"alertname": f"{named}{house.markers.get(project, project)}", "turn": turn}
            if project != "stack":
                labels |= {"service": "shop", "kind": "fail_rate"}
            if project in ("alpha", "beta"):
                labels["project"] = project
            alerts.append(
                {
                    "status": "firing",
                    "labels": labels,
                    "startsAt": datetime.now(UTC).isoformat(),
                    "fingerprint": f"{named}{project}{turn}",
                }
            )
        body = {"status": "firing", "groupKey": named + turn, "alerts": alerts}
        sent = json.dumps(body).encode()
        assert house.ask("alerting", "POST", "/v1/grafana", body=sent, **JSON_).status == 202

    def told(key: str = "") -> list[dict[str, Any]]:
        answer = both.ask("alerting", "GET", "/v1/alerts?limit=1000", key)
        assert answer.status == 200, answer.body
        assert not key or not [w for w in both.others(key) if w.encode() in answer.body]
        return list(json.loads(answer.body)["deliveries"])

    def of_turn(named: str) -> dict[str, dict[str, Any]]:
        found = {}
        for each in told():
            for project in projects:
                if each["alertname"] == f"{named}{house.markers.get(project, project)}":
                    found[project] = each
        return found

    for key in keys:
        until(lambda key=key: both.ask("alerting", "GET", "/v1/silences", key).status == 200)
    tell("first ")
    until(lambda: len(of_turn("first ")) == 4)
    ids = {project: each["id"] for project, each in of_turn("first ").items()}
    for key in keys:
        assert {each["alertname"] for each in told(key)} >= {f"first {house.markers[key]}"}
        assert not [each for each in told(key) if "stack" in each["alertname"]]
        for project, number in ids.items():
            status = 200 if project == key else 404
            at = f"/v1/alerts/{number}"
            assert both.ask("alerting", "GET", at, key).status == status
            for what in ("resend", "acknowledge"):
                found = both.ask("alerting", "POST", f"{at}/{what}", key, b"{}", **JSON_).status
                assert found == (404 if status == 404 else 202)
    # One for everything, of whoever has the key, is one for its own.
    made_ = {}
    for key in ("alpha", "default"):
        body = json.dumps({"matchers": {"turn": turn, "service": "~.*"}, "seconds": 600}).encode()
        answer = both.ask("alerting", "POST", "/v1/silences", key, body, **JSON_)
        assert answer.status == 201
        made_[key] = json.loads(answer.body)["id"]
    tell("second ")
    until(lambda: len(of_turn("second ")) == 4)
    silenced = {p for p, each in of_turn("second ").items() if each["status"] == "silenced"}
    assert silenced == {"alpha", "default"}
    for key in keys:
        seen = json.loads(both.ask("alerting", "GET", "/v1/silences", key).body)
        assert [each["id"] for each in seen] == [n for p, n in made_.items() if p == key]
    path = f"/v1/silences/{made_['alpha']}"
    assert both.ask("alerting", "DELETE", path, "beta", **JSON_).status == 404
    assert both.ask("alerting", "DELETE", path, "alpha", **JSON_).status == 200
    path = f"/v1/silences/{made_['default']}"
    assert both.ask("alerting", "DELETE", path, "default", **JSON_).status == 200
    page = both.ask("web", "GET", "/alerts", "alpha").body.decode()
    assert f"second {house.markers['alpha']}" in page
    assert not [word for word in (*both.others("alpha"), "second stack") if word in page]
    # A narrow column cuts it.
    assert house.markers["beta"][:10] in _run(both, "own alerts", tmp_path, "beta")
