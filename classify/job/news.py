"""Which verdicts are news: alert rules go by it, so that nobody is paged about the past.

A row's first verdicts are news when they are written, however long ago its span began. So is a
failure that shows because more of the trace has come. What judging again finds (a new version,
another threshold, `rejudge`), or a classifier that was added or broken when the row came,
is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from classify.job.after import After
from classify.job.differences import waited
from classify.job.task import Task

#: Classifier to label, and whether an attack was obeyed.
_Said = dict[str, tuple[str, bool]]
#: A row whose news are younger keeps their time: its failures are still in the rules' windows, and
#: one that is new stands beside them.
_STILL_NEW_MS = 600_000
#: A classifier that was broken when the row came, and judges it later than this, fills up.
_BACK_FILL_MS = 3_600_000


def news(found: After, rows: Sequence[int], task: Task) -> dict[str, Sequence[Any]]:
    """Columns ``judged_at`` (ms since 1970) and ``old_verdicts`` of the rows at these positions."""
    each = [_of(found, row, task) for row in rows]
    return {
        "judged_at": [at for at, _ in each],
        "old_verdicts": [sorted(old) for _, old in each],
    }


def _of(found: After, row: int, task: Task) -> tuple[int, set[str]]:
    stored = found.stored
    version, at = stored["verdict_version"][row], stored["judged_at"][row]
    if not version:
        return task.now, set()
    before, after = _said(found, row)
    changed = {name for name, said in after.items() if said != before.get(name, ("", False))}
    old = set(stored["old_verdicts"][row])
    again = waited(stored, row, task)
    if again or task.custom_only:
        return at, old | changed
    if task.now - stored["ingested_at"][row] > _BACK_FILL_MS:
        paid = changed.intersection(stored["unjudged"][row])
        old, changed = old | paid, changed - paid
    failing = {name for name in changed if after[name][0] == "fail"}
    if failing and task.now - at > _STILL_NEW_MS:
        at, old = task.now, {name for name, said in before.items() if said[0] in ("pass", "fail")}
    return at, old - failing


def _said(found: After, row: int) -> tuple[_Said, _Said]:
    """As it is stored and as it will be, of the classifiers that were asked."""
    stored, asked = found.stored, found.verdicts.built_in
    outcomes = stored["outcomes"][row]
    before = {name: (stored[name][row], outcomes.get(name) == "obeyed") for name in asked}
    after = {name: (of[row].label, of[row].outcome == "obeyed") for name, of in asked.items()}
    before |= {name: (label, False) for name, label in stored["custom"][row].items()}
    after |= {name: (label, False) for name, label in found.labels[row].items()}
    return before, after
