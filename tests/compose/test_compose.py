"""docker-compose.yml is valid, pinned, closed by default, and agrees with the rest."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from alerting.routing import read_routes
from alerting.settings import AlertingSettings
from classify.detectors.definition import read_detectors
from classify.detectors.standing import readers
from classify.registry import BUILT_IN
from classify.settings import ClassifySettings
from clickhouse.migrate import LEAST_ENGINE
from ingest.settings import IngestSettings
from tests.compose.compose_file import (
    EXAMPLE,
    ROOT,
    TEXT,
    document,
    example,
    optional,
    required,
    services,
)
from web.settings import WebSettings

SERVICES = services()
OURS = ("migrate", "ingest", "classify", "alerting", "web")
ROUTES = ROOT / "alerting" / "config" / "routes.toml"
#: What the example of routes reads from the environment.
ROUTED = set(re.findall(r"env:(\w+)", ROUTES.read_text(encoding="utf-8")))


def test_it_follows_the_compose_specification() -> None:
    compose = compose_spec.PyCompose.from_yaml(yaml.safe_dump(document()))
    assert set(compose.service_names()) == {"clickhouse", "grafana", *OURS}


@pytest.mark.parametrize(
    ("key", "value"),
    [("helthcheck", {}), ("mem_limit", "much"), ("depends_on", {"migrate": {"condition": "done"}})],
)
def test_the_check_above_finds_mistakes(key: str, value: object) -> None:
    wrong = document()
    wrong["services"]["ingest"][key] = value
    with pytest.raises(Exception, match=key):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(wrong))


def test_variables_and_their_example_agree() -> None:
    assert required() | set(optional()) == set(example())
    assert not required() & set(optional())
    for name, value in example().items():
        assert value == optional().get(name, ""), name
    for name in required():
        # Compose prints what follows the question mark.
        assert re.search(rf"\$\{{{name}:\?[^}}]*{name}[^}}]*\.env", TEXT), name
    assert "openssl rand" in EXAMPLE


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    if name == "clickhouse":
        assert tuple(map(int, tag.split(".")[:2])) >= LEAST_ENGINE
    assert re.fullmatch(r"\d+(\.\d+){2,3}", tag)
    if name in OURS:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        assert tag == version


@pytest.mark.parametrize("name", SERVICES)
def test_containers_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("0", "root", "")
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "published on loopback unless EVERYSPAN_BIND says so"
    assert service["read_only"] is True
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_services_have_health_checks(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_no_variable_is_left_over() -> None:
    # `$` on its own would be a variable that this file's tests do not see.
    assert not re.search(r"\$(?!\{\w+:[-?])", TEXT)


def test_grafana_is_closed_and_silent() -> None:
    given = SERVICES["grafana"]["environment"]
    assert given["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert given["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert given["GF_SECURITY_ADMIN_PASSWORD"] == "value-of-GRAFANA_ADMIN_PASSWORD"
    for name in (
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
        "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
    ):
        assert given[name] == "false", name


def test_they_wait_for_what_they_need() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"clickhouse": {"condition": "service_healthy"}}
    for name in ("ingest", "classify", "alerting", "web", "grafana"):
        condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_volumes_are_named_and_files_exist() -> None:
    declared = set(document()["volumes"])
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro")
            else:
                used.add(source)
    assert used == declared


def test_detectors_are_none_until_a_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["classify"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = ClassifySettings()
    assert (settings.detectors, settings.classifiers, settings.classify_thresholds) == (
        None,
        None,
        "",
    )
    (volume,) = SERVICES["classify"]["volumes"]
    folder = ROOT / volume.partition(":")[0]
    assert volume.endswith(":/config:ro")
    assert read_detectors(folder / "detectors.toml", readers(BUILT_IN)) == ()


def test_environment_names_settings_that_exist() -> None:
    kinds: dict[str, Any] = {
        "ingest": IngestSettings,
        "classify": ClassifySettings,
        "alerting": AlertingSettings,
        "web": WebSettings,
    }
    for name, kind in kinds.items():
        given = SERVICES[name]["environment"]
        fields = {f"EVERYSPAN_{field.upper()}" for field in kind.model_fields}
        others = {
            "alerting": ROUTED,
            # Those whom the page calls.
            "web": {"EVERYSPAN_CLASSIFY_TOKEN", "EVERYSPAN_ALERTING_TOKEN"},
        }
        assert set(given) - fields <= others.get(name, set()), name
        defaults = {field: info.default for field, info in kind.model_fields.items()}
        inside = {port.split(":")[-1] for port in SERVICES[name].get("ports", [])}
        assert inside <= {str(v) for k, v in defaults.items() if k.endswith("_port")}


def test_routes_are_read_with_and_without_pagerduty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(read_routes(str(ROUTES)).destinations) == ["log"]
    # What is there as an example, in force.
    text = re.sub(r"^# (?=\[|\w+ = )", "", ROUTES.read_text(encoding="utf-8"), flags=re.M)
    (tmp_path / "routes.toml").write_text(text)
    given = SERVICES["alerting"]["environment"]
    assert set(given) >= ROUTED
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "k" * 32)
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://slack.example/x")
    routes = read_routes(str(tmp_path / "routes.toml"))
    assert routes.of({"severity": "critical"}) == ["oncall", "llm-alerts"]
    assert routes.of({"severity": "info"}) == ["log"]


def test_no_secret_is_written_down() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or "SECRET" in key or "TOKEN" in key:
                assert str(value).startswith("value-of-"), (name, key)


def test_the_data_source_fits() -> None:
    path = ROOT / "grafana" / "provisioning" / "datasources" / "everyspan.yaml"
    text = path.read_text(encoding="utf-8")
    provisioned = yaml.safe_load(text)
    assert provisioned["apiVersion"] == 1
    (source,) = provisioned["datasources"]
    assert source["type"] == "grafana-clickhouse-datasource"
    assert source["uid"] == "everyspan-clickhouse"
    data = source["jsonData"]
    assert data["host"] in SERVICES
    assert (data["protocol"], data["port"], data["defaultDatabase"]) == ("http", 8123, "everyspan")
    variables = set(re.findall(r"\$(\w+)", text))
    assert variables <= set(SERVICES["grafana"]["environment"])
    plugins = SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    assert re.fullmatch(rf"{source['type']}@\d+\.\d+\.\d+", plugins)
