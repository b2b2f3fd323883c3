"""What an alert is about, as SQL over rows of ``spans``: rules count these rows, and the alerting
service looks the same ones up. Only the kind and the window travel with an alert, never SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: A trace, by its topmost span; a call that counts in another trace is none.
ROOT = "parent_span_id = '' AND twin_of = ''"
#: Rows of production: a replay runs again what was counted already.
PRODUCTION = "replay_of = ''"
#: Columns that a window may be of. A window only bounds when the span began by this, in seconds: a
#: trace may take long, and its verdict comes after it.
TIMES: Mapping[str, int] = {
    "judged_at": 86_400,
    "end_time": 86_400,
    "ingested_at": 86_400,
    "start_time": 0,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """``failing``: SQL of a row that the alert is about; ``judged``: of the rows that could have
    been; ``time``: of TIMES, the column that the rule's window is of; ``order``: worst first."""

    failing: str
    judged: str
    time: str
    order: str = "start_time DESC"


def verdict(name: str, label: str, score: str, kind: str, outcome: str = "") -> Condition:
    """Of a classifier. ``label``, ``score``: SQL of what it says of a row; ``outcome``: of an
    attack, '' for any. Only news count, but where weeks or variants are compared."""
    by_news = kind in ("", "fail_rate", "critical")
    news = f" AND NOT has(old_verdicts, '{name}')" if by_news else ""
    became = f" AND outcomes['{name}'] = '{outcome}'" if outcome else ""
    return Condition(
        f"{label} = 'fail'{became}{news}",
        f"{label} IN ('pass', 'fail'){news}",
        "judged_at" if by_news else "start_time",
        f"{score} DESC, start_time DESC",
    )


#: Kind of an operational alert to what it is about.
OPERATIONAL: Mapping[str, Condition] = {
    "latency": Condition(ROOT, ROOT, "end_time", "duration_ms DESC"),
    "latency_growth": Condition(ROOT, ROOT, "end_time", "duration_ms DESC"),
    "error_rate": Condition(f"{ROOT} AND status = 'error'", ROOT, "end_time"),
    "tool_failure": Condition(
        "step_kind = 'tool' AND (status = 'error'"
        " OR (tool_call_error = 'fail' AND NOT has(old_verdicts, 'tool_call_error')))",
        "step_kind = 'tool'",
        "end_time",
    ),
    "cost": Condition("cost_usd > 0", "cost_usd > 0", "start_time", "cost_usd DESC"),
    "coverage": Condition(
        "(verdict_version = 0 OR notEmpty(unjudged))", "1", "ingested_at", "start_time ASC"
    ),
    "classifier_broken": Condition(
        "has(unjudged, {classifier:String})", "1", "ingested_at", "start_time ASC"
    ),
    "drift_tokens": Condition("step_kind = 'llm'", "step_kind = 'llm'", "start_time"),
}


def within(time: str, start: str, end: str) -> str:
    """Rows of a window, as SQL. ``start``, ``end``: SQL of its ends."""
    if time not in TIMES:
        raise ValueError(f"{time} is none of {', '.join(TIMES)}")
    if not TIMES[time]:
        return f"{time} >= {start} AND {time} <= {end}"
    return (
        f"start_time >= {start} - INTERVAL {TIMES[time]} SECOND AND start_time <= {end}"
        f" AND {time} >= {start} AND {time} <= {end}"
    )
