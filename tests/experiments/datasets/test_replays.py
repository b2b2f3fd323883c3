"""A replay repeats what a data set may be made of, and another project's row is its own: they get
into none."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from experiments.datasets.select import count, find, read, still, traces
from experiments.datasets.source import Source


def test_what_gets_into_no_data_set(source: Source) -> None:
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
    # With the same ids, and with others.
    other = replace(told, project="other", output="Of another project.")
    others = replace(other, trace_id="c" * 32, span_id="c" * 16)
    source.client.insert(
        "spans_raw",
        columns_of([told, again, other, others]),
        column_names=list(SPAN_COLUMNS),
        column_oriented=True,
    )
    now = datetime.now(UTC)
    window = (now - timedelta(hours=1), now)
    for unit in ("step", "trace"):
        found = find(source.rows, "output != ''", window, unit=unit)  # type: ignore[arg-type]
        assert [place.trace_id for place in found.places] == [told.trace_id], unit
        (row,) = read(source.rows, found.places, source.columns)
        assert row.span.output == "In Rotterdam."
        (trace,) = traces(source.rows, found.places).values()
        assert [span.output for span in trace.spans] == ["In Rotterdam."]
    assert count(source.rows, window) == 1
    assert still(source.rows, "output = 'In Rotterdam.'", found.places, "step") == {"a" * 16: True}
    assert count(replace(source, project="other").rows, window) == 2
    assert count(replace(source, project=None).rows, window) == 3, "as the storage shows it"
