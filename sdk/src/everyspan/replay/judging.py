"""Waits until the running stack has stored and judged the traces of a replay."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from everyspan.replay.record import Trace
from everyspan.replay.store import Store

_PAUSE = 0.25


@dataclass(frozen=True)
class Judged:
    """`traces` by id, those that are stored; `late`: not stored or judged in time."""

    traces: Mapping[str, Trace]
    late: frozenset[str]


def wait(store: Store, expected: Mapping[str, int], seconds: float, verdicts: bool) -> Judged:
    """`expected`: trace id to the number of its spans. Without `verdicts`, stored is enough.

    Raises ReplayError where ClickHouse does not answer.
    """
    deadline = time.monotonic() + seconds
    waiting = set(expected)
    while True:
        found = store.pending(sorted(waiting)) if waiting else {}
        for trace_id, (rows, pending) in found.items():
            if rows >= expected[trace_id] and not (verdicts and pending):
                waiting.discard(trace_id)
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(_PAUSE)
    loaded = store.traces(sorted(expected)) if expected else []
    return Judged({trace.trace_id: trace for trace in loaded}, frozenset(waiting))
