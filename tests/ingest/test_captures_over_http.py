"""Every captured payload, posted as it was sent, ends as the judged rows expected of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clickhouse.span import SPAN_COLUMNS
from tests.everyspan_up import Up
from tests.ingest.test_captures import EXPECTED, differences, name, normalised

_SIGNAL_PATHS = {"traces": "/v1/traces", "logs": "/v1/logs"}


@pytest.fixture(scope="module")
def rows(up: Up) -> dict[Path, list[dict[str, Any]]]:
    """Posts all captures in the order of their files. Capture to its rows once they are judged."""
    traces: dict[Path, list[str]] = {}
    for capture in EXPECTED:
        files = json.loads((capture / "capture.json").read_text())["files"]
        for file in sorted(files):
            signal = file.split("_")[1].split(".")[0]
            headers = files[file]
            answer = up.request(
                "POST",
                _SIGNAL_PATHS[signal],
                (capture / file).read_bytes(),
                {k: v for k, v in headers.items() if k.startswith("content-")},
            )
            assert answer.status == 200, (capture, file, answer.body)
        traces[capture] = sorted({s.trace_id for r in normalised(capture) for s in r.spans})
    up.judged(sorted({trace for found in traces.values() for trace in found}))
    columns = ", ".join(("span_id AS key", *SPAN_COLUMNS))
    found = {}
    for capture, ids in traces.items():
        listing = ", ".join(f"'{i}'" for i in ids)
        found[capture] = up.query(
            f"SELECT {columns} FROM everyspan.spans WHERE trace_id IN ({listing})"
        )
    return found


@pytest.mark.parametrize("capture", EXPECTED, ids=name)
def test_rows_and_total(capture: Path, rows: dict[Path, list[dict[str, Any]]]) -> None:
    expected = json.loads((capture / "expected.json").read_text())
    by_id = {row["key"]: SimpleNamespace(**row) for row in rows[capture]}
    found: list[str] = []
    for wanted in expected["spans"]:
        row = by_id.get(wanted["span_id"])
        if row is None:
            found.append(f"no row for span {wanted['span_id']} ({wanted['name']})")
        else:
            found += [f"{wanted['name']}: {text}" for text in differences(row, wanted)]
    # A call that two traces report, too.
    for column, wanted in expected.get("total", {}).items():
        spent = sum(row[column] or 0 for row in rows[capture])
        if spent != pytest.approx(wanted):
            found.append(f"total of {column}: {spent}, expected {wanted}")
    traces = {row["twin_of"][:32] or row["trace_id"] for row in rows[capture]}
    if len(traces) != expected.get("traces", len(traces)):
        found.append(f"{len(traces)} traces, expected {expected['traces']}")
    assert not found, "\n".join(found)
