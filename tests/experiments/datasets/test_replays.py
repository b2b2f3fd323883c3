"""A replay repeats what a data set may be made of: it gets into none."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from experiments.datasets.select import count, find
from experiments.datasets.source import Source


def test_a_replay_gets_into_no_data_set(source: Source) -> None:
    told = Span(
        "a" * 32,
        "a" * 16,
        name="chat",
        step_kind="llm",
        service_name="shop",
        start_time=time.time_ns() - 60 * 10**9,
        input="Where is my parcel?",
        output="In Rotterdam.",
    )
    again = replace(told, trace_id="b" * 32, replay_of=told.trace_id)
    source.client.insert(
        "spans_raw",
        columns_of([told, again]),
        column_names=list(SPAN_COLUMNS),
        column_oriented=True,
    )
    now = datetime.now(UTC)
    window = (now - timedelta(hours=1), now)
    for unit in ("step", "trace"):
        found = find(source.client, "output != ''", window, unit=unit)  # type: ignore[arg-type]
        assert [place.trace_id for place in found.places] == [told.trace_id], unit
    assert count(source.client, window) == 1
