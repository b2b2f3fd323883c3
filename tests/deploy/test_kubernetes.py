"""deploy/kubernetes says what docker-compose.yml and the services say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from alerting.routing import read_routes
from cli.settings_table import CLASSES
from tests.compose.compose_file import ROOT, services

BASE = ROOT / "deploy" / "kubernetes"
SETTINGS = {f"EVERYSPAN_{name.upper()}" for kind in CLASSES.values() for name in kind.model_fields}
SERVICES = ("ingest", "classify", "alerting", "web", "migrate")


def objects() -> Iterator[dict[str, Any]]:
    for path in sorted(BASE.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects() if each["kind"] in kinds}


WORKLOADS = of_kind("Deployment", "StatefulSet", "Job")
CONFIG = of_kind("ConfigMap")["everyspan"]["data"]


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return dict(found)


def environment(name: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in container(name).get("env", [])}


def test_there_is_a_workload_for_each_service_of_compose() -> None:
    ours = {name for name, each in services().items() if each["image"].startswith("everyspan:")}
    assert WORKLOADS.keys() == ours == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_what_compose_runs(name: str) -> None:
    compose, here = services()[name], container(name)
    assert here["image"] == compose["image"]
    assert here["args"] == compose["command"]
    limit = here["resources"]["limits"]["memory"]
    assert limit.lower().removesuffix("i") == compose["mem_limit"]
    user, group = map(int, compose["user"].split(":"))
    security = pod(name)["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (user, group)
    assert security["runAsNonRoot"] is True
    hardened = here["securityContext"]
    assert hardened["readOnlyRootFilesystem"] is compose["read_only"] is True
    assert hardened["capabilities"]["drop"] == compose["cap_drop"]
    assert hardened["allowPrivilegeEscalation"] is False
    published = {int(str(port).rsplit(":", 1)[-1]) for port in compose.get("ports", [])}
    assert published <= {each["containerPort"] for each in here.get("ports", [])}


@pytest.mark.parametrize("name", SERVICES)
def test_its_settings_exist_and_are_those_of_compose(name: str) -> None:
    named = {key for key in environment(name) if key.startswith("EVERYSPAN_")} | CONFIG.keys()
    assert named <= SETTINGS
    compose = services()[name]["environment"]
    ports = {key for key in compose if key.endswith("_PORT")}
    default = {
        f"EVERYSPAN_{key.upper()}": field.default
        for kind in CLASSES.values()
        for key, field in kind.model_fields.items()
    }
    # What compose has and is not here has the same meaning where it is left out.
    optional = {key for key, value in compose.items() if value in ("", str(default.get(key)))}
    where = {"EVERYSPAN_GRAFANA_URL", "EVERYSPAN_SOURCE_ROOTS"}
    missing = compose.keys() - named - ports - optional - where
    assert {key for key in missing if key.startswith("EVERYSPAN_")} == set()
    listening = {each["containerPort"] for each in container(name).get("ports", [])}
    assert {int(default[port]) for port in ports} <= listening
    tokens = {k for k in compose if re.search(r"TOKEN|SECRET|DSN", k)}
    assert all("secretKeyRef" in environment(name)[key]["valueFrom"] for key in tokens)


def test_every_secret_is_in_the_example_and_none_is_for_nothing() -> None:
    lines = (BASE / "secret.env.example").read_text().splitlines()
    example = {line.split("=", 1)[0] for line in lines if line and not line.startswith("#")}
    wanted = {
        each["valueFrom"]["secretKeyRef"]["key"]
        for name in SERVICES
        for each in environment(name).values()
        if "valueFrom" in each
    }
    assert example == wanted


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_services_disruption_and_probes_lead_to_it(name: str) -> None:
    labels = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    assert WORKLOADS[name]["spec"]["selector"]["matchLabels"] == labels
    service = of_kind("Service")[name]["spec"]
    assert service["selector"] == labels
    ports = {each["name"]: each["containerPort"] for each in container(name)["ports"]}
    assert {each["targetPort"]: each["port"] for each in service["ports"]} == ports
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        got = container(name)[probe]["httpGet"]
        assert got["path"] == path
        assert got["port"] in ports
        assert ports[got["port"]] != 4317  # gRPC
    mounts = {each["name"] for each in container(name)["volumeMounts"]}
    claims = WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])
    volumes = {each["name"] for each in pod(name)["volumes"]}
    assert mounts == volumes | {each["metadata"]["name"] for each in claims}


def test_what_may_be_away_is_never_all_of_it() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert budgets.keys() == {"ingest", "classify"}
    for name, each in budgets.items():
        assert (
            each["spec"]["selector"]["matchLabels"] == of_kind("Service")[name]["spec"]["selector"]
        )
    scaled = of_kind("HorizontalPodAutoscaler")["ingest"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == "ingest"
    # Two who say how many there are would undo each other.
    assert "replicas" not in WORKLOADS["ingest"]["spec"]
    assert scaled["minReplicas"] >= 2


def test_the_routes_can_be_read() -> None:
    assert read_routes(BASE / "routes.toml")


def test_kustomize_builds_it() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    done = subprocess.run(
        ["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in BASE.glob("*.yaml")} == {*listed, "kustomization.yaml"}
    assert len(built) == sum(1 for each in objects() if each["kind"] != "Kustomization") + 1
    assert {each["metadata"].get("namespace", "everyspan") for each in built} == {"everyspan"}
