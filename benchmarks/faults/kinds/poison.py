"""Odd spans that are valid all the same: each is stored and judged, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.faults.kinds import kind
from benchmarks.faults.ledger import COLLISIONS
from benchmarks.faults.scene import Broken, Scene
from benchmarks.faults.traffic import Refused, put
from tests.ingest.otlp_payloads import key_value, request, span

_ODD: list[Callable[[Random], Span]] = []


def _odd(make: Callable[[Random], Span]) -> Callable[[Random], Span]:
    _ODD.append(make)
    return make


def _said(random: Random, text: str) -> Span:
    """A model call that answers so."""

    def message(role: str, content: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])

    return _span(
        random,
        name="chat odd",
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4.1-mini",
            "gen_ai.input.messages": message("user", text[:2000]),
            "gen_ai.output.messages": message("assistant", text),
        },
    )


def _span(random: Random, **fields: Any) -> Span:
    return span(random.randbytes(16), span_id=random.randbytes(8), **fields)


@_odd
def _deep(random: Random) -> Span:
    value = AnyValue(string_value="end")
    for _ in range(30):
        value = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
    odd = _span(random)
    odd.attributes.append(KeyValue(key="deep", value=value))
    return odd


@_odd
def _deep_json(random: Random) -> Span:
    return _span(
        random, attributes={"gen_ai.output.messages": "[" * 5000, "input.value": '{"a":' * 5000}
    )


@_odd
def _shapes(random: Random) -> Span:
    shape = random.choice([".", " ", "(", "7", "a", "\n", "e\u0301", "{", "&#", "A1b2", "\u200b"])
    size = random.choice([3_000, 60_000, 250_000])
    return _said(random, (shape * size)[:size])


@_odd
def _zeros(random: Random) -> Span:
    return _said(random, "a\x00b" * 1000)


@_odd
def _many_attributes(random: Random) -> Span:
    return _span(random, attributes={f"key.{i}": "x" * 50 for i in range(5000)})


@_odd
def _huge(random: Random) -> Span:
    return _span(random, attributes={"input.value": "é" * 2_000_000})


@_odd
def _no_times(random: Random) -> Span:
    return _span(random, start_time_unix_nano=0, end_time_unix_nano=0)


@_odd
def _far_future(random: Random) -> Span:
    return _span(
        random, start_time_unix_nano=9_223_372_036_854_775_807, end_time_unix_nano=(1 << 64) - 1
    )


@_odd
def _end_far_away(random: Random) -> Span:
    return _span(random, end_time_unix_nano=(1 << 64) - 1)


@_odd
def _extreme_numbers(random: Random) -> Span:
    odd = _span(random, attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
    for key in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "code.line.number"):
        odd.attributes.append(key_value(key, random.choice([-1, (1 << 63) - 1, 1e308, "NaN"])))
    for key in ("gen_ai.usage.cost", "llm.cost.total"):
        odd.attributes.append(key_value(key, random.choice([float("inf"), float("nan"), -1e300])))
    return odd


@_odd
def _own_parent(random: Random) -> Span:
    odd = _span(random)
    odd.parent_span_id = odd.span_id
    return odd


@_odd
def _many_events(random: Random) -> Span:
    odd = _span(random)
    for number in range(2000):
        event = odd.events.add(name=f"event {number}", time_unix_nano=number)
        event.attributes.append(key_value("x", "y" * 200))
    return odd


@_odd
def _names(random: Random) -> Span:
    return _span(
        random,
        name="'; DROP TABLE spans; -- \x1b[31m\u202e" + "n" * 5000,
        attributes={"": "", "\x00": "\x00", "a" * 3000: "b", "gen_ai.tool.name": "[/red]"},
    )


@_odd
def _same_keys(random: Random) -> Span:
    odd = _span(random)
    for number in range(300):
        odd.attributes.append(key_value("gen_ai.prompt.0.content", str(number)))
    return odd


@_odd
def _wild_indices(random: Random) -> Span:
    return _span(
        random,
        attributes={
            f"llm.input_messages.{number}.message.content": "x"
            for number in (0, 10**9, 10**18, 10**30, -1)
        },
    )


@kind(weight=2)
def poisoned_spans(scene: Scene) -> None:
    """Odd spans: deep, huge, without times, of the year 2262, NUL, extreme numbers"""
    for make in scene.random.sample(_ODD, 8):
        odd = make(scene.random)
        message = request(odd, service="odd")
        try:
            if not scene.traffic.send(message, scene.random.choice(["http", "grpc"])):
                told = scene.traffic.failures.pop()
                if not told.startswith("rejected: 1 rejected:"):
                    raise Broken(f"{make.__name__} was refused: {told}")
        except ValueError as error:
            raise Broken(f"{make.__name__}: {error}") from error


@kind()
def colliding_ids(scene: Scene) -> None:
    """Two different spans with the same ids"""
    for _ in range(10):
        first = _said(scene.random, "one")
        second = _said(scene.random, "two")
        second.trace_id, second.span_id = first.trace_id, first.span_id
        for each in (first, second):
            message = request(each, service=COLLISIONS)
            try:
                if put(scene.house.ports, message, "http"):
                    break
            except Refused as error:
                raise Broken(f"refused: {error}") from error
        else:
            scene.ledger.collided.add((first.trace_id.hex(), first.span_id.hex()))
