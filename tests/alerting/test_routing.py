"""Who is told: the file of routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerting.routing import RoutesError, read_routes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[routes]]\ndestinations = ['x']", "no destination 'x'"),
        ("[destinations.a]\ntype = 'slack'", "destinations.a.url"),
        ("[destinations.a]\ntype = 'fax'", "destinations.a"),
        ("[destinations.a]\ntype = 'pagerduty'\nrouting_key = 'env:NOT_SET_AT_ALL'", "is not set"),
        ("[destinations.a]\ntype = 'log'", "no \\[\\[routes\\]\\]"),
        ("[destination.a]\ntype = 'log'", "unknown key 'destination'"),
        (
            "[destinations.a]\ntype = 'log'\n[[routes]]\nmatch = {x = '~('}\ndestinations = ['a']",
            "match.x",
        ),
    ],
)
def test_routes_that_can_not_be(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(text)
    with pytest.raises(RoutesError, match=told):
        read_routes(str(path))


def test_routes_by_label(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(
        """
[destinations.a]
type = "log"
[destinations.b]
type = "log"
[[routes]]
match = {severity = "critical"}
destinations = ["a"]
continue = true
[[routes]]
match = {service = "~shop.*"}
destinations = ["b", "a"]
"""
    )
    routes = read_routes(str(path))
    assert routes.of({"severity": "critical", "service": "shop-agent"}) == ["a", "b"]
    assert routes.of({"service": "shop"}) == ["b", "a"]
    assert routes.of({"service": "desk"}) == ["unrouted"]
    assert routes.destinations["unrouted"].type == "log"
