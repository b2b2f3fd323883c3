"""deepset/prompt-injections (Apache-2.0), as sinanw/llm-security-prompt-injection carries it."""

from __future__ import annotations

import io
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]  # in the embedded extra

    for path in snapshot.chosen:
        table = parquet.read_table(io.BytesIO(snapshot.bytes(path)))
        for row in table.to_pylist():
            kind = "direct_injection" if row["label"] else "question_benign"
            yield Record("prompt_injection", float(row["label"]), kind, row["text"])
