"""cyberark/FuzzyAI: persuasion-rewritten attacks, tricks, suffixes; its benign questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import UNDECIDED, Record

DATA = "src/fuzzyai/resources"


def read(snapshot: Snapshot) -> Iterator[Record]:
    for name in ("gpt3.5", "gpt4", "llama2"):
        for row in snapshot.jsonl(f"{DATA}/adv_bench_sub_{name}.jsonl"):
            if row.get("ss_prompt"):
                yield Record("jailbreak", 1, "persuasion", row["ss_prompt"])
            if row.get("bad_q"):
                yield Record("jailbreak", UNDECIDED, "harmful_direct", row["bad_q"])
    for part in re.split(r"\n(?=\*\*)", snapshot.text(f"{DATA}/Jailbreaks.md")):
        _, _, text = part.partition("\n")
        if len(text.strip()) > 60 and part.startswith("**"):
            yield Record("jailbreak", 1, "trick", text.strip())
    asked = snapshot.csv(f"{DATA}/harmful_behaviors.csv")
    goals = [row["goal"] for row in asked if row.get("goal")]
    for at, suffix in enumerate(snapshot.text(f"{DATA}/adv_suffixes.txt").splitlines()):
        if suffix.strip() and at % 3 == 0:
            yield Record("jailbreak", 1, "adversarial_suffix", f"{goals[at % 500]} {suffix}")
    for line in snapshot.text(f"{DATA}/benign_prompts.txt").splitlines():
        yield from benign.prompt(line.strip(), "question_benign")
