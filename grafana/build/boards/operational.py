"""Operational: latency, tokens, cost, errors, tools."""

from __future__ import annotations

from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.panels import GREEN, RED, YELLOW, Json, row, table, timeseries
from grafana.build.sql import ONCE, ROOT, TRACE, where

_ERROR_STEPS: list[tuple[float | None, str]] = [(None, GREEN), (0.02, YELLOW), (0.05, RED)]

# Semantic conventions give seconds (gen_ai.response.time_to_first_chunk, and older names).
_FIRST_TOKEN = (
    "coalesce("
    "toFloat64OrNull(attributes['gen_ai.response.time_to_first_chunk']),"
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
    over_time = f"""SELECT $__timeInterval(start_time) AS time,
  quantile(0.5)(duration_ms) AS p50, quantile(0.95)(duration_ms) AS p95,
  quantile(0.99)(duration_ms) AS p99
FROM spans
{where(ROOT)}
GROUP BY time
ORDER BY time"""
    by_step = f"""SELECT name AS step, any(step_kind) AS kind, count() AS steps,
  quantile(0.5)(duration_ms) AS p50, quantile(0.95)(duration_ms) AS p95,
  quantile(0.99)(duration_ms) AS p99, sum(duration_ms) / 1000 AS total
FROM spans
{where(scope="step")}
GROUP BY step
ORDER BY total DESC
LIMIT 50"""
    first_token = f"""SELECT $__timeInterval(start_time) AS time, model,
  quantile(0.95)(seconds) AS p95
FROM (
  SELECT start_time, model, {_FIRST_TOKEN} AS seconds
  FROM spans
  {where("step_kind = 'llm'", scope="step")}
)
WHERE seconds IS NOT NULL
GROUP BY time, model
ORDER BY time, model"""
    slowest = f"""SELECT start_time AS time, trace_id, duration_ms AS duration, name AS root,
  service_name AS service, user_id AS user, session_id, status
FROM spans
{where(ROOT)}
ORDER BY duration_ms DESC
LIMIT 20"""
    milliseconds = dict.fromkeys(("p50", "p95", "p99", "duration"), "ms")
    return [
        timeseries(
            2,
            "How long do traces take?",
            "Percentiles of the duration of root spans.",
            over_time,
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
            units=milliseconds | {"total": "s"},
            size=(12, 10),
        ),
        table(
            5,
            "Which are the slowest traces?",
            "Root spans by duration.",
            slowest,
            units=milliseconds,
            size=(12, 10),
            widths={"trace_id": 120},
        ),
    ]


def _errors() -> list[Json]:
    errors = f"""SELECT $__timeInterval(start_time) AS time, service_name AS service,
  countIf(status = 'error') / count() AS error_rate
FROM spans
{where(ROOT)}
GROUP BY time, service
ORDER BY time, service"""
    tools_over_time = f"""SELECT $__timeInterval(start_time) AS time, tool_name AS tool,
  1 - countIf(status = 'error' OR tool_call_error = 'fail') / count() AS success_rate
FROM spans
{where("step_kind = 'tool'", "tool_name != ''")}
GROUP BY time, tool
ORDER BY time, tool"""
    tools = f"""SELECT tool_name AS tool, count() AS calls,
  countIf(status = 'error' OR tool_call_error = 'fail') AS failed,
  1 - failed / calls AS success_rate, quantile(0.95)(duration_ms) AS p95,
  anyIf(evidence['tool_call_error'], tool_call_error = 'fail') AS example
FROM spans
{where("step_kind = 'tool'", "tool_name != ''")}
GROUP BY tool
ORDER BY failed DESC
LIMIT 50"""
    kinds = f"""SELECT error_type, name AS step, any(service_name) AS service, count() AS errors,
  uniq(trace_id) AS traces, uniq(user_id) AS users, max(start_time) AS last_seen,
  anyLast(status_message) AS message, argMax(trace_id, start_time) AS newest_trace
FROM spans
{where("status = 'error'", ONCE)}
GROUP BY error_type, step
ORDER BY errors DESC
LIMIT 30"""
    success: list[tuple[float | None, str]] = [(None, RED), (0.8, YELLOW), (0.95, GREEN)]
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
            "Tool steps per tool; success as in the panel above; example: evidence of one failure.",
            tools,
            units={"success_rate": "percentunit", "p95": "ms"},
            colored={"success_rate": success},
            size=(12, 9),
        ),
        table(
            10,
            "Which errors are there?",
            "Steps with status error by error type and step name; the link goes to the newest.",
            kinds,
            size=(12, 9),
            widths={"newest_trace": 120},
        ),
    ]


def _cost() -> list[Json]:
    def over_time(expression: str, alias: str) -> str:
        return f"""SELECT $__timeInterval(start_time) AS time, model, {expression} AS {alias}
FROM spans
{where("model != ''", scope="step")}
GROUP BY time, model
ORDER BY time, model"""

    by_step = f"""SELECT name AS step, model, prompt_name AS prompt, prompt_version AS version,
  countIf({ONCE}) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cached_input_tokens) AS cached_tokens, sum(cost_usd) AS cost,
  avg(cost_usd) AS cost_per_call, countIf(cost_usd IS NULL AND {ONCE}) AS unpriced
FROM spans
{where("model != ''", scope="step")}
GROUP BY step, model, prompt, version
HAVING calls > 0 OR cost > 0
ORDER BY cost DESC NULLS LAST
LIMIT 50"""

    def by(column: str, alias: str) -> str:
        return f"""SELECT {column} AS {alias}, uniq({TRACE}) AS traces,
  sum(input_tokens) + sum(output_tokens) AS tokens, sum(cost_usd) AS cost,
  cost / traces AS cost_per_trace
FROM spans
{where(f"{column} != ''", "model != ''", scope="step")}
GROUP BY {alias}
ORDER BY cost DESC NULLS LAST
LIMIT 50"""

    dollars = {
        "cost": "currencyUSD",
        "cost_per_call": "currencyUSD",
        "cost_per_trace": "currencyUSD",
    }
    return [
        timeseries(
            12,
            "What does each model cost?",
            "Sum of the cost of model calls in US dollars, per interval and model.",
            over_time("sum(cost_usd)", "cost"),
            unit="currencyUSD",
            label="model",
            style="bars",
            stacked=True,
        ),
        timeseries(
            13,
            "How many tokens does each model use?",
            "Input and output tokens together, per interval and model.",
            over_time("sum(input_tokens) + sum(output_tokens)", "tokens"),
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
            units=dollars,
        ),
        table(
            15,
            "Which users cost the most?",
            "Cost of the model calls of a user, and per trace.",
            by("user_id", "user"),
            units=dollars,
            size=(12, 9),
        ),
        table(
            16,
            "Which sessions cost the most?",
            "Cost of the model calls of a session, and per trace.",
            by("session_id", "session_id"),
            units=dollars,
            size=(12, 9),
        ),
    ]
