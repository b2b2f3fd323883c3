"""google-research-datasets/simulated-dialogue: bookings of tables and tickets, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Message, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for dialogue in snapshot.json(path):
            said: list[Message] = []
            for turn in dialogue["turns"]:
                answer = str(turn.get("system_utterance", {}).get("text", ""))
                if answer and len(said) > 2:
                    yield Record("forgetfulness", 0, "booking", list(said), answer)
                    yield Record("toxicity", 0, "answer", list(said), answer)
                if answer:
                    said.append({"role": "assistant", "content": answer})
                said.append({"role": "user", "content": turn["user_utterance"]["text"]})
            yield Record("user_frustration", 0, "booking", list(said))
