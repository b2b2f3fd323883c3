"""Alert rules evaluated without Grafana: expressions, states, policy, and the webhook's JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from alerting.notification import read_notification
from clickhouse.connection import connect
from grafana.build.guarded import guarded
from grafana.evaluation.evaluator import Evaluator, RulesError, read_rules
from grafana.evaluation.expressions import Result, RuleError, crosses, evaluate
from grafana.evaluation.provisioning import Evaluator as Condition
from grafana.evaluation.provisioning import Rule
from grafana.evaluation.routing import muted, targets
from grafana.evaluation.states import Instance, advanced
from grafana.evaluation.templates import TemplateError, render
from service.client import Client
from tests.everyspan_up import running
from tests.ingest.otlp_payloads import request, span, trace_id

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def rule(sql: str = "SELECT 'a' AS service, 1.0 AS rate", **changes: Any) -> Rule:
    expression = {"type": "__expr__", "uid": "__expr__"}
    document = {
        "uid": "r1",
        "title": "too much",
        "condition": "C",
        "data": [
            {
                "refId": "A",
                "datasourceUid": "ch",
                "relativeTimeRange": {"from": 600, "to": 0},
                "model": {
                    "refId": "A",
                    "editorType": "sql",
                    "format": 1,
                    "pluginVersion": "4.20.0",
                    "queryType": "table",
                    "rawSql": sql,
                },
            },
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "datasource": expression,
                    "type": "reduce",
                    "expression": "A",
                    "reducer": "last",
                },
            },
            {
                "refId": "C",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "C",
                    "datasource": expression,
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": "gt", "params": [0.5]}}],
                },
            },
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": "error"},
        "annotations": {
            "summary": "{{ $labels.service }}: {{ humanizePercentage $values.B.Value }}"
        },
    }
    return Rule.model_validate(document | changes)


def test_each_row_is_a_series_of_its_own() -> None:
    def run(sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        assert "toDateTime(" in sql, "macros are expanded"
        return ["service", "rate"], [("a", 0.9), ("b", 0.1)]

    found = evaluate(rule("SELECT $__fromTime"), run, NOW)
    assert found == [
        Result((("service", "a"),), True, {"A": 0.9, "B": 0.9, "C": 1.0}),
        Result((("service", "b"),), False, {"A": 0.1, "B": 0.1, "C": 0.0}),
    ]


@pytest.mark.parametrize(
    ("names", "row", "told"),
    [
        (["x", "y"], (1.0, 2.0), "exactly one number"),
        (["service"], ("a",), "exactly one number"),
        (["time", "rate"], (NOW, 1.0), "exactly one number"),
    ],
)
def test_sql_that_is_no_alert_query(names: list[str], row: tuple[Any, ...], told: str) -> None:
    with pytest.raises(RuleError, match=told):
        evaluate(rule(), lambda _: (names, [row]), NOW)
    with pytest.raises(RuleError, match="two rows"):
        evaluate(rule(), lambda _: (["s", "n"], [("a", 1.0), ("a", 2.0)]), NOW)


@pytest.mark.parametrize(
    ("kind", "params", "value", "expected"),
    [
        ("gt", [1], 1, False),
        ("gte", [1], 1, True),
        ("lt", [1], 0, True),
        ("ne", [1], float("nan"), False),
        ("gt", [1], float("nan"), False),
        ("within_range", [1, 3], 2, True),
        ("outside_range", [1, 3], 2, False),
        ("outside_range_included", [1, 3], 3, True),
    ],
)
def test_conditions(kind: Any, params: list[float], value: float, expected: bool) -> None:
    assert crosses(Condition(type=kind, params=params), value) is expected


def states(each: list[tuple[float, list[Result] | str]], changed: Rule) -> list[list[str]]:
    """State and alertname of each instance after each evaluation (seconds, results)."""
    known: dict[str, Instance] = {}
    found = []
    for seconds, results in each:
        known = advanced(changed, "Everyspan", known, results, NOW + timedelta(seconds=seconds))
        found.append(
            sorted(
                f"{i.state} {i.labels['alertname']}{' resolved' if i.ends_at else ''}"
                for i in known.values()
            )
        )
    return found


def fires(firing: bool = True) -> list[Result]:
    return [Result((("service", "a"),), firing, {"B": 0.9})]


def test_pending_alerting_resolved() -> None:
    changed = rule(**{"for": "1m"})
    assert states(
        [(0, fires()), (30, fires()), (60, fires()), (90, fires(False)), (120, fires(False))],
        changed,
    ) == [
        ["pending too much"],
        ["pending too much"],
        ["alerting too much"],
        ["normal too much resolved"],
        ["normal too much resolved"],
    ]


def test_pending_that_passes_was_nothing() -> None:
    changed = rule(**{"for": "1m"})
    assert states([(0, fires()), (30, fires(False)), (45, fires()), (90, fires())], changed) == [
        ["pending too much"],
        ["normal too much"],
        ["pending too much"],
        ["pending too much"],
    ]


def test_keep_firing_for() -> None:
    changed = rule(keepFiringFor="1m")
    assert states(
        [(0, fires()), (10, fires(False)), (40, fires()), (50, fires(False)), (111, fires(False))],
        changed,
    ) == [
        ["alerting too much"],
        ["recovering too much"],
        ["alerting too much"],
        ["recovering too much"],
        ["normal too much resolved"],
    ]


def test_a_series_that_is_gone_resolves_after_two_evaluations() -> None:
    other = [Result((("service", "b"),), False, {})]
    assert states([(0, fires()), (10, other), (20, other)], rule()) == [
        ["alerting too much"],
        ["alerting too much", "normal too much"],
        ["normal too much", "normal too much resolved"],
    ]


def test_errors_and_no_data_are_alerts_of_their_own() -> None:
    assert states([(0, "no such column"), (10, fires(False)), (20, fires(False))], rule()) == [
        ["alerting DatasourceError"],
        ["alerting DatasourceError", "normal too much"],
        ["normal DatasourceError resolved", "normal too much"],
    ]
    assert states([(0, [])], rule(noDataState="NoData")) == [["alerting DatasourceNoData"]]
    assert states([(0, [])], rule()) == [[]]
    assert states([(0, fires()), (9, "away")], rule(execErrState="KeepLast"))[1] == [
        "alerting too much"
    ]


def test_templates() -> None:
    labels, values = {"service": "shop"}, {"B": 0.1234, "D": 93784.0}
    assert render("{{ $labels.service }} {{$values.B.Value}}", labels, values) == "shop 0.1234"
    assert render("{{ humanizePercentage $values.B.Value }}", labels, values) == "12.34%"
    told = guarded(
        "{{ $labels.service }}: {{ humanizePercentage $values.B.Value }}, {{ $labels.x }}"
    )
    assert render(told, labels, values) == "shop: 12.3 %, unknown"
    for share, read in ((0.07382, "7.4 %"), (1.0, "100 %"), (0.0004, "0 %")):
        assert render(guarded("{{ humanizePercentage $values.B.Value }}"), {}, {"B": share}) == read
    slow = guarded("{{ humanizeDuration $values.B.Value }}")
    assert render(slow, {}, {"B": 34.56789}) == "34.6s"
    assert render(slow, {}, {"B": 93784.0}) == "1d 2h 3m 4s"
    assert render(told, {}, {}) == "unknown: an unknown share, unknown"
    assert render(guarded("{{ $values.B.Value }}"), {}, {"B": 43.67129761130232}) == "43.67"
    assert render("{{ humanizeDuration $values.D }}", labels, values) == "1d 2h 3m 4s"
    assert render("{{ humanize $values.D.Value }}", labels, values) == "93.78k"
    assert render("{{ $labels.nope }}|{{ $values.X.Value }}", labels, values) == "|[no value]"
    with pytest.raises(TemplateError, match="without Grafana"):
        render("{{ range .Alerts }}", labels, values)
    for broken in (
        'printf "%d" $values.B',
        "humanize (",
        "humanize",
        'printf "%.1f"',
        "$values.B )",
    ):
        with pytest.raises(TemplateError, match="without Grafana"):
            render(f"{{{{ {broken} }}}}", labels, values)


def test_policy_as_provisioned() -> None:
    provisioned = read_rules()
    (policy,) = provisioned.policies
    labels = {"alertname": "x", "service": "shop", "environment": "production"}
    (usual,) = targets(policy, labels | {"severity": "error"})
    (urgent,) = targets(policy, labels | {"severity": "critical"})
    (quiet,) = targets(policy, labels | {"severity": "warning"})
    assert (usual.group_wait, urgent.group_wait, quiet.group_wait) == (10, 0, 60)
    assert usual.group_key(labels) == (
        '{}:{alertname="x", environment="production", service="shop"}'
    )
    assert urgent.key == '{}/{severity="critical"}'
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    tuesday = datetime(2026, 11, 24, 12, tzinfo=UTC)
    # The mute timing is an example: it keeps nobody from being told, whatever the environment.
    for environment in ("production", "Production", "prod", "staging", ""):
        for severity in ("critical", "error", "warning", "info"):
            each = labels | {"severity": severity, "environment": environment}
            for target in targets(policy, each):
                assert not muted(target, provisioned.muteTimes, saturday)
    example = replace(quiet, muted_by=tuple(t.name for t in provisioned.muteTimes))
    assert muted(example, provisioned.muteTimes, saturday)
    assert not muted(example, provisioned.muteTimes, tuesday)
    assert muted(example, provisioned.muteTimes, tuesday.replace(hour=3))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="EVERYSPAN_GRAFANA_RULES"):
        read_rules(tmp_path)
    (tmp_path / "rules.yaml").write_text("apiVersion: 1\ngroupz: []\n")
    with pytest.raises(RulesError, match=r"rules\.yaml: groupz"):
        read_rules(tmp_path)


class Webhook(ThreadingHTTPServer):
    """Keeps what it is sent; answers ``status``."""

    def __init__(self) -> None:
        self.status = 202
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        self.heard: Callable[[], object] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                outer.heard()
                if outer.status == 202:
                    outer.raw.append(raw)
                    outer.bodies.append(json.loads(raw))
                    outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One rule over a table ``load``, told at once."""
    found = tmp_path / "rules"
    found.mkdir()
    one = rule("SELECT service, value FROM default.load").model_dump(
        by_alias=True, exclude_none=True
    )
    group = {"name": "g", "folder": "Everyspan", "interval": "10s", "rules": [one]}
    (found / "rules.yaml").write_text(yaml.safe_dump({"apiVersion": 1, "groups": [group]}))
    policy = {"receiver": "everyspan", "group_by": ["service"], "repeat_interval": "4h"}
    (found / "policy.yaml").write_text(yaml.safe_dump({"apiVersion": 1, "policies": [policy]}))
    return found


