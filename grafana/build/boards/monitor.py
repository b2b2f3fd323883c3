"""Monitor: the stack watching itself."""

from __future__ import annotations

from grafana.build.columns import count, text, time, trace
from grafana.build.dashboard import dashboard, filters
from grafana.build.gaps import MISSING, gaps
from grafana.build.over_time import over_time
from grafana.build.panels import GREEN, RED, YELLOW, Json, row, stat, table, timeseries
from grafana.build.sql import COVERED, JUDGED, where

# A row's end, when it was stored and when it was judged tell all the lags.
_END = "toUnixTimestamp64Milli(toDateTime64(start_time, 3)) + duration_ms"
_STORED_AFTER = f"(toUnixTimestamp64Milli(ingested_at) - ({_END})) / 1000"
_JUDGED_AFTER = "(toUnixTimestamp64Milli(verdict_at) - toUnixTimestamp64Milli(ingested_at)) / 1000"
_BROKEN = (
    "if(metric = 'everyspan_classify_broken', concat('classifier ', labels['classifier']),"
    " concat('records of ', labels['table']))"
)


def build() -> Json:
    return dashboard(
        "everyspan-monitor",
        "Everyspan / Monitor",
        "Does Everyspan itself work? Ingest, judging, coverage and alert deliveries.",
        [
            *_numbers(),
            row(5, "Ingest"),
            *_ingest(),
            row(9, "Judging"),
            *_judging(),
            row(14, "Alerts and errors"),
            *_services(),
        ],
        filters("service", "environment"),
        time_from="now-6h",
    )


def _numbers() -> list[Json]:
    def lag(expression: str) -> str:
        return f"SELECT quantileOrNull(0.95)({expression}) AS p95 FROM spans\n{_where()}"

    return [
        stat(
            1,
            "Is all judged?",
            "Spans with all their verdicts / spans; those that came less than two minutes ago count "
            "as judged. A classifier that is broken owes its spans a verdict. Must read 100 %.",
            f"SELECT floor(countIf({COVERED}) / nullIf(count(), 0), 3) AS coverage FROM spans\n{_where()}",
            unit="percentunit",
            steps=[(None, RED), (0.999, YELLOW), (1.0, GREEN)],
            size=(6, 4),
        ),
        stat(
            2,
            "How many wait?",
            "Spans of the time range that lack a verdict: none has judged them yet, or one is "
            "broken.",
            f"SELECT countIf(NOT {JUDGED}) AS pending FROM spans\n{_where()}",
            unit="short",
            steps=[(None, GREEN), (10_000, YELLOW), (100_000, RED)],
            size=(6, 4),
        ),
        stat(
            3,
            "How soon stored?",
            "95th percentile from the end of a span to its insert: the sender's batching, the "
            "network and ingest.",
            lag(_STORED_AFTER),
            unit="s",
            steps=[(None, GREEN), (30, YELLOW), (120, RED)],
            size=(6, 4),
        ),
        stat(
            4,
            "How soon judged?",
            "95th percentile from insert to verdict. Waiting for the rest of the trace is a part "
            "of it (EVERYSPAN_CLASSIFY_TRACE_QUIET_SECONDS).",
            f"SELECT quantileOrNullIf(0.95)({_JUDGED_AFTER}, verdict_version > 0) AS p95 FROM spans\n"
            f"{_where()}",
            unit="s",
            steps=[(None, GREEN), (60, YELLOW), (300, RED)],
            size=(6, 4),
        ),
    ]


def _where(*more: str) -> str:
    return where(*more, scope="step", without=("model", "prompt_version", "user"))


def _lag(seconds: str, condition: str) -> str:
    return over_time(
        "(quantilesMerge(0.5, 0.95)(lags) AS q)[1] AS p50, q[2] AS p95, max(longest) AS longest",
        f"quantilesState(0.5, 0.95)({seconds}) AS lags, max({seconds}) AS longest, count() AS n",
        "n",
        condition,
        column="ingested_at",
        # What came last is told as soon as it comes.
        together=True,
    )


