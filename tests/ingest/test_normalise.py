"""One span in, one row out: ids, times, status, events, limits, what stays in ``attributes``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clickhouse.span import Span
from ingest.events import iso
from ingest.limits import DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS, ContentLimits
from ingest.normalise import (
    END_MISSING,
    END_REVERSED,
    START_MISSING,
    UNREADABLE,
    normalise,
)
from tests.ingest.spans import DAY, NOW, normalised, request_of, row

ASKED = '[{"role":"user","parts":[{"type":"text","content":"Where is my parcel?"}]}]'
TOLD = '[{"role":"assistant","parts":[{"type":"text","content":"In Rotterdam."}]}]'


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b"\x01" * 15}, "trace_id must be 16 bytes, got 15"),
        ({"trace_id": b""}, "trace_id must be 16 bytes, got 0"),
        ({"span_id": b"\x01" * 16}, "span_id must be 8 bytes, got 16"),
        ({"trace_id": bytes(16)}, "trace_id must not be all zero"),
        ({"span_id": bytes(8)}, "span_id must not be all zero"),
        ({"parent_span_id": b"\x01"}, "parent_span_id must be 8 bytes, or empty for a root, got 1"),
        ({"start_time_unix_nano": 1}, "start_time_unix_nano is older than the retention of 30"),
        ({"start_time_unix_nano": NOW + 2 * DAY}, "start_time_unix_nano is more than a day in the"),
        ({"start_time_unix_nano": 4_102_444_800 * 10**9}, "check the sender's clock"),
        ({"start_time_unix_nano": 0, "end_time_unix_nano": 5}, "older than the retention"),
    ],
)
def test_a_span_that_can_never_be_stored_is_rejected_with_the_remedy(
    fields: dict[str, Any], reason: str
) -> None:
    result = normalised(**fields)
    assert result.spans == []
    (said,) = result.rejected
    assert reason in said
    assert result.rejected[said] == 1


def test_good_spans_of_a_request_are_kept_beside_bad_ones() -> None:
    request = request_of()
    request.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short")
    request.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short")
    result = normalise(request, now=NOW, retention_days=30, limits=ContentLimits())
    assert len(result.spans) == 1
    assert result.rejected == {"trace_id must be 16 bytes, got 5": 2}


def test_ids_are_hex_and_a_zero_parent_is_none() -> None:
    span = row(parent_span_id=bytes(8))
    assert (span.trace_id, span.span_id, span.parent_span_id) == ("01" * 16, "02" * 8, "")
    assert row(parent_span_id=b"\x03" * 8).parent_span_id == "03" * 8


@pytest.mark.parametrize(
    ("start", "end", "expected_start", "duration_ms", "mark"),
    [
        (NOW - 2_000_000, NOW, NOW - 2_000_000, 2.0, None),
        (0, NOW - 5, NOW - 5, 0.0, START_MISSING),
        (0, 0, NOW, 0.0, START_MISSING),
        (NOW - 9, 0, NOW - 9, 0.0, END_MISSING),
        (NOW, NOW - 9, NOW, 0.0, END_REVERSED),
    ],
    ids=["both", "no start", "none", "no end", "reversed"],
)
def test_odd_times_are_kept_and_marked(
    start: int, end: int, expected_start: int, duration_ms: float, mark: str | None
) -> None:
    span = row(start_time_unix_nano=start, end_time_unix_nano=end)
    assert span.start_time == expected_start
    assert span.duration_ms == duration_ms
    marks = {key for key in span.attributes if key.startswith("everyspan.")}
    assert mark in marks if mark else not marks


def test_status_and_error() -> None:
    assert row().status == "unset"
    assert row(status={"code": 1}).status == "ok"
    failed = row({"error.type": "timeout"}, status={"code": 2, "message": "took too long"})
    assert (failed.status, failed.error_type, failed.status_message) == (
        "error",
        "timeout",
        "took too long",
    )


def test_an_exception_names_the_error_where_the_span_does_not() -> None:
    events: Any = [("exception", {"exception.type": "KeyError", "exception.message": "'city'"})]
    span = row(events=events, status={"code": 2})
    assert (span.error_type, span.status_message) == ("KeyError", "'city'")
    (event,) = json.loads(span.events)
    assert event["name"] == "exception"
    assert event["time"] == iso(NOW)


def test_resource_and_scope() -> None:
    span = row(
        scope="my.tracer",
        resource={
            "service.name": "shop",
            "service.version": "1.2",
            "deployment.environment": "old",
            "deployment.environment.name": "prod",
            "vcs.ref.head.revision": "abc123",
            "vcs.repository.url.full": "https://example.com/shop",
            "host.cpu": 4,
        },
    )
    assert (span.service_name, span.service_version, span.environment) == ("shop", "1.2", "prod")
    assert (span.code_revision, span.code_repository) == ("abc123", "https://example.com/shop")
    assert span.resource_attributes["host.cpu"] == "4"
    assert span.scope_name == "my.tracer"


def test_values_that_are_no_text_stay_as_json() -> None:
    span = row({"a": 1, "b": True, "c": 0.5, "d": ["x", 2], "e": {"k": None}, "f": b"\x00\xff"})
    assert span.attributes == {
        "a": "1",
        "b": "true",
        "c": "0.5",
        "d": '["x",2]',
        "e": '{"k":null}',
        "f": "AP8=",
    }


def test_content_is_stored_once() -> None:
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": ASKED,
            "gen_ai.output.messages": TOLD,
            "gen_ai.request.temperature": 0.5,
        }
    )
    assert span.input == "Where is my parcel?"
    assert span.output == "In Rotterdam."
    assert (span.input_messages, span.output_messages) == (ASKED, TOLD)
    assert span.attributes == {"gen_ai.operation.name": "chat", "gen_ai.request.temperature": "0.5"}


def test_what_a_column_does_not_hold_whole_stays_in_attributes() -> None:
    envelope = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "temperature": 0.2})
    span = row({"openinference.span.kind": "LLM", "input.value": envelope})
    assert span.input == "Hi"
    assert span.attributes["input.value"] == envelope


def test_messages_on_a_tool_span_are_not_lost() -> None:
    span = row(
        {
            "openinference.span.kind": "TOOL",
            "input.value": '{"city": "Paris"}',
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Weather?",
        }
    )
    assert span.input == '{"city": "Paris"}'
    assert span.attributes["llm.input_messages.0.message.content"] == "Weather?"


def test_content_over_the_limit_is_cut_with_a_mark_and_stays_json() -> None:
    long = "x" * 5_000
    messages = [{"role": "user", "parts": [{"type": "text", "content": long}]}]
    span = row(
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)}
        | {"note": long},
        limits=ContentLimits(max_attribute_bytes=1_000),
    )
    assert len(span.input_messages.encode()) <= 1_000
    assert "bytes cut]" in json.loads(span.input_messages)[0]["parts"][0]["content"]
    assert span.input == "x" * 1_000 + "…[everyspan: 4000 bytes cut]"
    assert span.attributes["note"] == "x" * 1_000 + "…[everyspan: 4000 bytes cut]"


def test_too_many_messages_say_how_many_are_missing() -> None:
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": f"message {n} " + "y" * 200}]}
        for n in range(100)
    ]
    span = row(
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)},
        limits=ContentLimits(max_attribute_bytes=3_000),
    )
    kept = json.loads(span.input_messages)
    assert len(span.input_messages) <= 3_000
    assert kept[0] == messages[0]
    assert kept[-1] == messages[-1]
    assert any("messages cut]" in message["parts"][0]["content"] for message in kept)
    assert span.input.startswith("message 99 ")


def test_more_attributes_events_and_links_than_the_limit_are_counted() -> None:
    limits = ContentLimits(max_attributes=3, max_events=2, max_links=1)
    request = request_of({f"k{n}": n for n in range(10)}, events=[("e", {})] * 5)
    proto = request.resource_spans[0].scope_spans[0].spans[0]
    for _ in range(4):
        proto.links.add(trace_id=b"\x05" * 16, span_id=b"\x06" * 8)
    (span,) = normalise(request, now=NOW, retention_days=30, limits=limits).spans
    assert span.attributes[DROPPED_ATTRIBUTES] == "7"
    assert span.attributes[DROPPED_EVENTS] == "3"
    assert span.attributes[DROPPED_LINKS] == "3"
    assert len(json.loads(span.events)) == 2
    assert json.loads(span.links) == [
        {"trace_id": "05" * 16, "span_id": "06" * 8, "attributes": {}}
    ]


def test_unknown_attributes_about_agents_are_counted_by_scope() -> None:
    result = normalised(
        {
            "gen_ai.brand.new": 1,
            "llm.list.0.x": 1,
            "llm.list.1.x": 1,
            "http.method": "GET",
            "foo": 1,
        },
        scope="a.tracer",
    )
    assert result.not_understood == {
        ("a.tracer", "gen_ai.brand.new"): 1,
        ("a.tracer", "llm.list.N.x"): 2,
    }


def test_lone_surrogates_in_json_text_become_question_marks() -> None:
    text = r'[{"role":"user","content":"a\ud800b"}]'
    span = row({"gen_ai.operation.name": "chat", "gen_ai.input.messages": text})
    assert span.input == "a?b"
    span.input_messages.encode()


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (12, 12),
        ("12", 12),
        (12.0, 12),
        (-1, None),
        (True, None),
        ("many", None),
        (float("nan"), None),
        (float("inf"), None),
        (2**40, 2**32 - 1),
    ],
)
def test_tokens(value: Any, tokens: int | None) -> None:
    span = row({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": value})
    assert span.input_tokens == tokens


def test_cost_given_counts_else_prices_and_unknown_is_none() -> None:
    call: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1_000_000,
        "gen_ai.usage.output_tokens": 0,
    }
    assert row(call | {"gen_ai.usage.cost": 0.5}).cost_usd == 0.5
    priced = row(call).cost_usd
    assert priced is not None
    assert 0.1 < priced < 0.2
    assert row(call | {"gen_ai.request.model": "nobody-knows-1"}).cost_usd is None
    assert row(call | {"gen_ai.usage.cost": "garbage"}).cost_usd == pytest.approx(priced)


def test_cached_tokens_that_input_tokens_leave_out_are_added() -> None:
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 1_000,
            "gen_ai.usage.cache_creation.input_tokens": 20,
        }
    )
    assert (span.input_tokens, span.cached_input_tokens) == (1_027, 1_000)


def test_code_of_both_ages() -> None:
    new = row(
        {"code.file.path": "a/b.py", "code.line.number": 12, "code.function.name": "shop.find"}
    )
    old = row(
        {
            "code.filepath": "a/b.py",
            "code.lineno": "12",
            "code.function": "find",
            "code.namespace": "shop",
        }
    )
    for span in (new, old):
        assert (span.code_file, span.code_line, span.code_function) == ("a/b.py", 12, "shop.find")


def test_experiment_and_people() -> None:
    span = row(
        {
            "everyspan.experiment": "prompt-7",
            "everyspan.variant": "b",
            "session.id": "s1",
            "gen_ai.conversation.id": "c1",
            "enduser.id": "u1",
        }
    )
    assert (span.experiment, span.variant, span.session_id, span.user_id) == (
        "prompt-7",
        "b",
        "s1",
        "u1",
    )


def test_span_events_fill_the_content() -> None:
    events: Any = [
        ("gen_ai.system.message", {"content": "Be brief."}),
        ("gen_ai.user.message", {"content": "Weather in Paris?"}),
        (
            "gen_ai.choice",
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": json.dumps(
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "c1",
                                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                            }
                        ],
                    }
                ),
            },
        ),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "Relevance"}),
    ]
    span = row({"gen_ai.operation.name": "chat"}, events=events)
    assert span.input == "Weather in Paris?"
    assert span.system_instructions == "Be brief."
    assert json.loads(span.output) == [
        {"id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
    ]
    assert [event["name"] for event in json.loads(span.events)] == ["gen_ai.evaluation.result"]


def test_the_operation_details_event_carries_the_span_s_own_attributes() -> None:
    events: Any = [
        (
            "gen_ai.client.inference.operation.details",
            {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": TOLD},
        )
    ]
    span = row({"gen_ai.operation.name": "chat"}, events=events)
    assert (span.input, span.output) == ("Where is my parcel?", "In Rotterdam.")
    assert span.events == ""


def test_iso() -> None:
    assert iso(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
    assert iso(0) == "1970-01-01T00:00:00.000000000Z"


def test_rows_have_the_types_of_the_columns() -> None:
    span = row({"gen_ai.operation.name": "chat", "code.line.number": "x", "user.id": 7})
    assert isinstance(span, Span)
    assert (span.code_line, span.user_id) == (0, "7")


def test_many_short_messages_and_a_long_one_are_not_doubled() -> None:
    short = [{"role": "user", "parts": [{"type": "text", "content": f"{n}"}]} for n in range(30)]
    long = {"role": "user", "parts": [{"type": "text", "content": "z" * 9_000}]}
    span = row(
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps([*short, long])},
        limits=ContentLimits(max_attribute_bytes=3_000),
    )
    kept = [message["parts"][0]["content"] for message in json.loads(span.input_messages)]
    assert len(span.input_messages) <= 3_000
    assert len(kept) == len(set(kept))
    assert kept[-1].startswith("zzz")


def test_a_replay_names_the_trace_that_it_ran_again() -> None:
    of = "0af7651916cd43dd8448eb211c80319c"
    span = row({"replay.of": of, "replay.step": 3})
    assert (span.replay_of, span.attributes["replay.step"]) == (of, "3")
    # What is no trace id takes no row out of the counts.
    assert row({"replay.of": "a film"}).replay_of == ""
    assert row().replay_of == ""


def test_a_reader_of_ours_that_fails_costs_nobody_a_span(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise TypeError("nobody had sent this before")

    monkeypatch.setattr("ingest.normalise.fill", fails)
    result = normalised(
        {"gen_ai.request.model": "m", "gen_ai.input.messages": ASKED, "n": [1]},
        name="chat",
        events=[("seen", {"a": 1})],
    )
    (span,) = result.spans
    assert (span.name, span.step_kind, span.scope_name) == ("chat", "other", "my.tracer")
    assert span.attributes["gen_ai.input.messages"] == ASKED
    assert (span.attributes["gen_ai.request.model"], span.attributes["n"]) == ("m", "[1]")
    assert json.loads(span.events)[0]["attributes"] == {"a": 1}
    assert span.duration_ms == 1.5
    assert result.not_understood["my.tracer", UNREADABLE] == 1
    assert "nobody had sent this before" in caplog.text
    assert not result.rejected
