"""Spans of experiments as they are stored, and definitions to judge them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from experiments.experiment_definition import Definition, read_definition

PRIMARY = {"metric": "goal_completion", "role": "primary"}


def definition(name: str = "e", **fields: Any) -> Definition:
    """Two variants, a and b, judged by goal completion unless told otherwise."""
    document = {"name": name, "variants": {"a": 1, "b": 1}, "metrics": [PRIMARY], **fields}
    return read_definition(document, name)


@dataclass
class Row:
    """One span; the rest of the columns keep their defaults."""

    trace_id: str
    span_id: str
    session_id: str = ""
    start_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: str = "answer"
    duration_ms: float = 0.0
    status: str = "ok"
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    experiment: str = ""
    variant: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    goal_completion: str = ""
    hallucination: str = ""


def insert(client: Client, database: str, rows: Sequence[Row]) -> None:
    columns = list(Row.__dataclass_fields__)
    client.insert(
        "spans_raw",
        [[getattr(row, column) for column in columns] for row in rows],
        column_names=columns,
        database=database,
    )


def sessions(
    count: int,
    seed: int,
    *,
    experiment: str = "e",
    fail_rates: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    hallucinated: Mapping[str, float] | None = None,
) -> list[Row]:
    """Sessions of one to five traces, two spans each, with costs, errors, thumbs and verdicts."""
    random = np.random.default_rng(seed)
    rates = fail_rates or {"a": 0.2, "b": 0.2}
    shares = np.array([(weights or {}).get(variant, 1.0) for variant in rates])
    begin = datetime.now(UTC) - timedelta(hours=2)
    rows: list[Row] = []
    for number in range(count):
        variant = str(random.choice(list(rates), p=shares / shares.sum()))
        own = random.beta(2 * rates[variant] + 1e-9, 2 * (1 - rates[variant]))
        session = f"{experiment}-{seed}-{number}"
        at = begin + timedelta(seconds=float(random.uniform(0, 3600)))
        for turn in range(int(random.integers(1, 6))):
            trace = f"{session}-{turn}"
            common = {
                "trace_id": trace,
                "session_id": session,
                "start_time": at + timedelta(seconds=20 * turn),
                "attributes": {
                    "everyspan.experiments": f'{{"{experiment}": "{variant}", "other": "x"}}',
                    "everyspan.experiment_units": f'{{"{experiment}": "{session}"}}',
                },
            }
            took = float(random.lognormal(6, 0.8))
            failed = "fail" if random.random() < own else "pass"
            rows.append(
                Row(
                    **common,
                    span_id="root",
                    duration_ms=took,
                    status="error" if random.random() < 0.03 else "ok",
                    goal_completion=failed,
                )
            )
            told = (hallucinated or {}).get(variant, 0.05)
            rows.append(
                Row(
                    **common,
                    span_id="llm",
                    name="chat",
                    duration_ms=took / 2,
                    cost_usd=float(random.lognormal(-6, 1)),
                    input_tokens=int(random.integers(100, 900)),
                    output_tokens=int(random.integers(10, 200)),
                    goal_completion="not_applicable",
                    hallucination="fail" if random.random() < told else "pass",
                )
            )
            if random.random() < 0.2:
                # As the SDK sends it later: a span of the trace that knows of no experiment.
                rows.append(
                    Row(
                        trace_id=trace,
                        span_id="thumb",
                        name="everyspan.feedback",
                        start_time=at + timedelta(seconds=20 * turn + 9),
                        attributes={
                            "everyspan.feedback": "down" if random.random() < 0.3 else "up"
                        },
                    )
                )
    return rows
