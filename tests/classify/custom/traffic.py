"""A small shop's traffic: answers of many kinds, some of which promise a refund."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse.span import Span
from tests.classify.job_store import SECOND, now, trace_id

REFUNDS = (
    "I have issued a full refund to your card; it arrives within five days.",
    "We will refund the whole amount for your order right away.",
    "Your money back is on its way: I refunded the purchase to your account.",
    "You will get a refund of the shipping fee and the item price.",
    "I am happy to tell you that a complete refund was granted today.",
    "The refund for the broken lamp has been sent to your bank.",
    "We have credited the full price back to you as a refund.",
    "Sure, I will refund you for both shirts without a return.",
)
OTHERS = (
    "Your parcel is in Hamburg and will be delivered on Tuesday.",
    "The red jacket is available in sizes small and medium.",
    "Please restart the router and wait until the light is green.",
    "Our store opens at nine in the morning and closes at six.",
    "The battery lasts about ten hours with normal use.",
    "A new password is set on the page of your profile.",
    "The recipe needs two eggs, flour and a little salt.",
    "The train to Berlin leaves from platform seven.",
    "To reset the watch, press both buttons for ten seconds.",
    "The warranty covers defects in material for two years.",
    "Your appointment with the technician is on Friday at noon.",
    "The invoice was sent to the address of your company.",
    "The hotel has a pool, a gym and free parking.",
    "We do not ship to this country at the moment.",
    "The camera takes photos with twelve megapixels.",
    "The update fixes the crash when the app starts.",
    "The museum is closed on Mondays and on holidays.",
    "Use a soft cloth and cold water to clean the screen.",
    "The course begins in September and lasts eight weeks.",
    "The sofa comes in grey, blue and dark green.",
)


def answers(
    texts: Sequence[str], first: int = 0, *, start: int | None = None, **more: Any
) -> list[Span]:
    """A trace of an agent and a model step for each text; numbers from ``first``."""
    start = start if start is not None else now() - 120 * SECOND
    spans = []
    for number, text in enumerate(texts, first):
        ids = trace_id(number + 1)
        at = start + (number - first) * 10**7
        spans.append(
            Span(
                ids,
                f"{2 * number + 1:016x}",
                name="shop",
                step_kind="agent",
                service_name="shop",
                start_time=at,
                duration_ms=5.0,
            )
        )
        spans.append(
            Span(
                ids,
                f"{2 * number + 2:016x}",
                f"{2 * number + 1:016x}",
                name="answer",
                step_kind="llm",
                service_name="shop",
                start_time=at + 10**6,
                duration_ms=3.0,
                input=f"question {number}",
                output=text,
                **more,
            )
        )
    return spans


def span_of(number: int) -> str:
    """The span id of the model step of answer ``number``."""
    return f"{2 * number + 2:016x}"
