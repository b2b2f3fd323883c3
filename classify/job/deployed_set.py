"""The number of the deployed classifier set: what ``verdict_version`` says of a row.

Workers with the same classifiers agree on one number; any change of a classifier gives the next.
Workers with different classifiers must not run side by side for long: each restart of the older
would count as a new deployment.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier
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
    told: Any = describe(classifiers)
    # What holds for one project is nobody else's to read, as what is described is.
    own = {
        c.name: {project: describe([each]) for project, each in of_projects.items()}
        for c in classifiers
        if (of_projects := getattr(c, "of_projects", {}))
    }
    if own:
        told = [told, own]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def latest_version(client: Client, database: str) -> int:
    """The newest number in use, 0 before any."""
    rows = client.query(f"SELECT max(version) FROM {database}.classifier_sets").result_rows
    return int(rows[0][0])


def deploy(client: Client, database: str, classifiers: Sequence[Classifier]) -> int:
    """The number of this set: the latest one's if it is the same, else the next.

    Two workers may ask at once. Where two different sets claim one number, the one that was
    written first keeps it and the other takes the next.
    """
    mine = fingerprint(classifiers)
    owners = (
        "SELECT version, argMin(fingerprint, (deployed_at, fingerprint))"
        f" FROM {database}.classifier_sets"
    )
    while True:
        rows = client.query(f"{owners} GROUP BY version ORDER BY version DESC LIMIT 1").result_rows
        version, owner = rows[0] if rows else (0, "")
        if owner == mine:
            return int(version)
        claimed = int(version) + 1
        client.insert(
            "classifier_sets",
            [[claimed, mine, json.dumps(describe(classifiers))]],
            column_names=["version", "fingerprint", "classifiers"],
            database=database,
        )
        time.sleep(_SETTLE_SECONDS)
        rows = client.query(f"{owners} WHERE version = {claimed} GROUP BY version").result_rows
        # Whatever number others have taken meanwhile.
        if rows[0][1] == mine:
            return claimed
