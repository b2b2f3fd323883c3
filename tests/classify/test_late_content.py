"""Content that came as log records lands on its span, whichever comes first and in any order."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify.settle.late_content import COLUMNS, LATE_CONTENT, merge
from clickhouse.content import ContentRecord
from clickhouse.span import Span
from ingest.attributes import dumps, loads
from ingest.events import iso
from ingest.limits import DROPPED_CONTENT, ContentLimits
from ingest.log_content import content_records
from ingest.normalise import normalise
from tests.ingest.otlp_payloads import decode_logs, decode_traces

CAPTURES = Path(__file__).parents[1] / "captures" / "payloads"
START = 1_800_000_000 * 10**9
TRACE, SPAN = "ab" * 16, "cd" * 8


def span(**columns: Any) -> Span:
    return Span(TRACE, SPAN, step_kind="llm", start_time=START, **columns)


def record(number: int, name: str, body: Any, **attributes: Any) -> ContentRecord:
    said = dumps({"attributes": attributes, "body": body})
    return ContentRecord(TRACE, SPAN, START + number, number, name, said)


SYSTEM = record(1, "gen_ai.system.message", {"content": "Be brief."})
USER = record(2, "gen_ai.user.message", {"content": "Weather in Paris?"})
CHOICE = record(3, "gen_ai.choice", {"index": 0, "message": {"content": "Sunny."}})
EVALUATION = record(4, "gen_ai.evaluation.result", None, **{"gen_ai.evaluation.name": "Relevance"})
DETAILS = ContentRecord(
    TRACE,
    SPAN,
    START + 5,
    5,
    "gen_ai.client.inference.operation.details",
    dumps(
        {
            "attributes": {
                "gen_ai.input.messages": [
                    {"role": "user", "parts": [{"type": "text", "content": "Bonjour"}]}
                ],
                "gen_ai.tool.definitions": [{"type": "function", "name": "get_weather"}],
            }
        }
    ),
)


def test_messages_fill_the_content_columns() -> None:
    before = span()
    merged = merge(before, [CHOICE, USER, SYSTEM, EVALUATION])
    assert (merged.input, merged.output) == ("Weather in Paris?", "Sunny.")
    assert merged.system_instructions == "Be brief."
    assert [m["role"] for m in loads(merged.input_messages)] == ["system", "user"]
    assert loads(merged.output_messages)[0]["parts"] == [{"type": "text", "content": "Sunny."}]
    assert [event["name"] for event in loads(merged.events)] == [
        "gen_ai.system.message",
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.evaluation.result",
    ]
    assert loads(merged.events)[0]["time"] == iso(START + 1)
    assert before == span()


def test_operation_details_fill_messages_and_tool_definitions() -> None:
    merged = merge(span(), [DETAILS])
    assert merged.input == "Bonjour"
    assert loads(merged.tool_definitions)[0]["name"] == "get_weather"


def test_what_the_span_carries_is_never_overwritten() -> None:
    own = span(input="own", output_messages="[]")
    merged = merge(merge(own, [USER]), [SYSTEM, CHOICE, DETAILS])
    assert (merged.input, merged.output_messages) == ("own", "[]")
    assert merged.output == "Sunny."
    assert "input," not in merged.attributes[LATE_CONTENT]


def test_records_of_other_spans_and_no_records_change_nothing() -> None:
    other = ContentRecord(TRACE, "00" * 8, START, 1, USER.name, USER.attributes)
    assert merge(span(), [other]) == merge(span(), []) == span()


def test_an_event_that_the_span_has_already_comes_once() -> None:
    own = dumps(
        [
            {
                "time": iso(START + 9),
                "name": EVALUATION.name,
                "attributes": {"gen_ai.evaluation.name": "Relevance"},
            }
        ]
    )
    assert merge(span(events=own), [EVALUATION]) == span(events=own)


def test_events_are_in_the_order_of_their_time() -> None:
    own = dumps([{"time": iso(START + 2), "name": "exception", "attributes": {}}])
    merged = merge(span(events=own), [CHOICE, SYSTEM])
    assert [event["name"] for event in loads(merged.events)] == [
        "gen_ai.system.message",
        "exception",
        "gen_ai.choice",
    ]


def test_too_many_events_are_left_out_with_a_mark() -> None:
    limits = ContentLimits(max_events=2)
    merged = merge(span(), [SYSTEM, USER, CHOICE], limits=limits)
    assert len(loads(merged.events)) == 2
    assert merged.attributes[DROPPED_CONTENT] == "true"
    small = ContentLimits(max_events_bytes=200)
    assert len(merge(span(), [SYSTEM, USER, CHOICE], limits=small).events) <= 200


@pytest.mark.parametrize("text", ["", "null", "{", '"x"', "[1]", '{"attributes": [], "body": {}}'])
def test_odd_records_and_events_do_no_harm(text: str) -> None:
    odd = ContentRecord(TRACE, SPAN, START, 9, "gen_ai.user.message", text)
    assert merge(span(events=text), [odd, USER]).input == "Weather in Paris?"


_texts = st.text(max_size=5)
_bodies = st.one_of(
    st.fixed_dictionaries({"content": _texts}),
    st.fixed_dictionaries({"message": st.fixed_dictionaries({"content": _texts})}),
    _texts,
    st.none(),
)
_records = st.lists(
    st.builds(
        record,
        st.integers(0, 20),
        st.sampled_from([SYSTEM.name, USER.name, CHOICE.name, EVALUATION.name, DETAILS.name]),
        _bodies,
    ),
    max_size=8,
    unique_by=lambda r: r.record_id,
)
_spans = st.builds(
    span,
    input=st.sampled_from(["", "own"]),
    output_messages=st.sampled_from(["", "[]"]),
    events=st.sampled_from(["", dumps([{"time": iso(START), "name": "x", "attributes": {}}])]),
)


@settings(max_examples=300, deadline=None)
@given(_spans, _records, st.data())
def test_neither_order_nor_repetition_matters(
    before: Span, records: list[ContentRecord], data: st.DataObject
) -> None:
    whole = merge(before, records)
    assert merge(whole, records) == whole
    assert merge(before, data.draw(st.permutations(records))) == whole
    cut = data.draw(st.integers(0, len(records)))
    assert merge(merge(before, records[:cut]), records[cut:]) == whole
    assert merge(merge(before, records[cut:]), records) == whole


def _read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in CAPTURES.glob("*/*/*_logs.*")}),
    ids=lambda folder: "/".join(folder.parts[-2:]),
)
def test_real_records_find_their_spans_and_fill_them(folder: Path) -> None:
    limits = ContentLimits()
    spans: list[Span] = []
    records: list[ContentRecord] = []
    for path in sorted(folder.glob("*_*.*")):
        encoding: Any = "json" if ".json" in path.name else "protobuf"
        if "_traces" in path.name:
            traces = decode_traces(_read(path), encoding)
            start = traces.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano
            spans += normalise(traces, now=start, retention_days=30, limits=limits).spans
        elif "_logs" in path.name:
            logs = decode_logs(_read(path), encoding)
            first = logs.resource_logs[0].scope_logs[0].log_records[0]
            now = first.observed_time_unix_nano
            records += content_records(logs, now=now, retention_days=30, limits=limits).records
    by_id = {s.span_id: s for s in spans}
    assert {r.span_id for r in records} <= by_id.keys()
    # Of what happened beside the conversation only the event is kept.
    beside = ("gen_ai.evaluation", "claude_code.tool_", "claude_code.api_request")
    with_content = {r.span_id for r in records if not r.name.startswith(beside)}
    for span_id in {r.span_id for r in records}:
        merged = merge(by_id[span_id], [r for r in records if r.span_id == span_id])
        assert len(loads(merged.events)) >= sum(r.span_id == span_id for r in records)
        if span_id in with_content and "no_content" not in folder.name:
            assert merged.input
            assert merged.input_messages
            if merged.status != "error":
                assert merged.output
                assert merged.output_messages
        for column in COLUMNS:
            own = getattr(by_id[span_id], column)
            assert not own or getattr(merged, column) == own
