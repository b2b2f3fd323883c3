"""Records of our own tables that can't be read: set aside, and the rest goes on."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Scene, side_house
from tests.everyspan_up import ROOT

_INSERT = (
    "import sys; from clickhouse.connection import connect; c = connect(sys.argv[1]);"
    ' c.command("INSERT INTO everyspan.custom_classifiers (name, revision, state, definition)'
    " VALUES ('odd', 1, 'live', '\" + sys.argv[2] + \"')\")"
)
_ODD = (
    "",
    "{",
    "[]",
    json.dumps({"name": "odd", "a_field_of_a_newer_version": 1}),
    json.dumps({"name": "odd", "fail_if": [{"column": "no_such_column", "equals": "x"}]}),
)


@kind()
def record_unreadable(scene: Scene) -> None:
    """A custom classifier in the database that can't be read"""
    with side_house(scene) as side:
        side.start()
        side.terminate()
        dsn = f"chdb://{(side.house.data / 'clickhouse').resolve()}"
        odd = side.random.choice(_ODD)
        subprocess.run([sys.executable, "-c", _INSERT, dsn, odd], cwd=ROOT, check=True, timeout=60)
        side.house.launch()
        side.traffic.go()
        side.wait(5, 6)
        side.settle()
