"""openai/moderation-api-release: prompts in eight categories.

Toxic: hate or harassment. Healthy: no category. Only sexual, violent or self-harm: left out.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    raw = gzip.decompress(snapshot.bytes("data/samples-1680.jsonl.gz")).decode()
    for line in raw.splitlines():
        row = json.loads(line)
        if row.get("H") or row.get("HR") or row.get("H2"):
            yield Record("toxicity", 1, "hate_or_harassment", row["prompt"])
        elif not any(row.get(mark) for mark in ("S", "V", "SH", "S3", "V2")):
            yield Record("toxicity", 0, "prompt_benign", row["prompt"])
