"""FED: what people say after a turn of a chat bot that they liked or did not like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Message, Record

BEFORE: list[Message] = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello there, what is up?"},
]


def read(snapshot: Snapshot) -> Iterator[Record]:
    """The lists stand in the program that scores with them."""
    for path in snapshot.chosen:
        for node in ast.walk(ast.parse(snapshot.text(path))):
            if not isinstance(node, ast.Dict):
                continue
            for key, value in zip(node.keys, node.values, strict=True):
                side = getattr(key, "value", None)
                if side not in ("positive", "negative") or not isinstance(value, ast.List):
                    continue
                for said in ast.literal_eval(value):
                    turns = [*BEFORE, {"role": "user", "content": said}]
                    yield Record(
                        "user_frustration", float(side == "negative"), f"reply/{side}", input=turns
                    )