def test_a_stop_while_it_is_told_makes_no_second_alert_of_it(
    folder: Path, tmp_path: Path, webhook: Webhook
) -> None:
    """Somebody ends the process before it knows that it was heard: the next one tells the same."""
    dsn = f"chdb://{tmp_path / 'db'}"
    client = connect(dsn)
    client.command("CREATE TABLE default.load (service String, value Float64) ENGINE = Memory")
    client.command("INSERT INTO default.load VALUES ('shop', 0.9)")

    def evaluator(memory: Path) -> Evaluator:
        to = Client("alerting", "127.0.0.1", webhook.server_address[1], SecretStr(""), "")
        return Evaluator(
            read_rules(folder), lambda: connect(dsn), to, memory, every=0.001, patient=False
        )

    memory, seen = tmp_path / "memory.json", tmp_path / "as it was when it was told.json"
    webhook.heard = lambda: shutil.copy(memory, seen)
    first = evaluator(memory)
    first.tick()
    first.stop()
    webhook.heard = lambda: None
    time.sleep(1.1)
    second = evaluator(seen)
    second.tick()
    second.stop()
    told = [read_notification(raw).alerts[0] for raw in webhook.raw]
    assert len(told) == 2
    assert told[0].state_key == told[1].state_key

    # A disk that takes nothing: what fires is told all the same.
    full = tmp_path / "full"
    full.write_text("no folder")
    third = evaluator(full / "memory.json")
    third.tick()
    third.stop()
    assert len(webhook.raw) == 3
    client.close()


