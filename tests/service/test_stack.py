"""`everyspan up` and the single services are made of the same parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from ingest.settings import IngestSettings
from service.serve import Site
from service.stack import Stack, alerting_alone, classify_alone, ingest_alone, web_alone, whole
from service.stack_settings import UpSettings
from web.settings import WebSettings


def routes(site: Site) -> set[tuple[str, str]]:
    """Method and path of each."""
    assert isinstance(site.app, FastAPI)
    return {
        (method, route.path)
        for route in iter_route_contexts(site.app.routes)
        for method in route.methods or ["GET"]
    }


def nobody() -> Any:
    """Nothing is read."""
    raise AssertionError


@pytest.fixture
def together(tmp_path: Path) -> tuple[dict[str, Any], Stack]:
    """The settings, and what `everyspan up` makes of them."""
    common: dict[str, Any] = {"data": tmp_path, "classify_workers": 0, "ingest_workers": 0}
    stack = whole(
        UpSettings(**common),
        IngestSettings(**common),
        ClassifySettings(**common),
        AlertingSettings(**common),
        WebSettings(**common),
    )
    return common, stack


def test_alone_a_service_has_the_routes_and_limits_that_it_has_in_the_house(
    together: tuple[dict[str, Any], Stack],
) -> None:
    common, stack = together
    alone = [
        ingest_alone(IngestSettings(**common)),
        classify_alone(ClassifySettings(**common)),
        alerting_alone(AlertingSettings(**common)),
        web_alone(
            WebSettings(**common),
            UpSettings(**common),
            ClassifySettings(**common),
            AlertingSettings(**common),
            nobody,
        ),
    ]
    in_house = {site.name: site for site in stack.sites}
    for single in alone:
        (site,) = single.sites
        assert routes(site) == routes(in_house[site.name]), site.name
        other = in_house[site.name]
        assert (site.host, site.port, site.setting) == (other.host, other.port, other.setting)
        assert site.limits == other.limits
    assert ("DELETE", "/v1/datasets/{name}") in routes(in_house["classify"])


def test_with_a_server_the_house_has_no_readers_of_its_own(tmp_path: Path) -> None:
    common: dict[str, Any] = {"data": tmp_path, "clickhouse_dsn": "http://127.0.0.1:1"}
    stack = whole(
        UpSettings(**common),
        IngestSettings(**common),
        ClassifySettings(**common),
        AlertingSettings(**common),
        WebSettings(**common),
    )
    assert [site.name for site in stack.sites] == ["OTLP/HTTP", "classify", "alerting", "web"]
