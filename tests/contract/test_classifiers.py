"""The lists that name classifiers hold together, and each way to break one of them is told."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classify.classifier import Classifier
from classify.registry import BUILT_IN
from tests.contract.classifiers import problems
from tests.contract.problem import ROOT, told
from tests.contract.stored import Stored

TOXICITY = next(each for each in BUILT_IN if each.name == "toxicity")


def test_the_lists_hold_together(tables: Stored) -> None:
    found = problems(ROOT, BUILT_IN, tables)
    assert not found, told(found)


def test_a_copy_of_the_tree_is_read_like_the_tree(house: Path, tables: Stored) -> None:
    assert problems(house, BUILT_IN, tables) == []


def _no_threshold(root: Path) -> None:
    _cut(root / "grafana/thresholds.toml", r"\[classifier\.toxicity\]\n(?:\w+ = .*\n)+")


def _strange_threshold(root: Path) -> None:
    path = root / "grafana/thresholds.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(".toxicity]", ".toxic]"), "utf-8")


def _no_page(root: Path) -> None:
    (root / "alerting/playbook/toxicity.toml").unlink()


def _page_of_nobody(root: Path) -> None:
    page = root / "alerting/playbook/toxicity.toml"
    page.with_name("toxic.toml").write_bytes(page.read_bytes())


def _no_row(root: Path) -> None:
    _cut(root / "classify/README.md", r"\| `toxicity` \| safety .*\n")


def _row_of_another_layer(root: Path) -> None:
    path = root / "classify/README.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("| `toxicity` | safety |", "| `toxicity` | quality |"), "utf-8")


def _no_rule(root: Path) -> None:
    _cut(
        root / "grafana/provisioning/alerting/rules.yaml",
        r"  - uid: everyspan-toxicity\n(?:(?!  - uid:).*\n)+",
    )


def _rule_of_another_layer(root: Path) -> None:
    path = root / "grafana/provisioning/alerting/rules.yaml"
    text = path.read_text(encoding="utf-8")
    changed = text.replace(
        "classifier: toxicity\n      layer: safety", "classifier: toxicity\n      layer: quality"
    )
    assert changed != text
    path.write_text(changed, "utf-8")


def _on_another_board(root: Path) -> None:
    for board, old, new in (
        ("safety", "toxicity", "forgetfulness"),
        ("quality", "forgetfulness", "toxicity"),
    ):
        path = root / f"grafana/dashboards/{board}.json"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), "utf-8")


@pytest.mark.parametrize(
    ("change", "file", "what", "remedy"),
    [
        (_no_threshold, "grafana/thresholds.toml", "no threshold", "add [classifier.toxicity]"),
        (_strange_threshold, "grafana/thresholds.toml", "toxic]", "take it out"),
        (_no_page, "alerting/playbook/toxicity.toml", "no page", "write what to do"),
        (_page_of_nobody, "alerting/playbook/toxic.toml", "no classifier", "delete it"),
        (_no_row, "classify/README.md", "no row", "add | `toxicity` | safety | span |"),
        (_row_of_another_layer, "classify/README.md", "says quality", "safety and span"),
        (
            _no_rule,
            "grafana/provisioning/alerting/rules.yaml",
            "no alert rule",
            "python -m grafana.build",
        ),
        (
            _rule_of_another_layer,
            "grafana/provisioning/alerting/rules.yaml",
            "of layer quality, the classifier of safety",
            "python -m grafana.build",
        ),
        (
            _on_another_board,
            "grafana/dashboards/safety.json",
            "does not show 'toxicity'",
            "python -m grafana.build",
        ),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_file_that_says_too_little(
    house: Path,
    tables: Stored,
    change: Callable[[Path], None],
    file: str,
    what: str,
    remedy: str,
) -> None:
    change(house)
    found = [each for each in problems(house, BUILT_IN, tables) if each.file == file]
    assert found, f"nothing is said of {file}"
    assert what in told(found)
    assert remedy in told(found)
    assert "toxic" in told(found)


def test_a_classifier_in_another_layer_than_its_board_shows(house: Path, tables: Stored) -> None:
    moved = copy.copy(TOXICITY)
    moved.layer = "quality"
    found = problems(house, [moved if each is TOXICITY else each for each in BUILT_IN], tables)
    assert {each.file for each in found} == {
        "grafana/dashboards/safety.json",
        "grafana/dashboards/quality.json",
        "grafana/provisioning/alerting/rules.yaml",
        "classify/README.md",
    }
    assert all("toxicity" in str(each) for each in found), told(found)
    assert "run `python -m grafana.build`" in told(found)


@pytest.mark.parametrize("column", ["toxicity", "toxicity_score"])
def test_a_classifier_without_a_column(house: Path, tables: Stored, column: str) -> None:
    without = {name: kind for name, kind in tables.columns.items() if name != column}
    (found,) = problems(house, BUILT_IN, replace(tables, columns=without))
    assert found.file == "clickhouse/migrations"
    assert f"no column {column} " in found.what
    assert "add a file" in found.remedy


def test_a_classifier_that_experiments_do_not_count(house: Path, tables: Stored) -> None:
    mixed_up = {**tables.in_experiments, "toxicity": (["jailbreak"], ["toxicity"])}
    (found,) = problems(house, BUILT_IN, replace(tables, in_experiments=mixed_up))
    assert found.file == "clickhouse/migrations"
    assert "experiment_spans" in found.what
    assert "toxicity" in found.what


def test_a_new_classifier_is_told_all_that_it_needs(house: Path, tables: Stored) -> None:
    new: Classifier = copy.copy(TOXICITY)
    new.name = "sarcasm"
    found = problems(house, [*BUILT_IN, new], tables)
    assert {each.file for each in found} == {
        "clickhouse/migrations",
        "grafana/thresholds.toml",
        "alerting/playbook/sarcasm.toml",
        "classify/README.md",
        # Both are made, of thresholds.toml and the module.
        "grafana/provisioning/alerting/rules.yaml",
        "grafana/dashboards/safety.json",
    }


def _cut(path: Path, pattern: str) -> None:
    text, count = re.subn(pattern, "", path.read_text(encoding="utf-8"))
    assert count == 1, f"{pattern} is {count} times in {path}"
    path.write_text(text, encoding="utf-8")
