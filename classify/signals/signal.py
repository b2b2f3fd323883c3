"""A signal: one number that a pure function reads off what is judged, with a name.

A classifier is a list of these and a combiner that weighs them (combiner.py). Cheap ones are read
of every item; those that ask the encoder only where the cheap ones leave doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from classify.models.form import Pair


class Item(Protocol):
    """What is judged as one: an answer with its context, a window of a text, a query with its
    documents. A row has one or several; its verdict is that of the worst."""

    @property
    def where(self) -> str:
        """Which text it is, for people: 'document 2'; '' where that is plain."""
        ...

    @property
    def text(self) -> str:
        """What evidence quotes."""
        ...


I = TypeVar("I", contravariant=True)  # noqa: E741


@dataclass(frozen=True)
class Signal(Generic[I]):
    """``name``: its column in the combiner. ``says``: what it found when it is high, as the
    beginning of the evidence: 'figures that its sources lack'. ``read``: the value, NaN where the
    item has nothing to read it of. ``rises``: whether a higher value can only mean worse; False:
    only better; None: either. ``place``: what to quote where it decides, else ``Item.text``."""

    name: str
    says: str
    read: Callable[[I], float]
    rises: bool | None = True
    place: Callable[[I], str] | None = None


@dataclass(frozen=True)
class Logit(Generic[I]):
    """What a head of the encoder says. ``ask``: its inputs of one item (windows, claims), of which
    the highest counts; [] where it has none."""

    name: str
    says: str
    head: str
    ask: Callable[[I], list[str]]
    rises: bool | None = True


@dataclass(frozen=True)
class Likeness(Generic[I]):
    """Cosine of the encoder's vectors. ``pairs``: of one item, of which the nearest counts."""

    name: str
    says: str
    pairs: Callable[[I], list[Pair]]
    rises: bool | None = False


Asked = Logit[I] | Likeness[I]
