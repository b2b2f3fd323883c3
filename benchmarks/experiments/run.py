"""Wrong decisions of experiments by split and distribution, and what the bounds cost in power.

    python -m benchmarks.experiments.run [--experiments 1000] [--units 4000]

prints the tables of experiments/README.md.
"""

from __future__ import annotations

import argparse

from benchmarks.experiments.heavy_tails import COSTS, LENGTHS, called, costs, rates

SPLITS = (0.5, 0.2, 0.1, 0.05)
#: Differences for the power at 50/50: of the mean, of the rate.
LIFTS = {"normal": 0.03, "log-normal, σ 1": 0.12, "log-normal, σ 2": 0.3, "Pareto 1.5": 0.3}
RATE_LIFT = 0.03


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def wrong(experiments: int, units: int) -> None:
    heads = (f"{100 - round(100 * share)}/{round(100 * share)}" for share in SPLITS)
    print(f"| A/A, wrong decisions (every unit in full) | {' | '.join(heads)} |")
    for kind, names, traffic in (("cost", COSTS, costs), ("rate, units", LENGTHS, rates)):
        for name in names:
            cells = []
            for share in SPLITS:
                found, without = (
                    called(
                        traffic(name, share, experiments, units, seed=1),
                        rate=traffic is rates,
                        bounded=bounded,
                    )
                    for bounded in (True, False)
                )
                cells.append(f"{_percent(found)} ({_percent(without)})")
            print(f"| {kind} {name} | " + " | ".join(cells) + " |", flush=True)


def power(experiments: int, units: int) -> None:
    print("| 50/50, found | with bounds | without |")
    for name, lift in LIFTS.items():
        cells = [
            _percent(
                called(costs(name, 0.5, experiments, units, 2, lift), rate=False, bounded=bounded)
            )
            for bounded in (True, False)
        ]
        print(f"| cost {name}, {lift:.0%} more | " + " | ".join(cells) + " |", flush=True)
    cells = [
        _percent(
            called(
                rates("geometric", 0.5, experiments, units, 2, RATE_LIFT),
                rate=True,
                bounded=bounded,
            )
        )
        for bounded in (True, False)
    ]
    print(f"| rate, {RATE_LIFT * 100:.0f} points more | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--units", type=int, default=4000)
    parser.add_argument("--only", choices=("wrong", "power"))
    given = parser.parse_args()
    if given.only != "power":
        wrong(given.experiments, given.units)
    if given.only != "wrong":
        power(given.experiments, given.units)
