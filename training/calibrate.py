"""A tower's heads get their calibration, thresholds and figures; blends are fitted here, too."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from classify.models.files import HEADS, Blend
from training import blend, measure
from training.inputs import Sample
from training.logits import MAX_TOKENS, Judge, worst
from training.plan import SEED, Plan, balanced

MEASURES = "measures.json"


def calibrate(judge: Judge, heads: list[Plan], options: argparse.Namespace) -> None:
    """Fits blends, calibrates, measures on the held-out sources; adds to heads.json and
    measures.json what they say of other towers."""
    document: dict[str, Any] = _read(options.out / HEADS) or {"heads": {}}
    figures: dict[str, Any] = _read(options.out / MEASURES) or {}
    for index, plan in enumerate(heads):
        held = [sample for sample, _ in balanced(plan.held, options.held, SEED)]
        check = [sample for sample, _ in balanced(plan.check, 2 * options.held, SEED)]
        network: Blend | None = None
        if plan.blend:
            fitted, check = blend.halves(check)
            fitted = [sample for sample in fitted if _file(sample) not in plan.leave_out]
            check = [sample for sample in check if _file(sample) not in plan.leave_out]
            table = blend.shown(judge, plan.blend, index, fitted)
            network = blend.fit(plan.blend, table, fitted)
        scored = []
        for each in (check, held):
            if network is None:
                scored.append(worst(judge, index, each))
            else:
                labels = np.array([sample.label for sample in each])
                scored.append((blend.logits(network, judge, index, each), labels))
        result = measure.calibrated(*scored[0], *scored[1], [sample.source for sample in held])
        print(plan.head, measure.line(result), flush=True)
        result = replace(result, abstains=result.abstains or plan.abstains)
        figures[plan.head] = asdict(result)
        document["heads"][plan.head] = {
            "tower": options.tower,
            "index": index,
            "temperature": round(result.temperature, 6),
            "bias": round(result.bias, 6),
            "threshold": round(result.threshold, 6),
            "abstains": result.abstains,
            **({"blend": network.model_dump()} if network else {}),
        }
    document = {"version": options.version, "max_tokens": MAX_TOKENS, "heads": document["heads"]}
    (options.out / HEADS).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (options.out / MEASURES).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _file(sample: Sample) -> str:
    return sample.source.replace("/", "+")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
