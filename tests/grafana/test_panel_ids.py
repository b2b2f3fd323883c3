"""Ids of panels: links that people have kept lead to the same panel after a change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from grafana.build.boards import safety
from grafana.build.dashboard import flow
from grafana.build.files import BOARDS
from grafana.build.panels import row, stat
from grafana.build.rules import rules_file
from grafana.thresholds import read

ROOT = Path(__file__).parents[2]
# What links to panels may be written in.
FILES = [
    path
    for folder in ("grafana/dashboards", "grafana/provisioning", "alerting")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".json", ".yaml", ".toml", ".py", ".txt", ".html", ".md")
]
# Those that alert rules name, and what is in them. A title may change here, an id may not: alerts
# of a year ago link to it.
NAMED = {
    ("everyspan-overview", 11): "How much is judged?",
    ("everyspan-quality", 1): "How often does each classifier fail?",
    ("everyspan-safety", 6): "What share of the judged spans fails?",
    ("everyspan-operational", 2): "How long do traces take?",
    ("everyspan-operational", 7): "How many traces end in an error?",
    ("everyspan-operational", 8): "Do the tools work?",
    ("everyspan-operational", 12): "What does each model cost?",
    ("everyspan-monitor", 6): "How many spans come in?",
    ("everyspan-monitor", 10): "When was not everything judged?",
    ("everyspan-monitor", 16): "Do the classifiers work?",
    ("everyspan-monitor", 17): "What can't judge, and what can't be read?",
    ("everyspan-quality", 10): "Does any fail rate differ from past weeks?",
    ("everyspan-quality", 11): "Do models answer differently than in past weeks?",
    ("everyspan-experiments", 2): "Which metrics differ, and by how much?",
    ("everyspan-experiments", 3): "Are units split as intended?",
}


def titles(board: dict[str, Any]) -> dict[int, str]:
    return {panel["id"]: panel["title"] for panel in board["panels"]}


def boards() -> dict[str, dict[str, Any]]:
    found = [json.loads(p.read_text()) for p in (ROOT / "grafana/dashboards").glob("*.json")]
    return {board["uid"]: board for board in found}


def rules(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in document["groups"]:
        yield from group["rules"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.__name__.split(".")[-1])
def test_one_panel_more_at_the_top_leaves_the_others_their_ids(
    board: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = board.build()
    whole = board.dashboard

    def with_one_more(
        uid: str, title: str, description: str, panels: Any, *rest: Any, **more: Any
    ) -> Any:
        new = stat(900, "How is the weather?", "A panel that was added.", "SELECT 1", unit="short")
        return whole(uid, title, description, [new, row(901, "New"), *panels], *rest, **more)

    monkeypatch.setattr(board, "dashboard", with_one_more)
    after = board.build()
    assert after["panels"][0]["title"] == "How is the weather?"
    assert titles(after) == {900: "How is the weather?", 901: "New"} | titles(before)
    # Rules that are built from the changed board name the same panels.
    every = {one["uid"]: one for one in (module.build() for module in BOARDS)}
    named = [
        {
            rule["uid"]: (rule["dashboardUid"], rule["panelId"])
            for rule in rules(rules_file(read(), all_))
        }
        for all_ in (every | {before["uid"]: before}, every | {after["uid"]: after})
    ]
    assert named[0] == named[1]


def test_one_classifier_more_leaves_the_others_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = titles(safety.build())
    monkeypatch.setattr(safety, "_NAMES", ["arson", *safety._NAMES])
    after = titles(safety.build())
    (new,) = after.keys() - before.keys()
    assert after[new] == "Arson?"
    assert {panel_id: after[panel_id] for panel_id in before} == before


def test_ids_and_titles_are_unique_in_a_dashboard() -> None:
    for uid, board in boards().items():
        found = [(panel["id"], panel["title"]) for panel in board["panels"]]
        assert len({panel_id for panel_id, _ in found}) == len(found), uid
        assert len({title for _, title in found}) == len(found), uid


def test_an_id_given_twice_is_refused_with_both_titles() -> None:
    with pytest.raises(ValueError, match="'Latency' and 'Errors' both have id 1"):
        flow([row(1, "Latency"), row(1, "Errors")])


def test_rules_name_the_panels_that_they_mean() -> None:
    found = boards()
    document = yaml.safe_load((ROOT / "grafana/provisioning/alerting/rules.yaml").read_text())
    named = {(rule["dashboardUid"], rule["panelId"]) for rule in rules(document)}
    assert {(uid, at): titles(found[uid]).get(at) for uid, at in named} == NAMED


def test_links_name_panels_that_are_there() -> None:
    found = boards()
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for uid, at in re.findall(
            r"/d(?:-solo)?/(everyspan-\w+)[^\s\"]*?(?:viewPanel|panelId)=(\d+)", text
        ):
            assert int(at) in titles(found[uid]), f"{path}: {uid}, panel {at}"