def test_fires_resolves_and_survives_a_restart(
    folder: Path, tmp_path: Path, webhook: Webhook
) -> None:
    dsn = f"chdb://{tmp_path / 'db'}"
    client = connect(dsn)
    client.command("CREATE TABLE default.load (service String, value Float64) ENGINE = Memory")
    client.command("INSERT INTO default.load VALUES ('shop', 0.9), ('desk', 0.2)")

    def evaluator() -> Evaluator:
        return Evaluator(
            read_rules(folder),
            lambda: connect(dsn),
            Client("alerting", "127.0.0.1", webhook.server_address[1], SecretStr("t0ken"), ""),
            tmp_path / "memory.json",
            secret="s3cret",
            grafana_url="https://grafana.example/",
            every=0.001,
            patient=False,
        )

    first = evaluator()
    webhook.status = 503
    first.tick()
    assert webhook.bodies == []
    webhook.status = 202
    first._retry_at = 0.0
    first.tick()
    first.tick()
    assert len(webhook.bodies) == 1, "told once, after the webhook was back"
    first.stop()

    notification = read_notification(webhook.raw[0])
    (alert,) = notification.alerts
    assert (notification.status, alert.status) == ("firing", "firing")
    assert alert.labels == {
        "alertname": "too much",
        "grafana_folder": "Everyspan",
        "service": "shop",
        "severity": "error",
    }
    assert alert.annotations["summary"] == "shop: 90%"
    assert alert.values == {"A": 0.9, "B": 0.9, "C": 1.0}
    assert notification.group_key == '{}:{service="shop"}'
    headers = webhook.headers[0]
    signed = headers["x-grafana-alerting-timestamp"].encode() + b":" + webhook.raw[0]
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["x-grafana-alerting-signature"] == expected
    assert headers["authorization"] == "Bearer t0ken"

    second = evaluator()
    second.tick()
    assert len(webhook.bodies) == 1, "the restart knows what was told"
    client.command("TRUNCATE TABLE default.load")
    client.command("INSERT INTO default.load VALUES ('shop', 0.1)")
    second.tick()
    assert len(webhook.bodies) == 2
    resolved = read_notification(webhook.raw[1])
    assert resolved.status == "resolved"
    assert resolved.alerts[0].fingerprint == alert.fingerprint
    assert resolved.alerts[0].starts_at == alert.starts_at
    assert resolved.alerts[0].ends_at is not None
    second.tick()
    assert len(webhook.bodies) == 2
    client.command("DROP TABLE default.load")
    second.tick()
    second.stop()
    assert webhook.bodies[2]["alerts"][0]["labels"]["alertname"] == "DatasourceError"
    client.close()


