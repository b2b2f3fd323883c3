"""Records of ``custom_classifiers`` that can't be read: set aside, and the rest goes on."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from classify.coverage import coverage
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition, DefinitionError, NameInUseError
from classify.custom.classifier_store import current, everything, members
from classify.custom.file import read
from classify.telemetry import Telemetry
from tests.classify.job_store import Store, trace

RULE = '{"name": "NAME", "fail_if": [{"column": "output", "contains": "refund"}], "kinds": ["llm"]}'
FUTURE = 1 << 52

#: What stands in the table, and what is said of it.
POISON: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"definition": ""}, "its definition"),
    "no_json": ({"definition": "{"}, "its definition"),
    "no_object": ({"definition": "[1]"}, "its definition"),
    "newer": ({"definition": RULE.replace('"kinds"', '"languages": ["de"], "kinds"')}, "languages"),
    "newer_kind": ({"definition": RULE.replace('"llm"', '"video"')}, "video"),
    "newer_rule": ({"definition": RULE.replace('"contains"', '"sounds_like"')}, "sounds_like"),
    "bad_regex": (
        {"definition": RULE.replace('"contains": "refund"', '"matches": "("')},
        "fail_if",
    ),
    "other_name": ({"definition": RULE.replace("NAME", "promises_refund")}, "is that of"),
    "newer_state": ({"state": "paused"}, "paused"),
    "no_quality": ({"quality": "{"}, "JSONDecodeError"),
    "odd_quality": ({"quality": "[]"}, "no JSON object"),
    "no_head": ({"head": b"\x00not numpy"}, "what it has learned"),
    "quoted'name": ({}, "no name for a classifier"),
    "not_learned": (
        {"definition": '{"name": "NAME", "examples": [{"mark": "positive", "texts": ["a"]}]}'},
        "nothing that was learned",
    ),
}


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests left is another process's."""
    monkeypatch.setattr("clickhouse.set_aside._found", {})


def poison(db: Store, name: str, **changes: Any) -> None:
    row = {
        "name": name,
        "revision": FUTURE,
        "version": 1,
        "state": "live",
        "definition": RULE,
        "head": b"",
        "quality": "{}",
        "model": 0,
        "max_fail_rate": 0.0,
        "author": "",
        "source": "",
    } | changes
    row["definition"] = row["definition"].replace("NAME", name)
    db.client.insert(
        "custom_classifiers", [list(row.values())], column_names=list(row), database=db.database
    )


@pytest.mark.parametrize("name", POISON)
def test_one_that_cannot_be_read_stops_nothing(
    db: Store, catalog: Catalog, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    changes, reason = POISON[name]
    catalog.add(Definition.model_validate_json(RULE.replace("NAME", "speaks_of_refund")))
    poison(db, name, **changes)
    db.insert(trace(900))
    job = db.job()
    with caplog.at_level(logging.ERROR):
        job.run()
        for _ in range(3):
            job._revision = -1
            job.run()
    said = [r for r in caplog.records if r.name == "clickhouse.set_aside"]
    assert len(said) == 1, "named once"
    assert name in said[0].getMessage()
    assert not any(record.exc_info for record in caplog.records), "no stack trace"
    job.close()
    # The others have judged everything, new rows and old ones.
    rows = db.query(
        "SELECT countIf(verdict_version = 0), countIf(step_kind = 'llm' AND"
        " custom['speaks_of_refund'] = '') FROM spans"
    )
    assert rows == [(0, 0)]
    value = job.telemetry.registry.get_sample_value(
        "everyspan_records_set_aside", {"table": "custom_classifiers"}
    )
    assert value == 1
    listed = {each.name: each for each in catalog.all()}
    assert reason in listed[name].set_aside
    assert listed["speaks_of_refund"].set_aside == ""
    assert catalog.learn_anew() == []
    assert catalog.back_fill()[1] == 0
    with pytest.raises(DefinitionError, match=r"is set aside, its record can't be read"):
        catalog.show(name)
    catalog.remove(name)
    assert name not in {each.name for each in catalog.all()}
    db.judge()
    assert coverage(db.client, db.database).ratio == 1.0
    telemetry = Telemetry()
    assert (
        telemetry.registry.get_sample_value(
            "everyspan_records_set_aside", {"table": "custom_classifiers"}
        )
        == 0
    )


def test_its_verdicts_stay_and_its_rows_wait(db: Store, catalog: Catalog) -> None:
    definition = RULE.replace("NAME", "speaks_of_refund")
    catalog.add(Definition.model_validate_json(definition))
    db.judge()
    before = db.query("SELECT count() FROM spans WHERE custom['speaks_of_refund'] = 'fail'")
    assert before[0][0] > 0
    poison(db, "speaks_of_refund", definition="", version=2)
    db.insert(trace(900))
    assert db.judge() > 0
    # It also judges again what an older set has judged.
    db.judge(*_newer(), classify_rejudge_share=1.0)
    query = "SELECT count() FROM spans WHERE custom['speaks_of_refund'] = 'fail'"
    assert db.query(query) == before
    waiting = coverage(db.client, db.database).unjudged
    assert waiting["speaks_of_refund"] >= 3, "they are not covered"
    # A version that can read it, or a record that can be read.
    poison(db, "speaks_of_refund", version=3, revision=FUTURE + 1)
    db.judge(*_newer())
    assert coverage(db.client, db.database).ratio == 1.0
    assert db.query("SELECT count() FROM spans WHERE notEmpty(custom) AND trace_id LIKE '%900'")
    rows = db.query(
        "SELECT custom['speaks_of_refund'] FROM spans WHERE step_kind = 'llm'"
        " AND service_name = 'shop' AND output = 'good'"
    )
    assert {label for (label,) in rows} == {"pass"}


def _newer() -> tuple[Any, ...]:
    from tests.classify.job_store import Tree, Words

    return Words(version=2), Tree()


def test_a_name_that_is_taken_by_one_says_so(db: Store, catalog: Catalog) -> None:
    poison(db, "mystery", definition="")
    with pytest.raises(NameInUseError, match="can't be read"):
        catalog.add(Definition.model_validate_json(RULE.replace("NAME", "mystery")))
    text = 'name = "mystery"\n[[fail_if]]\ncolumn = "output"\ncontains = "refund"\n'
    assert catalog.take(read(text), replacing=True).state == "live"
    assert [each.set_aside for each in catalog.all()] == [""]


def test_one_that_was_only_a_draft_makes_nothing_wait(db: Store, catalog: Catalog) -> None:
    poison(db, "mystery", definition="", state="draft")
    db.insert(trace(900))
    db.judge()
    assert coverage(db.client, db.database).ratio == 1.0
    assert catalog.disable("mystery").set_aside
    found = members(*everything(db.client, db.database))
    assert (found.kept, found.aside) == (frozenset(["mystery"]), ())
    assert current(db.client, db.database) == []


def test_vectors_of_another_length_are_none(db: Store, catalog: Catalog) -> None:
    from tests.classify.custom.test_catalog import FOUR

    db.client.command(
        f"INSERT INTO {db.database}.text_vectors SELECT hour, hash, model, repeat('x', 9000),"
        f" expires + 1 FROM {db.database}.text_vectors"
    )
    catalog.add(Definition(name="promises_refund"), FOUR)
    db.judge()
    assert db.query("SELECT count() FROM spans WHERE custom['promises_refund'] = ''") == [(0,)]
