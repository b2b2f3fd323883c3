"""Spans with verdicts, made by SQL: the same for the same number, some weeks deep.

Seven spans a trace (agent, retrieval, prompt, llm, tool, llm, parser); rates are those of a healthy
service, except for what ``incident`` plants in the last half hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from grafana.thresholds import read

STEPS = 7


def add_verdict_columns(client: Client, database: str) -> None:
    """The columns of every classifier in thresholds.toml that the schema lacks, and the view."""
    client.command(
        f"ALTER TABLE {database}.spans_raw "
        + ", ".join(
            f"ADD COLUMN IF NOT EXISTS {name} LowCardinality(String) DEFAULT '',"
            f" ADD COLUMN IF NOT EXISTS {name}_score Float32 DEFAULT nan"
            for name in read().classifier
        )
    )
    client.command(
        f"CREATE OR REPLACE VIEW {database}.spans AS SELECT * FROM {database}.spans_raw FINAL"
        " SETTINGS do_not_merge_across_partitions_select_final = 1"
    )


def fill(
    client: Client,
    database: str,
    rows: int,
    days: int,
    *,
    incident: bool = True,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Insert ``rows`` spans spread over the ``days`` up to now, a day at a time, the last one last:
    it ends now however long the others take. ``texts``: column to SQL, instead of the short texts
    and beside the other columns."""
    traces = max(1, rows // STEPS // days)
    client.insert(
        "custom_classifiers",
        [["promises_refund", 1, "live", 0.0], ["mentions_rival", 2, "live", 0.2]],
        column_names=["name", "revision", "state", "max_fail_rate"],
        database=database,
    )
    for day in reversed(range(days)):
        client.command(_insert(database, traces, day, incident and day == 0, texts or {}))


def _insert(database: str, traces: int, day: int, incident: bool, texts: Mapping[str, str]) -> str:
    row = dict(_row(incident)) | texts
    columns, values = zip(*row.items(), strict=True)
    verdict_columns, verdict_values = zip(*_verdicts(incident), strict=True)
    names = ", ".join((*columns, *verdict_columns))
    # `t` numbers the trace, `s` the step; u(x) is uniform in 0..999 for a trace.
    return f"""
INSERT INTO {database}.spans_raw ({names})
WITH
    {day} AS day,
    {traces} AS per_day,
    toUInt64(number) AS row_number,
    intDiv(row_number, {STEPS}) AS t,
    row_number % {STEPS} AS s,
    day * 100000000 + t AS trace_number,
    now64(9) - toIntervalDay(day)
        - toIntervalMillisecond(toUInt64(20000 + t * (86340000 / per_day))) AS trace_start,
    {"trace_start > now() - INTERVAL 30 MINUTE" if incident else "0"} AS bad,
    (cityHash64(trace_number, 1) % 1000) AS u1,
    (cityHash64(trace_number, 2) % 1000) AS u2,
    (cityHash64(trace_number, s, 3) % 1000) AS u3,
    ['agent','retrieval','prompt','llm','tool','llm','parser'][s + 1] AS kind,
    ['get_order','search_catalogue','refund'][1 + (u2 % 3)] AS tool
SELECT {", ".join((*values, *verdict_values))}
FROM numbers({traces * STEPS})
"""


def _row(incident: bool) -> list[tuple[str, str]]:
    service = "['checkout-agent','support-agent','search-agent'][1 + (u1 % 3)]"
    return [
        ("trace_id", "leftPad(lower(hex(trace_number + 1)), 32, '0')"),
        ("span_id", "leftPad(lower(hex(trace_number * 8 + s + 1)), 16, '0')"),
        (
            "parent_span_id",
            "if(s = 0, '', leftPad(lower(hex(trace_number * 8 + 1)), 16, '0'))",
        ),
        ("session_id", "concat('session-', toString(intDiv(trace_number, 3)))"),
        ("user_id", "concat('user-', toString(u1))"),
        ("service_name", service),
        ("service_version", "if(day = 0, '1.4.0', '1.3.2')"),
        ("environment", "if(u2 < 900, 'production', 'staging')"),
        (
            "name",
            "['support-agent','help_pages','build_prompt','chat gpt-4.1-mini',"
            "concat('execute_tool ', tool),'chat gpt-4.1-mini','parse'][s + 1]",
        ),
        ("step_kind", "kind"),
        ("start_time", "trace_start + toIntervalMillisecond(s * 120)"),
        ("duration_ms", "if(s = 0, 900 + u3 * 2, 5 + u3 / 4) * if(bad, 3, 1)"),
        ("status", "if((s = 0 AND u3 < 15) OR (kind = 'tool' AND u3 < 60), 'error', 'ok')"),
        ("error_type", "if((s = 0 AND u3 < 15) OR (kind = 'tool' AND u3 < 60), 'TimeoutError','')"),
        ("status_message", "if(kind = 'tool' AND u3 < 60, 'the shop did not answer', '')"),
        ("provider", "if(kind = 'llm', 'openai', '')"),
        ("model", "if(kind = 'llm', ['gpt-4.1-mini','gpt-4.1','claude-sonnet-4'][1+(u2%3)], '')"),
        ("input_tokens", "if(kind = 'llm', toUInt32(300 + u3), NULL)"),
        ("output_tokens", "if(kind = 'llm', toUInt32(40 + u3 / 5), NULL)"),
        ("cost_usd", "if(kind = 'llm', (300 + u3) / 1e6, NULL)"),
        ("prompt_name", "if(kind = 'llm', 'answer', '')"),
        ("prompt_version", "if(kind = 'llm', if(day = 0, 'v8', 'v7'), '')"),
        ("experiment", "if(day < 3, 'shorter-prompt', '')"),
        ("variant", "if(day < 3, if(u1 % 2 = 0, 'control', 'short'), '')"),
        ("agent_name", "if(s = 0, 'support-agent', '')"),
        (
            "input",
            "concat('Where is order ', toString(trace_number % 50), '?', repeat(' please', 20))",
        ),
        ("output", "concat('It was shipped on Monday. ', repeat('Thanks. ', 20))"),
        ("tool_name", "if(kind = 'tool', tool, '')"),
        (
            "documents",
            "if(kind = 'retrieval', ["
            '\'{"id": "returns", "content": "Goods may be returned.", "score": 4.1}\'], [])',
        ),
        ("document_scores", "if(kind = 'retrieval', [toFloat32(4.1)], [])"),
        ("code_file", "'agent.py'"),
        ("code_line", "toUInt32(10 + s * 12)"),
        ("code_function", "'answer'"),
        ("code_revision", "if(day = 0, 'abc1234', 'fed9876')"),
        ("attributes", "map('gen_ai.operation.name', 'chat')"),
        ("resource_attributes", "map('service.name', " + service + ")"),
        (
            "events",
            """if(kind = 'tool' AND u3 < 60, '[{"name": "exception", "time": "2026-01-01"}]','')""",
        ),
        ("ingested_at", "toDateTime64(trace_start, 3) + toIntervalSecond(2)"),
        ("verdict_at", "toDateTime64(trace_start, 3) + toIntervalSecond(9)"),
        ("verdict_version", "1"),
        # Two classifiers that users added.
        (
            "custom",
            "map('promises_refund', multiIf(kind != 'llm', 'not_applicable', bad, 'fail', 'pass'),"
            " 'mentions_rival', if(kind = 'llm', 'pass', 'not_applicable'))",
        ),
        (
            "custom_scores",
            "if(kind = 'llm', map('promises_refund', toFloat32(if(bad, 0.9, 0.05)),"
            " 'mentions_rival', toFloat32(0.1)), map())",
        ),
        (
            "evidence",
            "mapFilter((k, v) -> v != '', map("
            "'hallucination', if(kind = 'llm' AND (u3 < 8 OR (bad AND u3 < 300)),"
            " '‘shipped on Monday’ is in none of the 3 documents', ''),"
            "'data_leakage', if(kind = 'llm' AND u3 = 999, 'aws_access_key: AKIA…7Q', ''),"
            "'tool_call_error', if(kind = 'tool' AND u3 < 60, 'argument order_id is missing', ''),"
            "'prompt_injection', if(kind = 'retrieval' AND u3 = 500,"
            " '‘ignore all previous instructions’ in document returns', ''),"
            "'promises_refund', if(kind = 'llm' AND bad, 'output: a refund is on its way', '')))",
        ),
    ]


def _verdicts(incident: bool) -> list[tuple[str, str]]:
    """Label and score of each classifier; which steps it looks at and how often it fails."""
    looks_at = {
        "hallucination": ("kind = 'llm'", "u3 < 8 OR (bad AND u3 < 300)"),
        "retrieval_relevance": ("kind = 'retrieval'", "u3 < 60"),
        "goal_completion": ("s = 0", "u3 < 50"),
        "tool_call_error": ("kind = 'tool'", "u3 < 60"),
        "user_frustration": ("s = 0", "u3 BETWEEN 100 AND 120"),
        "forgetfulness": ("s = 0", "u3 BETWEEN 200 AND 205"),
        "instruction_following": ("kind = 'llm'", "u3 BETWEEN 300 AND 320"),
        "jailbreak": ("s = 0", "u3 = 400"),
        "prompt_injection": ("kind = 'retrieval'", "u3 = 500"),
        "toxicity": ("kind = 'llm'", "u3 = 600"),
        "data_leakage": ("kind IN ('llm', 'tool')", "u3 = 999"),
    }
    found = []
    for name in read().classifier:
        applies, fails = looks_at.get(name, ("0", "0"))
        label = f"multiIf(NOT ({applies}), 'not_applicable', {fails}, 'fail', 'pass')"
        score = f"multiIf(NOT ({applies}), nan, {fails}, 0.6 + u3 / 2500, u3 / 2500)"
        found += [(name, label), (f"{name}_score", f"toFloat32({score})")]
    return found
