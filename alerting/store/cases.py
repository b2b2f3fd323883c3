"""What enrichment found, beside the alert: one case for each state of it, for whoever is told."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import OrderedDict

from pydantic import TypeAdapter, ValidationError

from alerting.case import Case
from alerting.store.file import AlertFile, now_ms

log = logging.getLogger(__name__)

_case: TypeAdapter[Case] = TypeAdapter(Case)
_IN_MEMORY = 500


class Cases:
    """The table of the same name, with the last ones in memory: where the disk is full, an alert
    is told all the same. A key is a delivery's ``case_key``."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file
        self._last: OrderedDict[str, Case] = OrderedDict()

    def get(self, key: str) -> Case | None:
        """None where there is none, or one of another version that can't be read."""
        if (known := self._last.get(key)) is not None:
            return known
        for (text,) in self._file.rows("SELECT found FROM cases WHERE case_key = ?", (key,)):
            try:
                return self._remember(key, _case.validate_json(text))
            except ValidationError as error:
                log.warning("the case of %s can't be read, it is looked up again: %s", key, error)
        return None

    def put(self, key: str, case: Case) -> None:
        """The last one that is put is the alert's."""
        self._remember(key, case)
        try:
            # Not pydantic's own JSON: it makes null of NaN, which is a score that is not known.
            text = json.dumps(_case.dump_python(case, mode="json"))
            with self._file.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO cases (case_key, found, complete, found_at)"
                    " VALUES (?, ?, ?, ?)",
                    (key, text, not case.without, now_ms()),
                )
        except (sqlite3.Error, ValueError):
            log.exception("a case is kept in memory only")

    def drop_incomplete(self, key: str) -> None:
        """One that lacks something is looked up again when it is asked for."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM cases WHERE case_key = ? AND NOT complete", (key,))
        if (known := self._last.get(key)) is not None and known.without:
            self._last.pop(key, None)

    def forget(self) -> None:
        """Those that no delivery is left of."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM cases WHERE case_key NOT IN (SELECT case_key FROM deliveries)"
            )

    def forget_last(self) -> None:
        """What is in memory: it is read again."""
        self._last.clear()

    def _remember(self, key: str, case: Case) -> Case:
        self._last[key] = case
        while len(self._last) > _IN_MEMORY:
            self._last.popitem(last=False)
        return case