def test_a_leak_fires_the_provisioned_rule_in_a_running_house(tmp_path: Path) -> None:
    with running(tmp_path / "data", grafana_evaluate_seconds="1") as up:
        trace = trace_id()
        leak = "Your key is ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX."
        root = span(
            trace,
            name="chat",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.output.messages": json.dumps(
                    [{"role": "assistant", "parts": [{"type": "text", "content": leak}]}]
                ),
            },
        )
        up.post("/v1/traces", request(root).SerializeToString())
        up.judged([trace.hex()])
        (row,) = up.spans(trace.hex(), "data_leakage")
        assert row["data_leakage"] == "fail"
        # On a busy machine others may fire before it: that they can't be evaluated in time.
        end = time.monotonic() + 90
        while not re.search(r"told of \[FIRING:1\] .*data_leakage", up.log()):
            assert time.monotonic() < end, up.log()
            time.sleep(0.2)
        metrics = up.request("GET", "/metrics", port="alerting").body.decode()
        counter = 'everyspan_alerting_notifications_total{new="true",status="firing"} '
        assert float(metrics.partition(counter)[2].split()[0]) >= 1


@pytest.mark.slow
def test_the_monitor_board_finds_what_a_running_house_says_of_itself(tmp_path: Path) -> None:
    with running(tmp_path / "data") as up:
        up.post("/v1/traces", request(span(trace_id())).SerializeToString())
        end = time.monotonic() + 40
        while True:
            found = up.query(
                "SELECT DISTINCT service, metric FROM everyspan.stack_metrics WHERE value > 0"
            )
            names = {(row["service"], row["metric"]) for row in found}
            if ("classify", "everyspan_classify_rows_total") in names:
                break
            assert time.monotonic() < end, names
            time.sleep(0.5)
        assert ("ingest", "everyspan_ingest_requests_total") in names
        services = {
            row["service"] for row in up.query("SELECT service FROM everyspan.stack_metrics")
        }
        assert services == {"ingest", "classify", "alerting", "clickhouse"}


def test_a_rule_without_values_is_words_all_the_same() -> None:
    """As Grafana renders it where the query failed: no template is left for people to read."""
    for group in read_rules().groups:
        for rule in group.rules:
            for name in ("summary", "description"):
                told = render(rule.annotations[name], {}, {})
                assert "{{" not in told, told
                assert "no value" not in told, told