def _ingest() -> list[Json]:
    rate = over_time(
        "sum(n) / any(width) AS spans_per_second",
        "count() AS n",
        "n",
        _where(),
        label=("service_name", "service"),
        column="ingested_at",
        together=True,
    )
    lag = _lag(_STORED_AFTER, _where())
    return [
        timeseries(
            6,
            "How many spans come in?",
            "Spans per second by the time they were stored, per service.",
            rate,
            unit="suffix: /s",
            label="service",
            stacked=True,
            size=(8, 8),
        ),
        timeseries(
            7,
            "How late are spans stored?",
            "From the end of a span to its insert.",
            lag,
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            8,
            "What was refused?",
            "Spans and log records that ingest refused, inserts that failed, attributes that no "
            "convention maps: increase of the services' own counters per interval.",
            _increase(
                "metric IN ('everyspan_ingest_rejected_total',"
                " 'everyspan_ingest_insert_errors_total', 'everyspan_ingest_not_understood_total')"
            ),
            unit="short",
            label="series",
            style="bars",
            size=(8, 8),
        ),
        table(
            19,
            "What was not understood?",
            "Calls of models and tools without what they should have, by the tracer that sent them, "
            "with an example each: what its library does not send, or what Everyspan does not read "
            "yet. Calls that failed are left out.",
            f"""SELECT scope, version, kind, steps, {", ".join(MISSING)},
  splitByChar('/', example)[1] AS trace_id
FROM (
{gaps(_where().removeprefix("WHERE "))}
)""",
            [
                text("scope"),
                text("version", 110),
                text("kind", 70),
                count("steps", 80),
                *(count(name, 100) for name in MISSING),
                trace(),
            ],
            size=(24, 7),
            empty="Nothing found: no call of a model or tool lacks what it should have.",
        ),
    ]


def _judging() -> list[Json]:
    coverage = over_time(
        "sum(judged) / sum(n) AS coverage",
        f"countIf({COVERED}) AS judged, count() AS n",
        "n",
        _where(),
    )
    lag = _lag(_JUDGED_AFTER, _where("verdict_version > 0"))
    versions = """SELECT version, project, min(deployed_at) AS deployed,
  arrayStringConcat(arraySort(arrayMap(c -> concat(JSONExtractString(c, 'name'), ' ',
    toString(JSONExtractUInt(c, 'version'))), JSONExtractArrayRaw(any(classifiers)))), ', ')
    AS classifiers
FROM (
  SELECT version, '' AS project, deployed_at, classifiers FROM classifier_sets
  UNION ALL
  SELECT version, project, deployed_at, classifiers FROM project_sets)
GROUP BY version, project
ORDER BY deployed DESC, project, version DESC
LIMIT 20"""
    rows_by_version = over_time(
        "sum(n) AS spans",
        "count() AS n",
        "n",
        _where(),
        label=(
            "multiIf(verdict_version = 0, 'not judged', notEmpty(unjudged), 'not judged by all',"
            " concat('set ', toString(verdict_version)))",
            "version",
        ),
        together=True,
    )
    return [
        timeseries(
            10,
            "When was not everything judged?",
            "Coverage per interval of the span's start.",
            coverage,
            unit="percentunit",
            maximum=1,
            size=(8, 8),
        ),
        timeseries(
            11,
            "How late are spans judged?",
            "From insert to verdict. A new classifier set judges older rows again, which shows as "
            "long times.",
            lag,
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            12,
            "Which classifier set judged what?",
            "Spans by the number of the classifier set that judged them last.",
            rows_by_version,
            unit="short",
            label="version",
            style="bars",
            stacked=True,
            size=(8, 8),
        ),
        table(
            13,
            "Which classifiers and models are deployed?",
            "Every set that was ever deployed, newest first: classifier and version. With a project: "
            "of its rows alone, since its reviews moved a threshold.",
            versions,
            [
                count("version", 80),
                text("project", 120),
                time("deployed"),
                text("classifiers", wrap=True),
            ],
            size=(24, 6),
            empty="No set is deployed: everyspan up, or the judging service, deploys one.",
        ),
    ]


