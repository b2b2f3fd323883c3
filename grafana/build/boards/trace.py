"""Trace: one trace, whole, whatever the time range."""

from __future__ import annotations

from grafana.build.columns import ms, share, text, time
from grafana.build.dashboard import dashboard, textbox
from grafana.build.panels import RED, Json, stat, table, traces
from grafana.build.quoting import one
from grafana.build.sql import LASTED, SOME_JUDGED, classifiers, failed, verdicts
from grafana.replay_command import replay_sql

# Ids are hex digits: anything else finds nothing. The bloom filter on trace_id makes this quick
# without a time range.
_NO_TRACE = "No such trace: open one from a table of failures, or write its id above."
_WHERE = f"WHERE trace_id = lower(trim({one('trace_id')}))"


def build() -> Json:
    names = classifiers()
    return dashboard(
        "everyspan-trace",
        "Everyspan / Trace",
        "One trace: its steps, what they cost, what was said, and what the classifiers found.",
        [_steps(names), *_numbers(names), _waterfall(names), _contents(), _verdicts(names)],
        [textbox("trace_id", "Trace id")],
        refresh="",
    )


def _numbers(names: list[str]) -> list[Json]:
    def one(panel_id: int, title: str, description: str, expression: str, unit: str) -> Json:
        sql = f"SELECT {expression} FROM spans\n{_WHERE}"
        return stat(panel_id, title, description, sql, unit=unit)

    return [
        one(1, "How many steps?", "Spans of the trace.", "count() AS steps", "short"),
        one(
            2,
            "How long?",
            "From the first start to the last end.",
            f"{LASTED} AS duration",
            "ms",
        ),
        one(
            3,
            "What did it cost?",
            "Sum of the cost of its model calls, in US dollars.",
            "sum(cost_usd) AS cost",
            "currencyUSD",
        ),
        one(
            4,
            "How many tokens?",
            "Input and output tokens of its model calls.",
            "ifNull(sum(input_tokens), 0) + ifNull(sum(output_tokens), 0) AS tokens",
            "short",
        ),
        stat(
            5,
            "Failed verdicts?",
            "Failed verdicts of all its steps; none where no step is judged yet.",
            f"SELECT if(countIf({SOME_JUDGED}) = 0, NULL, sum(length({failed(names)}))) AS failures FROM spans\n{_WHERE}",
            unit="short",
            steps=[(None, "green"), (1, RED)],
        ),
        stat(
            6,
            "Failed steps?",
            "Steps with status error.",
            f"SELECT if(count() = 0, NULL, countIf(status = 'error')) AS errors FROM spans\n{_WHERE}",
            unit="short",
            steps=[(None, "green"), (1, RED)],
        ),
    ]


def _waterfall(names: list[str]) -> Json:
    # A parent that never came would hide its children.
    sql = f"""SELECT trace_id AS traceID, span_id AS spanID,
  if(parent_span_id IN (SELECT span_id FROM spans {_WHERE}), parent_span_id, '') AS parentSpanID,
  service_name AS serviceName, name AS operationName,
  toUnixTimestamp64Nano(start_time) * 1e-6 AS startTime, duration_ms AS duration,
  if(status = 'error' OR notEmpty(failures), 2, 0) AS statusCode, status_message AS statusMessage,
  step_kind AS kind,
  arrayConcat(arrayFilter(tag -> tag['value'] != '', [
      map('key', 'error', 'value', if(status = 'error' OR notEmpty(failures), 'true', '')),
      map('key', 'failed', 'value', arrayStringConcat(failures, ', ')),
      map('key', 'model', 'value', model),
      map('key', 'tokens', 'value', if(input_tokens IS NULL AND output_tokens IS NULL, '',
        concat(toString(ifNull(input_tokens, 0)), ' in, ', toString(ifNull(output_tokens, 0)), ' out'))),
      map('key', 'cost', 'value', if(cost_usd IS NULL, '', concat('$', toString(round(cost_usd, 6))))),
      map('key', 'source line', 'value',
        if(code_file = '', '', concat(code_file, ':', toString(code_line)))),
      map('key', 'replay', 'value', replay)]),
    arrayMap(name -> map('key', concat('evidence of ', name), 'value', evidence[name]),
      arrayFilter(name -> evidence[name] != '', failures)),
    arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))) AS tags,
  arrayMap(key -> map('key', key, 'value', resource_attributes[key]),
    mapKeys(resource_attributes)) AS serviceTags
FROM (
  SELECT *, {failed(names)} AS failures, {replay_sql("row_number() OVER o")} AS replay
  FROM spans
  {_WHERE}
  WINDOW o AS (ORDER BY start_time, span_id)
)
ORDER BY startTime
LIMIT 5000"""
    return traces(
        7,
        "What happened, step by step?",
        "The waterfall of the trace. A step with an error or a failed verdict has the red mark; find "
        "it by the classifier's name. Its tags: what failed, the evidence, model, tokens, source line. "
        "At most 5,000 steps.",
        sql,
    )


