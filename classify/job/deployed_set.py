"""The numbers of the deployed classifier sets: what ``verdict_version`` says of a row.

Workers with the same classifiers agree on one number; any change of a classifier gives the next.
Workers with different classifiers must not run side by side for long: each restart of the older
would count as a new deployment.

A project that reviews have given a threshold or a head of its own has sets of its own from then on:
all classifiers, as they judge its rows. So a change makes only those rows old that it is about.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier, as_of
from classify.job.set_numbers import Numbers
from classify.signals.weighed import Weighed

# Long enough for two inserts that began at once to have both ended.
_SETTLE_SECONDS = 0.2


def describe(classifiers: Sequence[Classifier]) -> list[dict[str, Any]]:
    """What makes two sets the same or different: plain data, sorted by name."""
    return [
        {
            "name": c.name,
            "version": c.version,
            "unit": c.unit,
            "threshold": c.threshold,
            "step_kinds": sorted(c.step_kinds),
            "needs": list(c.needs),
            # Only where it is set: others stay the set that they were.
            **({"quantile": c.quantile} if isinstance(c, Weighed) and c.quantile else {}),
            **({"head": c.head_number} if isinstance(c, Weighed) and c.head else {}),
            **(
                {"detectors": {e.detector.name: e.detector.use for e in c.detectors}}
                if isinstance(c, Weighed) and c.detectors
                else {}
            ),
        }
        for c in sorted(classifiers, key=lambda c: c.name)
    ]


def fingerprint(classifiers: Sequence[Classifier]) -> str:
    """Hex digits; equal for equal sets in any order."""
    text = json.dumps(describe(classifiers), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def deploy(client: Client, database: str, classifiers: Sequence[Classifier]) -> Numbers:
    """The number of each set: the latest one's if it is the same, else the next."""
    shared = _agreed(client, f"{database}.classifier_sets", {"": classifiers}, 0)[""]
    rows = client.query(f"SELECT DISTINCT project FROM {database}.project_sets").result_rows
    projects = {str(project) for (project,) in rows}
    projects.update(*(getattr(each, "of_projects", ()) for each in classifiers))
    own = {project: [as_of(each, project) for each in classifiers] for project in projects}
    # Its rows have the others' numbers, until it has a set of its own.
    return Numbers(shared, _agreed(client, f"{database}.project_sets", own, shared))


def _agreed(
    client: Client, table: str, sets: Mapping[str, Sequence[Classifier]], above: int
) -> dict[str, int]:
    """The number of each project's set; a new one is more than ``above``. A table without projects
    has those of one, ''.

    Two workers may ask at once. Where two different sets claim one number, the one that was
    written first keeps it and the other takes the next.
    """
    project = "''" if "" in sets else "project"
    owners = (
        f"SELECT {project} AS whose, version, argMin(fingerprint, (deployed_at, fingerprint))"
        f" FROM {table} GROUP BY whose, version ORDER BY version DESC"
    )
    agreed: dict[str, int] = {}
    mine = {whose: fingerprint(classifiers) for whose, classifiers in sets.items()}
    while mine:
        rows = client.query(f"{owners} LIMIT 1 BY whose").result_rows
        latest = {whose: (int(version), owner) for whose, version, owner in rows}
        claimed: dict[str, int] = {}
        for whose, ours in mine.items():
            version, owner = latest.get(whose, (0, ""))
            if owner == ours:
                agreed[whose] = version
            else:
                claimed[whose] = max(version, above) + 1
        if claimed:
            _claim(client, table, sets, claimed)
            # Whatever numbers others have taken meanwhile.
            rows = client.query(owners).result_rows
            held = {(whose, version): owner for whose, version, owner in rows}
            agreed |= {w: n for w, n in claimed.items() if held.get((w, n)) == mine[w]}
        mine = {whose: ours for whose, ours in mine.items() if whose not in agreed}
    return agreed


def _claim(
    client: Client,
    table: str,
    sets: Mapping[str, Sequence[Classifier]],
    numbers: Mapping[str, int],
) -> None:
    columns = ["project", "version", "fingerprint", "classifiers"]
    rows = [
        [whose, number, fingerprint(sets[whose]), json.dumps(describe(sets[whose]))]
        for whose, number in numbers.items()
    ]
    if "" in numbers:
        columns, rows = columns[1:], [row[1:] for row in rows]
    database, _, name = table.partition(".")
    client.insert(name, rows, column_names=columns, database=database)
    time.sleep(_SETTLE_SECONDS)
