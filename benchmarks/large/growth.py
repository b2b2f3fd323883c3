"""What ten times as many spans cost: panels and rules, the page, search, memory, start-up.

    python -m benchmarks.large.growth --folder DIR [--rows 1000000 10000000] [--days 15] [--last 1]

Fills DIR/ROWS where it has fewer (benchmarks/layouts/rows.py) and leaves it there. Each size is
asked by processes of their own, one after the other: benchmarks.large.run, benchmarks.grafana.run
(boards over the last LAST days), benchmarks.stack.run. Prints each figure of both and the ratio;
what others take of the machine is in both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.suite import figures
from benchmarks.suite.figures import Figure

#: Growth of all panels and rules together is told by this.
ALL = "all panels and rules, processor ms"


def asked(folder: Path, rows: int, days: int, last: float) -> list[Figure]:
    """What the benchmarks tell of the rows in ``folder``. Raises subprocess.CalledProcessError."""
    size = ["--rows", str(rows), "--days", str(days)]
    told: list[Figure] = []
    for module, more in (
        ("benchmarks.large.run", size),
        ("benchmarks.grafana.run", [*size, "--last", str(last)]),
        ("benchmarks.stack.run", []),
    ):
        with tempfile.TemporaryDirectory(prefix="everyspan-growth-") as name:
            path = Path(name) / "figures"
            subprocess.run(
                [sys.executable, "-m", module, "--folder", str(folder), *more],
                check=True,
                env=os.environ | {figures.VARIABLE: str(path)},
            )
            told += figures.read(path)
    return told


def table(small: Iterable[Figure], large: Iterable[Figure]) -> list[str]:
    """Lines of Markdown: each figure that both have, and how many times as much the large one
    is."""
    before = {each.name: each for each in small}
    return [
        f"| {each.name} | {before[each.name].value:,.0f} | {each.value:,.0f} |"
        f" {each.value / before[each.name].value:.1f} |"
        for each in large
        if each.name in before and before[each.name].value
    ]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs=2, default=[1_000_000, 10_000_000])
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--last", type=float, default=1)
    given = parser.parse_args()
    small, large = (
        asked(given.folder / str(rows), rows, given.days, given.last) for rows in given.rows
    )
    few, many = given.rows
    print(f"\n| | {few:,} | {many:,} | times |\n|---|---:|---:|---:|")
    print("\n".join(table(small, large)))
    total = {each.name: each.value for each in small}[ALL]
    grown = {each.name: each.value for each in large}[ALL] / total
    figures.tell(f"growth of all panels and rules, {many // few} times the rows", grown, "times")


if __name__ == "__main__":
    main()
