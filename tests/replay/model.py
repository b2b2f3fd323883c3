"""The stand-in model of the replayed agents: it makes up an answer unless it was told the facts."""

from __future__ import annotations

import os

from demo.scenarios import Scenario, Turn

QUESTION = "How long is the guarantee of the Ridge tent that I ordered as LF-1001?"
SYSTEM = "You are a support assistant. Answer in at most 20 words."
#: Which conversation the stand-in plays.
HEADERS = {"X-Demo-Scenario": "guarantee", "X-Demo-Turn": "0"}
INVENTED = (
    "Ridge tents have a guarantee of 10 years from the order, which covers poles, zips, pegs, "
    "cuts, burns and storms, and can be handed on to a new owner whenever you like."
)
KNOWN = "Ridge tents have a guarantee of 5 years from the order."
CORRECTED = "The guarantee of Ridge tents is 5 years from the order."

PLAYED = Scenario(
    "guarantee",
    (
        Turn(
            QUESTION,
            (
                {"call": "get_order", "with": {"order_id": "LF-1001"}},
                {"say": INVENTED, "grounded": {"on": "5 years", "say": KNOWN}},
            ),
            (),
        ),
    ),
)


def called(what: str) -> None:
    """Counts what really ran, in a file, as the agent is a process of its own."""
    if path := os.environ.get("CALLS"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{what}\n")
