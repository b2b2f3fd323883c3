"""Short texts that any person would call right or wrong, and that every version must judge so.

canonical/NAME.yaml, a list for each classifier: ``want`` (a label, or several with '|'), the fields
of a record (classify/scoring/record.py), and ``why`` where it is not plain.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from classify.registry import BUILT_IN
from classify.scoring.record import Record
from classify.scoring.score import verdicts
from clickhouse.span import LABELS, Verdict

FOLDER = Path(__file__).parent / "canonical"


@cache
def cases(name: str) -> list[dict[str, Any]]:
    path = FOLDER / f"{name}.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
    return list(found)


@cache
def judged(name: str) -> list[Verdict]:
    """All of a classifier's at once, as the service asks it."""
    (classifier,) = (each for each in BUILT_IN if each.name == name)
    records = [
        Record.model_validate({k: v for k, v in case.items() if k not in ("want", "why")})
        for case in cases(name)
    ]
    return verdicts(classifier, records)


@pytest.mark.parametrize(
    ("name", "number"),
    [(each.name, i) for each in BUILT_IN for i in range(len(cases(each.name)))],
)
def test_is_judged_as_a_person_would(name: str, number: int) -> None:
    case = cases(name)[number]
    wanted = case["want"].split("|")
    assert set(wanted) <= set(LABELS)
    verdict = judged(name)[number]
    assert verdict.label in wanted, (case, verdict)
    if verdict.label in ("fail", "abstained"):
        assert verdict.evidence
