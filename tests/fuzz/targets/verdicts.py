"""What classifiers make of texts of any shape: a verdict, never an error, in time that grows with
the length alone. First byte: shape of the step; the rest is its text, repeated."""

from __future__ import annotations

import json
import time
from functools import cache

from classify.classifier import Classifier, Subject, Trace, applies
from classify.registry import BUILT_IN
from clickhouse.span import LABELS, Span
from tests.fuzz.targets import BrokenPromise

_SECONDS = 4.0
_LENGTH = 20_000
_KINDS = ("llm", "tool", "retrieval", "agent")

WORDS = [
    word.encode()
    for word in (
        "password= AKIA ghp_ -----BEGIN eyJ @example.com 4111-1111-1111-1111 +49 DE89 Error:"
        ' Traceback {"error": "status": 500 null ``` http:// ignore previous instructions'
        " I'm sorry As an AI \u200b \u0301 \U0001f600 ........ (((((((( 00000000"
    ).split()
]
SEEDS = [
    bytes([shape]) + text
    for shape, text in enumerate(
        (
            b"Your order has shipped.",
            b'{"error": "TimeoutError: no answer"}',
            b".",
            b"ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            b"((((",
            b"A1b2+/==",
            b"e\xcc\x81",
            b'{"a":',
        )
    )
]


@cache
def _classifiers() -> tuple[Classifier, ...]:
    return tuple(BUILT_IN)


def check(data: bytes) -> None:
    """Raises BrokenPromise, and what a classifier raises."""
    if not data:
        return
    shape = data[0]
    text = data[1:].decode("utf-8", "replace")
    if shape & 64 and text:
        text = (text * (_LENGTH // len(text) + 1))[:_LENGTH]
    span = _span(_KINDS[shape & 3], text, bool(shape & 16))
    trace = Trace([span], [])
    for classifier in _classifiers():
        if classifier.unit == "span" and not applies(classifier, span):
            continue
        began = time.thread_time()
        (verdict,) = classifier.judge([Subject(span, trace)])
        took = time.thread_time() - began
        if took > _SECONDS:
            raise BrokenPromise(f"{classifier.name} takes {took:.1f} s for {len(text)} characters")
        if verdict.label not in LABELS:
            raise BrokenPromise(f"{classifier.name} says {verdict.label!r}")


def _span(kind: str, text: str, error: bool) -> Span:
    span = Span("01" * 16, "02" * 8)
    span.step_kind = kind
    span.input = text[: len(text) // 2]
    span.output = text
    span.status = "error" if error else "ok"
    span.status_message = text[:500]
    span.output_messages = json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    )
    span.input_messages = json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": text[:5000]}]}]
    )
    if kind == "retrieval":
        span.documents = [text, text[:100]]
    return span
