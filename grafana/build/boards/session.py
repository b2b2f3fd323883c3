"""Session: the turns of a conversation."""

from __future__ import annotations

from grafana.build.columns import count, dollars, ms, text, time, trace
from grafana.build.dashboard import dashboard, replays, textbox
from grafana.build.panels import FAIL_RATE_STEPS, RED, Json, stat, table, timeseries
from grafana.build.quoting import one
from grafana.build.sql import (
    LASTED,
    ROOT,
    SOME_JUDGED,
    TRACE,
    UNLESS_ASKED,
    classifiers,
    failed,
    verdicts,
)  # fmt: skip

# A conversation may be older than the time range; it is shown whole.
_WHERE = f"WHERE session_id = {one('session_id')} AND session_id != '' AND {UNLESS_ASKED}"


def build() -> Json:
    names = classifiers()
    return dashboard(
        "everyspan-session",
        "Everyspan / Session",
        "A conversation turn by turn, with verdicts.",
        [_turns(names), *_numbers(names), _failures(names), _duration()],
        [textbox("session_id", "Session id"), replays()],
        refresh="",
    )


def _numbers(names: list[str]) -> list[Json]:
    return [
        stat(
            1,
            "How many turns?",
            "Traces of the session.",
            f"SELECT uniqExact({TRACE}) AS turns FROM spans\n{_WHERE}",
            unit="short",
            size=(6, 4),
        ),
        stat(
            2,
            "How many failed?",
            "Traces in which a classifier failed a step / traces of which a step is judged.",
            f"SELECT uniqExactIf({TRACE}, notEmpty({failed(names)}))"
            f" / nullIf(uniqExactIf({TRACE}, {SOME_JUDGED}), 0) AS fail_rate FROM spans\n{_WHERE}",
            unit="percentunit",
            steps=FAIL_RATE_STEPS,
            size=(6, 4),
        ),
        stat(
            3,
            "What did it cost?",
            "Cost of the model calls of the session, in US dollars.",
            f"SELECT sum(cost_usd) AS cost FROM spans\n{_WHERE}",
            unit="currencyUSD",
            size=(6, 4),
        ),
        stat(
            4,
            "How long?",
            "From the first turn's start to the last one's end.",
            f"SELECT {LASTED} AS duration FROM spans\n{_WHERE}",
            unit="ms",
            size=(6, 4),
        ),
    ]


def _turns(names: list[str]) -> Json:
    sql = f"""SELECT row_number() OVER (ORDER BY time) AS turn, question, answer, failures,
  counted AS trace_id, time, duration, cost
FROM (
  SELECT {TRACE} AS counted, min(start_time) AS time,
    substringUTF8(argMin(if(input != '', input, input_messages), (parent_span_id != '', start_time)),
      1, 1000) AS question,
    substringUTF8(argMin(if(output != '', output, output_messages), (parent_span_id != '', start_time)),
      1, 1000) AS answer,
    arrayStringConcat(groupUniqArrayArray({failed(names)}), ', ') AS failures,
    max(duration_ms) AS duration, sum(cost_usd) AS cost
  FROM spans
  {_WHERE}
  GROUP BY counted
)
ORDER BY time
LIMIT 500"""
    return table(
        5,
        "How did the conversation go?",
        "Its turns in order: what was asked and answered at the root of each trace, and which "
        "classifiers failed a step.",
        sql,
        [
            count("turn", 55),
            text("question", wrap=True),
            text("answer", wrap=True),
            text("failures", 140, "failed", steps=[(None, RED)]),
            trace(),
            time(),
            ms("duration", 85),
            dollars("cost", 95),
        ],
        size=(24, 10),
        tall=True,
        empty="No such session: open one from a table of failures, or write its id above.",
    )


def _failures(names: list[str]) -> Json:
    sql = f"""SELECT v.1 AS classifier, evidence[v.1] AS evidence, name AS step, trace_id,
  start_time AS time
FROM (
  SELECT start_time, name, trace_id, evidence, {verdicts(names)} AS verdicts
  FROM spans
  {_WHERE}
)
ARRAY JOIN verdicts AS v
WHERE v.2 = 'fail'
ORDER BY time
LIMIT 500"""
    return table(
        6,
        "What did the classifiers find?",
        "Failed verdicts in the order of the conversation.",
        sql,
        [
            text("classifier", 150),
            text("evidence", wrap=True),
            text("step", 130),
            trace(),
            time(),
        ],
        size=(14, 9),
        empty="No verdict failed in what was judged of this session.",
    )


def _duration() -> Json:
    sql = f"""SELECT start_time AS time, duration_ms AS duration
FROM spans
{_WHERE} AND {ROOT}
ORDER BY time"""
    return timeseries(
        7,
        "How long did each turn take?",
        "Duration of the root span of each turn.",
        sql,
        unit="ms",
        style="points",
        size=(10, 9),
    )
