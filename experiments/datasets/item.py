"""An item of a data set, and a version: what is stored, sent and exported."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from experiments.datasets.dataset_definition import Definition, Name

Kind = Literal["failure", "control"]
#: Hexadecimal digits of an item's id.
ID_DIGITS = 16
#: What says where an item stands in its version, not what it is.
_PLACE = {"cluster", "topic", "seen", "matched_to", "added_in"}


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Plain):
    """One step (or trace) as a test case, without personal data and secrets.

    ``request``: what it is about, in the user's words where those are known; ``input``: the last
    message or the arguments that the step got; ``output``: what came; ``expected``: a good answer,
    '' for failures, of which none is known. ``messages``: OpenAI chat messages up to the step.
    ``context``: documents and tool results that the answer could rest on, ``tool_calls``:
    {name, arguments (JSON text), result, failed}. ``failed``: classifiers that failed the step,
    ``evidence`` and ``scores`` theirs. ``seen``: near-duplicates in the window, itself included.
    ``matched_to``: the failure that a control was chosen for. ``added_in``: a version.
    """

    id: str = Field(pattern=rf"^[0-9a-f]{{{ID_DIGITS}}}$")
    kind: Kind
    cluster: int = Field(0, ge=0)
    topic: str = ""
    seen: int = Field(1, ge=1)
    request: str
    input: str
    output: str
    expected: str = ""
    messages: list[dict[str, Any]] = []
    context: list[str] = []
    tool_calls: list[dict[str, Any]] = []
    failed: list[str] = []
    evidence: dict[str, str] = {}
    scores: dict[str, float] = {}
    service_name: str = ""
    name: str = ""
    step_kind: str = ""
    tool_name: str = ""
    provider: str = ""
    model: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    trace_id: str
    span_id: str
    start_time: AwareDatetime
    matched_to: str = ""
    added_in: int = Field(1, ge=1)

    @property
    def system(self) -> str:
        """The system message, '' for none."""
        first = self.messages[0] if self.messages else {}
        return str(first.get("content", "")) if first.get("role") == "system" else ""


class Reference(_Plain):
    """One input of production at the time of a version: its unit vector, length and model."""

    vector: list[float]
    characters: int = Field(ge=0)
    model: str = ""
    prompt_version: str = ""


class Version(_Plain):
    """One version. ``number`` 0: not stored yet. ``added``: ids that the parent lacks, ``retired``:
    ids of the parent that are gone, each with the reason. ``summary``: counts, see build.py.
    ``encoder``: fingerprint of the model behind ``reference``. ``radius``: cosine distance to the
    nearest item within which 95 % of the reference lay. ``items`` and ``reference`` are empty where
    only the list of versions was asked for. ``project``: whose it is, '' for the default one."""

    project: str = ""
    dataset: Name
    number: int = Field(0, ge=0)
    content_hash: str
    parent: int = Field(0, ge=0)
    parent_hash: str = ""
    created_at: AwareDatetime
    author: str = ""
    definition: Definition
    since: AwareDatetime
    until: AwareDatetime
    added: list[str] = []
    retired: dict[str, str] = {}
    summary: dict[str, Any] = {}
    encoder: str = ""
    radius: float = 0.0
    failure_count: int = Field(0, ge=0)
    control_count: int = Field(0, ge=0)
    items: list[Item] = []
    reference: list[Reference] = []

    @property
    def failures(self) -> list[Item]:
        """Items that failed."""
        return [item for item in self.items if item.kind == "failure"]

    @property
    def controls(self) -> list[Item]:
        """Healthy items."""
        return [item for item in self.items if item.kind == "control"]


def item_id(trace_id: str, span_id: str) -> str:
    """The same for the same step, in every version of every data set."""
    return hashlib.sha256(f"{trace_id}:{span_id}".encode()).hexdigest()[:ID_DIGITS]


def content_hash(items: Iterable[Item]) -> str:
    """SHA-256 over what the items are, in hexadecimal; their order and place do not count."""
    digest = hashlib.sha256()
    for item in sorted(items, key=lambda item: item.id):
        digest.update(
            orjson.dumps(item.model_dump(exclude=_PLACE, mode="json"), option=orjson.OPT_SORT_KEYS)
        )
        digest.update(b"\n")
    return digest.hexdigest()


def aware(moment: datetime) -> datetime:
    """UTC where it has no offset."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
