"""Fits a classifier's combiner, leaving sources out.

python -m training.combine NAME --data DATA [--healthy HEALTHY] [--out FOLDER] [--limit 1500]

Each source of combiners.yaml is left out once: a model of the others says what it makes of it. These
scores, of sources that the model at hand never saw, calibrate the one that ships (all sources), set
its threshold, and are what is printed. Needs scipy and scikit-learn, for training only.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize

from classify.models import checksums, files
from classify.models.encoder import sigmoid
from classify.scoring.figures import auroc, recall_at
from classify.scoring.score import classifier_named
from classify.signals.combiner import (
    Combiner,
    First,
    Logistic,
    Node,
    Rate,
    Trees,
    file_of,
    table,
)
from classify.signals.signal import Signal
from training.signal_table import Row, read
from training.unseen_wording import reread

Floats = NDArray[np.float64]
AnyModel = Logistic | Trees
Fit = Callable[[Floats, Floats, Floats], AnyModel]

#: Rounds in which the worst item of a failing record is chosen anew.
_ROUNDS = 3
_SURE = 0.999999


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--healthy", type=Path, help="healthy traffic of other kinds, built alike")
    parser.add_argument("--out", type=Path, default=files.ASSETS)
    parser.add_argument("--limit", type=int, default=1500, help="records of a source and label")
    parser.add_argument("--dry", action="store_true", help="print the figures, write nothing")
    given = parser.parse_args()
    classifier: Any = classifier_named(given.name)
    recipe = yaml.safe_load((Path(__file__).parent / "combiners.yaml").read_text())[given.name]
    task = recipe.get("task", given.name)
    by_source: dict[str, list[Row]] = {}
    for source in recipe["sources"]:
        by_source[source] = read(given.data / task / f"{source}.jsonl", classifier, given.limit)
    if "folds" in recipe:
        by_source = reread(classifier, by_source, given.data / task, recipe["folds"], given.limit)
    healthy: dict[str, list[Row]] = {}
    if given.healthy is not None:
        for path in sorted((given.healthy / task).glob("*.jsonl")):
            healthy[path.stem] = [r for r in read(path, classifier, given.limit) if not r.label]
    combined = combine(classifier, by_source, healthy, recipe)
    print(report(combined))
    if not given.dry:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / file_of(given.name)).write_text(
            json.dumps(rounded(combined.combiner.model_dump()), indent=1) + "\n"
        )
        checksums.write(given.out)


class Combined:
    """A combiner, and the scores of sources that the model at hand never saw."""

    def __init__(self) -> None:
        self.combiner: Combiner
        #: source to (scores, labels)
        self.left_out: dict[str, tuple[Floats, Floats]] = {}
        #: kind of healthy traffic to scores
        self.healthy: dict[str, Floats] = {}
        #: the same, 0 for rows that can't fail (Row.can_fail)
        self.left_out_able: dict[str, Floats] = {}
        self.healthy_able: dict[str, Floats] = {}


def combine(
    classifier: Any,
    by_source: dict[str, list[Row]],
    healthy: dict[str, list[Row]],
    recipe: dict[str, Any],
) -> Combined:
    """Fit, calibrate and measure."""
    found = Combined()
    whole = [signal.name for signal in classifier.signals]
    cheap = [signal.name for signal in classifier.signals if isinstance(signal, Signal)]
    rises = {signal.name: signal.rises for signal in classifier.signals}
    kind = recipe.get("kind", "logistic")
    fitted_on = {source: unlisted(rows, recipe) for source, rows in by_source.items()}
    models = {"whole": _calibrated(by_source, fitted_on, whole, rises, kind)}
    asked = len(cheap) < len(whole)
    if asked and cheap:
        models["cheap"] = _calibrated(by_source, by_source, cheap, rises, kind)
    model, left_out = models["whole"]
    logits = {source: left_out[source][0] for source in left_out}
    first = None
    if "cheap" in models and recipe.get("first", True):
        cheap_model, cheap_left = models["cheap"]
        first = _first(cheap_model, cheap_left, left_out, recipe.get("missed", 0.005))
        for source, (mine, _) in cheap_left.items():
            low, high = first.doubt
            keep = (mine < low) | (mine > high)
            logits[source] = np.where(keep, mine, logits[source])
    for source, (_, labels) in left_out.items():
        found.left_out[source] = (sigmoid(logits[source]), labels)
    found.healthy = {name: scores_of(model, first, rows) for name, rows in healthy.items()}
    for source, (scores, _) in found.left_out.items():
        found.left_out_able[source] = _able(scores, by_source[source])
    for source, scores in found.healthy.items():
        found.healthy_able[source] = _able(scores, healthy[source])
    wanted = float(recipe.get("false_alarms", 0.0005))
    threshold, alarms, rows_seen = _threshold(found, wanted, recipe.get("threshold_on"))
    found.combiner = Combiner(
        version=int(recipe.get("version", 1)),
        model=model,
        first=first,
        threshold=threshold,
        false_alarms=alarms,
        healthy_rows=rows_seen,
        rate=_rate(found),
        sources=sorted(by_source),
    )
    return found


def _able(scores: Floats, rows: Sequence[Row]) -> Floats:
    able: Floats = np.where([row.can_fail for row in rows], scores, np.minimum(scores, 0.0))
    return able


def scores_of(model: AnyModel, first: First | None, rows: Sequence[Row]) -> Floats:
    """Each row's score by a combiner's two models; NaN where the classifier doesn't tell."""
    logits = _worst(model, rows)
    if first is not None:
        mine = _worst(first.model, rows)
        keep = (mine < first.doubt[0]) | (mine > first.doubt[1])
        logits = np.where(keep, mine, logits)
    return sigmoid(logits)


