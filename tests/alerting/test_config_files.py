"""Files that people write, with bytes and shapes that no editor writes: a clear error for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerting.enrich.playbook import PlaybookError, read_playbook
from alerting.routing import RoutesError, read_routes
from classify.custom import file
from classify.custom.classifier_definition import DefinitionError
from experiments import experiment_definition as experiments
from grafana.evaluation.evaluator import RulesError, read_rules

ODD = {
    "latin-1": "name = 'gr\xfc\xdfe'".encode("latin-1"),
    "deep": b"name = " + b"[" * 5000 + b"]" * 5000,
    "zeros": bytes(20),
}


def _read_classifier(path: Path) -> Any:
    return file.read(path.read_bytes().decode(errors="replace"), path.name)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("name", "read", "error"),
    [
        ("x.toml", read_routes, RoutesError),
        ("x.toml", lambda path: read_playbook(str(path.parent)), PlaybookError),
        ("x.yaml", lambda path: read_rules(path.parent), RulesError),
        ("x.toml", experiments.read_file, experiments.DefinitionError),
        ("x.toml", _read_classifier, DefinitionError),
    ],
    ids=["routes", "playbook", "rules", "experiments", "classifier"],
)
def test_a_file_that_no_editor_writes(
    tmp_path: Path, name: str, read: Callable[[Path], Any], error: type[Exception], odd: str
) -> None:
    path = tmp_path / name
    path.write_bytes(ODD[odd])
    with pytest.raises(error) as told:
        read(path)
    assert str(told.value)


@pytest.mark.parametrize("fix", ["{evidence:d}", "{evidence!x}", "{evidence[a]}", "{}", "{0}", "{"])
def test_a_fix_that_could_not_be_written_out(tmp_path: Path, fix: str) -> None:
    path = tmp_path / "data_leakage.toml"
    path.write_text(f"[[entry]]\nwhen = 'x'\nfix = '{fix}'\n")
    with pytest.raises(PlaybookError, match="entry 1"):
        read_playbook(str(tmp_path))
