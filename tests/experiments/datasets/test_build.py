"""From spans to a stored version."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from experiments.datasets import dataset_store
from experiments.datasets.build import build
from experiments.datasets.dataset_definition import Definition, wanted_controls
from experiments.datasets.errors import DefinitionError, NothingFoundError, UnknownDatasetError
from experiments.datasets.item import Version, content_hash
from experiments.datasets.source import Source
from tests.experiments.datasets.traffic import NOW, TOPICS, Ask, insert, usual

WINDOW = (NOW - timedelta(days=7), NOW)
WHERE = "hallucination = 'fail'"


def made(source: Source, **changes: object) -> Version:
    definition = Definition.model_validate({"where": WHERE, "window_seconds": 604_800} | changes)
    return build(source, "refunds", definition, WINDOW, "me")


def fill(source: Source, asks: list[Ask]) -> None:
    insert(source.client, str(source.client.database), asks)


def test_failures_are_grouped_by_topic_and_capped(source: Source) -> None:
    fill(source, usual())
    version = made(source, per_cluster=3)
    assert version.summary["rows"] == 21
    topic_of = {question: name for name, all_ in TOPICS.items() for question in all_}
    found: dict[int, set[str]] = {}
    for item in version.failures:
        found.setdefault(item.cluster, set()).add(topic_of[item.request])
        assert item.failed == ["hallucination"]
        assert item.scores["hallucination"] == pytest.approx(0.9)
        assert "five days" in item.evidence["hallucination"]
    assert all(len(topics) == 1 for topics in found.values()), found
    assert {topic for topics in found.values() for topic in topics} == set(TOPICS)
    assert all(group["items"] <= 3 for group in version.summary["clusters"])
    assert sum(group["rows"] for group in version.summary["clusters"]) == 21
    assert sum(group["items"] for group in version.summary["clusters"]) == version.failure_count


def test_an_item_holds_what_a_replay_needs(source: Source) -> None:
    fill(source, [Ask("Where is my refund?", failed=("hallucination",))])
    (item,) = made(source, controls="0").items
    assert item.request == "Where is my refund?"
    assert item.input.startswith("Pages:")
    assert [m["role"] for m in item.messages] == ["system", "user", "assistant", "tool"]
    assert item.messages[2]["tool_calls"][0]["function"]["name"] == "get_order"
    assert item.messages[3]["tool_call_id"] == "c1"
    assert item.output == "It takes five days."
    assert item.expected == ""
    assert any("Refunds take five days" in text for text in item.context)
    assert (item.step_kind, item.model, item.prompt_version) == ("llm", "gpt-4.1-mini", "7")


def test_controls_are_healthy_matched_and_in_another_wording(source: Source) -> None:
    fill(
        source,
        [
            *usual(),
            # Nearer in words, but of another model, another prompt, another service, or ill.
            Ask("My refund of the tent I sent back, where is it?", model="o9", prompt_version="1"),
            Ask("The refund for that tent, where is it now?", service="billing"),
            Ask("And where is the refund for the tent?", failed=("toxicity",)),
            Ask("So where is the refund for the tent?", status="error"),
        ],
    )
    version = made(source)
    failures = {item.id: item for item in version.failures}
    assert version.control_count == version.failure_count
    asked = {item.request for item in version.failures}
    for control in version.controls:
        partner = failures[control.matched_to]
        assert (control.service_name, control.name) == (partner.service_name, partner.name)
        assert control.topic == partner.topic
        assert control.failed == []
        assert control.expected == control.output
        assert control.request not in asked
        assert not control.request.startswith(("And where", "So where"))
    assert version.summary["controls"]["same_model"] >= 0.9
    same_topic = sum(
        re.search(r"\((\w+) number", c.request)[1]  # type: ignore[index]
        == next(t for t, q in TOPICS.items() if failures[c.matched_to].request in q)
        for c in version.controls
        if "number" in c.request
    )
    assert same_topic >= 0.8 * version.control_count


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("5", 5), ("0.5x", 5), ("2x", 20)])
def test_how_many_controls(text: str, count: int) -> None:
    assert wanted_controls(text, 10) == count


@pytest.mark.parametrize("text", ["-1", "half", "x", "1.5"])
def test_controls_must_be_a_number_or_a_share(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"--controls .* 0\.5x"):
        wanted_controls(text, 10)


def test_more_controls_than_failures(source: Source) -> None:
    fill(source, usual())
    version = made(source, per_cluster=1, controls="2x")
    assert version.control_count == 2 * version.failure_count
    assert len({item.id for item in version.items}) == len(version.items)


def test_near_duplicates_are_one_item_that_says_how_often(source: Source) -> None:
    same = [
        Ask(f"Where is my refund for order {number} please?", failed=("hallucination",), key=str(i))
        for i, number in enumerate((11, 2222, 333333, 44))
    ]
    other = Ask("Do not refund my order please, I want to keep it.", failed=("hallucination",))
    fill(source, [*same, other])
    version = made(source, controls="0")
    assert version.failure_count == 2
    assert version.summary["duplicates"] == 3
    assert sorted(item.seen for item in version.items) == [1, 4]


def test_the_same_rows_give_the_same_version(source: Source) -> None:
    fill(source, usual())
    first, again = made(source), made(source)
    assert first.content_hash == again.content_hash
    assert [i.id for i in first.items] == [i.id for i in again.items]
    assert made(source, per_cluster=2).content_hash != first.content_hash


def test_limit_takes_from_every_group(source: Source) -> None:
    fill(source, usual())
    version = made(source, limit=3)
    assert version.failure_count == 3
    assert len({item.cluster for item in version.failures}) == 3


def test_personal_data_and_secrets_stay_out(source: Source) -> None:
    secret = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    fill(
        source,
        [
            Ask(
                "My name is Anneke Jansen, where is my refund? Write to a.jansen@posteo.net",
                answer=f"Dear Anneke, I wrote to a.jansen@posteo.net with {secret}.",
                failed=("hallucination",),
                user="customer-8841",
                document="Anneke Jansen lives here. IBAN DE44 5001 0517 5407 3249 31.",
                tool_result='{"mail": "a.jansen@posteo.net", "of": "customer-8841"}',
                evidence="‘a.jansen@posteo.net’ is in no document",
            )
        ],
    )
    version = made(source, controls="0")
    text = version.model_dump_json()
    for private in ("Jansen", "Anneke", "posteo", secret, "5407", "8841"):
        assert private not in text, private
    (item,) = version.items
    assert item.request.count("person1@example.com") == 1
    assert "person1@example.com" in item.output
    assert "person1@example.com" in item.context[1]
    assert "[NAME_1]" in item.request
    assert "Dear [NAME_1]" in item.output
    assert "[SECRET_1]" in item.output
    assert version.summary["masked"] == {
        "email": 1, "iban": 1, "name": 1, "secret": 1, "user": 1,
    }  # fmt: skip


def test_an_agent_that_hands_on_what_its_model_said_is_no_second_item(source: Source) -> None:
    fill(source, [Ask("Where is my refund?", failed=("hallucination",))])
    version = build(
        source, "both", Definition(where="step_kind IN ('llm', 'agent')", controls="0"), WINDOW
    )
    assert [item.step_kind for item in version.items] == ["llm"]


def test_unit_trace_is_the_request_and_the_answer(source: Source) -> None:
    fill(source, usual())
    version = made(source, unit="trace", per_cluster=2)
    assert version.failures
    assert version.controls
    for item in version.failures:
        assert (item.step_kind, item.name) == ("agent", "agent")
        assert item.input == item.request
        assert item.failed == ["hallucination"]
        assert item.evidence["hallucination"]
        assert [call["name"] for call in item.tool_calls] == ["get_order"]
        assert any("Refunds take five days" in text for text in item.context)
    assert all(item.step_kind == "agent" for item in version.controls)


def test_store_and_load(source: Source) -> None:
    database = str(source.client.database)
    fill(source, usual())
    first = dataset_store.save(source.client, database, made(source, per_cluster=2))
    assert first.number == 1
    loaded = dataset_store.load(source.client, database, "refunds")
    assert loaded.items == first.items
    assert loaded.content_hash == content_hash(loaded.items) == first.content_hash
    assert loaded == first.model_copy(update={"reference": loaded.reference})
    assert len(loaded.reference) == len(first.reference) > 0
    assert dataset_store.save(source.client, database, made(source)).number == 2
    assert [v.number for v in dataset_store.versions(source.client, database)] == [2, 1]
    assert dataset_store.load(source.client, database, "refunds", 1).items == first.items
    with pytest.raises(UnknownDatasetError, match="no version 9; it has 1 to 2"):
        dataset_store.load(source.client, database, "refunds", 9)
    with pytest.raises(UnknownDatasetError, match="'typo'; there are refunds"):
        dataset_store.load(source.client, database, "typo")
    dataset_store.delete(source.client, database, "refunds")
    for table in ("versions", "items", "reference"):
        count = source.client.query(f"SELECT count() FROM dataset_{table}").result_rows
        assert count[0][0] == 0


def test_parquet_is_readable_and_complete(source: Source) -> None:
    import io

    import pyarrow.parquet

    fill(source, usual())
    database = str(source.client.database)
    version = dataset_store.save(source.client, database, made(source, per_cluster=2))
    table = pyarrow.parquet.read_table(
        io.BytesIO(dataset_store.parquet(source.client, database, version))
    )
    rows = {str(row["id"]): row for row in table.to_pylist()}
    assert rows.keys() == {item.id for item in version.items}
    for item in version.items:
        row = rows[item.id]
        assert row["input"] == item.input
        assert row["context"] == item.context
        assert dict(row["evidence"]) == item.evidence


def test_nothing_found_says_what_there_is(source: Source) -> None:
    with pytest.raises(NothingFoundError, match="no spans between"):
        made(source)
    fill(source, [Ask("Where is it?"), Ask("And where is this?")])
    with pytest.raises(NothingFoundError, match=r"hallucination there is .*'pass' \(2\)"):
        made(source)
    fill(source, [Ask("", failed=("hallucination",), content=False)])
    with pytest.raises(NothingFoundError, match="content is not recorded"):
        made(source)


def test_a_schema_without_the_tables_is_named(source: Source) -> None:
    with pytest.raises(UnknownDatasetError, match="everyspan migrate"):
        dataset_store.check_schema(source.client, "default")
    dataset_store.check_schema(source.client, str(source.client.database))
