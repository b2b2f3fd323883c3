"""Giskard-AI/giskard: injection prompts by group; Enron e-mails as benign documents."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("giskard/llm/loaders/local/prompt_injections.csv"):
        kind = row["group"].strip().lower().replace(" ", "_") or "other"
        yield Record("jailbreak", 1, kind, row["prompt"])
        if "dan" not in kind and "jailbreak" not in kind:
            yield Record("prompt_injection", 1, kind, row["prompt"])
    for row in snapshot.csv("tests/test_data/enron_data.csv"):
        text = row.get("Content") or row.get("content") or ""
        if len(text) > 200:
            yield from benign.document(
                f"Subject: {row.get('Subject', '')}\n\n{text[:3500]}", "email_benign"
            )
