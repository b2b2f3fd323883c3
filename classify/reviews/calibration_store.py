"""The table ``calibrations``: what reviews have made of a classifier, every state of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from clickhouse.embedded_http.settings import quote

Run = Callable[[str], list[dict[str, Any]]]
"""SQL to rows."""

_COLUMNS = (
    "classifier", "project", "number", "of", "threshold", "before", "c", "a", "b", "head", "shift",
    "relabels", "model", "answers", "figures", "reason", "undoes", "author",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """One state. ``number``: from 1. ``of``: the classifier's version. ``threshold``: 0 for the
    classifier's own, which was ``before``. ``undoes``: the number that it takes back, else 0.
    ``head``, ``shift``: what a text adds to the score (local_head.py), () for no head;
    ``relabels``: whether other rows fail by it; ``model``: of the encoder that it reads by.
    ``project``: whose rows it holds for; '' for the default one's, and those of all that have none
    of their own."""

    classifier: str
    number: int
    of: int
    threshold: float
    before: float
    c: float = 0.0
    a: float = 1.0
    b: float = 1.0
    head: tuple[float, ...] = ()
    shift: float = 0.0
    relabels: bool = False
    model: int = 0
    answers: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    undoes: int = 0
    author: str = ""
    changed_at: str = ""
    project: str = ""

    @property
    def moves(self) -> bool:
        """Whether another score than the classifier's own fails, or it has a head."""
        return self.threshold > 0 or bool(self.head)


def put(client: Client, database: str, new: Calibration) -> None:
    """Store a state."""
    row = [
        json.dumps(dict(new.figures)) if name == "figures" else getattr(new, name)
        for name in _COLUMNS
    ]
    client.insert("calibrations", [row], column_names=list(_COLUMNS), database=database)


def statement(database: str, classifier: str = "", project: str | None = None) -> str:
    """SQL of all states, oldest first. Of two with one number the later counts. ``project``: None
    for all."""
    where = f" WHERE classifier = {quote(classifier)}" if classifier else ""
    if project is not None:
        where += f" {'AND' if where else 'WHERE'} project = {quote(project)}"
    return (
        f"SELECT {', '.join(_COLUMNS)}, toString(changed_at) AS at FROM {database}.calibrations"
        f"{where} ORDER BY classifier, project, number, changed_at DESC"
        " LIMIT 1 BY classifier, project, number"
    )


def history(
    run: Run, database: str, classifier: str = "", project: str | None = None
) -> list[Calibration]:
    """All states, oldest first. ``project``: None for those of all."""
    return [_read(row) for row in run(statement(database, classifier, project))]


def standing(states: Sequence[Calibration], project: str = "") -> dict[str, Calibration]:
    """Classifier to what holds now for a project; '' for the default one. A custom classifier that
    is one project's has one state, whoever asks."""
    return {e.classifier: e for e in states if e.project == project or "/" in e.classifier}


def mark(client: Client, database: str) -> str:
    """Changes with every state that is stored."""
    rows = client.query(
        f"SELECT concat(toString(count()), ' ', toString(max(changed_at)))"
        f" FROM {database}.calibrations"
    ).result_rows
    return str(rows[0][0])


def run_of(client: Client) -> Run:
    """Rows of a client's."""

    def run(sql: str) -> list[dict[str, Any]]:
        result = client.query(sql)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    return run


def before_last(states: Sequence[Calibration]) -> tuple[Calibration | None, Calibration | None]:
    """Of one classifier: the state that `undo` takes back, and the one that it goes back to; None
    for none, and for the classifier as it came."""
    held: list[Calibration] = []
    for each in states:
        if each.undoes:
            if held:
                held.pop()
        else:
            held.append(each)
    return (held[-1] if held else None), (held[-2] if len(held) > 1 else None)


def _read(row: Mapping[str, Any]) -> Calibration:
    try:
        figures = {str(k): float(v) for k, v in json.loads(row["figures"] or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        figures = {}
    values = {name: row[name] for name in _COLUMNS} | {"figures": figures}
    values["head"] = tuple(row["head"])
    return Calibration(**values, changed_at=str(row["at"]))
