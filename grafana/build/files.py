"""What is generated: path to text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from grafana.build.boards import (
    datasets,
    experiments,
    monitor,
    operational,
    overview,
    quality,
    safety,
    session,
    trace,
)
from grafana.build.rules import rules_file
from grafana.thresholds import read

ROOM = Path(__file__).resolve().parents[1]
BOARDS = (overview, operational, quality, safety, trace, session, experiments, datasets, monitor)
_RULES_HEADER = "# Written by `python -m grafana.build` from thresholds.toml: change thresholds there, not here.\n"


@cache
def files() -> dict[Path, str]:
    """The dashboards, and the rules."""
    boards = {board["uid"]: board for board in (module.build() for module in BOARDS)}
    found = {
        ROOM / "dashboards" / f"{uid.removeprefix('everyspan-')}.json": json.dumps(
            board, indent=2, ensure_ascii=False
        )
        + "\n"
        for uid, board in boards.items()
    }
    rules = _RULES_HEADER + _yaml(rules_file(read(), boards))
    found[ROOM / "provisioning" / "alerting" / "rules.yaml"] = rules
    return found


class _Dumper(yaml.SafeDumper):
    """Block style for SQL, so that it can be read and compared line by line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value: Any) -> str:
    # Lines that end in blanks would force the quoted style.
    return yaml.dump(
        json.loads(json.dumps(value).replace(" \\n", "\\n")),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