def unlisted(rows: list[Row], recipe: dict[str, Any]) -> list[Row]:
    """The rows, with the signals ``lists`` of a share ``unlisted`` of the failing ones at 0: word
    lists were written with the sources in view, and users will say it in words that are in none."""
    share, names = float(recipe.get("unlisted", 0.0)), recipe.get("lists", [])
    if not share:
        return rows
    rng = np.random.default_rng(20261129)
    hidden = rng.random(len(rows)) < share
    return [
        replace(row, items=[{**item, **dict.fromkeys(names, 0.0)} for item in row.items])
        if row.label == 1.0 and hide
        else row
        for row, hide in zip(rows, hidden, strict=True)
    ]


def _calibrated(
    by_source: dict[str, list[Row]],
    fitted_on: dict[str, list[Row]],
    names: list[str],
    rises: dict[str, bool | None],
    kind: str,
) -> tuple[AnyModel, dict[str, tuple[Floats, Floats]]]:
    """The model of all sources, and (calibrated logits, labels) of each source left out."""
    raw: dict[str, tuple[Floats, Floats]] = {}
    for source in by_source:
        others = [row for name, rows in fitted_on.items() if name != source for row in rows]
        model = fit(others, names, rises, kind)
        rows = by_source[source]
        raw[source] = (_worst(model, rows), np.array([row.label for row in rows]))
    slope, shift = _platt(raw)
    model = fit([row for rows in fitted_on.values() for row in rows], names, rises, kind)
    done = {
        source: (_bent(logits, slope, shift), labels) for source, (logits, labels) in raw.items()
    }
    return scaled(model, slope, shift), done


def fit(
    rows: Sequence[Row], names: list[str], rises: dict[str, bool | None], kind: str
) -> AnyModel:
    """Sources and labels count alike. Of a failing record the worst item under the model so far is
    the one that fails; of a healthy one all are healthy."""
    rows = [row for row in rows if row.items]
    tables = [table(names, row.items) for row in rows]
    sizes = Counter((row.source, row.label) for row in rows)
    weight_of = [1.0 / sizes[row.source, row.label] for row in rows]
    worst = [0] * len(rows)
    model: AnyModel | None = None
    many = any(len(each) > 1 for each in tables)
    for _ in range(_ROUNDS if many else 1):
        if model is not None:
            worst = [int(np.argmax(model.logits(each))) for each in tables]
        elif many:
            worst = [int(np.argmax(_plain(each, names, rises))) for each in tables]
        x, y, w = [], [], []
        for row, each, at, weight in zip(rows, tables, worst, weight_of, strict=True):
            chosen = each[at : at + 1] if row.label == 1.0 else each
            x.append(chosen)
            y += [row.label] * len(chosen)
            w += [weight / len(chosen)] * len(chosen)
        maker: Any = _logistic if kind == "logistic" else _trees
        weights = np.array(w)
        model = maker(np.concatenate(x), np.array(y), weights / weights.mean(), names, rises)
    assert model is not None
    return model


def _plain(each: Floats, names: list[str], rises: dict[str, bool | None]) -> Floats:
    sign = np.array([{True: 1.0, False: -1.0, None: 0.0}[rises[name]] for name in names])
    found: Floats = np.nan_to_num(each) @ sign
    return found


