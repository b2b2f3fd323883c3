"""Data sets: what there is, and whether it still tests what production asks."""

from __future__ import annotations

from grafana.build.columns import count, share, text, time
from grafana.build.dashboard import dashboard
from grafana.build.over_time import SERIES
from grafana.build.panels import GREEN, RED, YELLOW, Json, table, timeseries

_NONE = "No data set yet: everyspan dataset build NAME makes one of what failed."
_UNCOVERED_STEPS: list[tuple[float | None, str]] = [(None, GREEN), (0.1, YELLOW), (0.25, RED)]
_DRIFTS = (("fresh", GREEN), ("shifting", YELLOW), ("stale", RED))
#: A legend shows so much of a name.
_NAMED = "concat(substringUTF8(dataset, 1, 30), if(lengthUTF8(dataset) > 30, '…', ''), ' v', toString(version))"


def build() -> Json:
    return dashboard(
        "everyspan-datasets",
        "Everyspan / Data sets",
        "Evaluation data sets made by `everyspan dataset build`, and how production moves away "
        "from them.",
        [_newest(), _uncovered(), _mix(), _versions()],
        [],
        time_from="now-30d",
    )


def _newest() -> Json:
    sql = """SELECT dataset, drift, uncovered, drift_measured_at, version, failures, controls, created_at,
  author
FROM datasets
ORDER BY dataset
LIMIT 200"""
    return table(
        1,
        "Which data sets are there, and are they still of use?",
        "The newest version of each. drift as `everyspan dataset drift` last measured it: fresh, "
        "shifting (another mix, still covered) or stale (refresh it). uncovered: inputs of "
        "production that no item is like; 5 % when the version was made.",
        sql,
        [
            text("dataset"),
            text("drift", 90, words=_DRIFTS),
            share("uncovered", 100, steps=_UNCOVERED_STEPS),
            time("drift_measured_at", 150, "drift measured at"),
            count("version", 80),
            count("failures", 85),
            count("controls", 85),
            time("created_at"),
            text("author", 160),
        ],
        size=(24, 8),
        empty=_NONE,
    )


def _uncovered() -> Json:
    sql = f"""SELECT measured_at AS time, {_NAMED} AS series,
  uncovered
FROM dataset_drift FINAL
WHERE $__timeFilter(measured_at) AND verdict != 'unknown' AND (dataset, version) IN (
  SELECT dataset, version FROM datasets ORDER BY uncovered DESC NULLS LAST, dataset LIMIT {SERIES})
ORDER BY time, series"""
    return timeseries(
        2,
        "Does production ask what the data set lacks?",
        "Share of inputs that are farther from every item than 95 % were at the build, of the five "
        "data sets that lack the most.",
        sql,
        unit="percentunit",
        label="series",
        steps=_UNCOVERED_STEPS,
        size=(12, 9),
    )


def _mix() -> Json:
    sql = f"""SELECT measured_at AS time, concat(name, ' of ', {_NAMED}) AS series, value
FROM dataset_drift FINAL
ARRAY JOIN mapKeys(psi) AS name, mapValues(psi) AS value
WHERE $__timeFilter(measured_at) AND verdict != 'unknown' AND (dataset, version, name) IN (
  SELECT dataset, version, moved FROM (
    SELECT * FROM dataset_drift FINAL ORDER BY measured_at DESC LIMIT 1 BY dataset, version)
  ARRAY JOIN mapKeys(psi) AS moved, mapValues(psi) AS by_what
  WHERE (dataset, version) IN (SELECT dataset, version FROM datasets)
  ORDER BY by_what DESC, dataset, moved LIMIT {SERIES})
ORDER BY time, series"""
    return timeseries(
        3,
        "What has the mix moved by?",
        "Population stability index against the inputs at the build: 0.1 is a moderate shift, 0.25 "
        "a large one. The five largest.",
        sql,
        unit="short",
        label="series",
        steps=[(None, GREEN), (0.1, YELLOW), (0.25, RED)],
        size=(12, 9),
    )


def _versions() -> Json:
    sql = """SELECT dataset, version, author, created_at AS time, length(added) AS added,
  length(retired) AS retired, failures, controls, JSONExtractString(definition, 'where') AS made_of
FROM dataset_versions FINAL
WHERE $__timeFilter(created_at)
ORDER BY time DESC
LIMIT 200"""
    return table(
        4,
        "Who made which version?",
        "All versions made in the time range.",
        sql,
        [
            text("dataset", 240),
            count("version", 80),
            text("author", 170),
            time(),
            count("added", 75),
            count("retired", 80),
            count("failures", 85),
            count("controls", 85),
            text("made_of", wrap=True),
        ],
        size=(24, 8),
        empty=_NONE,
    )
