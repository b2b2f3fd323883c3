"""All benchmarks, one after the other, and one table: python -m benchmarks.suite [--only NAME …]
[--list]

Each compares within its own run; absolute figures move with the machine, ratios less. Output of the
benchmarks themselves goes to stderr as it comes. Exit status 1 where one could not run.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.suite import environments, figures
from benchmarks.suite.figures import Figure

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """``run``: a module and its arguments, with {places}. ``aims``: figure's name to {'ratio': …},
    {'most': …} or {'least': …}."""

    name: str
    asks: str
    run: tuple[str, ...]
    aims: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One of the table. ``reached``: None where there is no aim."""

    benchmark: str
    figure: Figure
    aim: str
    reached: bool | None


def listed() -> list[Benchmark]:
    """What suite.toml declares."""
    path = Path(__file__).with_name("suite.toml")
    found = tomllib.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return [
        Benchmark(each["name"], each["asks"], tuple(each["run"]), each.get("aims", {}))
        for each in found
    ]


def line(benchmark: Benchmark, figure: Figure) -> Line:
    """A figure beside its aim."""
    aim = benchmark.aims.get(figure.name)
    if not aim:
        return Line(benchmark.name, figure, "", None)
    ((kind, wanted),) = aim.items()
    if kind == "ratio":
        return Line(benchmark.name, figure, f"{wanted:g} times", (figure.ratio or 0.0) >= wanted)
    if kind == "most":
        return Line(benchmark.name, figure, f"{wanted:,g} at most", figure.value <= wanted)
    return Line(benchmark.name, figure, f"{wanted:,g} at least", figure.value >= wanted)


def table(lines: list[Line]) -> str:
    """Markdown; what is not reached first."""
    rows = [
        "| | | Everyspan | beside it | times better | aim | |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for each in sorted(lines, key=lambda one: {False: 0, True: 1, None: 2}[one.reached]):
        figure = each.figure
        other = f"{_number(figure.other)} ({figure.of})" if figure.other is not None else ""
        ratio = f"{figure.ratio:,.1f}" if figure.ratio is not None else ""
        told = {False: "**missed**", True: "reached", None: ""}[each.reached]
        rows.append(
            f"| {each.benchmark} | {figure.name} | {_number(figure.value)} | {other} | {ratio} |"
            f" {each.aim} | {told} |"
        )
    return "\n".join(rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def run(benchmark: Benchmark, folder: Path) -> tuple[list[Figure], int]:
    """Its figures, and its exit status."""
    told = folder / "figures.jsonl"
    places = {"folder": str(folder)} | {
        name: str(environments.interpreter(name))
        for name in environments.NAMES
        if f"{{{name}}}" in benchmark.run
    }
    module, *arguments = (each.format(**places) for each in benchmark.run)
    status = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | {figures.VARIABLE: str(told)},
        stdout=sys.stderr,
        check=False,
    ).returncode
    return figures.read(told), status


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="which there are")
    parser.add_argument("--folder", type=Path, help="where data lies meanwhile")
    given = parser.parse_args()
    known = listed()
    if unknown := set(given.only) - {each.name for each in known}:
        parser.error(f"--only {unknown.pop()}: there are {', '.join(each.name for each in known)}")
    if given.list:
        for each in known:
            print(f"{each.name:12}{each.asks}")
        return 0
    lines: list[Line] = []
    failed: list[str] = []
    for benchmark in known:
        if given.only and benchmark.name not in given.only:
            continue
        began = time.monotonic()
        print(f"\n== {benchmark.name}: {benchmark.asks}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="everyspan-bench-", dir=given.folder) as folder:
            found, status = run(benchmark, Path(folder))
        lines += [line(benchmark, each) for each in found]
        missing = benchmark.aims.keys() - {each.name for each in found}
        if missing:
            failed.append(f"{benchmark.name} (status {status}) did not tell {', '.join(missing)}")
        print(f"== {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}\n"
    )
    print(table(lines))
    for each in failed:
        print(f"\n{each}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
