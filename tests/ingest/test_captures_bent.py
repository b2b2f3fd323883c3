"""What libraries sent, with parts of it of another type, becomes rows all the same: the next
version of a library, or somebody's own attribute of the same name, refuses no request.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from ingest.limits import ContentLimits
from ingest.log_content import content_records
from ingest.normalise import UNREADABLE, normalise
from tests.ingest.otlp_payloads import decode_logs, decode_traces
from tests.ingest.spans import set_value
from tests.ingest.test_captures import CAPTURES, body_of

_LIMITS = ContentLimits()
#: Requests made of each capture's.
_TRIES = 20
#: What somebody may write where text, a list or an object stood.
_ODD: tuple[Any, ...] = (
    *([], {}, None, 0, -1, 1.5, True, "", "x", "null", "[]", "{}", float("inf")),
    *(["a"], [[]], [None], [{}], {"a": []}, {"type": []}, {"type": {}}, {"role": {}}),
    *({"name": []}, {"content": {"a": 1}}, {"text": []}, {"id": [1]}, {"kwargs": 7}),
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where its parts are, outermost first."""
    yield place
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (*place, index))


def _bent(value: Any, random: Random) -> Any:
    """With one to three of its parts of another kind."""
    for _ in range(random.choice((1, 1, 2, 3))):
        odd = copy.deepcopy(random.choice(_ODD))
        *above, last = random.choice(list(_places(value))) or (None,)
        if last is None:
            return odd
        within = value
        for step in above:
            within = within[step]
        within[last] = odd
    return value


def _bend(attributes: Iterable[KeyValue], random: Random) -> None:
    for attribute in attributes:
        if random.random() > 0.3:
            continue
        text = attribute.value.string_value
        try:
            value = json.loads(text) if text[:1] in ("[", "{") else None
        except ValueError:
            value = None
        if value is not None and random.random() < 0.85:
            attribute.value.string_value = json.dumps(_bent(value, random))
        else:
            attribute.value.Clear()
            set_value(attribute.value, random.choice(_ODD))


@pytest.fixture(scope="module")
def seed() -> int:
    return time.time_ns() if os.environ.get("EVERYSPAN_TEST_NEW_EXAMPLES") else 1


def test_spans(seed: int) -> None:
    random, rows = Random(seed), 0
    for capture in CAPTURES:
        for file in sorted(capture.glob("*_traces.*")):
            sent = decode_traces(*body_of(file))
            spans = [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
            for _ in range(_TRIES):
                request = copy.deepcopy(sent)
                for resource in request.resource_spans:
                    _bend(resource.resource.attributes, random)
                    for scope in resource.scope_spans:
                        for span in scope.spans:
                            _bend(span.attributes, random)
                            for event in span.events:
                                _bend(event.attributes, random)
                latest = max(span.start_time_unix_nano for span in spans)
                found = normalise(request, now=latest, retention_days=30, limits=_LIMITS)
                assert len(found.spans) == len(spans), (seed, file, found.rejected)
                assert not [key for key in found.not_understood if UNREADABLE in key], (seed, file)
                rows += len(spans)
    assert rows > 1000


def test_log_records(seed: int) -> None:
    random, kept = Random(seed), 0
    for capture in CAPTURES:
        for file in sorted(capture.glob("*_logs.*")):
            sent = decode_logs(*body_of(file))
            for _ in range(_TRIES):
                request = copy.deepcopy(sent)
                latest = 0
                for resource in request.resource_logs:
                    for scope in resource.scope_logs:
                        for record in scope.log_records:
                            _bend(record.attributes, random)
                            latest = max(latest, record.time_unix_nano)
                found = content_records(request, now=latest, retention_days=30, limits=_LIMITS)
                kept += len(found.records)
    assert kept > 20
