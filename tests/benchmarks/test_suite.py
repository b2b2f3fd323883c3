"""What `make bench` runs and prints, and whether other layouts are asked what ours is."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.large import growth
from benchmarks.layouts import rows, run
from benchmarks.layouts.layout import read
from benchmarks.suite import environments, figures
from benchmarks.suite.__main__ import Benchmark, line, listed, table
from benchmarks.suite.figures import Figure
from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
from tests.clickhouse.migrated import migrated


def test_each_benchmark_is_there_and_has_an_aim() -> None:
    found = listed()
    assert len({each.name for each in found}) == len(found)
    for each in found:
        module = each.run[0]
        assert importlib.util.find_spec(module), module
        assert each.aims, each.name
        for aim in each.aims.values():
            assert len(aim) == 1
            assert aim.keys() <= {"ratio", "most", "least"}
        places = re.findall(r"{(\w+)}", " ".join(each.run))
        assert set(places) <= {*environments.NAMES, "folder"}


def test_what_is_missed_comes_first() -> None:
    benchmark = Benchmark(
        "ingest", "", (), {"stored": {"ratio": 10.0}, "lag": {"most": 5.0}, "rate": {"least": 3.0}}
    )
    told_once = Figure("seen", 1.0, "s")
    lines = [
        line(benchmark, figure)
        for figure in (
            Figure("stored", 300.0, "spans/s", 20.0, "Other"),
            Figure("lag", 2.0, "s"),
            Figure("rate", 2.5, "spans/s"),
            told_once,
        )
    ]
    assert [each.reached for each in lines] == [True, True, False, None]
    told = table(lines).splitlines()[2:]
    assert [row.split(" | ")[1] for row in told] == ["rate", "stored", "lag", "seen"]
    assert told[0].endswith("| 3 at least | **missed** |")
    assert "| 300 | 20 (Other) | 15.0 | 10 times | reached |" in told[1]
    grown = growth.table([Figure("page", 40.0, "ms")], [Figure("page", 50.0, "ms"), told_once])
    assert grown == ["| page | 40 | 50 | 1.2 |"]


@pytest.mark.parametrize(
    ("figure", "ratio"),
    [
        (Figure("rate", 30.0, "", 3.0, "Other"), 10.0),
        (Figure("rate", 3.0, "", 0.0, "Other"), float("inf")),
        (Figure("time", 30.0, "", 3.0, "Other", less_is_better=True), 0.1),
        (Figure("time", 3.0, ""), None),
    ],
)
def test_a_ratio_says_how_many_times_better_ours_is(figure: Figure, ratio: float | None) -> None:
    assert figure.ratio == pytest.approx(ratio) if ratio is not None else figure.ratio is None


def test_figures_go_to_the_file_that_the_suite_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(figures.VARIABLE, raising=False)
    figures.tell("nobody listens", 1.0, "")
    path = tmp_path / "figures"
    assert figures.read(path) == []
    monkeypatch.setenv(figures.VARIABLE, str(path))
    figures.tell("rate", 3.0, "spans/s", other=1.0, of="Other")
    figures.tell("time", 2.0, "ms", less_is_better=True)
    assert figures.read(path) == [
        Figure("rate", 3.0, "spans/s", 1.0, "Other"),
        Figure("time", 2.0, "ms", less_is_better=True),
    ]


@pytest.mark.parametrize("name", environments.NAMES)
def test_other_servers_are_locked_with_hashes(name: str) -> None:
    (asked,) = (
        Requirement(each)
        for each in (environments.LOCKS / f"{name}.in").read_text(encoding="utf-8").splitlines()
        if not each.startswith("#")
    )
    text = (environments.LOCKS / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    found = re.sub(r" *\\\n *", " ", re.sub(r"^ *#.*\n", "", text, flags=re.M)).splitlines()
    names = set()
    for entry in filter(None, found):
        requirement, *hashes = entry.split(" --hash=")
        names.add(canonicalize_name(Requirement(requirement).name))
        assert hashes, entry
    assert canonicalize_name(asked.name) in names


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    settings = ClickHouseSettings(data=tmp_path)
    with connect(settings.dsn) as found:
        migrated(found, settings)
        found.database = settings.database
        yield found


def test_every_layout_says_what_ours_says(client: Client) -> None:
    rows.fill(client, "everyspan", 2100, 2)
    layouts = [read("everyspan"), *map(read, run.OTHERS)]
    for layout in layouts[1:]:
        run.copy(client, layout, "everyspan.spans")
    run.ask(client, layouts, {each.key: each.key for each in layouts}, rounds=0)


def test_a_layout_that_says_something_else_ends_the_run() -> None:
    with pytest.raises(run.AnswersDiffer, match="traces: ours"):
        run.agree("traces", "Other", [(3, 1.0)], [(4, 1.0)])
    with pytest.raises(run.AnswersDiffer, match="2 rows of ours, 1 of Other"):
        run.agree("traffic", "Other", [(1,), (2,)], [(1,)])
    run.agree("traces", "Other", [(3, 1.0)], [(3, 1.04)])
