"""Definitions: what the file may say, what is stored, what is refused, and in which words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.experiment_definition import DefinitionError, read_definition, read_file
from experiments.metrics import OPERATIONAL
from tests.experiments.recorded import PRIMARY, definition

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "experiments/README.md").read_text(encoding="utf-8")


def test_the_readme_is_read_by_both(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.S)
    path = tmp_path / "experiments.toml"
    path.write_text(text)
    found = read_file(path)["shorter-prompt"]
    assert found.control == "control"
    assert [metric.role for metric in found.metrics] == ["primary", "guardrail", "secondary"]
    sdk = pytest.importorskip("everyspan._definitions")
    theirs = sdk.read_file(path)["shorter-prompt"]
    assert dict(theirs.variants) == found.variants
    assert (theirs.control, theirs.salt, theirs.unit, theirs.share, theirs.hold_out) == (
        found.control,
        found.salt,
        found.unit,
        found.share,
        found.hold_out,
    )


def test_the_readme_names_every_setting_and_metric() -> None:
    for name in type(definition()).model_fields:
        if name != "name":
            assert f"| `{name}` |" in README, name
    for name in OPERATIONAL:
        assert f"`{name}`" in README, name


def test_the_demos_file() -> None:
    assert list(read_file(ROOT / "demo/experiments.toml")) == ["support-prompt"]


def test_defaults_and_what_is_stored() -> None:
    found = definition(
        variants={"a": 1, "b": 1, "c": 2},
        metrics=[
            PRIMARY,
            {"metric": "hallucination", "role": "guardrail"},
            {"metric": "cost_usd", "role": "secondary"},
        ],
    )
    assert (found.control, found.salt, found.treatments) == ("a", "e", ["b", "c"])
    stored = found.document()
    assert json.loads(json.dumps(stored)) == stored
    # Half of alpha for the one primary metric, half for the two others; by two variants.
    assert [each["alpha"] for each in stored["metrics"]] == [0.0125, 0.00625, 0.00625]
    assert [each["rate"] for each in stored["metrics"]] == [True, True, False]
    assert read_definition(stored, "stored") == found
    alone = definition()
    assert alone.alpha_of(alone.metrics[0]) == 0.05


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": {"a": 1}}, "'variants'"),
        ({"variants": {"a": 1, "b": -1}}, "'variants.b': Input should be greater than 0, got -1"),
        ({"variants": {"a": 1, "hold_out": 1}}, "can't be named 'hold_out'"),
        ({"control": "c"}, "control = 'c' is none of a, b"),
        ({"metrics": []}, "'metrics'"),
        ({"metrics": [PRIMARY, PRIMARY]}, "each metric may be listed once"),
        ({"metrics": [{**PRIMARY, "role": "secondary"}]}, "one metric needs role = 'primary'"),
        ({"metrics": [{**PRIMARY, "margin": 1}]}, "margin is for role = 'guardrail' only"),
        ({"metrics": [{**PRIMARY, "direction": "up"}]}, "'metrics.0.direction'"),
        ({"metrics": [{"metric": "x; DROP", "role": "primary"}]}, "'metrics.0.metric'"),
        ({"metrics": [{"metric": "tokens"}]}, "'metrics.0.role' is missing"),
        ({"colour": 1}, "'colour' is no setting of an experiment"),
        ({"share": 2}, "'share': Input should be less than or equal to 1, got 2"),
        ({"alpha": "much"}, "'alpha'"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as error:
        definition(**changes)
    assert str(error.value).startswith("e: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[experiment.x", "is no TOML"),
        ("", "defines no experiment"),
        ("[experiment]\nx = 1", "write [experiment.x] as a table"),
        ("[experiment.x]\n", "experiment.x: 'variants' is missing"),
    ],
)
def test_files_that_are_no_use(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as error:
        read_file(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_services_do_not_load_scipy() -> None:
    """It takes a second to import, which only the analysis is worth."""
    code = (
        "import sys, ingest.app, classify.service, alerting.app, typer; from cli.main import app;"
        "[each.load() for each in typer.main.get_command(app).commands.values()];"
        " print([m for m in sys.modules if m.split('.')[0] in ('scipy', 'statsmodels')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