def _steps(names: list[str]) -> Json:
    sql = f"""SELECT concat(toString(row_number() OVER o), ' of ', toString(count() OVER ())) AS step,
  name,
  arrayStringConcat(arrayConcat(if(status = 'error', ['error'], []),
    if(verdict_version = 0, ['not judged yet'], {failed(names)}),
    arrayMap(c -> concat('not judged by ', c), unjudged)), ', ') AS failures,
  arrayStringConcat(arrayFilter(e -> e != '', arrayConcat(mapValues(evidence),
    [if(status = 'error', status_message, '')])), '; ') AS evidence,
  duration_ms AS duration,
  if(code_file = '', '', concat(code_file, ':', toString(code_line))) AS code,
  {replay_sql("row_number() OVER o")} AS replay
FROM spans
{_WHERE}
WINDOW o AS (ORDER BY start_time, span_id)
ORDER BY start_time, span_id
LIMIT 5000"""
    return table(
        8,
        "Which step went wrong?",
        "Steps in order of their start: what failed, the evidence, the line of code that opened "
        "the step, and the command that replays the trace from there.",
        sql,
        [
            text("step", 70),
            text("name", 190),
            text("failures", 210, "failed", steps=[(None, RED)]),
            text("evidence", wrap=True),
            ms("duration", 85),
            text("code", 150, "source line"),
            text("replay", 190, "replay from here"),
        ],
        size=(24, 12),
        empty=_NO_TRACE,
    )


def _verdicts(names: list[str]) -> Json:
    sql = f"""SELECT v.1 AS classifier, v.2 AS verdict, evidence[v.1] AS evidence, v.3 AS score,
  concat(toString(step), ' of ', toString(steps)) AS step, name, judged
FROM (
  SELECT row_number() OVER (ORDER BY start_time, span_id) AS step, count() OVER () AS steps, name,
    evidence, verdict_at AS judged, {verdicts(names)} AS verdicts
  FROM spans
  {_WHERE}
)
ARRAY JOIN verdicts AS v
WHERE v.2 IN ('pass', 'fail')
ORDER BY v.2, v.3 DESC
LIMIT 1000"""
    return table(
        9,
        "What did the classifiers say?",
        "All verdicts of the trace, failures first.",
        sql,
        [
            text("classifier", 170),
            text("verdict", 75),
            text("evidence", wrap=True),
            share("score", 80),
            text("step", 75),
            text("name", 190),
            time("judged"),
        ],
        size=(24, 9),
        empty="No verdict yet: a trace is judged some seconds after its last span.",
    )


def _contents() -> Json:
    sql = f"""SELECT concat(toString(row_number() OVER o), ' of ', toString(count() OVER ())) AS step,
  name, substringUTF8(if(input != '', input, input_messages), 1, 4000) AS input,
  substringUTF8(if(output != '', output, output_messages), 1, 4000) AS output,
  arrayStringConcat(arrayMap(d -> substringUTF8(d, 1, 400), arraySlice(documents, 1, 10)), '\\n') AS documents,
  substringUTF8(system_instructions, 1, 2000) AS instructions,
  concat('everyspan trace ', substring(trace_id, 1, 12)) AS read_it
FROM spans
{_WHERE}
WINDOW o AS (ORDER BY start_time, span_id)
ORDER BY start_time, span_id
LIMIT 1000"""
    return table(
        10,
        "What went in and out?",
        "Inputs, outputs, documents and instructions of the steps, the first 4,000 characters. To read "
        "it as a conversation: everyspan trace ID.",
        sql,
        [
            text("step", 75),
            text("name", 170),
            text("input", wrap=True),
            text("output", wrap=True),
            text("documents", 200, wrap=True),
            text("instructions", 200, wrap=True),
            text("read_it", 190, "read it"),
        ],
        size=(24, 18),
        tall=True,
        empty=_NO_TRACE,
    )
