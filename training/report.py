"""Tables of what a training measured, for MODEL_CARD.md.

python -m training.report classify/models/assets/measures.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Markdown: one row a head, held-out first."""
    lines = [
        "| head | AUROC, unseen sources | AP | recall at 1 % false alarms | ECE | AUROC, in domain |"
        " threshold |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, f in figures.items():
        lines.append(
            f"| {name} | {f['held_auroc']:.3f} | {f['held_precision']:.3f} |"
            f" {f['held_recall']:.3f} | {f['held_ece']:.3f} | {f['check_auroc']:.3f} |"
            f" {f['threshold']:.3f} |"
        )
    lines += [
        "",
        "| head | unseen source | healthy | failing | AUROC |",
        "|---|---|---:|---:|---:|",
    ]
    for name, f in figures.items():
        for source, (healthy, failing, ranking) in f["by_source"].items():
            shown = "" if ranking != ranking else f"{ranking:.3f}"
            lines.append(f"| {name} | {source} | {healthy} | {failing} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
