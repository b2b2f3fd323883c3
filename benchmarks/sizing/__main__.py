"""What so many spans want: ``python -m benchmarks.sizing [--kilobytes 2] [--spans-per-second N …]``

Reads ``coefficients.toml``, which ``benchmarks.sizing.measure`` writes, and the assumptions of
``prices.toml``; prints the table of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "coefficients.toml"
_MONTH_HOURS = 730


@dataclass(frozen=True)
class Size:
    """``gigabytes_a_day``: on disk, one copy. ``dollars``: a month; machines, then disks."""

    spans_per_second: float
    ingest_cores: float
    classify_cores: float
    gigabytes_a_day: float
    machines: float
    disks: float

    @property
    def dollars(self) -> float:
        return self.machines + self.disks


def size(
    spans_per_second: float, kilobytes: float, fit: dict[str, Any], prices: dict[str, float]
) -> Size:
    """``kilobytes``: text of a span, in the mean."""

    def a_span(name: str) -> float:
        return float(fit[name]["base"] + fit[name]["per_kilobyte"] * kilobytes)

    used = spans_per_second / 1e6 / prices["utilisation"]
    ingest, classify = a_span("ingest_us") * used, a_span("classify_us") * used
    day = spans_per_second * 86_400 * a_span("disk_bytes") / 1e9
    hot = min(prices["hot_days"], prices["retention_days"])
    cold = prices["retention_days"] - hot
    return Size(
        spans_per_second,
        ingest,
        classify * prices["share_new"],
        day,
        (ingest + classify * prices["share_new"]) * prices["core_hour"] * _MONTH_HOURS,
        day * (hot * prices["replicas"] * prices["ssd_gb_month"] + cold * prices["cold_gb_month"]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kilobytes", type=float, default=2.0)
    parser.add_argument(
        "--spans-per-second", type=float, nargs="+", default=[1e3, 1e5, 1e7], dest="rates"
    )
    given = parser.parse_args()
    if not PAGE.is_file():
        parser.error(f"{PAGE.name} is not there: run python -m benchmarks.sizing.measure first")
    measured = tomllib.loads(PAGE.read_text(encoding="utf-8"))
    prices = tomllib.loads((HERE / "prices.toml").read_text(encoding="utf-8"))
    print("| spans/s | cores, ingest | cores, classify | GB a day on disk | US$ a month |")
    print("|---:|---:|---:|---:|---:|")
    for rate in given.rates:
        found = size(rate, given.kilobytes, measured["fit"], prices)
        cores = [f"{math.ceil(each):,}" for each in (found.ingest_cores, found.classify_cores)]
        print(
            f"| {rate:,.0f} | {cores[0]} | {cores[1]} | {found.gigabytes_a_day:,.0f}"
            f" | {found.dollars:,.0f} |"
        )
    for name, each in measured["fit"].items():
        print(
            f"{name}: {each['base']:g} + {each['per_kilobyte']:g} a KB of text;"
            f" on the size held out {each['held_out_error']:+.0%}"
        )


if __name__ == "__main__":
    main()
