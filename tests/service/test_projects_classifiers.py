"""A project's custom classifiers: of its own rows alone, and nobody else's to see or to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.everyspan_up import Up
from tests.service.test_projects import House, _run, made, spans, until

JSON = {"content-type": "application/json"}
_SAID = ("We will pay it all back.", "Your money comes back.", "A refund is on its way.")


def told(house: House, method: str, path: str, key: str, body: Any = None) -> tuple[int, Any]:
    """Status, and what was answered; no answer has another project's word."""
    sent = b"" if body is None else json.dumps(body).encode()
    answer = house.ask("classify", method, path, key, sent, content_type="application/json")
    text = answer.body.decode()
    if key:
        assert not [word for word in house.others(key) if word in text], (method, path, text)
    return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


def test_custom_classifiers_are_of_one_project(up: Up, tmp_path: Path) -> None:
    name, projects = f"pays_{uuid4().hex[:8]}", ("alpha", "beta", "default")
    keys = {p: made(up, p, "write", "read", "review", "admin")["key"] for p in projects}
    house = House(up, keys, {p: f"{p}{uuid4().hex[:12]}" for p in projects}, uuid4().hex)
    until(lambda: all(house.sql("SELECT 1", p).status == 200 for p in projects))
    until(lambda: told(house, "GET", "/v1/classifiers", "default")[0] == 200)
    # The same ids in each project, and a fourth trace that all have.
    traces = [uuid4().hex for _ in _SAID]
    for project in projects:
        shown = {"Authorization": f"Bearer {keys[project]}"}
        for trace, said in zip(traces, _SAID, strict=True):
            body = spans(trace, f"{said} {house.markers[project]}").SerializeToString()
            until(lambda b=body, s=shown: up.post("/v1/traces", b, **s).status == 200)
    up.judged(traces)

    rule = {"column": "output", "contains": "money"}
    own = {"name": name, "positive": traces, "fail_if": [rule], "together": "or", "enable": True}
    for project in ("alpha", "beta"):
        status, answer = told(house, "POST", "/v1/classifiers", project, own)
        assert (status, answer.get("name")) == (201, f"{project}/{name}"), answer
        # What it is learned against and what it shows are its own.
        assert answer["sampled"] > 0
    status, answer = told(house, "POST", "/v1/classifiers", "alpha", own)
    assert status == 409
    assert "in use" in answer["detail"]

    def labels(trace: str) -> dict[str, dict[str, str]]:
        up.query("SELECT 1")
        mine = f"mapFilter((k, v) -> k LIKE '%{name}', custom) AS mine"
        return {row["project"]: row["mine"] for row in up.spans(trace, f"project, {mine}")}

    fails = {"alpha": {f"alpha/{name}": "fail"}, "beta": {f"beta/{name}": "fail"}, "": {}}
    until(lambda: labels(traces[1]) == fails)

    for project, other in (("alpha", "beta"), ("beta", "alpha"), ("default", "alpha")):
        _, listing = told(house, "GET", "/v1/classifiers", project)
        found = [each["name"] for each in listing["classifiers"] if each["name"].endswith(name)]
        assert found == [f"{project}/{name}"] * (project != "default")
        (rows,) = (
            json.loads(house.sql(f"{sql} FORMAT JSONEachRow", project).body)
            for sql in ("SELECT countIf(verdict_version > 0) AS n FROM everyspan.spans",)
        )
        assert listing["back_fill"]["rows"] <= int(rows["n"]), "counted of its own rows alone"
        for method, what, body in (
            ("GET", "", None),
            ("GET", "/review", None),
            ("GET", "/export", None),
            ("POST", "/examples", {"positive": traces[:1]}),
            ("POST", "/enable", {}),
            ("POST", "/disable", {}),
            ("DELETE", "", None),
        ):
            place = f"/v1/classifiers/{name}{what}?project={other}"
            status, answer = told(house, method, place, project, body)
            assert status == 404, (project, method, what, answer)
            assert other not in json.dumps(answer)
        status, answer = told(house, "POST", f"/v1/classifiers?project={other}", project, own)
        assert status == 404
    seen = house.sql("SELECT DISTINCT name FROM everyspan.custom_classifiers", "alpha").body
    assert f"alpha/{name}" in seen.decode()
    assert {each.partition("/")[0] for each in seen.decode().split()} == {"alpha"}

    # A span of another project is none; a file's word for what was learned is not taken.
    only = uuid4().hex
    body = spans(only, house.markers["beta"]).SerializeToString()
    up.post("/v1/traces", body, Authorization=f"Bearer {keys['beta']}")
    marks = {"positive": [only]}
    status, answer = told(house, "POST", f"/v1/classifiers/{name}/examples", "alpha", marks)
    assert (status, "no span is stored" in answer["detail"]) == (422, True)
    _, exported = told(house, "GET", f"/v1/classifiers/{name}/export", "alpha")
    for project, key in (("default", "default"), ("alpha", "")):
        file = {"toml": exported.replace(house.markers["alpha"], ""), "replace": True}
        place = f"/v1/import?project={project}" if not key else "/v1/import"
        status, answer = told(house, "POST", place, key, file)
        assert (status, answer.get("name")) == (201, f"{project}/{name}"), answer
        assert answer["state"] == ("live" if not key else answer["state"])

    # Answers on it, and the page, are the project's.
    said = {"classifier": f"alpha/{name}", "trace_id": traces[1], "answer": "right"}
    said["span_id"] = f"{1:016x}"
    assert told(house, "POST", "/v1/reviews", "alpha", said)[0] == 200
    assert told(house, "POST", "/v1/reviews", "beta", said)[0] == 409
    page = house.ask("web", "GET", f"/review/alpha%2F{name}", "alpha")
    assert (page.status, house.markers["beta"].encode() in page.body) == (200, False)
    assert house.ask("web", "GET", f"/review/alpha%2F{name}", "beta").status == 400
    assert name in _run(house, f"own classifier show alpha/{name}", tmp_path, "alpha")
    assert name in _run(house, "own classifier list --project beta", tmp_path, "beta")

    # Forgotten of one, with the ids of all.
    _run(house, f"own forget --trace {traces[1]} --yes", tmp_path, "alpha")
    kept = {
        p: json.dumps(told(house, "GET", f"/v1/classifiers/{name}", p)[1]["definition"])
        for p in ("alpha", "beta")
    }
    assert (traces[1] in kept["alpha"], traces[1] in kept["beta"]) == (False, True)
    assert told(house, "DELETE", f"/v1/classifiers/{name}", "alpha")[0] == 200
    until(lambda: labels(traces[0]).get("alpha") == {})
    assert f"beta/{name}" in labels(traces[0])["beta"]
    # The operator has them all, and ends what the test made.
    _, listing = told(house, "GET", "/v1/classifiers", "")
    assert f"beta/{name}" in [each["name"] for each in listing["classifiers"]]
    for project in ("beta", "default"):
        place = f"/v1/classifiers/{name}?project={project}"
        assert told(house, "DELETE", place, "")[0] == 200