def _logistic(
    x: Floats, y: Floats, w: Floats, names: list[str], rises: dict[str, bool | None]
) -> Logistic:
    mean = np.nanmean(x, axis=0)
    mean = np.where(np.isnan(mean), 0.0, mean)
    scale = np.nanstd(x, axis=0)
    scale = np.where(np.isnan(scale) | (scale < 1e-6), 1.0, scale)
    z = np.clip(np.nan_to_num((x - mean) / scale), -6, 6)
    bounds: list[tuple[float | None, float | None]] = [
        (0.0, None)
        if rises[name] is True
        else (None, 0.0)
        if rises[name] is False
        else (None, None)
        for name in names
    ]
    ridge = 0.003

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logits = z @ parameters[:-1] + parameters[-1]
        p = sigmoid(logits)
        value = float((w * (np.logaddexp(0, logits) - y * logits)).mean())
        slope = w * (p - y) / len(y)
        gradient = np.append(z.T @ slope + 2 * ridge * parameters[:-1], slope.sum())
        return value + ridge * float((parameters[:-1] ** 2).sum()), gradient

    done = minimize(
        loss, np.zeros(len(names) + 1), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)]
    )
    return Logistic(
        signals=names,
        mean=list(map(float, mean)),
        scale=list(map(float, scale)),
        weights=list(map(float, done.x[:-1])),
        bias=float(done.x[-1]),
    )


def _trees(
    x: Floats, y: Floats, w: Floats, names: list[str], rises: dict[str, bool | None]
) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier

    sign = [{True: 1, False: -1, None: 0}[rises[name]] for name in names]
    made = HistGradientBoostingClassifier(
        max_depth=3, max_iter=40, learning_rate=0.1, min_samples_leaf=40, l2_regularization=5.0,
        monotonic_cst=sign, random_state=20261129, early_stopping=False,
    ).fit(x, y, sample_weight=w)  # fmt: skip
    trees = []
    for (predictor,) in made._predictors:
        trees.append(
            [
                Node(value=float(n["value"]))
                if n["is_leaf"]
                else Node(
                    signal=int(n["feature_idx"]),
                    split=float(n["num_threshold"]),
                    left=int(n["left"]),
                    right=int(n["right"]),
                    nan_left=bool(n["missing_go_to_left"]),
                )
                for n in predictor.nodes
            ]
        )
    bias = float(np.ravel(made._baseline_prediction)[0])
    return Trees(signals=names, bias=bias, trees=trees)


def scaled(model: AnyModel, slope: float, shift: float) -> AnyModel:
    """The model whose logit is slope · logit + shift."""
    if isinstance(model, Logistic):
        return model.model_copy(
            update={
                "weights": [slope * weight for weight in model.weights],
                "bias": slope * model.bias + shift,
            }
        )
    trees = [
        [node.model_copy(update={"value": slope * node.value}) for node in nodes]
        for nodes in model.trees
    ]
    return model.model_copy(update={"trees": trees, "bias": slope * model.bias + shift})


def _worst(model: AnyModel, rows: Sequence[Row]) -> Floats:
    """The logit of each row's worst item; of one that is decided, as sure as it is; NaN where the
    classifier doesn't tell."""
    found = []
    for row in rows:
        if row.decided is not None:
            p = min(max(row.decided, 1 - _SURE), _SURE) if row.decided == row.decided else np.nan
            found.append(np.log(p / (1 - p)))
        else:
            found.append(float(model.logits(table(model.signals, row.items)).max()))
    return np.array(found)


def _platt(raw: dict[str, tuple[Floats, Floats]]) -> tuple[float, float]:
    """slope and shift over the left-out sources, sources and labels counting alike."""
    x = np.concatenate([logits for logits, _ in raw.values()])
    y = np.concatenate([labels for _, labels in raw.values()])
    sides: dict[tuple[str, float], int] = defaultdict(int)
    keys = [(source, label) for source, (_, labels) in raw.items() for label in labels]
    told = ~np.isnan(x) & (np.abs(x) < 13)
    for key, counts in zip(keys, told, strict=True):
        sides[key] += int(counts)
    w = np.array([1.0 / max(1, sides[key]) for key in keys])
    # Each label half of all.
    for label in (0.0, 1.0):
        mine = (y == label) & told
        w[mine] /= max(w[mine].sum(), 1e-9)
    x, y, w = x[told], y[told], w[told]

    def loss(parameters: Floats) -> float:
        logits = parameters[0] * x + parameters[1]
        return float((w * (np.logaddexp(0, logits) - y * logits)).sum())

    done = minimize(
        loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.02, 20), (None, None)]
    )
    return float(done.x[0]), float(done.x[1])


