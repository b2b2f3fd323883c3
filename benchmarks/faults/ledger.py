"""What was promised: acknowledged spans, planted failures. Holds it against what is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Query = Callable[[str], list[dict[str, Any]]]
Id = tuple[str, str]
"""trace_id and span_id, hex."""

#: Service of spans whose ids collide on purpose: counted apart.
COLLISIONS = "fault-collisions"
_OURS = f"service_name != '{COLLISIONS}'"
_TOTALS = f"""
SELECT count() AS n, uniqExact(trace_id, span_id) AS u,
  countIf(verdict_version = 0 OR data_leakage = '') AS pending,
  countIf(step_kind = 'llm' AND name = 'chat judged' AND verdict_version > 0
    AND toxicity NOT IN ('pass', 'fail')) AS unseen,
  toString(groupBitXor(reinterpretAsUInt64(unhex(span_id)))) AS x
FROM everyspan.spans WHERE {_OURS}
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows, different ids, rows without verdicts, rows that the models passed over, XOR of ids."""

    rows: int
    ids: int
    pending: int
    unseen: int
    xor: int


def totals(query: Query) -> Totals:
    """What the view shows now."""
    (row,) = query(_TOTALS)
    return Totals(*(int(row[name]) for name in ("n", "u", "pending", "unseen", "x")))


@dataclass(slots=True)
class Leak:
    """A planted failure that somebody must be told of once. Times in seconds, monotonic."""

    service: str
    acknowledged: float = 0.0


@dataclass
class Ledger:
    """For use by several threads."""

    leaks: dict[str, Leak] = field(default_factory=dict)
    #: Ids that were sent twice with other content; each must be found at least once.
    collided: set[Id] = field(default_factory=set)
    _acknowledged: set[Id] = field(default_factory=set)
    _xor: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, ids: Iterable[Id]) -> None:
        """These are stored, the service says."""
        with self._lock:
            for each in ids:
                if each not in self._acknowledged:
                    self._acknowledged.add(each)
                    self._xor ^= int.from_bytes(bytes.fromhex(each[1]), "little")

    @property
    def spans(self) -> int:
        """How many were acknowledged."""
        return len(self._acknowledged)

    def leak(self, service: str) -> None:
        """A failure of this service was acknowledged."""
        with self._lock:
            self.leaks[service] = Leak(service, time.monotonic())

    def problems(self, found: Totals) -> list[str]:
        """What is wrong with the totals while nothing is being sent; empty where all is well."""
        with self._lock:
            promised, xor = len(self._acknowledged), self._xor
        told = []
        if found.ids < promised:
            told.append(f"lost: {promised - found.ids} of {promised} acknowledged spans")
        if found.rows > found.ids:
            told.append(f"doubled: {found.rows - found.ids} rows")
        if found.ids > promised:
            told.append(f"unknown: {found.ids - promised} spans that nobody was promised")
        elif found.ids == promised and found.xor != xor:
            told.append("other spans are stored than were acknowledged")
        if found.pending:
            told.append(f"unjudged: {found.pending} of {found.rows} rows")
        if found.unseen:
            told.append(f"unseen: {found.unseen} rows have verdicts, but the models saw none of it")
        return told

    def differences(self, query: Query) -> list[str]:
        """The exact comparison, id by id, and the verdicts of planted failures."""
        stored: list[Id] = [
            (row["trace_id"], row["span_id"])
            for row in query(f"SELECT trace_id, span_id FROM everyspan.spans WHERE {_OURS}")
        ]
        with self._lock:
            promised = set(self._acknowledged)
        told = []
        if missing := promised - set(stored):
            told.append(f"lost: {len(missing)} spans, such as {min(missing)}")
        if unknown := set(stored) - promised:
            told.append(f"unknown: {len(unknown)} spans, such as {min(unknown)}")
        if len(stored) != len(set(stored)):
            told.append(f"doubled: {len(stored) - len(set(stored))} rows")
        failed = {
            row["service_name"]: int(row["n"])
            for row in query(
                "SELECT service_name, count() AS n FROM everyspan.spans"
                " WHERE service_name LIKE 'leak-%' AND data_leakage = 'fail' GROUP BY service_name"
            )
        }
        missed = sorted(set(self.leaks) - set(failed))
        if missed:
            told.append(f"misjudged: {len(missed)} planted leaks have no verdict fail: {missed[0]}")
        if self.collided:
            there = {
                (row["trace_id"], row["span_id"])
                for row in query(
                    "SELECT trace_id, span_id FROM everyspan.spans"
                    f" WHERE service_name = '{COLLISIONS}'"
                )
            }
            if gone := self.collided - there:
                told.append(f"lost: {len(gone)} spans with colliding ids")
        return told