def _services() -> list[Json]:
    # An instance that stopped sending is an earlier start of the process: not listed.
    newest = """SELECT service, replaceRegexpOne(toString(metric), '^everyspan_', '') AS metric,
  arrayStringConcat(arrayMap((k, v) -> concat(k, '=', v), mapKeys(labels), mapValues(labels)), ' ')
    AS labels,
  argMax(value, time) AS value, max(time) AS last_seen, instance
FROM stack_metrics
WHERE $__timeFilter(time) AND (service, instance) IN (
  SELECT service, argMax(instance, time) FROM stack_metrics WHERE $__timeFilter(time)
  GROUP BY service)
GROUP BY service, instance, metric, labels
ORDER BY service, metric, labels
LIMIT 1000"""
    return [
        timeseries(
            15,
            "Do alerts reach people?",
            "What the alerting service counts: webhook requests, deliveries by destination and "
            "outcome. Increase per interval.",
            _increase("metric LIKE 'everyspan_alerting_%' AND NOT endsWith(metric, '_sum')"),
            unit="short",
            label="series",
            style="bars",
        ),
        timeseries(
            16,
            "Do the classifiers work?",
            "Errors by where they came from. Increase per interval.",
            _increase("metric = 'everyspan_classify_errors_total'"),
            unit="short",
            label="series",
            style="bars",
        ),
        table(
            17,
            "What can't judge, and what can't be read?",
            "Classifiers that are broken (their spans wait for them), and records of Everyspan's "
            "own tables that are set aside; `everyspan status` says why. Empty: all is well.",
            f"""SELECT {_BROKEN} AS what, max(value) AS number, max(last) AS last_seen
FROM (
  SELECT metric, labels, instance, argMax(value, time) AS value, max(time) AS last
  FROM stack_metrics
  WHERE $__timeFilter(time)
    AND metric IN ('everyspan_classify_broken', 'everyspan_records_set_aside')
  GROUP BY metric, labels, instance
)
WHERE value > 0 AND last > $__toTime - INTERVAL 2 MINUTE
GROUP BY what
ORDER BY what""",
            [text("what"), count("number", 90), time("last_seen")],
            size=(24, 5),
            empty="Nothing found: no classifier that can't judge, no record that can't be read.",
        ),
        table(
            18,
            "What do the services say of themselves?",
            "The newest value of each of the services' metrics, as kept in stack_metrics.",
            newest,
            [
                text("service", 120),
                text("metric", 300),
                text("labels"),
                count("value", 100),
                time("last_seen"),
                text("instance", 190),
            ],
            size=(24, 10),
            empty="No service has written its metrics yet: they do every 15 seconds.",
        ),
    ]


def _increase(condition: str) -> str:
    """Increase of counters per interval and series, in words; a restart counts from 0 again."""
    return f"""SELECT $__timeInterval(time) AS time, series, sum(increase) AS increase
FROM (
  SELECT time, arrayStringConcat(arrayConcat([replaceAll(replaceRegexpOne(toString(metric),
      '^everyspan_(ingest|alerting|classify)?_?(.*?)(_seconds)?(_total|_count)?$', '\\\\2'), '_', ' ')],
      mapValues(labels)), ' ') AS series,
    if(row_number() OVER w = 1, 0, if(value >= lagInFrame(value) OVER w,
      value - lagInFrame(value) OVER w, value)) AS increase
  FROM stack_metrics
  WHERE $__timeFilter(time) AND {condition}
  WINDOW w AS (PARTITION BY metric, instance, toString(labels) ORDER BY time
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
GROUP BY time, series
HAVING increase > 0
ORDER BY time, series"""
