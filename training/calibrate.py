"""A tower's heads get their places in heads.json and their figures on the held-out sources."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from classify.models.files import HEADS
from training import measure
from training.logits import MAX_TOKENS, Judge, worst
from training.plan import SEED, Plan, balanced

MEASURES = "measures.json"


def calibrate(judge: Judge, heads: list[Plan], options: argparse.Namespace) -> None:
    """Calibrates and measures on the held-out sources; writes heads.json and measures.json. What a
    classifier makes of a head's logit is in its combiner (combine.py)."""
    places: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for index, plan in enumerate(heads):
        held = [sample for sample, _ in balanced(plan.held, options.held, SEED)]
        check = [sample for sample, _ in balanced(plan.check, 2 * options.held, SEED)]
        result = measure.calibrated(
            *worst(judge, index, check),
            *worst(judge, index, held),
            [sample.source for sample in held],
        )
        print(plan.head, measure.line(result), flush=True)
        figures[plan.head] = asdict(result)
        places[plan.head] = {"tower": options.tower, "index": index}
    document = {"version": options.version, "max_tokens": MAX_TOKENS, "heads": places}
    (options.out / HEADS).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (options.out / MEASURES).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
