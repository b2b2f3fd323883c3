"""The sizing model adds up; the page about it names commands that are there."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.sizing import __main__ as sizing
from benchmarks.sizing.__main__ import HERE, PAGE, size

ROOT = Path(__file__).resolve().parents[1]
MEASURED = tomllib.loads(PAGE.read_text(encoding="utf-8"))
PRICES = tomllib.loads((HERE / "prices.toml").read_text(encoding="utf-8"))
FIT = {
    "ingest_us": {"base": 100.0, "per_kilobyte": 50.0},
    "classify_us": {"base": 2000.0, "per_kilobyte": 1000.0},
    "disk_bytes": {"base": 200.0, "per_kilobyte": 300.0},
}


def test_cores_disks_and_dollars_are_those_of_the_coefficients_and_the_prices() -> None:
    plain = PRICES | {"utilisation": 0.5, "core_hour": 0.1, "hot_days": 1, "retention_days": 3}
    plain |= {"replicas": 2, "ssd_gb_month": 1.0, "cold_gb_month": 0.5, "share_new": 0.25}
    found = size(1000, 2, FIT, plain)
    assert found.ingest_cores == pytest.approx(0.4)
    assert found.classify_cores == pytest.approx(8 * 0.25)
    assert found.gigabytes_a_day == pytest.approx(69.12)
    assert found.disks == pytest.approx(69.12 * (2 * 1.0 + 2 * 0.5))
    assert found.machines == pytest.approx(2.4 * 0.1 * 730)
    assert size(10_000, 2, FIT, plain).dollars == pytest.approx(10 * found.dollars)
    assert size(1000, 4, FIT, plain).dollars > found.dollars


def test_every_command_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python -m ([\w.]+)", page))
    assert named == {"benchmarks.sizing", "benchmarks.sizing.measure", "benchmarks.kafka.run"}
    assert all(importlib.util.find_spec(each) for each in named)


def test_the_page_has_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sizing"])
    sizing.main()
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    missing = [line for line in capsys.readouterr().out.splitlines() if line not in page]
    assert not missing, "run python -m benchmarks.sizing and put what it prints there"


def test_the_error_is_that_of_a_size_that_nothing_was_fitted_on() -> None:
    *fitted, other = MEASURED["measured"]
    assert other["kilobytes"] not in {each["kilobytes"] for each in fitted}
    for name, fit in MEASURED["fit"].items():
        said = fit["base"] + fit["per_kilobyte"] * other["kilobytes"]
        assert said / other[name] - 1 == pytest.approx(fit["held_out_error"], abs=0.01)
