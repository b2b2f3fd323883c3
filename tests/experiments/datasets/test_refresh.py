"""The next version: ids stay, what is new comes in, what is over goes and says why."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

import pytest

from experiments.datasets import dataset_store
from experiments.datasets import refresh as refreshing
from experiments.datasets.build import build
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.item import Version
from experiments.datasets.refresh import NOT_HEALTHY, PARTNER_GONE, VERDICT_CHANGED, refresh
from experiments.datasets.source import Source
from tests.experiments.datasets.traffic import NOW, TOPICS, Ask, insert, usual

LATER = (NOW, NOW + timedelta(days=1))
AFTER = NOW + timedelta(hours=2)


@pytest.fixture
def first(source: Source) -> Version:
    """Version 1 of data set 'd', at most three failures of a topic."""
    database = str(source.client.database)
    insert(source.client, database, usual())
    definition = Definition(where="hallucination = 'fail'", per_cluster=3, window_seconds=604_800)
    window = (NOW - timedelta(days=7), NOW)
    return dataset_store.save(source.client, database, build(source, "d", definition, window, "me"))


def test_quiet_traffic_changes_nothing(source: Source, first: Version) -> None:
    again = refresh(source, first, LATER)
    assert again.content_hash == first.content_hash
    assert (again.added, again.retired) == ([], {})


def test_new_failures_come_in_and_old_ids_stay(source: Source, first: Version) -> None:
    shoes = [
        Ask(question, failed=("hallucination",), at=AFTER + timedelta(seconds=i))
        for i, question in enumerate(
            ("Which hiking boots fit wide feet?", "Are the leather boots waterproof?")
        )
    ]
    repeated = Ask(
        first.failures[0].request, failed=("hallucination",), at=AFTER, key="asked again"
    )
    insert(source.client, str(source.client.database), [*shoes, repeated])
    second = refresh(source, first, LATER)
    old = {item.id: item for item in first.items}
    new = {item.id: item for item in second.items}
    assert old.keys() <= new.keys()
    assert {new[i].request for i in second.added if new[i].kind == "failure"} == {
        shoes[0].question,
        shoes[1].question,
    }
    assert second.retired == {}
    assert second.parent == 1
    assert second.parent_hash == first.content_hash
    assert second.content_hash != first.content_hash
    for name in old:
        assert new[name].added_in == 1
        assert new[name].input == old[name].input
    assert all(new[name].added_in == 2 for name in second.added)
    # The question that came again is no new item; it was seen once more.
    assert new[first.failures[0].id].seen == 2


def test_a_group_that_is_full_takes_no_more(source: Source, first: Version) -> None:
    known = {item.request for item in first.failures}
    weather = [q for q in TOPICS["weather"] if q not in known]
    insert(
        source.client,
        str(source.client.database),
        [Ask(q, failed=("hallucination",), at=AFTER, key="later") for q in weather],
    )
    second = refresh(source, first, LATER)
    added = [item for item in second.failures if item.id in second.added]
    groups = {
        item.cluster: sum(other.cluster == item.cluster for other in second.failures)
        for item in added
    }
    assert all(count <= 3 for count in groups.values()), groups


def test_a_verdict_that_was_taken_back_retires_its_item(source: Source, first: Version) -> None:
    database = str(source.client.database)
    gone, ill = first.failures[0], next(
        c for c in first.controls if c.matched_to != first.failures[0].id
    )  # fmt: skip
    asks = {ask.trace_id: ask for ask in usual()}
    healthy, failing = asks[gone.trace_id], asks[ill.trace_id]
    again = [
        _with_trace(healthy, failed=(), passed=("hallucination",)),
        _with_trace(failing, failed=("hallucination",)),
    ]
    insert(source.client, database, again, version=2)
    second = refresh(source, first, LATER)
    assert second.retired[gone.id] == VERDICT_CHANGED
    assert second.retired[ill.id] == NOT_HEALTHY
    partners = [c.id for c in first.controls if c.matched_to == gone.id]
    assert partners
    assert all(second.retired[name] == PARTNER_GONE for name in partners)
    assert gone.id not in {item.id for item in second.items}


def test_what_nobody_asks_any_more_is_retired(
    source: Source, first: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = str(source.client.database)
    month = timedelta(days=29)
    shoes = ("boots", "socks", "laces", "insoles", "sandals", "crampons")
    insert(
        source.client,
        database,
        [Ask(f"Which {thing} do you sell, number {i}?", at=NOW + month, key=str(i))
         for i, thing in enumerate(shoes * 5)]
        + [Ask(q, at=NOW + month, key="now") for q in TOPICS["refund"]],
    )  # fmt: skip
    window = (NOW + timedelta(days=28), NOW + timedelta(days=30))
    # Too few inputs to say that anything is over.
    assert refresh(source, first, window, retire_after=timedelta(days=7)).retired == {}
    monkeypatch.setattr(refreshing, "FEWEST_INPUTS", 20)
    second = refresh(source, first, window, retire_after=timedelta(days=7))
    topic = {question: name for name, all_ in TOPICS.items() for question in all_}
    left = {topic[item.request] for item in second.failures}
    assert left == {"refund"}
    told = {reason for reason in second.retired.values() if reason != PARTNER_GONE}
    assert any("nothing like it among 37 inputs of the last 7 days" in each for each in told)
    # Patience for longer keeps them.
    assert refresh(source, first, window, retire_after=timedelta(days=60)).retired == {}


@dataclass(frozen=True)
class _Again(Ask):
    """A trace that was judged again."""

    id: str = ""

    @property
    def trace_id(self) -> str:
        return self.id


def _with_trace(ask: Ask, **verdicts: tuple[str, ...]) -> Ask:
    values = {f.name: getattr(ask, f.name) for f in fields(Ask)}
    return _Again(**(values | verdicts), id=ask.trace_id)
