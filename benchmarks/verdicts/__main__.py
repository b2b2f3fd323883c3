"""python -m benchmarks.verdicts --data DATA [--limit 600] [--without BASELINE …] [NAME …]

For each classifier and each source that it never saw: AUROC and recall at 1 % false alarms of the
plain baselines, of each signal alone and of what ships, all on the same records; then one line for
each classifier. See README.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.verdicts.baselines import baselines
from benchmarks.verdicts.figures import Cell, below, cells, mean
from classify.registry import BUILT_IN
from classify.scoring.figures import auroc
from classify.scoring.record import Record as Scored
from classify.scoring.score import verdicts
from classify.signals.weighed import Weighed
from training import record
from training.combine import Combined, combine, scores_of
from training.signal_table import Row, chosen, read
from training.unseen_wording import SIGNALS as NGRAMS
from training.unseen_wording import reread

Floats = NDArray[np.float64]
_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
SHIPPED, HEAD = "**shipped**", "`head`"
#: Signals that are a plain baseline themselves: a linear model of n-grams of all other sources.
PLAIN = tuple(f"`{name}`" for name in NGRAMS)


@dataclass
class Measured:
    """A classifier on its sources."""

    name: str
    plain: tuple[str, ...] = ()
    #: Source to column to its figures.
    of: dict[str, dict[str, Cell]] = field(default_factory=dict)
    #: Source to the share of rows that pass or fail.
    judged: dict[str, float] = field(default_factory=dict)
    #: Source to how many fail, how many of them are right, and how many should, where rules decide
    #: alone: they find, and do not rank.
    fails: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    #: Source to AUROC of what ships and of the best plain one on the rows that no rule decided.
    weighed: dict[str, tuple[float, float]] = field(default_factory=dict)
    #: 'off topic' or 'near miss', where records say so, to a line of figures.
    kinds: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path, required=True, help="made by training.build")
    parser.add_argument("--limit", type=int, default=600, help="records of a source and label")
    parser.add_argument("--without", action="append", default=[], help="a baseline to leave out")
    given = parser.parse_args()
    recipes = _yaml(_HERE / "sources.yaml") | _yaml(_ROOT / "training/combiners.yaml")
    lines = [_HEADING]
    for classifier in BUILT_IN:
        if given.names and classifier.name not in given.names:
            continue
        recipe = recipes[classifier.name]
        found = measured(classifier, recipe, given.data, given.limit, frozenset(given.without))
        print(f"\n## {classifier.name}\n\n{table(found)}", flush=True)
        lines.append(line(found))
    print("\n## All\n\n" + "\n".join(lines))


def _yaml(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def measured(
    classifier: Any, recipe: dict[str, Any], data: Path, limit: int, without: frozenset[str]
) -> Measured:
    """All columns on all sources. Those of the recipe are left out one by one; those that were for
    evaluation alone are judged by what ships."""
    name, task = classifier.name, recipe.get("task", classifier.name)
    folder = data / task
    paths = {source: folder / f"{source}.jsonl" for source in recipe.get("sources", ())}
    alone = {p.stem: p for p in sorted((data / "evaluation" / task).glob("*.jsonl"))}
    records = {source: chosen(path, limit) for source, path in (paths | alone).items()}
    columns: dict[str, dict[str, Floats]] = {source: {} for source in records}
    open_: dict[str, NDArray[np.bool_]] = {}
    result = Measured(name)
    if isinstance(classifier, Weighed):
        rows = {source: read(path, classifier, limit) for source, path in (paths | alone).items()}
        for source in records:
            kept = {row.id: row for row in rows[source]}
            records[source] = [one for one in records[source] if one.id in kept]
            rows[source] = [kept[one.id] for one in records[source]]
        fitted = {source: rows[source] for source in paths}
        if "folds" in recipe:
            fitted = reread(classifier, fitted, folder, recipe["folds"], limit)
        combined = combine(classifier, fitted, {}, recipe)
        for source in records:
            mine = fitted.get(source, rows[source])
            columns[source] |= _alone(classifier, mine)
            open_[source] = np.array([row.decided is None for row in mine], bool)
            columns[source][SHIPPED] = (
                combined.left_out[source][0]
                if source in fitted
                else scores_of(combined.combiner.model, combined.combiner.first, mine)
            )
        result.kinds = _of_kinds(combined, fitted, classifier.threshold)
    else:
        for source, found in records.items():
            told = verdicts(classifier, [_scored(one) for one in found])
            columns[source][SHIPPED] = np.array([v.score for v in told])
            fails = np.array([v.label == "fail" for v in told])
            told_of = np.array([v.label in ("pass", "fail") for v in told])
            bad = np.array([one.label == 1 for one in found]) & told_of
            result.fails[source] = int(fails.sum()), int((fails & bad).sum()), int(bad.sum())
    plain = {k: each for k, each in baselines(name).items() if k not in without}
    taught = [source for source in records if source in paths]
    for source, found in records.items():
        others = [one for s in taught if s != source for one in records[s]]
        columns[source] |= {k: each(found, others) for k, each in plain.items()}
    result.plain = (*plain, *PLAIN)
    labels = {s: np.array([one.label for one in found]) for s, found in records.items()}
    for source, undecided in open_.items():
        label, mine = labels[source][undecided], columns[source]
        if undecided.all() or len(set(label)) < 2:
            continue
        each = {k: auroc(mine[k][undecided], label) for k in (*plain, SHIPPED) if k in mine}
        best = max((v for k, v in each.items() if k != SHIPPED), default=0.0)
        result.weighed[source] = each[SHIPPED], best
    for source, mine in columns.items():
        judged = ~np.isnan(mine[SHIPPED])
        result.judged[source] = float(judged.mean())
        labels[source] = labels[source][judged]
        columns[source] = {k: each[judged] for k, each in mine.items()}
    for source, mine in columns.items():
        healthy = {
            k: np.concatenate(
                [columns[s][k][labels[s] == 0] for s in columns if s != source] or [np.zeros(0)]
            )
            for k in mine
        }
        figures = cells(mine, labels[source], healthy)
        if figures is not None:
            result.of[source] = figures
    return result


def table(found: Measured) -> str:
    """Markdown: a row for each column of figures, sources side by side."""
    names = list(dict.fromkeys(name for each in found.of.values() for name in each))
    names.sort(key=lambda name: (name == SHIPPED, name not in found.plain))
    lines = [
        "AUROC ± half of its 95 % interval (bootstrap), and recall at 1 % false alarms.\n",
        f"| | {' | '.join(found.of)} | mean |",
        "|---|" + "---:|" * (len(found.of) + 1),
    ]
    for name in names:
        mine = [each[name] for each in found.of.values()]
        told = " | ".join(f"{c.auroc:.3f} ± {c.half:.3f}, {c.recall:.2f}" for c in mine)
        lines.append(f"| {name} | {told} | {mean(mine).auroc:.3f} |")
    judged = ", ".join(f"{source} {share:.2f}" for source, share in found.judged.items())
    lines.append(f"\nJudged (pass or fail): {judged}.")
    if found.weighed:
        told = ", ".join(
            f"{s} {mine:.3f} ({best:.3f})" for s, (mine, best) in found.weighed.items()
        )
        lines.append(f"\nAUROC of the rows that no rule decides (best plain baseline): {told}.")
    lines += [f"\n{kind}: {told}." for kind, told in found.kinds.items()]
    if found.fails:
        told = ", ".join(f"{source} {_of_rules(*each)}" for source, each in found.fails.items())
        lines.append(f"\nWhat fails by rule: {told}.")
    return "\n".join(lines)


def _of_rules(fails: int, right: int, bad: int) -> str:
    precision, recall = right / max(1, fails), right / max(1, bad)
    f1 = 2 * precision * recall / (precision + recall or 1)
    return (
        f"precision {precision:.2f} ({right} of {fails}), recall {recall:.2f} ({right} of {bad}),"
        f" F1 {f1:.2f}"
    )


_HEADING = (
    "| classifier | unseen sources | best plain baseline | head alone | ships | 95 % interval"
    " | recall at 1 % | a plain one is better on | by rule alone |"
    "\n|---|---:|---|---:|---:|---|---:|---|---|"
)


def line(found: Measured) -> str:
    """A row of the table of all. A plain baseline is better on a source where it is so by more than
    chance, whichever it is."""
    if not found.of:
        return f"| {found.name} | 0 | | | | | | | |"
    each = list(found.of.values())
    means = {k: mean([c[k] for c in each]) for k in each[0]}
    best = max((k for k in found.plain if k in means), key=lambda k: means[k].auroc, default="")
    mine = means[SHIPPED]
    worse = []
    for source, figures in found.of.items():
        better = [k for k in found.plain if k in figures and below(figures[SHIPPED], figures[k])]
        if better:
            most = max(better, key=lambda k: figures[k].auroc)
            by = figures[most].auroc - figures[SHIPPED].auroc
            worse.append(f"{source.partition('+')[2]} ({most}, {by:.2f})")
    head = f"{means[HEAD].auroc:.3f}" if HEAD in means else ""
    plain = f"{means[best].auroc:.3f} ({best.strip('`')})" if best else ""
    by_rule = ""
    if found.fails:
        by_rule = _of_rules(*(sum(each) for each in zip(*found.fails.values(), strict=True)))
    return (
        f"| {found.name} | {len(each)} | {plain} | {head} | **{mine.auroc:.3f}** |"
        f" {mine.low:.3f} to {mine.high:.3f} | {mine.recall:.2f} | {', '.join(worse)} | {by_rule} |"
    )


def _of_kinds(combined: Combined, rows: dict[str, list[Row]], threshold: float) -> dict[str, str]:
    """Of failing rows that are off topic and of the others: mean AUROC over sources against the
    healthy ones, and how many fail at the shipped threshold. {} where none says which."""
    found = {}
    for kind in ("off topic", "near miss"):
        each, over, count = [], 0, 0
        for source, (scores, labels) in combined.left_out.items():
            off = np.array(["off_topic" in row.kind for row in rows[source]])
            mine = (labels == 1) & (off == (kind == "off topic")) & ~np.isnan(scores)
            both = mine | ((labels == 0) & ~np.isnan(scores))
            if mine.any():
                each.append(auroc(scores[both], labels[both]))
                over += int((combined.left_out_able[source][mine] >= threshold).sum())
                count += int(mine.sum())
        if each:
            found[kind] = f"mean AUROC {np.mean(each):.3f}; {over} of {count} fail"
    return found if len(found) == 2 else {}


def _scored(one: record.Record) -> Scored:
    fields = ("input", "output", "context", "steps")
    return Scored.model_validate({name: getattr(one, name) for name in fields})


def _alone(classifier: Any, rows: Sequence[Row]) -> dict[str, Floats]:
    """Each signal's worst item of each row, behind the rules that decide without it."""
    found = {}
    failed = np.array([row.decided is not None and row.decided > 0.5 for row in rows])
    for signal in classifier.signals:
        sign = -1.0 if signal.rises is False else 1.0
        values = [
            max((sign * v for v in (i.get(signal.name, np.nan) for i in row.items) if v == v),
                default=np.nan)
            for row in rows
        ]  # fmt: skip
        found[f"`{signal.name}`"] = np.where(failed, 1e6, np.array(values))
    return found


if __name__ == "__main__":
    main()
