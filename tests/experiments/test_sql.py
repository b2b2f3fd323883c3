"""The views say what experiments/ computes, from rows that are counted by hand or at random."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from classify.custom.classifier_definition import Definition
from classify.custom.classifier_store import Record, put
from clickhouse.connection import connect
from clickhouse.migrate import read_migrations, render
from clickhouse.settings import ClickHouseSettings
from experiments import balance
from experiments.experiment_store import read_counts, read_sums, start, stop
from experiments.metrics import OPERATIONAL, kind_of
from experiments.status import status
from experiments.views import classifiers, statement
from experiments.watch import Watch
from experiments.winsorise import bounds
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows
from tests.experiments.recorded import PRIMARY, Row, definition, insert, sessions

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
METRICS = [
    {**PRIMARY, "min_effect": 0.02},
    {"metric": "hallucination", "role": "guardrail", "margin": 0.02},
    {"metric": "error_rate", "role": "guardrail"},
    {"metric": "latency_ms", "role": "guardrail", "margin": 80},
    {"metric": "cost_usd", "role": "secondary"},
    {"metric": "tokens", "role": "secondary"},
    {"metric": "cost_usd_per_unit", "role": "secondary"},
    {"metric": "traces_per_unit", "role": "secondary", "direction": "higher"},
    {"metric": "thumbs_down", "role": "secondary"},
]


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("experiments") / "clickhouse") as found:
        yield found


@pytest.fixture
def client(dsn: str) -> Iterator[Client]:
    """Of a database of its own, whose name is ``client.database``."""
    with without_rows(dsn) as (client, name):
        client.database = name
        yield client


def rows(client: Client, sql: str) -> list[dict[str, Any]]:
    found = client.query(sql)
    return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]


def test_rows_counted_by_hand(client: Client) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)

    def of(session: str, variant: str, trace: str, span: str, **more: Any) -> Row:
        known = {
            "everyspan.experiments": f'{{"e": "{variant}"}}',
            "everyspan.experiment_units": f'{{"e": "{session}"}}',
        }
        minutes = more.pop("minutes", 0)
        return Row(
            trace, span, start_time=at + timedelta(minutes=minutes), attributes=known, **more
        )

    insert(
        client,
        str(client.database),
        [
            # Two traces of one unit; the child is shorter, so the root's duration and status count.
            of("s1", "a", "t1", "1", duration_ms=100, status="error", goal_completion="fail"),
            of("s1", "a", "t1", "2", duration_ms=40, cost_usd=0.5, input_tokens=7),
            of("s1", "a", "t2", "1", duration_ms=300, goal_completion="pass", output_tokens=3),
            # Moved to b later: what it did there is left out.
            of("s1", "b", "t3", "1", minutes=30, duration_ms=9000, goal_completion="fail"),
            # Not judged, and not applicable: neither failed nor judged.
            of("s2", "b", "t4", "1", duration_ms=50, goal_completion=""),
            of("s2", "b", "t4", "2", duration_ms=20, goal_completion="not_applicable"),
            # A thumb of a trace, sent by somebody else.
            Row("t4", "3", name="everyspan.feedback", attributes={"everyspan.feedback": "down"}),
            # The plain pair; the session is the unit.
            Row("t5", "1", session_id="s3", start_time=at, experiment="e", variant="b"),
            # In the hold-out, and a unit that came before units are counted.
            of("s4", "hold_out", "t6", "1"),
            of("s5", "a", "t7", "1", minutes=-50, goal_completion="fail"),
            of("s5", "a", "t8", "1", minutes=1, goal_completion="fail"),
        ],
    )
    start(client, str(client.database), definition(), since=at - timedelta(minutes=5))
    outcomes = {row["unit"]: row for row in rows(client, "SELECT * FROM experiment_outcomes")}
    assert {u: (r["variant"], r["variants_seen"], r["counted"]) for u, r in outcomes.items()} == {
        "s1": ("a", 2, 1),
        "s2": ("b", 1, 1),
        "s3": ("b", 1, 1),
        "s4": ("hold_out", 1, 1),
        "s5": ("a", 1, 0),
    }
    s1 = {name: (y, x) for name, y, x in outcomes["s1"]["metrics"]}
    assert s1["goal_completion"] == (1, 2)
    assert s1["hallucination"] == (0, 0)
    assert s1["error_rate"] == (1, 2)
    assert s1["latency_ms"] == (400, 2)
    assert s1["cost_usd"] == (0.5, 2)
    assert s1["tokens"] == (10, 2)
    assert s1["cost_usd_per_unit"] == (0.5, 1)
    assert s1["traces_per_unit"] == (2, 1)
    s2 = {name: (y, x) for name, y, x in outcomes["s2"]["metrics"]}
    assert s2["goal_completion"] == (0, 0)
    assert s2["thumbs_down"] == (1, 1)
    sums = read_sums(client, str(client.database), "e")
    assert sums["a", "goal_completion"].units == 1
    assert sums["a", "goal_completion"].yy == 1
    assert sums["a", "goal_completion"].xx == 4
    assert sums["b", "goal_completion"].units == 0
    (found,) = rows(client, "SELECT * FROM experiment_balance")
    assert (found["variant_names"], found["variant_units"]) == (["a", "b"], [1, 2])
    assert (found["held_out_units"], found["unknown_units"], found["moved_units"]) == (1, 0, 1)


def test_heavy_tails_count_up_to_their_bounds(client: Client) -> None:
    """The view is what winsorise.py says, for metrics of every kind."""
    name = str(client.database)
    wanted = definition(metrics=METRICS, variants={"a": 3, "b": 1})
    insert(client, name, sessions(900, 21, weights={"a": 3, "b": 1}))
    start(client, name, wanted, since=LONG_AGO)
    outcomes = rows(client, "SELECT variant, metrics FROM experiment_outcomes WHERE counted")
    found = read_sums(client, name, "e")
    for metric in (each.metric for each in wanted.metrics):
        of = [
            (row["variant"], y, x)
            for row in outcomes
            for other, y, x in row["metrics"]
            if other == metric and x > 0
        ]
        variant = np.array([each[0] for each in of])
        y, x = (np.array([[each[at] for each in of]]) for at in (1, 2))
        smallest = np.array([min((variant == "a").sum(), (variant == "b").sum())])
        rate = kind_of(metric).rate
        ours = bounds(y, x, smallest, rate=rate)
        counted = ours.counted(y, x)[0]
        for arm in "ab":
            mask = variant == arm
            sums = found[arm, metric]
            assert sums.units == mask.sum()
            assert sums.y == pytest.approx(counted[mask].sum())
            assert sums.yy == pytest.approx((counted[mask] ** 2).sum())
            assert sums.xy == pytest.approx((counted * x[0])[mask].sum())
            assert sums.y_in_full == pytest.approx(y[0][mask].sum())
            assert sums.farthest == pytest.approx(float(ours.farthest[0, 0]))
            outside = np.abs(counted - y[0]) > 1e-9 * np.abs(y[0]).max()
            assert sums.capped == pytest.approx((outside & mask).sum(), abs=1)
    assert found["a", "latency_ms"].capped > 0
    assert_same(client, status(client, name, "e"))


def test_a_metric_without_variance_ends(client: Client) -> None:
    """Nothing costs anything: told once the planned units have come, instead of never."""
    name = str(client.database)
    free = sessions(700, 22)
    for row in free:
        row.cost_usd = None
        row.input_tokens, row.output_tokens = 7, None
    insert(client, name, free)
    metrics = [
        {"metric": "cost_usd", "role": "primary"},
        {"metric": "tokens", "role": "guardrail", "margin": 1},
        {"metric": "cost_usd_per_unit", "role": "guardrail"},
    ]
    start(client, name, definition(metrics=metrics, planned_units=2000), since=LONG_AGO)
    early = status(client, name, "e")
    assert [each.state for each in early.outcome.decided[0].compared[::2]] == ["too_early"] * 2
    assert_same(client, early)
    start(client, name, definition(metrics=metrics, planned_units=500))
    ended = status(client, name, "e")
    assert [each.state for each in ended.outcome.decided[0].compared[::2]] == ["no_gain", "safe"]
    assert ended.outcome.verdict == "stop"
    assert "cost usd is 0 USD in every unit of both" in " ".join(ended.reasons)
    assert_same(client, ended)


def test_one_arm_without_variance_ends(client: Client) -> None:
    """The variant answers from a cache: it costs nothing, in every unit."""
    name = str(client.database)
    cached = sessions(700, 23)
    for row in cached:
        if '"e": "b"' in row.attributes.get("everyspan.experiments", ""):
            row.cost_usd = 0.0
    insert(client, name, cached)
    cost = definition(metrics=[{"metric": "cost_usd", "role": "primary"}])
    start(client, name, cost, since=LONG_AGO)
    found = status(client, name, "e")
    assert found.outcome.verdict == "ship"
    assert_same(client, found)


def test_every_metric_and_classifier_is_in_the_outcomes(client: Client) -> None:
    insert(client, str(client.database), sessions(3, 1))
    start(client, str(client.database), definition(), since=LONG_AGO)
    (found,) = rows(client, "SELECT metrics.1 AS names FROM experiment_outcomes LIMIT 1")
    assert found["names"] == [*classifiers(client, str(client.database)), *OPERATIONAL]


def test_the_migration_has_the_view_of_the_built_in_classifiers(client: Client) -> None:
    name = str(client.database)
    made = f"CREATE OR REPLACE VIEW {name}.experiment_spans"
    settings = ClickHouseSettings(database=name)
    views = [
        each
        for migration in read_migrations()
        for each in render(migration, settings)
        if each.startswith(made)
    ]
    assert views[-1] == statement(name, classifiers(client, name), "")


def test_a_classifier_that_came_later(client: Client) -> None:
    """One that somebody made of examples: its verdicts are in the map of custom ones."""
    name = str(client.database)
    put(client, name, Record(Definition(name="rudeness"), "live"))
    insert(client, name, sessions(200, 8))
    client.command(
        f"ALTER TABLE {name}.spans_raw UPDATE custom = map('rudeness',"
        " if(cityHash64(trace_id, experiments['e']) % 100 < if(experiments['e'] = 'a', 5, 60),"
        " 'fail', 'pass')) WHERE 1 SETTINGS mutations_sync = 2"
    )
    rude = definition(metrics=[{"metric": "rudeness", "role": "primary"}], min_units=50)
    start(client, name, rude, since=LONG_AGO)
    found = status(client, name, "e")
    assert found.outcome.verdict == "stop"
    assert "b loses rudeness" in found.reasons[0]
    assert_same(client, found)


@pytest.mark.parametrize(
    ("seed", "fields", "given"),
    [
        (1, {}, {}),
        (2, {"alpha": 0.1, "planned_units": 500, "control": "b"}, {"a": 0.1, "b": 0.35}),
        (3, {"min_units": 200}, {"a": 0.4, "b": 0.05}),
        (4, {"variants": {"a": 2, "b": 1, "c": 1}}, {"a": 0.3, "b": 0.1, "c": 0.6}),
        (5, {}, {"a": 0.1, "b": 0.9}),
        (6, {"min_units": 10, "planned_units": 100_000}, {"a": 0.001, "b": 0.0}),
    ],
)
def test_python_and_sql_agree(
    client: Client, seed: int, fields: dict[str, Any], given: dict[str, float]
) -> None:
    name = str(client.database)
    wanted = definition(**{"metrics": METRICS, "min_units": 50, **fields})
    insert(
        client,
        name,
        sessions(600, seed, fail_rates=given, weights=dict(wanted.variants))
        # Too few to break it, of a variant that the definition does not have.
        + sessions(3, seed + 100, fail_rates={"z": 0.5}),
    )
    start(client, name, wanted, since=LONG_AGO)
    ours = status(client, name, "e")
    assert_same(client, ours)


def assert_same(client: Client, ours: Any) -> None:
    outcome = ours.outcome
    effects = {
        (row["variant"], row["metric"]): row
        for row in rows(client, "SELECT * FROM experiment_effects WHERE experiment = 'e'")
    }
    compared = [(one.variant, each) for one in outcome.decided for each in one.compared]
    assert len(effects) == len(compared) >= len(outcome.decided)
    for variant, each in compared:
        sql = effects[variant, each.metric.metric]
        assert sql["state"] == each.state
        assert (sql["control_units"], sql["variant_units"]) == (
            each.control_units,
            each.variant_units,
        )
        for column, number in (
            ("control_value", each.effect.control),
            ("variant_value", each.effect.variant),
            ("effect", each.effect.estimate),
            ("standard_error", each.effect.standard_error),
            ("low", each.effect.low),
            ("high", each.effect.high),
            ("harm_low", each.harm_low),
            ("harm_high", each.harm_high),
            ("alpha", each.alpha),
            ("same", each.same),
            ("control_in_full", each.in_full.control),
            ("variant_in_full", each.in_full.variant),
            ("control_capped", each.in_full.control_capped),
            ("variant_capped", each.in_full.variant_capped),
        ):
            assert sql[column] == pytest.approx(float(number), rel=1e-9, abs=1e-12, nan_ok=True), (
                variant, each.metric.metric, column
            )  # fmt: skip
    verdicts = rows(client, "SELECT * FROM experiment_verdicts WHERE experiment = 'e'")
    assert {row["variant"]: row["verdict"] for row in verdicts} == {
        one.variant: one.verdict for one in outcome.decided
    }
    for row in verdicts:
        (one,) = [each for each in outcome.decided if each.variant == row["variant"]]
        assert row["gain"] == pytest.approx(one.gain, nan_ok=True)
        assert sorted(row["worse"]) == sorted(each.metric.metric for each in one.those("worse"))
        assert sorted(row["guardrails_lost"]) == sorted(
            each.metric.metric for each in one.those("worse", "guardrail")
        )
    (split,) = rows(client, "SELECT * FROM experiment_balance WHERE experiment = 'e'")
    assert split["evidence"] == pytest.approx(outcome.evidence, rel=1e-6)
    assert split["unknown_units"] == outcome.unknown
    assert split["held_out_units"] == outcome.held_out
    assert split["moved_units"] == outcome.moved
    assert split["units"] == outcome.units
    (whole,) = rows(client, "SELECT * FROM experiment_status WHERE experiment = 'e'")
    assert whole["verdict"] == outcome.verdict
    assert whole["broken"] == outcome.broken
    assert whole["variant"] == outcome.best


@pytest.mark.parametrize(
    ("rates", "fields", "verdict", "said"),
    [
        ({"a": 0.4, "b": 0.1}, {}, "ship", "experiment stop e --ship b"),
        ({"a": 0.1, "b": 0.4}, {}, "stop", "Keep a: everyspan experiment stop e"),
        ({"a": 0.2, "b": 0.2}, {}, "keep_going", "Open for b"),
        (
            {"a": 0.2, "b": 0.2},
            {"metrics": [{**PRIMARY, "min_effect": 0.3}]},
            "stop",
            "b can't gain 30.0 points on goal completion",
        ),
        ({"a": 0.2, "b": 0.2}, {"min_units": 5000}, "keep_going", "5,000 of each are the least"),
    ],
)
def test_verdicts(
    client: Client, rates: dict[str, float], fields: dict[str, Any], verdict: str, said: str
) -> None:
    name = str(client.database)
    insert(client, name, sessions(800, 9, fail_rates=rates))
    start(client, name, definition(**fields), since=LONG_AGO)
    found = status(client, name, "e")
    assert found.outcome.verdict == verdict
    assert said in " ".join(found.reasons)
    assert_same(client, found)


def test_a_guardrail_stops_a_winner(client: Client) -> None:
    name = str(client.database)
    rates = {"a": 0.4, "b": 0.1}
    insert(client, name, sessions(800, 3, fail_rates=rates, hallucinated={"a": 0.02, "b": 0.4}))
    guarded = definition(metrics=[PRIMARY, {"metric": "hallucination", "role": "guardrail"}])
    start(client, name, guarded, since=LONG_AGO)
    found = status(client, name, "e")
    assert found.outcome.verdict == "stop"
    assert "b loses guard-rail hallucination" in found.reasons[0]
    assert_same(client, found)
    # With more tolerance than it takes, it is shipped.
    tolerant = definition(
        metrics=[PRIMARY, {"metric": "hallucination", "role": "guardrail", "margin": 0.6}]
    )
    start(client, name, tolerant)
    assert status(client, name, "e").outcome.verdict == "ship"
    # With less than is shown, it waits.
    strict = definition(
        metrics=[PRIMARY, {"metric": "error_rate", "role": "guardrail", "margin": 0.0005}]
    )
    start(client, name, strict)
    found = status(client, name, "e")
    assert found.outcome.verdict == "keep_going"
    assert "not yet shown that b stays within the margin: error rate" in " ".join(found.reasons)
    assert_same(client, found)


@pytest.mark.parametrize(
    ("changes", "broken", "said"),
    [
        ({"weights": {"a": 1, "b": 0.6}}, "sample ratio mismatch", "not split as intended"),
        ({"fail_rates": {"a": 0.2, "b": 0.2, "c": 0.2}}, "variants that are not defined", "agent"),
    ],
)
def test_broken(client: Client, changes: dict[str, Any], broken: str, said: str) -> None:
    name = str(client.database)
    insert(client, name, sessions(700, 5, **changes))
    start(client, name, definition(), since=LONG_AGO)
    found = status(client, name, "e")
    assert (found.outcome.verdict, found.outcome.broken) == ("broken", broken)
    assert said in " ".join(found.reasons)
    assert_same(client, found)


def test_units_that_change_their_variant_break_it(client: Client) -> None:
    name = str(client.database)
    insert(client, name, sessions(200, 6))
    client.command(
        f"INSERT INTO {name}.spans_raw (trace_id, span_id, session_id, start_time, experiment,"
        " variant) SELECT concat('moved', session_id), '1', session_id,"
        " max(start_time) + INTERVAL 1 HOUR, 'e',"
        " if(any(experiments['e']) = 'a', 'b', 'a')"
        f" FROM {name}.spans WHERE session_id != '' GROUP BY session_id LIMIT 30"
    )
    start(client, name, definition(), since=LONG_AGO)
    found = status(client, name, "e")
    assert found.outcome.broken == "units change their variant"
    assert found.outcome.moved == 30
    assert "same on every request (session)" in " ".join(found.reasons)
    assert_same(client, found)


def test_large_counts_keep_their_precision(client: Client) -> None:
    """The evidence is a difference of large logarithms."""
    counts = {"a": 5_000_321, "b": 4_999_679}
    sql = (
        "SELECT arrayAvg(k -> exp(least(700, lgamma(k) - lgamma(10000000 + k) + arraySum("
        "(c, s) -> lgamma(c + k * s) - lgamma(k * s) - c * log(s), [5000321, 4999679], [.5, .5])"
        ")), [10., 100., 1000., 10000.])"
    )
    (found,) = client.query(sql).result_rows[0]
    assert found == pytest.approx(balance.evidence(counts, {"a": 1, "b": 1}), rel=1e-4)
    assert math.isinf(found) is False


def test_nothing_yet(client: Client) -> None:
    name = str(client.database)
    start(client, name, definition(metrics=METRICS))
    found = status(client, name, "e")
    assert found.outcome.verdict == "keep_going"
    assert "0 and 0 units" in " ".join(found.reasons)
    assert found.outcome.evidence == pytest.approx(1)
    assert found.document()["variants"][0]["metrics"][0]["effect"] is None
    assert_same(client, found)


def test_it_stops_itself_once_every_variant_loses(client: Client, dsn: str) -> None:
    name = str(client.database)
    bad = {"a": 0.02, "b": 0.5, "c": 0.02}
    rates = dict.fromkeys(bad, 0.2)
    insert(client, name, sessions(900, 11, fail_rates=rates, hallucinated=bad))
    rail = {"metric": "hallucination", "role": "guardrail"}
    two = definition(metrics=[PRIMARY, rail], variants={"a": 1, "b": 1}, stop_on_loss=True)
    three = definition(metrics=[PRIMARY, rail], variants=dict.fromkeys("abc", 1), stop_on_loss=True)
    watch = Watch(lambda: connect(dsn), name, every=60)
    start(client, name, three, since=LONG_AGO)
    assert watch.look() == []  # c does no harm
    start(client, name, two.model_copy(update={"stop_on_loss": False}), since=LONG_AGO)
    assert watch.look() == []  # nobody asked
    start(client, name, two, since=LONG_AGO)
    assert watch.look() == ["e"]
    assert watch.look() == []
    (found,) = rows(client, "SELECT status, winner FROM experiments")
    assert found == {"status": "stopped", "winner": ""}


def test_a_metric_that_never_applies_is_told(client: Client) -> None:
    name = str(client.database)
    insert(client, name, sessions(300, 7))
    never = definition(metrics=[{"metric": "toxicity", "role": "primary"}])
    start(client, name, never, since=LONG_AGO)
    told = " ".join(status(client, name, "e").reasons)
    assert "300 units have come and none has a figure of toxicity" in told


def test_the_split_may_change(client: Client) -> None:
    """A wider share goes on counting; other weights, and a new run, count anew."""
    name = str(client.database)
    first = start(client, name, definition(), since=LONG_AGO)
    wider = start(client, name, definition(share=0.5, variants={"a": 2, "b": 2}))
    assert wider.counted_from == first.counted_from
    uneven = start(client, name, definition(variants={"a": 1, "b": 3}))
    assert uneven.counted_from > first.counted_from
    assert uneven.started_at == first.started_at
    stop(client, name, "e", "b")
    (found,) = rows(client, "SELECT status, winner FROM experiments")
    assert found == {"status": "stopped", "winner": "b"}
    again = start(client, name, definition(variants={"a": 1, "b": 3}))
    assert again.started_at == again.counted_from > uneven.counted_from


def test_a_stopped_experiment_counts_no_more_units(client: Client) -> None:
    name = str(client.database)
    insert(client, name, sessions(50, 1))
    start(client, name, definition(), since=LONG_AGO)
    stop(client, name, "e")
    before = status(client, name, "e")
    assert "It was stopped; everybody gets a." in before.reasons
    late = sessions(50, 2)
    for row in late:
        row.start_time += timedelta(days=1)
    insert(client, name, late)
    counts, arrivals = read_counts(client, name, "e")
    assert sum(counts.by_variant.values()) == before.outcome.units == 50
    assert arrivals.first is not None
    assert np.isfinite(arrivals.per_day)
