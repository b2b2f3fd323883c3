"""Records of our own tables that can't be read: set aside, named once in the log, counted.

One record may never take the others with it, whatever is in it: one of a newer version, one that
was written half, one that somebody wrote by hand. Readers skip it and say so here. What is known
is this process's; it is forgotten once the record can be read again, or is gone.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

_lock = threading.Lock()
_found: dict[tuple[str, str], dict[str, str]] = {}


def set_aside(database: str, table: str, found: Mapping[str, str], *, whole: bool = True) -> None:
    """``found``: name of each record that was read to why it can't be, '' where it can.
    ``whole``: those are all of the table."""
    with _lock:
        known = _found.get((database, table), {})
        now = {} if whole else dict(known)
        for name, reason in found.items():
            now.pop(name, None)
            if reason:
                now[name] = reason
        _found[database, table] = now
    for name, reason in now.items():
        if known.get(name) != reason:
            log.error("%s.%s: '%s' is set aside: %s", database, table, name, reason)


def reasons(database: str, table: str) -> dict[str, str]:
    """Name to why it can't be read, as of the last reading."""
    with _lock:
        return dict(_found.get((database, table), {}))


def counts() -> dict[str, int]:
    """Table to its records that are set aside; tables that were read."""
    with _lock:
        found: Counter[str] = Counter()
        for (_, table), names in _found.items():
            found[table] += len(names)
        return dict(found)


class SetAside(Collector):
    """The metric, asked when the others of its registry are."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = GaugeMetricFamily(
            "everyspan_records_set_aside",
            "Records of Everyspan's own tables that can't be read, by table; the log names them.",
            labels=["table"],
        )
        for table, count in sorted(counts().items()):
            found.add_metric([table], count)
        yield found


def why(error: Exception) -> str:
    """An exception in a line of at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
