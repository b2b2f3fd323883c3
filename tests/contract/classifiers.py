"""What must hold among the places that name the built-in classifiers. Said here, and only here.

By hand are written, for each:

    classify/classifiers/NAME.py        the module; its name, layer and unit are the ones that count
    clickhouse/migrations/NNNN_*.sql    its two columns, and itself in the view experiment_spans
    grafana/thresholds.toml             [classifier.NAME]
    alerting/playbook/NAME.toml         what to do when it fails
    classify/README.md                  its row

Dashboards and alert rules are made of these by `python -m grafana.build`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from classify.classifier import Classifier, Layer
from tests.contract.problem import Problem
from tests.contract.stored import Stored

THRESHOLDS = "grafana/thresholds.toml"
PLAYBOOK = "alerting/playbook"
README = "classify/README.md"
MIGRATIONS = "clickhouse/migrations"
RULES = "grafana/provisioning/alerting/rules.yaml"
BOARDS = "grafana/dashboards"
#: What these statements read.
READ = (THRESHOLDS, PLAYBOOK, README, RULES, BOARDS)

VERDICT = {"": "LowCardinality(String)", "_score": "Float32"}
_BUILD = "run `python -m grafana.build`"
_SECTION = "## Classifiers that come with Everyspan"
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (\w+) \|", re.MULTILINE)
#: Pages of the playbook beside those of classifiers and of kinds of alert rules.
_OTHER_PAGES = frozenset(("default",))


def problems(root: Path, classifiers: Sequence[Classifier], stored: Stored) -> list[Problem]:
    """All that is wrong in the tree ``root``; [] where the lists hold together."""
    names = {each.name for each in classifiers}
    found: list[Problem] = []
    for look in (_thresholds, _playbook, _readme, _rules, _boards):
        found += look(root, classifiers, names)
    return [*found, *_columns(classifiers, stored)]


def _thresholds(
    root: Path, classifiers: Sequence[Classifier], names: set[str]
) -> Iterator[Problem]:
    known = tomllib.loads((root / THRESHOLDS).read_text(encoding="utf-8"))["classifier"]
    for name in sorted(names - known.keys()):
        yield Problem(
            THRESHOLDS,
            f"classifier '{name}' has no threshold",
            f"add [classifier.{name}] with max_fail_rate, severity and team, and {_BUILD}",
        )
    for name in sorted(known.keys() - names):
        yield Problem(
            THRESHOLDS,
            f"[classifier.{name}] is of no classifier",
            f"take it out and {_BUILD}, or add classify/classifiers/{name}.py",
        )


def _playbook(root: Path, classifiers: Sequence[Classifier], names: set[str]) -> Iterator[Problem]:
    pages = {path.stem for path in (root / PLAYBOOK).glob("*.toml")}
    for name in sorted(names - pages):
        yield Problem(
            f"{PLAYBOOK}/{name}.toml",
            f"classifier '{name}' has no page in the playbook",
            "write what to do when it fails, as toxicity.toml does",
        )
    kinds = {rule["labels"]["kind"] for rule in _all_rules(root)}
    for page in sorted(pages - names - kinds - _OTHER_PAGES):
        yield Problem(
            f"{PLAYBOOK}/{page}.toml",
            "it is the page of no classifier and of no kind of alert",
            "delete it, or name it as the classifier or as the label `kind` of the rule",
        )


def _readme(root: Path, classifiers: Sequence[Classifier], names: set[str]) -> Iterator[Problem]:
    text = (root / README).read_text(encoding="utf-8")
    section = text.partition(_SECTION)[2].partition("\n#")[0]
    rows = {name: told for name, *told in _ROW.findall(section)}
    for each in classifiers:
        if each.name not in rows:
            yield Problem(
                README,
                f"classifier '{each.name}' has no row under '{_SECTION}'",
                f"add | `{each.name}` | {each.layer} | {each.unit} | … |",
            )
        elif rows[each.name] != [each.layer, each.unit]:
            yield Problem(
                README,
                f"the row of '{each.name}' says {' and '.join(rows[each.name])}",
                f"write what its module says: {each.layer} and {each.unit}",
            )
    for name in sorted(rows.keys() - names):
        yield Problem(README, f"the row `{name}` is of no classifier", "take it out")


def _rules(root: Path, classifiers: Sequence[Classifier], names: set[str]) -> Iterator[Problem]:
    rules = list(_all_rules(root))
    own = {rule["labels"]["classifier"]: rule for rule in rules if "classifier" in rule["labels"]}
    for each in classifiers:
        rule = own.get(each.name)
        if rule is None:
            yield Problem(RULES, f"classifier '{each.name}' has no alert rule", _BUILD)
        elif (layer := rule["labels"]["layer"]) != each.layer:
            yield Problem(
                RULES,
                f"the rule of '{each.name}' is of layer {layer}, the classifier of {each.layer}",
                _BUILD,
            )
        elif rule["dashboardUid"] != f"everyspan-{each.layer}":
            yield Problem(RULES, f"the rule of '{each.name}' links to another board", _BUILD)
    for name in sorted(own.keys() - names):
        yield Problem(RULES, f"there is a rule of '{name}', which is no classifier", _BUILD)
    (drift,) = (_sql(rule) for rule in rules if rule["labels"]["kind"] == "drift_fail_rate")
    for name in sorted(each for each in names if not re.search(rf"\b{each}\b", drift)):
        yield Problem(RULES, f"the rule of drift leaves '{name}' out", _BUILD)


def _boards(root: Path, classifiers: Sequence[Classifier], names: set[str]) -> Iterator[Problem]:
    shown = {layer: _names_on(root / BOARDS / f"{layer}.json") for layer in get_args(Layer)}
    for each in classifiers:
        for layer, words in shown.items():
            if layer == each.layer and each.name not in words:
                yield Problem(
                    f"{BOARDS}/{layer}.json",
                    f"it does not show '{each.name}', whose layer is {layer}",
                    _BUILD,
                )
            elif layer != each.layer and each.name in words:
                yield Problem(
                    f"{BOARDS}/{layer}.json",
                    f"it shows '{each.name}', whose layer is {each.layer}",
                    _BUILD,
                )


def _columns(classifiers: Sequence[Classifier], stored: Stored) -> Iterator[Problem]:
    for each in classifiers:
        wrong = [
            f"{each.name}{suffix} {kind}"
            for suffix, kind in VERDICT.items()
            if stored.columns.get(f"{each.name}{suffix}") != kind
        ]
        if wrong:
            yield Problem(
                MIGRATIONS,
                f"spans has no column {' and no '.join(wrong)}",
                "add a file that adds it to spans_raw and makes the views spans and"
                " experiment_spans again, as 0005_model_verdicts.sql and"
                " 0031_projects_of_experiments.sql do",
            )
        elif stored.in_experiments.get(each.name) != ([each.name], [each.name]):
            yield Problem(
                MIGRATIONS,
                f"the view experiment_spans does not count what '{each.name}' judges and fails",
                "make the view again in a new file, with it in classifiers, failed and judged",
            )


def _all_rules(root: Path) -> Iterator[dict[str, Any]]:
    document = yaml.safe_load((root / RULES).read_text(encoding="utf-8"))
    for group in document["groups"]:
        yield from group["rules"]


def _sql(rule: dict[str, Any]) -> str:
    return "\n".join(each["model"].get("rawSql", "") for each in rule["data"])


def _names_on(path: Path) -> set[str]:
    """Words of the SQL of a board's panels."""
    board = json.loads(path.read_text(encoding="utf-8"))
    panels = [each for panel in board["panels"] for each in (panel, *panel.get("panels", ()))]
    sql = (target["rawSql"] for panel in panels for target in panel.get("targets", ()))
    return set(re.findall(r"\w+", "\n".join(sql)))
