"""Brings a detector's files from a model hub: once, when somebody asks for it, and only those that
its entry pins. Nothing is downloaded while rows are judged."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from classify.detectors.definition import Detector, DetectorError
from classify.detectors.files import place


@dataclass(frozen=True, slots=True)
class Pulled:
    """``brought``: names of the files that were not there before."""

    folder: Path
    brought: tuple[str, ...]


class UnpinnedError(DetectorError):
    """The entry does not say which files it is. ``pins``: what to write into it, TOML."""

    def __init__(self, told: str, pins: str) -> None:
        super().__init__(told)
        self.pins = pins


def pull(detector: Detector, models: Path, hub: str | None = None) -> Pulled:
    """Bring what is missing or has changed, and hold it against its hashes. ``hub``: its address;
    that of HF_ENDPOINT by default. The token is that of HF_TOKEN.

    Raises DetectorError: the hub is away or lacks the file, or has another; UnpinnedError."""
    installed = place(detector, models)
    if detector.folder is not None:
        return _looked_at(detector, installed.folder)
    if not detector.pinned:
        raise _unpinned(detector, models, hub)
    brought = []
    for name, path, digest in installed.pinned():
        if path.is_file() and _sha256(path) == digest:
            continue
        with _fetched(detector, name, detector.revision, models, hub) as file:
            found = _sha256(file)
            if found != digest:
                raise DetectorError(
                    f"{detector.name}: {name} of {detector.repository} at {detector.revision[:12]}"
                    f" has SHA-256 {found}, not {digest}; nothing was stored. Take the hash from"
                    " the hub's page of the file, or another revision"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            # Readers see the old file, or the whole new one.
            os.replace(file, path)
        brought.append(name)
    return Pulled(installed.folder, tuple(brought))


def _looked_at(detector: Detector, folder: Path) -> Pulled:
    """Of a folder nothing is brought: its files are there, or they are not."""
    pins = {}
    for name, path, digest in place(detector, folder).pinned():
        if not path.is_file():
            raise DetectorError(f"{detector.name}: {path} is missing; put it there")
        pins[name] = _sha256(path)
        if digest and pins[name] != digest:
            raise DetectorError(
                f"{detector.name}: {path} has SHA-256 {pins[name]}, not {digest}; write it, if it"
                " is the file that you mean"
            )
    if not detector.pinned:
        raise UnpinnedError(
            f"{detector.name} is not pinned; write this into its entry:", _toml(detector, "", pins)
        )
    return Pulled(folder, ())


def _unpinned(detector: Detector, models: Path, hub: str | None) -> UnpinnedError:
    """Look what the files are now."""
    revision = detector.revision or _newest(detector, hub)
    pins = {}
    for name in filter(None, (detector.file, detector.data, detector.tokenizer)):
        with _fetched(detector, name, revision, models, hub) as file:
            pins[name] = _sha256(file)
    return UnpinnedError(
        f"{detector.name} is not pinned, and nothing was stored. Hold these against the hub's page,"
        " write them into its entry, and pull again:",
        _toml(detector, revision, pins),
    )


def _toml(detector: Detector, revision: str, pins: dict[str, str]) -> str:
    lines = [f'revision = "{revision}"'] if revision else []
    lines.append(f'sha256 = "{pins[detector.file]}"')
    if detector.data:
        lines.append(f'data_sha256 = "{pins[detector.data]}"')
    lines.append(f'tokenizer_sha256 = "{pins[detector.tokenizer]}"')
    return "\n".join(lines)


def _newest(detector: Detector, hub: str | None) -> str:
    from huggingface_hub import HfApi

    with _plain(detector, detector.repository, hub):
        found = HfApi(endpoint=hub).model_info(detector.repository).sha
    if not found:
        raise DetectorError(f"{detector.name}: the hub names no commit of {detector.repository}")
    return found


@contextmanager
def _fetched(
    detector: Detector, name: str, revision: str, models: Path, hub: str | None
) -> Iterator[Path]:
    """The file as the hub has it, until the end of the block. One that is large and was broken off
    goes on where it was."""
    from huggingface_hub import hf_hub_download

    staging = models / detector.name / f".pull-{revision[:12]}"
    try:
        staging.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DetectorError(
            f"{detector.name}: can't write to {models}: {error.strerror or error}; set"
            " EVERYSPAN_DETECTOR_FILES to a folder that can be written to"
        ) from error
    with _plain(detector, f"{name} of {detector.repository}", hub):
        path = hf_hub_download(
            detector.repository, name, revision=revision, local_dir=staging, endpoint=hub
        )
    try:
        yield Path(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _plain(detector: Detector, what: str, hub: str | None) -> Iterator[None]:
    """Errors of the hub as sentences."""
    from huggingface_hub import constants, errors

    hub, name = hub or constants.ENDPOINT, detector.name
    try:
        yield
    except errors.GatedRepoError as error:
        raise DetectorError(
            f"{name}: {detector.repository} asks to accept its licence first: do so on its page at"
            f" {hub}, and set HF_TOKEN"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DetectorError(
            f"{name}: {hub} has no {detector.repository}, or not for you; look at its name, or set"
            " HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DetectorError(
            f"{name}: {detector.repository} has no revision {detector.revision}; take a commit of"
            " its history"
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise DetectorError(
            f"{name}: {hub} has no {what} at that revision; look at its list of files"
        ) from error
    except Exception as error:
        # Whatever its HTTP client raises: refused connections, time-outs, answers of no hub.
        why = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise DetectorError(
            f"{name}: {what} can't be had from {hub}: {why}; try again, set HF_ENDPOINT to a hub"
            " that can be reached, or put the files into a folder and write folder instead of"
            " repository"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
