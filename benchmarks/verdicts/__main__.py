"""python -m benchmarks.verdicts --data DATA [--healthy HEALTHY] [--limit 600] [NAME …]

For each classifier and each source that is left out: AUROC and recall at 1 % false alarms of the
plain baselines, of each signal alone and of what ships, all on the same records. See README.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.verdicts.baselines import baselines
from classify.registry import BUILT_IN
from classify.scoring.figures import auroc, recall_at
from classify.scoring.record import Record as Scored
from classify.scoring.score import verdicts
from classify.signals.weighed import Weighed
from training import record
from training.combine import combine
from training.signal_table import Row, chosen, read

Floats = NDArray[np.float64]
_DRAWS = 300
_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path, required=True, help="made by training.build")
    parser.add_argument("--healthy", type=Path, help="healthy traffic, made by training.build")
    parser.add_argument("--limit", type=int, default=600, help="records of a source and label")
    given = parser.parse_args()
    recipes: dict[str, Any] = yaml.safe_load((_ROOT / "training/combiners.yaml").read_text()) or {}
    for classifier in BUILT_IN:
        if given.names and classifier.name not in given.names:
            continue
        recipe = recipes.get(classifier.name)
        if recipe is None:
            print(f"\n## {classifier.name}\n\nNo sources in training/combiners.yaml.")
            continue
        print(f"\n## {classifier.name}\n", flush=True)
        print(table(classifier, recipe, given.data, given.healthy, given.limit), flush=True)


def table(
    classifier: Any, recipe: Mapping[str, Any], data: Path, healthy: Path | None, limit: int
) -> str:
    """Markdown: a row for each left-out source."""
    name, task = classifier.name, recipe.get("task", classifier.name)
    paths = {source: data / task / f"{source}.jsonl" for source in recipe["sources"]}
    records = {source: chosen(path, limit) for source, path in paths.items()}
    shipped: dict[str, tuple[Floats, Floats]] = {}
    signals: dict[str, dict[str, Floats]] = {}
    if isinstance(classifier, Weighed):
        rows = {source: read(path, classifier, limit) for source, path in paths.items()}
        kept = {source: {row.id: row for row in found} for source, found in rows.items()}
        records = {s: [one for one in found if one.id in kept[s]] for s, found in records.items()}
        rows = {s: [kept[s][one.id] for one in found] for s, found in records.items()}
        shipped = combine(classifier, rows, {}, dict(recipe)).left_out
        signals = {source: _alone(classifier, found) for source, found in rows.items()}
    else:
        for source, found in records.items():
            told = verdicts(classifier, [_scored(one) for one in found])
            scores = np.array([v.score for v in told])
            shipped[source] = (scores, np.array([one.label for one in found]))
    plain = baselines(name)
    names = [*plain, *(f"`{each}`" for each in next(iter(signals.values()), {})), "**shipped**"]
    lines = [
        "AUROC ± half of its 95 % interval (bootstrap), and recall at 1 % false alarms.\n",
        f"| | {' | '.join(paths)} | mean |",
        "|---|" + "---:|" * (len(paths) + 1),
    ]
    cells: dict[str, list[tuple[float, float, float]]] = {each: [] for each in names}
    for source, found in records.items():
        others = [one for s, each in records.items() if s != source for one in each]
        labels = np.array([one.label for one in found])
        columns: dict[str, Floats] = {k: each(found, others) for k, each in plain.items()}
        columns |= {f"`{k}`": values for k, values in signals.get(source, {}).items()}
        columns["**shipped**"] = shipped[source][0]
        for each, scores in columns.items():
            cells[each].append(_figures(scores, labels))
    for each, found_of in cells.items():
        mean = np.nanmean([a for a, _, _ in found_of]) if found_of else float("nan")
        told = " | ".join(
            "" if a != a else f"{a:.3f} ± {half:.3f}, {r:.2f}" for a, half, r in found_of
        )
        lines.append(f"| {each} | {told} | {mean:.3f} |")
    judged = [float((~np.isnan(scores)).mean()) for scores, _ in shipped.values()]
    lines.append(f"\nJudged (pass or fail): {', '.join(f'{each:.2f}' for each in judged)}.")
    return "\n".join(lines)


def _scored(one: record.Record) -> Scored:
    fields = ("input", "output", "context", "steps")
    return Scored.model_validate({name: getattr(one, name) for name in fields})


def _alone(classifier: Any, rows: Sequence[Row]) -> dict[str, Floats]:
    """Each signal's worst item of each row."""
    found = {}
    for signal in classifier.signals:
        sign = -1.0 if signal.rises is False else 1.0
        values = [
            max((sign * v for v in (i.get(signal.name, np.nan) for i in row.items) if v == v),
                default=np.nan)
            for row in rows
        ]  # fmt: skip
        found[signal.name] = np.array(values)
    return found


def _figures(scores: Floats, labels: Floats) -> tuple[float, float, float]:
    """AUROC, half of its interval, recall at 1 %. What is not judged counts as the least."""
    scores = np.where(np.isnan(scores), np.nanmin(scores, initial=0.0) - 1e-6, scores)
    if not ((labels == 1).any() and (labels == 0).any()):
        return float("nan"), 0.0, float("nan")
    draws = np.random.default_rng(20261129)
    each = []
    for _ in range(_DRAWS):
        at = draws.integers(0, len(labels), len(labels))
        if 0 < labels[at].sum() < len(at):
            each.append(auroc(scores[at], labels[at]))
    low, high = np.quantile(each, [0.025, 0.975])
    return auroc(scores, labels), float(high - low) / 2, recall_at(scores, labels)


if __name__ == "__main__":
    main()
