"""A body of any encoding. What is accepted can be stored, the rest is refused by name.

First byte: signal, encoding and coding. The rest is the body, which is compressed as the coding
says unless its bit for raw bytes is set.
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from functools import cache

import zstandard

from ingest import otlp
from ingest.limits import ContentLimits
from ingest.otlp import Encoding, Signal
from ingest.prepare import Body, NeedsRoom, Prepared, Rules, prepare
from ingest.refusal import Refusal, Refused
from ingest.storage import COLUMNS
from tests.fuzz.targets import BrokenPromise, engine
from tests.ingest.otlp_payloads import decode_logs, decode_traces, request, span

_SIGNALS: tuple[Signal, ...] = ("traces", "traces", "logs", "traces")
_CODINGS = ("", "gzip", "zstd", "deflate")
_LIMIT = 4 << 20
_OK = frozenset({400, 413, 415})

WORDS = [
    word.encode()
    for word in (
        "resourceSpans scopeSpans spans traceId spanId parentSpanId name startTimeUnixNano"
        " endTimeUnixNano attributes key value stringValue intValue doubleValue arrayValue values"
        " kvlistValue bytesValue events links status code message resource scope logRecords"
        " resourceLogs scopeLogs body timeUnixNano gen_ai.input.messages gen_ai.output.messages"
        " gen_ai.operation.name llm.input_messages.0.message.content input.value output.value"
        " traceloop.entity.input session.id user.id code.line.number gen_ai.usage.input_tokens"
        " NaN Infinity 9223372036854775807 18446744073709551615 -1 null true \\ud800 \\u0000"
    ).split()
]


def _json(message: str) -> bytes:
    return bytes([4]) + message.encode()


def _seeds() -> list[bytes]:
    trace = b"\1" * 16
    plain = request(span(trace, span_id=b"\2" * 8, attributes={"gen_ai.operation.name": "chat"}))
    started = time.time_ns()
    document = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]
                },
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "01" * 16,
                                "spanId": "02" * 8,
                                "name": "x",
                                "startTimeUnixNano": str(started),
                                "attributes": [{"key": "a", "value": {"intValue": "1"}}],
                                "events": [{"name": "exception"}],
                            }
                        ]
                    }
                ],
            }
        ]
    }
    logs = {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "traceId": "01" * 16,
                                "spanId": "02" * 8,
                                "timeUnixNano": str(started),
                                "eventName": "gen_ai.user.message",
                                "body": {"stringValue": "hi"},
                            }
                        ]
                    }
                ]
            }
        ]
    }
    return [bytes([coding << 3]) + plain.SerializeToString() for coding in range(len(_CODINGS))] + [
        _json(json.dumps(document)),
        bytes([4 | 2]) + json.dumps(logs).encode(),
    ]


SEEDS = _seeds()


@cache
def _rules() -> Rules:
    settings = engine.settings()
    client = engine.client()
    types = {}
    for table, names in COLUMNS.items():
        rows = client.query(f"DESCRIBE TABLE everyspan.{table}").result_rows
        known = {row[0]: row[1] for row in rows}
        types[table] = tuple(known[name] for name in names)
        client.command(
            f"CREATE OR REPLACE TABLE everyspan.fuzz_{table} AS everyspan.{table} ENGINE = Memory"
        )
    return Rules(types, settings.retention_days, _LIMIT, ContentLimits(max_attribute_bytes=4096))


def check(data: bytes) -> None:
    """Raises BrokenPromise."""
    if not data:
        return
    flags, content = data[0], data[1:]
    signal = _SIGNALS[flags & 3]
    encoding: Encoding = "json" if flags & 4 else "protobuf"
    coding = _CODINGS[flags >> 3 & 3]
    packed = content if flags & 32 else _packed(coding, content)
    rules = _rules()
    answer = prepare(Body(signal, encoding, coding, packed), rules, rules.most_room)
    if isinstance(answer, NeedsRoom):
        raise BrokenPromise("all the room there is was not enough, and it was not refused")
    if isinstance(answer, Refusal):
        if answer.status not in _OK or not answer.message:
            raise BrokenPromise(f"refused with {answer.status} {answer.message!r}")
        otlp.status(answer, encoding)
        return
    otlp.answer(signal, encoding, answer.rejected)
    if not flags & 32:
        _check_count(signal, encoding, content, answer)
    if answer.rows:
        _check_stored(answer)


def _packed(coding: str, content: bytes) -> bytes:
    if coding == "gzip":
        return gzip.compress(content, 1)
    if coding == "zstd":
        return zstandard.ZstdCompressor(1).compress(content)
    if coding == "deflate":
        return zlib.compress(content, 1)
    return content


def _check_count(signal: Signal, encoding: Encoding, content: bytes, answer: Prepared) -> None:
    """Every span is stored or refused by name."""
    told = sum(answer.rejected.values())
    if any(not reason for reason in answer.rejected):
        raise BrokenPromise("spans are refused without a reason")
    try:
        if signal == "traces":
            traces = decode_traces(content, encoding)
            sent = sum(len(s.spans) for r in traces.resource_spans for s in r.scope_spans)
            if answer.rows + told != sent:
                raise BrokenPromise(f"{sent} spans: {answer.rows} accepted, {told} refused")
        else:
            logs = decode_logs(content, encoding)
            sent = sum(len(s.log_records) for r in logs.resource_logs for s in r.scope_logs)
            if answer.rows + told + answer.ignored != sent:
                raise BrokenPromise(
                    f"{sent} records: {answer.rows} accepted, {told} refused, {answer.ignored} left"
                )
    except (Refused, AssertionError):
        # Decoding repairs what it can; only whole bodies are compared.
        return


def _check_stored(answer: Prepared) -> None:
    client = engine.client()
    table = f"everyspan.fuzz_{answer.table}"
    client.raw_insert(table, list(COLUMNS[answer.table]), b"".join(answer.blocks), fmt="Native")
    (stored,) = client.query(f"SELECT count() FROM {table}").result_rows[0]
    client.command(f"TRUNCATE TABLE {table}")
    if stored != answer.rows:
        raise BrokenPromise(f"{answer.rows} accepted, {stored} stored")
