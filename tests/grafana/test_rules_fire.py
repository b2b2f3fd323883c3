"""What the provisioned rules fire on, and what not: traffic as it comes, on the real engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import ValidationError

from clickhouse.migrate import migrate
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from grafana.build.silence import silence
from grafana.precision import LEAST, may_page, measured
from grafana.thresholds import Thresholds, read
from tests.clickhouse.databases import database, engine
from tests.grafana.test_sql import rules, run

SECOND = 10**9
MINUTE, HOUR, DAY = 60, 3600, 86_400
RULES = {rule["uid"]: rule for rule in (each.values[0] for each in rules())}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("fire") / "clickhouse"
    with engine(path) as dsn, database(dsn) as (client, settings):
        migrate(client, settings)
        client.database = settings.database
        yield client


@pytest.fixture
def client(migrated: Client) -> Client:
    migrated.command("TRUNCATE TABLE spans_raw")
    return migrated


def root(number: int, ended: float, *, lasted: float = 1.0, **columns: Any) -> Span:
    """A trace of one step that ended so many seconds ago, after so many."""
    return replace(
        Span(
            f"{number:032x}",
            f"{number:016x}",
            name="agent",
            step_kind="agent",
            service_name="shop",
            environment="production",
            start_time=time.time_ns() - round((ended + lasted) * SECOND),
            duration_ms=lasted * 1000,
        ),
        **columns,
    )


def insert(client: Client, spans: Sequence[Span], judged: float = 0, **columns: Any) -> None:
    """``judged``: seconds since the verdict was written; ``columns``: of all of them alike."""
    at = datetime.now(UTC) - timedelta(seconds=judged)
    columns = {"verdict_version": 1, "verdict_at": at} | columns
    client.insert(
        "spans_raw",
        [*columns_of(spans), *([value] * len(spans) for value in columns.values())],
        column_names=[*SPAN_COLUMNS, *columns],
        column_oriented=True,
    )


def fires(client: Client, uid: str) -> list[tuple[Any, ...]]:
    """The series of a rule that are over its threshold; Grafana sends no label that is empty."""
    rule = RULES[uid]
    (query,) = [q for q in rule["data"] if "rawSql" in q["model"]]
    (condition,) = [q for q in rule["data"] if "conditions" in q["model"]]
    evaluator = condition["model"]["conditions"][0]["evaluator"]
    (limit,) = evaluator["params"]
    last = timedelta(seconds=query["relativeTimeRange"]["from"])
    names, kinds, rows = run(client, query["model"]["rawSql"], last)
    (value,) = [i for i, kind in enumerate(kinds) if "String" not in kind]
    over = [row for row in rows if (row[value] > limit) == (evaluator["type"] == "gt")]
    return [
        tuple(v for n, v in zip(names, row, strict=True) if (n, v) != ("project", ""))
        for row in over
        if row[value] != limit
    ]


def firing(client: Client, kind: str) -> set[str]:
    """The rules of a kind that fire."""
    of_kind = {uid for uid, rule in RULES.items() if rule["labels"]["kind"] == kind}
    return {uid for uid in of_kind if fires(client, uid)}


# --- 4: when a failure is told -----------------------------------------------------------------


@pytest.mark.parametrize("hours", [0, 2, 7, 20])
def test_a_leak_is_told_however_long_ago_its_span_began(client: Client, hours: int) -> None:
    insert(client, [root(1, hours * HOUR)], judged=60, data_leakage="fail")
    assert fires(client, "everyspan-data-leakage") == [("shop", "production", 1)]


def test_each_project_is_an_alert_of_its_own(client: Client) -> None:
    projects = ("", "alpha", "beta", "beta")
    spans = [root(n, 0, project=project) for n, project in enumerate(projects, 1)]
    insert(client, spans, judged=60, data_leakage="fail")
    assert set(fires(client, "everyspan-data-leakage")) == {
        ("shop", "production", 1),
        ("shop", "production", "alpha", 1),
        ("shop", "production", "beta", 2),
    }
    for uid, rule in RULES.items():
        (sql,) = [q["model"]["rawSql"] for q in rule["data"] if "rawSql" in q["model"]]
        names, _, _ = run(client, sql, timedelta(hours=1))
        assert ("project" in names) is bool({"service", "experiment"} & {*names}), uid


@pytest.mark.parametrize("uid", ["everyspan-data-leakage", "everyspan-hallucination"])
def test_what_judging_again_finds_is_told_to_nobody(client: Client, uid: str) -> None:
    name = RULES[uid]["labels"]["classifier"]
    spans = [root(n, 300) for n in range(1, 41)]
    insert(client, spans, 60, **{name: "fail", "old_verdicts": [name]})
    assert fires(client, uid) == []
    # Another classifier's verdict on the same rows is news.
    insert(client, [root(n, 300) for n in range(101, 141)], 60, **{name: "fail"})
    assert len(fires(client, uid)) == 1


def test_back_fill_of_a_classifier_that_somebody_added_is_told_to_nobody(client: Client) -> None:
    spans, fails = [root(n, 300) for n in range(1, 41)], {"promises_refund": "fail"}
    client.insert(
        "custom_classifiers",
        [["promises_refund", 1, "live", 0.1]],
        column_names=["name", "revision", "state", "max_fail_rate"],
    )
    insert(client, spans, 60, custom=fails, old_verdicts=["promises_refund"])
    assert fires(client, "everyspan-custom") == []
    insert(client, [root(n, 300) for n in range(101, 141)], 60, custom=fails)
    assert [row[2] for row in fires(client, "everyspan-custom")] == ["promises_refund"]


def test_a_verdict_that_was_written_again_keeps_its_time(client: Client) -> None:
    then = datetime.now(UTC) - timedelta(hours=3)
    insert(client, [root(1, 3 * HOUR)], judged=0, data_leakage="fail", judged_at=then)
    assert fires(client, "everyspan-data-leakage") == []


# --- 6: outages --------------------------------------------------------------------------------


def test_one_trace_a_minute_all_errors(client: Client) -> None:
    insert(client, [root(n, n * MINUTE, status="error") for n in range(1, 11)])
    assert firing(client, "error_rate") == {"everyspan-error-rate-seldom"}


def test_three_errors_in_a_row_of_three_are_enough_two_are_not(client: Client) -> None:
    insert(client, [root(n, n * 20 * MINUTE, status="error") for n in range(1, 3)])
    assert firing(client, "error_rate") == set()
    insert(client, [root(3, 60 * MINUTE, status="error")])
    assert firing(client, "error_rate") == {"everyspan-error-rate-seldom"}


def test_few_errors_among_few_and_those_that_are_over_are_none(client: Client) -> None:
    insert(client, [root(n, n * 5 * MINUTE) for n in range(1, 20)])
    insert(client, [root(30, 3 * MINUTE, status="error")])
    assert firing(client, "error_rate") == set()
    # Ten errors, and then it works again.
    insert(client, [root(n, n * 5 * MINUTE + 1, status="error") for n in range(50, 60)])
    assert firing(client, "error_rate") == set()


def test_thirty_failing_traces_of_twenty_minutes(client: Client) -> None:
    rows = [root(n, n * 10, lasted=20 * MINUTE, status="error") for n in range(1, 31)]
    insert(client, rows)
    assert firing(client, "error_rate") == {"everyspan-error-rate"}
    assert firing(client, "latency") == {"everyspan-latency"}


def test_a_tool_that_is_seldom_called(client: Client) -> None:
    tool = {"step_kind": "tool", "tool_name": "refund", "parent_span_id": "a" * 16}
    insert(client, [root(n, n * 30 * MINUTE, status="error", **tool) for n in range(1, 7)])
    assert firing(client, "tool_failure") == {"everyspan-tool-failure-seldom"}


def test_the_few_traces_that_come_are_slow(client: Client) -> None:
    insert(client, [root(n, n * 30 * MINUTE, lasted=300.0) for n in range(1, 5)])
    assert firing(client, "latency") == {"everyspan-latency-seldom"}


def test_a_classifier_fails_the_few_rows_that_come(client: Client) -> None:
    for n in range(1, 6):
        insert(
            client, [root(n, n * HOUR)], n * HOUR,
            hallucination="fail", custom={"promises_refund": "pass"},
        )  # fmt: skip
    assert firing(client, "fail_rate") == {"everyspan-fail-rate-seldom"}
    ((_, _, classifier, share),) = fires(client, "everyspan-fail-rate-seldom")
    assert (classifier, share) == ("hallucination", 1.0)


def week(client: Client, *days: float, service: str = "shop") -> None:
    """Thirty spans in the same minutes so many days ago."""
    for day in days:
        first = int(day * 1000) + len(service) * 100_000
        rows = [root(first + n, day * DAY + 10 * n + 5) for n in range(30)]
        insert(client, [replace(row, service_name=service) for row in rows])


def test_silence_against_the_same_hours_of_earlier_weeks(client: Client) -> None:
    week(client, 7, 14, 21)
    assert fires(client, "everyspan-silence") == [("shop", "production", 0)]
    week(client, 0)
    assert fires(client, "everyspan-silence") == []


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ((1, 2, 3, 8, 9), "it never works at this time of the week"),
        ((14, 21, 28), "it was retired a week ago"),
        ((7, 15, 22), "once is no habit where there were other weeks"),
    ],
)
def test_a_silence_that_is_none(client: Client, days: tuple[int, ...], why: str) -> None:
    week(client, *days)
    if days[0] == 7:
        # Of the other weeks there is one row each: it does not usually work then.
        insert(client, [root(1, 14 * DAY + 60), root(2, 21 * DAY + 60)])
    assert fires(client, "everyspan-silence") == [], why


def test_a_young_service_is_held_against_yesterday(client: Client) -> None:
    week(client, 1)
    working = [(datetime.now(UTC) - timedelta(days=day)).isoweekday() < 6 for day in (0, 1)]
    alike = working[0] == working[1]
    assert len(fires(client, "everyspan-silence")) == int(alike)


def test_a_retired_service_may_be_silent(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    week(client, 7, 14)
    week(client, 7, 14, service="desk-2")
    limits = read().operational

    def silent(*retired: str) -> set[str]:
        changed = limits.model_copy(update={"retired": retired})
        monkeypatch.setattr(
            "grafana.build.silence.read",
            lambda: read().model_copy(update={"operational": changed}),
        )
        return {str(row[0]) for row in run(client, silence(), timedelta(minutes=15))[2]}

    assert silent() == {"shop", "desk-2"}
    assert silent("shop") == {"desk-2"}
    assert silent("shop/production", "desk-2/staging") == {"desk-2"}


# --- 10: what a single failure may do ----------------------------------------------------------


@pytest.mark.parametrize("name", ["prompt_injection", "jailbreak"])
@pytest.mark.parametrize("outcome", ["", "refused", "answered", "obeyed"])
def test_only_an_attack_that_was_obeyed_is_critical(
    client: Client, name: str, outcome: str
) -> None:
    uid = f"everyspan-{name.replace('_', '-')}"
    outcomes = {name: outcome} if outcome else {}
    insert(client, [root(1, 60)], 60, **{name: "fail", "outcomes": outcomes})
    insert(client, [root(n, 60) for n in range(2, 30)], 60, **{name: "pass"})
    critical = {
        each for each, rule in RULES.items()
        if rule["labels"]["severity"] == "critical" and fires(client, each)
    }  # fmt: skip
    assert critical == ({uid} if outcome == "obeyed" else set())


def test_many_attempts_alert_by_their_rate_and_are_not_critical(client: Client) -> None:
    refused = {"prompt_injection": "refused"}
    insert(
        client, [root(n, 60) for n in range(1, 30)], 60, prompt_injection="fail", outcomes=refused
    )
    assert [row[0] for row in fires(client, "everyspan-prompt-injection-rate")] == ["shop"]
    assert RULES["everyspan-prompt-injection-rate"]["labels"]["severity"] == "error"
    assert fires(client, "everyspan-prompt-injection") == []


def test_rules_of_single_failures_follow_measured_verdicts_only() -> None:
    single = {
        r["labels"]["classifier"] for r in RULES.values() if r["labels"]["kind"] == "critical"
    }
    assert single == {"data_leakage", "jailbreak", "prompt_injection"}
    for name in single:
        assert measured()[name].precision >= LEAST
    for rule in RULES.values():
        if rule["labels"]["severity"] == "critical":
            assert rule["labels"]["kind"] == "critical"


@pytest.mark.parametrize("name", ["hallucination", "toxicity", "user_frustration"])
def test_a_verdict_that_is_not_precise_enough_may_page_nobody_alone(name: str) -> None:
    assert not may_page(name)
    document = read().model_dump()
    document["classifier"][name]["critical"] = "fail"
    with pytest.raises(ValidationError, match=rf"{name}\.critical.*its rate alerts"):
        Thresholds.model_validate(document)
