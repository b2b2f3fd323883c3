"""MetaTool: requests and the tool that serves them, among tools of near or far purpose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("metatool")
    described = snapshot.json("dataset/plugin_des.json")
    names = sorted(described)
    index = Index([described[name] for name in names])
    rows = [r for r in snapshot.csv("dataset/data/all_clean_data.csv") if r["Tool"] in described]
    # About 21,000 rows over 200 tools: an even sample over tools.
    rng.shuffle(rows)
    seen: dict[str, int] = {}
    for row in rows:
        asked, right = row["Query"], row["Tool"]
        seen[right] = seen.get(right, 0) + 1
        if seen[right] > 16:
            continue
        at = names.index(right)
        similar = index.near(described[right], {at}, at=rng.randrange(3))
        # A tool of nearly the same purpose could serve too: the wrong one is a far one.
        far = [
            name
            for name in rng.sample(names, 8)
            if name != right and names.index(name) not in index.ranked(described[right])[:40]
        ][:3]
        if len(far) < 2:
            continue
        shown = [right, *far] + ([names[similar]] if similar is not None else [])
        rng.shuffle(shown)
        context = [json.dumps({"name": n, "description": described[n]}) for n in shown]
        for name, label, kind in ((right, 0.0, "right/tool"), (far[0], 1.0, "wrong/tool")):
            step = {"kind": "tool", "name": name, "input": json.dumps({"query": asked})}
            yield Record(
                "tool_call_error",
                label,
                kind,
                input=asked,
                context=context,
                steps=[step | {"output": ""}],
            )
