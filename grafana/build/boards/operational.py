"""Operational: latency, tokens, cost, errors, tools."""

from __future__ import annotations

from grafana.build.columns import (
    SECONDS,
    SHARE,
    Column,
    count,
    dollars,
    ms,
    rate,
    session,
    text,
    time,
    trace,
)
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.over_time import over_time
from grafana.build.panels import (
    FAIL_RATE_STEPS,
    GREEN,
    RED,
    YELLOW,
    Json,
    row,
    table,
    timeseries,
)
from grafana.build.sql import ONCE, ROOT, TRACE, interval, where, wilson_low

_ERROR_STEPS: list[tuple[float | None, str]] = [(None, GREEN), (0.02, YELLOW), (0.05, RED)]

# Rows from before the column have it under some library's name, in seconds.
_FIRST_TOKEN = (
    "coalesce(time_to_first_token_ms / 1000,"
    " toFloat64OrNull(attributes['gen_ai.response.time_to_first_chunk']),"
    " toFloat64OrNull(attributes['gen_ai.server.time_to_first_token']),"
    " toFloat64OrNull(attributes['ai.response.msToFirstChunk']) / 1000)"
)


def build() -> Json:
    return dashboard(
        "everyspan-operational",
        "Everyspan / Operational",
        "Latency, errors, tokens and cost of every step.",
        [
            row(1, "Latency"),
            *_latency(),
            row(6, "Errors and tools"),
            *_errors(),
            row(11, "Tokens and cost"),
            *_cost(),
        ],
        filters(*STANDARD),
    )


def _latency() -> list[Json]:
    durations = over_time(
        "(quantilesMerge(0.5, 0.95, 0.99)(durations) AS q)[1] AS p50, q[2] AS p95, q[3] AS p99",
        "quantilesState(0.5, 0.95, 0.99)(duration_ms) AS durations, count() AS n",
        "n",
        where(ROOT),
    )
    by_step = f"""SELECT step, p95, share, total, p50, p99, steps, kind
FROM (
SELECT name AS step, any(step_kind) AS kind, count() AS steps,
  quantile(0.5)(duration_ms) AS p50, quantile(0.95)(duration_ms) AS p95,
  quantile(0.99)(duration_ms) AS p99, sum(duration_ms) / 1000 AS total,
  total / nullIf(sum(total) OVER (), 0) AS share
FROM spans
{where(scope="step")}
GROUP BY step
ORDER BY total DESC
LIMIT 50
)"""
    waits = f"""(
  SELECT start_time, model, {_FIRST_TOKEN} AS seconds
  FROM spans
  {where("step_kind = 'llm'", scope="step")}
)"""
    first_token = over_time(
        "quantileMerge(0.95)(waits) AS p95",
        "quantileState(0.95)(assumeNotNull(seconds)) AS waits, count() AS n",
        "n",
        "WHERE seconds IS NOT NULL",
        label=("model", "model"),
        source=waits,
    )
    slowest = f"""SELECT duration_ms AS duration, trace_id, service_name AS service, name AS root, status,
  start_time AS time
FROM spans
{where(ROOT)}
ORDER BY duration_ms DESC
LIMIT 20"""
    return [
        timeseries(
            2,
            "How long do traces take?",
            "Percentiles of the duration of root spans.",
            durations,
            unit="ms",
        ),
        timeseries(
            3,
            "How long until the first token?",
            "95th percentile per model, of model calls that say so: "
            "gen_ai.response.time_to_first_chunk and its older names. Empty where none does.",
            first_token,
            unit="s",
            label="model",
        ),
        table(
            4,
            "Which steps take the time?",
            "Percentiles of the duration per step name; total is the sum, which counts a parent's "
            "time and its children's.",
            by_step,
            [
                text("step"),
                ms("p95", 80),
                Column("share", 110, SHARE, "of all time", gauge=True, most=1, decimals=1),
                Column("total", 85, SECONDS),
                ms("p50", 80),
                ms("p99", 80),
                count("steps", 70),
                text("kind", 90),
            ],
            size=(24, 9),
        ),
        table(
            5,
            "Which are the slowest traces?",
            "Root spans by duration.",
            slowest,
            [
                ms("duration"),
                trace(),
                text("service", 170),
                text("root"),
                text("status", 80),
                time(),
            ],
            size=(24, 9),
        ),
    ]


