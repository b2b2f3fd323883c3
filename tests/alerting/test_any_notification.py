"""Whatever is in a notification: it is told, or dead, or refused by name; the next one is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.notification import BodyError, read_notification
from tests.alerting.served import Ask, pagerduty_routes, served, tell
from tests.alerting.stand_in import StandIn, stand_in, wait
from tests.alerting.test_given_cases import alert, counts, post

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["3²", "\ud800", "\x00", "{{ $labels.x }}", "[no value]", "0001-01-01T00:00:00Z",
         "2026-11-28T10:00:00", "9999-12-31T23:59:59-14:00", "9" * 5000, "<!channel>", "```"]
    ),
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alertname", "service", "environment", "classifier", "kind", "severity", "model", "tool",
     "experiment", "variant", "rulename", "datasource_uid"]
)  # fmt: skip
ANNOTATIONS = st.sampled_from(["summary", "description", "window_seconds", "Error", "runbook_url"])
odd_alerts = st.dictionaries(
    st.sampled_from(
        ["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "values",
         "generatorURL", "silenceURL", "panelURL", "imageURL", "dashboardURL", "valueString"]
    ),
    anything,
    max_size=6,
)  # fmt: skip
nearly = st.fixed_dictionaries(
    {
        "labels": st.dictionaries(NAMES, scalars),
        "annotations": st.dictionaries(ANNOTATIONS, scalars),
    }
)
alerts = st.one_of(
    odd_alerts, nearly, st.builds(lambda a, b: {**a, **b}, odd_alerts, nearly), anything
)

number = count()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Ask, StandIn]]:
    with stand_in() as oncall, stand_in(pagerduty=False) as chat:
        more = {
            name: f'type = "{name}"\nurl = "{chat.url}"\nevery_seconds = 0'
            for name in ("slack", "teams", "webhook")
        }
        routes = pagerduty_routes(oncall, **more)
        with served(tmp_path_factory.mktemp("any"), routes) as ask:
            yield ask, oncall
        assert oncall.problems == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(alerts, min_size=1, max_size=3),
    st.dictionaries(
        st.sampled_from(["groupKey", "receiver", "truncatedAlerts", "orgId", "title"]), anything
    ),
)
def test_it_is_told_or_dead_and_the_next_one_is_told(
    service: tuple[Ask, StandIn], odd: list[Any], changes: dict[str, Any]
) -> None:
    ask, oncall = service
    # Its own fingerprint, unless the odd one has one: else they would be one alert that flaps.
    many = [
        {**alert(f"odd{next(number)}"), **each} if isinstance(each, dict) else each for each in odd
    ]
    status, answer = ask("POST", "/v1/grafana", {**post(alert()), "alerts": many, **changes})
    assert status in (202, 400), answer
    if status == 400:
        assert "notification of Grafana's" in answer["error"]
    mark = f"mark{next(number)}"
    tell(ask, post(alert(mark), groupKey=mark))
    wait(
        lambda: any(body["dedup_key"] == f"everyspan-{mark}" for body in oncall.taken),
        lambda: ask("GET", "/v1/alerts?limit=5"),
        60,
    )
    wait(lambda: counts(ask)["pending"] == 0, lambda: ask("GET", "/v1/alerts?status=pending"), 60)
    assert ask("GET", "/readyz")[0] == 200


@settings(max_examples=300, deadline=None)
@given(st.one_of(anything, st.fixed_dictionaries({"status": anything, "alerts": anything})))
def test_reading_it_ends_with_a_notification_or_its_own_error(document: Any) -> None:
    try:
        found = read_notification(json.dumps(document).encode())
    except BodyError:
        return
    for each in found.whole:
        assert len(each.key) <= 64
        assert json.loads(each.model_dump_json(by_alias=True))["status"] in ("firing", "resolved")
    assert len(found.content_key) == len(found.group) == 32
