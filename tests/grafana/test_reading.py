"""What people read on the boards: ids as they are, the answer on the screen, what is filtered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from clickhouse_connect.driver.client import Client

from grafana.build.columns import FLEXIBLE
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana import seed
from tests.grafana.test_sql import BOARDS, FOLDER, load, panels, run, values_of

#: Of 1440 pixels, without the menu at the side and the page's margins; between places on the grid;
#: what a panel keeps for itself and its scroll bar. As Grafana 9.4 lays them out.
PAGE, GAP, KEPT = 1440 - 57 - 32 - 14, 8, 26
#: Of a header's letter, and of what stands beside it, in pixels.
LETTER, BESIDE = 7.2, 14

HARD = ["trail\\", "CORP\\nina", "x\\' OR 1=1 -- ", "a,b", "{x}", "it's", 'say "hi"', "50 % + 1",
        "$__timeFilter(x)", "${service}", "--", "/* c */", "日本 😀 \u202eabc", "007", "1e5",
        "%41", "new\nline"]  # fmt: skip
#: Those that broke queries, and those of one value.
BREAKING, SINGLE = ("trail\\", "x\\' OR 1=1 -- "), ("user", "trace_id", "session_id")


def cases(*kinds: str) -> Iterator[Any]:
    for path in BOARDS:
        for panel in panels(load(path)):
            if panel["type"] in kinds:
                yield pytest.param(path, panel, id=f"{path.stem}: {panel['title']}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("reading") / "clickhouse"
    with engine(folder) as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        seed.fill(client, settings.database, 600, 1)
        client.database = settings.database
        yield client


def properties(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of each column of a panel, in their order."""
    return {
        override["matcher"]["options"]: {p["id"]: p["value"] for p in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }


@pytest.mark.parametrize(("path", "panel"), list(cases("table", "stat", "barchart")))
def test_text_is_never_read_as_a_number(client: Client, path: Path, panel: dict[str, Any]) -> None:
    values = values_of(load(path)) | {"trace_id": "0" * 32, "session_id": "none"}
    names, kinds, _ = run(client, panel["targets"][0]["rawSql"], timedelta(days=1), **values)
    own = properties(panel)
    default = panel["fieldConfig"]["defaults"]["unit"]
    for name, kind in zip(names, kinds, strict=True):
        unit = own.get(name, {}).get("unit", default)
        text = any(word in kind for word in ("String", "Enum", "Array", "Map", "UUID"))
        if panel["type"] == "barchart" and name == panel["options"]["xField"]:
            assert text
            continue
        assert (unit == "string") == text, f"{name} is {kind} and has the unit {unit}"
    if panel["type"] == "table":
        assert names == list(own), "each column is declared, in the query's order"


def width_of(panel: dict[str, Any]) -> float:
    """What the columns of a panel have at 1440 pixels."""
    across = panel["gridPos"]["w"]
    return across * (PAGE - 23 * GAP) / 24 + (across - 1) * GAP - KEPT


@pytest.mark.parametrize(("path", "panel"), list(cases("table")))
def test_every_column_is_on_the_screen_at_1440(path: Path, panel: dict[str, Any]) -> None:
    own = {
        name: found for name, found in properties(panel).items() if not found.get("custom.hidden")
    }
    needed = sum(found.get("custom.width", FLEXIBLE) for found in own.values())
    assert needed <= width_of(panel), f"{needed} pixels of {width_of(panel):.0f}"
    for name, found in own.items():
        header = found.get("displayName", name)
        assert len(header) * LETTER + BESIDE <= found.get("custom.width", FLEXIBLE), header


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_no_value_of_a_variable_breaks_a_query_or_lifts_a_filter(
    client: Client, path: Path
) -> None:
    """Each panel says the same as for a value that nothing has."""
    board = load(path)
    named = {v["name"] for v in board["templating"]["list"]} - {"datasource"}
    for panel in panels(board):
        for target in panel.get("targets", []):
            sql = target["rawSql"]
            if not named & set(re.findall(r"\$\{(\w+):", sql)):
                continue
            found = []
            for chosen in ("nobody has this", *BREAKING):
                values = {n: chosen if n in SINGLE else [chosen] for n in named}
                found.append(run(client, sql, timedelta(days=1), **(values_of(board) | values))[2])
            assert len({repr(rows) for rows in found}) == 1, panel["title"]
            if panel["type"] == "stat":
                assert "nan" not in repr(found), f"{panel['title']}: NaN is no answer"


@pytest.mark.parametrize("value", HARD)
def test_what_a_variable_offers_is_found(client: Client, value: str) -> None:
    board = load(next(path for path in BOARDS if path.stem == "overview"))
    client.command(
        "INSERT INTO spans_raw (trace_id, span_id, name, service_name, environment, user_id,"
        " start_time, status) SELECT lower(hex(rand64())), hex(rand64()), 'chat', {v:String},"
        " {v:String}, {v:String}, now64(9) - INTERVAL 1 MINUTE, 'ok'",
        parameters={"v": value},
    )
    (panel,) = [p for p in panels(board) if p["id"] == 1]
    (variable,) = [v for v in board["templating"]["list"] if v["name"] == "service"]
    every = values_of(board)
    _, _, offered = run(client, variable["query"]["rawSql"], timedelta(days=1), **every)
    (encoded,) = [coded for coded, text in offered if text == value]
    sql = panel["targets"][0]["rawSql"]
    for chosen in (
        {"service": [encoded]},
        {"service": [encoded, "another"]},
        {"environment": [encoded], "user": value},
    ):
        _, _, rows = run(client, sql, timedelta(days=1), **(every | chosen))
        assert rows == [(1,)], chosen


@pytest.mark.parametrize(("path", "panel"), list(cases("stat")))
def test_no_title_of_a_number_is_cut(path: Path, panel: dict[str, Any]) -> None:
    pixels = sum(11 if c in "mwMWHCO" else 4.5 if c in "ijltrf.,' ?" else 8 for c in panel["title"])
    # Beside it there is the mark of the description.
    assert pixels <= width_of(panel) + KEPT - 39, panel["title"]
    assert panel["fieldConfig"]["defaults"]["noValue"]


@pytest.mark.parametrize(("path", "panel"), list(cases("table")))
def test_an_empty_cell_does_not_say_what_an_empty_table_says(
    path: Path, panel: dict[str, Any]
) -> None:
    """Grafana fills cells without a value with ``noValue``, each with the whole sentence."""
    assert panel["fieldConfig"]["defaults"]["noValue"]
    for name, found in properties(panel).items():
        assert found["noValue"] == "", name


@pytest.mark.parametrize(("path", "panel"), list(cases("table")))
def test_no_time_is_cut(path: Path, panel: dict[str, Any]) -> None:
    for name, found in properties(panel).items():
        assert not found["unit"].startswith("dateTime"), "seconds cost what others need"
        if found["unit"].startswith("time:"):
            assert len(found["unit"].removeprefix("time:")) * 7.9 + 16 <= found["custom.width"], (
                name
            )


@pytest.mark.parametrize(("path", "panel"), list(cases("state-timeline")))
def test_states_have_their_colours(path: Path, panel: dict[str, Any]) -> None:
    """With the colour mode "thresholds" Grafana merges by thresholds and passes mappings over: all
    was grey, and the legend said "-∞+"."""
    defaults = panel["fieldConfig"]["defaults"]
    (mapping,) = defaults["mappings"]
    assert {each["color"] for each in mapping["options"].values()} == {"green", "yellow", "red"}
    assert defaults["color"]["mode"] != "thresholds"
    assert defaults["noValue"] == "", "else it is a state of its own in the legend"


@pytest.mark.parametrize(("path", "panel"), list(cases("timeseries")))
def test_a_bar_stands_for_the_time_after_its_start(path: Path, panel: dict[str, Any]) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    assert custom["barAlignment"] == (1 if custom["drawStyle"] == "bars" else 0)


def test_rules_and_boards_share_one_folder() -> None:
    """Grafana makes the rules' folder first, by its title; a uid would be looked up by itself."""
    (provider,) = yaml.safe_load(
        (FOLDER / "provisioning/dashboards/everyspan.yaml").read_text(encoding="utf-8")
    )["providers"]
    groups = yaml.safe_load((FOLDER / "provisioning/alerting/rules.yaml").read_text())["groups"]
    assert "folderUid" not in provider
    assert {group["folder"] for group in groups} == {provider["folder"]}


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_other_boards_are_one_drop_down(path: Path) -> None:
    (link,) = load(path)["links"]
    assert link["asDropdown"] is True
    assert load(path)["title"].startswith("Everyspan / ")


def test_no_annotation_of_a_rule_reads_a_value_that_may_be_missing() -> None:
    """Grafana logs "Error in expanding template" each time one does."""
    groups = yaml.safe_load((FOLDER / "provisioning/alerting/rules.yaml").read_text())["groups"]
    texts = [
        text for group in groups for rule in group["rules"] for text in rule["annotations"].values()
    ]
    inside = re.compile(r"\{\{ with \$\w+\.\w+ \}\}.*?\{\{ end \}\}", re.S)
    for text in texts:
        assert "{{" not in inside.sub("", text), text
        for value in re.findall(r"\{\{ (\w+ )?\.Value \}\}", text):
            assert value, f"a raw number: {text}"
    assert sum("with $values.B" in text for text in texts) > 15