def _bent(logits: Floats, slope: float, shift: float) -> Floats:
    sure = np.abs(logits) > 13
    return np.where(sure, logits, slope * logits + shift)


def _first(
    model: AnyModel,
    cheap: dict[str, tuple[Floats, Floats]],
    whole: dict[str, tuple[Floats, Floats]],
    missed: float,
) -> First:
    """The band in which the encoder is asked: below it lies at most the share ``missed`` of the
    failing that the whole model thinks likelier than not."""
    a = np.concatenate([logits for logits, _ in cheap.values()])
    b = np.concatenate([logits for logits, _ in whole.values()])
    y = np.concatenate([labels for _, labels in whole.values()])
    lost = np.sort(a[(y == 1) & (b > 0) & ~np.isnan(a)])
    low = float(lost[int(missed * len(lost))]) if len(lost) else -_SURE
    return First(model=model, doubt=(low, 13.0))


def _threshold(
    found: Combined, wanted: float, on: Sequence[str] | None
) -> tuple[float, float, int]:
    """The lowest score over which at most ``wanted`` of the healthy lie (of those that may fail, but
    counted of all), and ten times that of any source; the share there, and of how many. ``on``: the sources that are looked at, all for None;
    healthy traffic always is."""
    sources = [
        found.left_out_able[source][labels == 0]
        for source, (_, labels) in found.left_out.items()
        if on is None or source in on
    ]
    sources += found.healthy_able.values()
    sources = [each[~np.isnan(each)] for each in sources]
    everything = np.sort(np.concatenate([np.zeros(0), *sources]))[::-1]
    if not len(everything):
        return 0.5, 0.0, 0
    at = float(everything[min(int(wanted * len(everything)), len(everything) - 1)])
    for each in sources:
        # One of fewer rows can't tell a share as small.
        if len(each) * 10 * wanted >= 1:
            at = max(at, float(np.sort(each)[::-1][int(10 * wanted * len(each))]))
    threshold = min(max(np.nextafter(at, 1.0), 0.5), 0.99999)
    return (
        round(float(threshold) + 5e-6, 5) if threshold < 0.9999 else float(threshold),
        float((everything >= threshold).mean()),
        len(everything),
    )


def _rate(found: Combined) -> Rate | None:
    sides: list[list[float]] = [[], []]
    for scores, labels in found.left_out.values():
        for label in (0, 1):
            mine = scores[(labels == label) & ~np.isnan(scores)]
            if len(mine) >= 30:
                sides[label].append(float(mine.mean()))
    sides[0] += [float(np.nanmean(each)) for each in found.healthy.values() if len(each) >= 30]
    if not all(sides):
        return None
    return Rate(
        healthy=float(np.mean(sides[0])), failing=float(np.mean(sides[1])),
        healthy_spread=float(np.std(sides[0])), failing_spread=float(np.std(sides[1])),
    )  # fmt: skip


def report(found: Combined) -> str:
    """A table for people: each source left out, then healthy traffic."""
    combiner = found.combiner
    lines = [
        f"threshold {combiner.threshold:.5f}, {combiner.false_alarms:.5f} of"
        f" {combiner.healthy_rows} healthy rows over it",
        "| left out | fails | healthy | judged | AUROC | recall at 1 % | recall | alarms |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for source, (scores, labels) in found.left_out.items():
        told = ~np.isnan(scores)
        s, y = scores[told], labels[told]
        able = found.left_out_able[source][told]
        both = bool((y == 1).any() and (y == 0).any())
        lines.append(
            f"| {source} | {int((labels == 1).sum())} | {int((labels == 0).sum())} |"
            f" {told.mean():.2f} |"
            + (f" {auroc(s, y):.3f} | {recall_at(s, y):.3f} |" if both else "  |  |")
            + f" {_over(able[y == 1], combiner)} | {_over(able[y == 0], combiner)} |"
        )
    for name, each in found.healthy_able.items():
        each = each[~np.isnan(each)]
        lines.append(f"| {name} (healthy) | | {len(each)} | | | | | {_over(each, combiner)} |")
    model = combiner.model
    if isinstance(model, Logistic):
        lines += [
            f"  {weight:+.3f} {name}"
            for name, weight in sorted(
                zip(model.signals, model.weights, strict=True), key=lambda each: -abs(each[1])
            )
        ]
    return "\n".join(lines)


def _over(scores: Floats, combiner: Combiner) -> str:
    return f"{(scores >= combiner.threshold).mean():.4f}" if len(scores) else ""


def rounded(value: Any) -> Any:
    """Six figures of each number are enough, and a person can read them."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return value


if __name__ == "__main__":
    main()
