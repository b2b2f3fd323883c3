"""Finds judged rows that are due for some classifiers: newest first, day by day.

Nothing is remembered between runs: a row is due by its custom_version alone, because it has a
verdict of a classifier that was removed, or because one that was broken owes it a verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from classify.custom.classifier_store import everything, members
from classify.custom.member import Members
from classify.job.due import JUDGED, MAX_TRACES, DueTrace, Share, judged_before, take
from clickhouse.embedded_http.settings import quote

_FINAL = "SETTINGS do_not_merge_across_partitions_select_final = 1"


@dataclass(frozen=True, slots=True)
class Progress:
    """Of judged rows: those that the custom classifiers have been over, and those left."""

    rows: int
    left: int

    @property
    def ratio(self) -> float:
        """0 to 1; 1 where nothing is left."""
        return 1.0 - self.left / self.rows if self.rows else 1.0


class BackFill:
    """For one share of the work. ``due``: which rows, as SQL; '' for none."""

    def __init__(self, share: Share, due: str) -> None:
        self._share = share
        self._due = due
        self._days: deque[str] | None = None
        self._found: deque[DueTrace] = deque()

    def take(self, client: Client, rows: int) -> list[DueTrace]:
        """Traces of about so many due rows, newest first; [] where nothing is left."""
        if not self._due:
            return []
        if self._days is None:
            self._days = deque(self._search_days(client))
        while not self._found and self._days:
            self._found.extend(self._search(client, self._days[0]))
            if len(self._found) < MAX_TRACES:
                self._days.popleft()
        return take(self._found, rows)

    def again(self) -> None:
        """Look everywhere anew: rows may have come that an older worker judged."""
        self._days = None

    def _search_days(self, client: Client) -> list[str]:
        share = self._share
        found = client.query(
            f"SELECT DISTINCT toString(toDate(start_time)) AS day FROM {share.database}.spans_raw"
            f" WHERE {JUDGED} AND {share.traces} AND {self._due} ORDER BY day DESC"
        ).result_rows
        return [day for (day,) in found]

    def _search(self, client: Client, day: str) -> list[DueTrace]:
        order = "toStartOfHour(max(start_time)) DESC, trace_id"
        return judged_before(client, self._share, day, self._due, order, MAX_TRACES)


def debts(
    share: Share, built_in: set[str], broken: set[str], custom: Members
) -> tuple[BackFill, BackFill]:
    """The rows that working classifiers owe a verdict: built-in ones, whose rows are judged whole,
    and custom ones. ``broken``: names of those that can't judge now."""
    left = BackFill(share, waiting_for(built_in - broken))
    of_others = waiting_for_none_of(built_in | broken | set(custom.aside))
    of_custom = due(custom)
    return left, BackFill(share, f"({of_custom} OR {of_others})" if of_custom else of_others)


def due(of: Members) -> str:
    """For custom classifiers, as SQL; '' where no row can be."""
    conditions = [f"custom_version < {of.revision}"] if of.members else []
    if of.removed:
        conditions.append(f"hasAny(mapKeys(custom), {_array(of.removed)})")
    return f"({' OR '.join(conditions)})" if conditions else ""


def waiting_for(working: Iterable[str]) -> str:
    """Rows that one of these owes a verdict, as SQL."""
    return f"hasAny(unjudged, {_array(working)})"


def waiting_for_none_of(others: Iterable[str]) -> str:
    """Rows that somebody else than these owes a verdict, as SQL: one that was removed, too."""
    return f"NOT hasAll({_array(others)}, unjudged)"


def progress(client: Client, database: str, project: str | None = None) -> Progress:
    """Of everything that is stored, or of one project's rows."""
    condition = due(members(*everything(client, database)))
    of = "" if project is None else f" AND project = {quote(project)}"
    ((rows, left),) = client.query(
        f"SELECT count(), countIf({condition or 0}) FROM {database}.spans_raw FINAL"
        f" WHERE {JUDGED}{of} {_FINAL}"
    ).result_rows
    return Progress(int(rows), int(left))


def _array(names: Iterable[str]) -> str:
    quoted = ", ".join(map(quote, sorted(names)))
    return f"CAST([{quoted}], 'Array(String)')"
