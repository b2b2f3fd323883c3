"""Settings of the classify service."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from clickhouse.settings import ClickHouseSettings
from service.keys import DEFAULT, PROJECT
from service.settings import ListenSettings

_KEPT = re.compile(rf"({PROJECT.pattern})\s*=\s*([1-9]\d{{0,3}})")
_SHARD = re.compile(r"(auto|\d{1,4})/(\d{1,4})")
#: Shares that workers divide the traces into by themselves: more than there are workers.
_SHARES = 64


class ClassifySettings(ClickHouseSettings, ListenSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    classify_port: Annotated[
        int,
        Field(ge=0, le=65535, description="HTTP port of classify's health and metrics."),
    ] = 8086
    classify_interval_seconds: Annotated[
        float, Field(gt=0, le=3600, description="Seconds between two searches for work.")
    ] = 1.0
    classify_trace_quiet_seconds: Annotated[
        float,
        Field(ge=0, description="A trace is judged once nothing of it has come for so long."),
    ] = 5.0
    classify_trace_max_wait_seconds: Annotated[
        float,
        Field(ge=0, description="A trace that never falls quiet is judged after so long."),
    ] = 60.0
    classify_batch_rows: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Rows loaded, judged and written at a time, at most: a batch is about two"
            " seconds of a worker.",
        ),
    ] = 10_000
    classify_batch_bytes: Annotated[
        int,
        Field(
            ge=1 << 16,
            description="Bytes loaded at a time. A larger trace is judged in stretches of time.",
        ),
    ] = 256 << 20
    classify_workers: Annotated[
        int,
        Field(ge=0, le=64, description="Processes that judge; 0 judges in the service's own."),
    ] = min(4, (os.cpu_count() or 2) // 2)
    classify_timeout_seconds: Annotated[
        float,
        Field(gt=0, description="A batch that is not judged by then counts as hung."),
    ] = 600.0
    classify_rejudge_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of one core for judging again what older classifiers judged: 0 for "
            "never, 1 for no limit. New rows come first.",
        ),
    ] = 0.25
    classify_thresholds: Annotated[
        str,
        Field(
            description="Scores that fail, where they should not be the classifiers' own: "
            "`jailbreak=0.9, toxicity=0.95`; `hallucination=p99` fails what scores over 99 % of the"
            " same service's rows of the last seven days."
        ),
    ] = ""
    classify_calibrate: Annotated[
        bool,
        Field(
            description="Whether reviews move thresholds by themselves, from 20 on, and give heads "
            "of your own traffic, from 30 on, where that is better on answers held out; "
            "`everyspan calibrate` does it in any case."
        ),
    ] = True
    classify_embed_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the texts whose vectors are made before a custom classifier asks "
            "for them, so that a new one knows your traffic at once. 1: all, so that the first one "
            "goes over old rows in seconds; 0: none.",
        ),
    ] = 0.02
    classify_vector_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days that vectors of texts are kept from when they are made (400 bytes a "
            "text; another number holds for new ones), so that custom classifiers go over old rows "
            "fast; 0: none are.",
        ),
    ] = 30
    content_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days until the texts of a span are deleted: questions, answers, documents,"
            " evidence, most attributes. Numbers, names and verdicts stay until "
            "`EVERYSPAN_RETENTION_DAYS`. 0: with the span.",
        ),
    ] = 0
    project_retention_days: Annotated[
        str,
        Field(
            description="Days until the spans of a project are deleted, where that is sooner than "
            "`EVERYSPAN_RETENTION_DAYS`: `alpha=7,beta=14`, `default` for the one without a key."
        ),
    ] = ""
    classify_token: Annotated[
        SecretStr,
        Field(
            description="Bearer token for classify's HTTP interface; empty: only callers on the "
            "same machine."
        ),
    ] = SecretStr("")
    classifiers: Annotated[
        Path | None,
        Field(
            description="Folder of TOML files of custom classifiers, kept in git; none for none."
        ),
    ] = None
    detectors: Annotated[
        Path | None,
        Field(
            description="TOML file of detectors: ONNX classifiers of others that have a say in "
            "built-in verdicts; none for none."
        ),
    ] = None
    detector_files: Annotated[
        Path | None,
        Field(
            description="Folder that `everyspan detector pull` puts models into; `detectors` "
            "beside the TOML file by default."
        ),
    ] = None
    teacher_url: Annotated[
        str,
        Field(
            description="OpenAI-compatible address, up to `/v1`, whose model `everyspan review"
            " --budget` has answer reviews; empty for none. Nothing else asks it."
        ),
    ] = ""
    teacher_model: Annotated[str, Field(description="Name of the teacher's model.")] = ""
    teacher_token: Annotated[
        SecretStr, Field(description="Bearer token that the teacher wants; empty for none.")
    ] = SecretStr("")
    classify_shard: Annotated[
        str,
        Field(
            description="This worker's share of the traces. `auto`: workers find theirs by"
            " themselves, as many as run, up to 64 of them (`auto/256` for up to 256, the same for"
            " all). `index/count`: a fixed one; of two with the same index the second waits."
        ),
    ] = "auto"
    classify_lease_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=600,
            description="How long a worker's shares are its own without a sign of life. Of one that"
            " was killed another takes over within two and a half times as long.",
        ),
    ] = 15.0
    experiment_watch_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="Seconds between two looks at experiments: boards show the last, and what"
            " stops by itself when it loses a guard-rail is stopped. More where a look takes long.",
        ),
    ] = 60.0

    @field_validator("classifiers", "detectors", "detector_files", mode="before")
    @classmethod
    def _none(cls, given: object) -> object:
        """An empty variable names no file, and not this folder."""
        return None if given == "" else given

    @field_validator("project_retention_days")
    @classmethod
    def _are_days(cls, value: str) -> str:
        for each in filter(None, map(str.strip, value.split(","))):
            if not _KEPT.fullmatch(each):
                raise ValueError(
                    f"'{each[:80]}' is no project and number of days; write alpha=7,beta=14"
                )
        return value

    @property
    def kept_days(self) -> dict[str, int]:
        """By project, '' for the default one."""
        found = [_KEPT.fullmatch(each.strip()) for each in self.project_retention_days.split(",")]
        return {"" if m[1] == DEFAULT else m[1]: int(m[2]) for m in found if m}

    @field_validator("classify_shard")
    @classmethod
    def _is_a_share(cls, value: str) -> str:
        value = value.strip()
        found = _SHARD.fullmatch(f"auto/{_SHARES}" if value == "auto" else value)
        count = int(found[2]) if found else 0
        if not found or not count or (found[1] != "auto" and int(found[1]) >= count):
            raise ValueError(
                f"'{value}' is no share; write auto, or index/count with index from 0, e.g. 0/2 and"
                " 1/2"
            )
        return value

    @property
    def shard(self) -> tuple[int | None, int]:
        """Index and count. Index None: whichever are free."""
        index, _, count = self.classify_shard.partition("/")
        return None if index == "auto" else int(index), int(count or _SHARES)