def _errors() -> list[Json]:
    errors = over_time(
        "sum(failed) / sum(n) AS error_rate",
        "countIf(status = 'error') AS failed, count() AS n",
        "n",
        where(ROOT),
        label=("service_name", "service"),
    )
    tools_over_time = over_time(
        "1 - sum(failed) / sum(n) AS success_rate",
        "countIf(status = 'error' OR tool_call_error = 'fail') AS failed, count() AS n",
        "n",
        where("step_kind = 'tool'", "tool_name != ''"),
        label=("tool_name", "tool"),
    )
    tools = f"""SELECT tool, failed / calls AS fail_rate, {interval("failed", "calls")} AS interval, example,
  newest_failure, calls, p95
FROM (
SELECT tool_name AS tool, count() AS calls,
  countIf(status = 'error' OR tool_call_error = 'fail') AS failed,
  quantile(0.95)(duration_ms) AS p95,
  argMaxIf(if(evidence['tool_call_error'] != '', evidence['tool_call_error'], status_message),
    start_time, status = 'error' OR tool_call_error = 'fail') AS example,
  argMaxIf(trace_id, start_time, status = 'error' OR tool_call_error = 'fail') AS newest_failure
FROM spans
{where("step_kind = 'tool'", "tool_name != ''")}
GROUP BY tool
)
ORDER BY {wilson_low("failed", "calls")} DESC, calls DESC
LIMIT 50"""
    kinds = f"""SELECT error_type, count() AS errors, name AS step,
  argMax(status_message, start_time) AS message, argMax(trace_id, start_time) AS newest_trace,
  max(start_time) AS last_seen, uniq(trace_id) AS traces, uniq(user_id) AS users,
  any(service_name) AS service
FROM spans
{where("status = 'error'", ONCE)}
GROUP BY error_type, step
ORDER BY errors DESC
LIMIT 30"""
    return [
        timeseries(
            7,
            "How many traces end in an error?",
            "Root spans with status error / root spans, per service.",
            errors,
            unit="percentunit",
            label="service",
            steps=_ERROR_STEPS,
        ),
        timeseries(
            8,
            "Do the tools work?",
            "Tool steps without an error status and without a failed tool_call_error verdict / "
            "tool steps, per tool.",
            tools_over_time,
            unit="percentunit",
            label="tool",
            maximum=1,
        ),
        table(
            9,
            "Which tools fail?",
            "Tool steps per tool that have an error status or a failed tool_call_error verdict, worst "
            "first by the lower end of the 95 % interval; example: what the newest failure says.",
            tools,
            [
                text("tool", 190),
                rate(steps=FAIL_RATE_STEPS),
                interval_column(),
                text("example", wrap=True),
                trace("newest_failure", 130, "newest failure"),
                count("calls", 75),
                ms("p95", 80),
            ],
            size=(24, 9),
            empty="No tool step in this time range.",
        ),
        table(
            10,
            "Which errors are there?",
            "Steps with status error by error type and step name; the link goes to the newest.",
            kinds,
            [
                text("error_type", 170),
                count("errors", 75),
                text("step", 170),
                text("message", wrap=True),
                trace("newest_trace", 120, "newest trace"),
                time("last_seen"),
                count("traces", 75),
                count("users", 70),
                text("service", 130),
            ],
            size=(24, 9),
            empty="No step has an error status in this time range.",
        ),
    ]


def _cost() -> list[Json]:
    def of_models(expression: str, alias: str) -> str:
        return over_time(
            f"sum(part) AS {alias}",
            f"ifNull({expression}, 0) AS part, count() AS n",
            "n",
            where("model != ''", scope="step"),
            label=("model", "model"),
            together=True,
        )

    by_step = f"""SELECT name AS step, sum(cost_usd) AS cost, avg(cost_usd) AS cost_per_call, model,
  prompt_name AS prompt, prompt_version AS version, countIf({ONCE}) AS calls,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cached_input_tokens) AS cached_tokens, countIf(cost_usd IS NULL AND {ONCE}) AS unpriced
FROM spans
{where("model != ''", scope="step")}
GROUP BY step, model, prompt, version
HAVING calls > 0 OR cost > 0
ORDER BY cost DESC NULLS LAST
LIMIT 50"""

    def by(column: str, alias: str) -> str:
        return f"""SELECT {column} AS {alias}, sum(cost_usd) AS cost, cost / traces AS cost_per_trace,
  uniq({TRACE}) AS traces, sum(input_tokens) + sum(output_tokens) AS tokens
FROM spans
{where(f"{column} != ''", "model != ''", scope="step")}
GROUP BY {alias}
ORDER BY cost DESC NULLS LAST
LIMIT 50"""

    spent = [
        dollars("cost", 85),
        dollars("cost_per_trace", 120),
        count("traces", 75),
        count("tokens"),
    ]
    return [
        timeseries(
            12,
            "What does each model cost?",
            "Sum of the cost of model calls in US dollars, per interval and model.",
            of_models("sum(cost_usd)", "cost"),
            unit="currencyUSD",
            label="model",
            style="bars",
            stacked=True,
        ),
        timeseries(
            13,
            "How many tokens does each model use?",
            "Input and output tokens together, per interval and model.",
            of_models("sum(input_tokens) + sum(output_tokens)", "tokens"),
            unit="short",
            label="model",
            style="bars",
            stacked=True,
        ),
        table(
            14,
            "Which step, model and prompt costs the most?",
            "Model calls by step name, model and prompt version. Unpriced: calls whose cost is "
            "unknown; they count 0.",
            by_step,
            [
                text("step"),
                dollars("cost", 85),
                dollars("cost_per_call", 110),
                text("model", 170),
                text("prompt", 130),
                text("version", 90),
                count("calls", 75),
                count("input_tokens", 105),
                count("output_tokens", 115),
                count("cached_tokens", 120),
                count("unpriced", 90),
            ],
            empty="No model call in this time range.",
        ),
        table(
            15,
            "Which users cost the most?",
            "Cost of the model calls of a user, and per trace.",
            by("user_id", "user"),
            [text("user"), *spent],
            size=(12, 9),
            empty="No model call names a user: everyspan.user_id or the attribute user.id does.",
        ),
        table(
            16,
            "Which sessions cost the most?",
            "Cost of the model calls of a session, and per trace.",
            by("session_id", "session_id"),
            [session(width=0), *spent],
            size=(12, 9),
            empty="No model call names a session: the attribute session.id does.",
        ),
    ]
