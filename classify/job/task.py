"""What a worker process gets to judge, and what it gives back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from classify.job.lacking import Gap
from classify.job.own_traffic import Limits
from classify.job.rows import Loaded, Schema
from classify.job.set_numbers import Numbers
from classify.settle.twins import Twin

#: What can break besides classifiers: making texts' vectors ahead.
VECTORS = "vectors"


@dataclass(slots=True)
class Task:
    """``numbers`` and ``now`` (ms since 1970) go into the rows. ``batch_rows``: rows of a block.

    ``failure``: judge nothing, and say this as evidence (the classifiers kill their process).
    ``before``: rows judged before that, ms since 1970, are written again in any case.
    ``custom``: the custom classifiers, pickled; with ``custom_only`` nothing else judges, and only
    rows that they have not judged are written. ``embed_share``: share of texts, 0 to 1, whose
    vectors are made ahead; ``vectors_expire``: until when vectors are kept, s since 1970, 0: not.
    ``twins``: trace_id to what was found out about it. ``limits``: see own_traffic.py.
    """

    loaded: Loaded
    schema: Schema
    numbers: Numbers
    now: int
    batch_rows: int
    root_id: str = ""
    failure: str = ""
    before: int = 0
    custom: bytes = b""
    custom_only: bool = False
    embed_share: float = 0.0
    vectors_expire: int = 0
    broken: frozenset[str] = frozenset()
    twins: dict[str, Twin] = field(default_factory=dict)
    limits: Limits = field(default_factory=dict)


@dataclass(slots=True)
class Judged:
    """What to write, in this order: ``changed`` (rows judged before, that change), ``pending``,
    ``content``, ``vectors``. A stop in between leaves the trace pending, to be judged again.

    ``verdicts``: (classifier, label) to rows written. ``errors``: where it happened to number.
    ``reused``: trace_id to rows written of runs that used its ids again. ``gaps``: of rows judged
    for the first time, what they lack. ``broken``: classifiers that turned out not to work, and
    why; their rows are written as waiting for them. ``worked``: those that gave a verdict.
    ``seconds``: that the worker took.
    """

    changed: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)
    vectors: bytes = b""
    rows: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    gaps: Counter[Gap] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)
    worked: set[str] = field(default_factory=set)
    seconds: float = 0.0
