"""Files of detectors from a hub: a stand-in on a real socket, asked by huggingface_hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from classify.detectors.definition import Detector, DetectorError
from classify.detectors.files import place
from classify.detectors.pull import UnpinnedError, pull
from tests.classify.detectors.hub import COMMIT, Hub, hub
from tests.classify.detectors.small import entry, onnx, put, tokenizer

NAME = "maker/small-detector"


@pytest.fixture
def at() -> Iterator[Hub]:
    with hub() as found:
        found.files[NAME] = {"onnx/model.onnx": onnx("bert"), "tokenizer.json": tokenizer("bert")}
        yield found


def detector(**fields: Any) -> Detector:
    told = entry("bert", repository=NAME, revision=COMMIT, file="onnx/model.onnx", **fields)
    return Detector.model_validate(told)


def test_what_is_pinned_is_brought_once(at: Hub, tmp_path: Path) -> None:
    it = detector()
    pulled = pull(it, tmp_path, at.address)
    assert pulled.brought == ("onnx/model.onnx", "tokenizer.json")
    place(it, tmp_path).check()
    assert (pulled.folder / "onnx/model.onnx").read_bytes() == onnx("bert")
    assert f"HEAD /{NAME}/resolve/{COMMIT}/onnx/model.onnx" in at.asked
    assert f"GET /cdn/{NAME}/onnx/model.onnx" in at.asked
    assert {path.name for path in (tmp_path / "bert").iterdir()} == {COMMIT[:12]}

    at.asked.clear()
    assert pull(it, tmp_path, at.address).brought == ()
    assert not at.asked

    (pulled.folder / "tokenizer.json").write_text("{}")
    assert pull(it, tmp_path, at.address).brought == ("tokenizer.json",)


def test_a_download_that_is_broken_off_goes_on(at: Hub, tmp_path: Path) -> None:
    at.broken_off = 1
    pulled = pull(detector(), tmp_path, at.address)
    assert (pulled.folder / "onnx/model.onnx").read_bytes() == onnx("bert")


def test_a_hub_that_serves_another_hash_brings_nothing(at: Hub, tmp_path: Path) -> None:
    at.files[NAME]["onnx/model.onnx"] = onnx("modernbert")
    with pytest.raises(DetectorError, match=r"has SHA-256 \w{64}, not \w{64}; nothing was stored"):
        pull(detector(), tmp_path, at.address)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_entry_that_is_not_pinned_is_told_what_to_write(at: Hub, tmp_path: Path) -> None:
    pins = entry("bert")
    it = detector().model_copy(update={"revision": "", "sha256": "", "tokenizer_sha256": ""})
    with pytest.raises(UnpinnedError, match="not pinned, and nothing was stored") as error:
        pull(it, tmp_path, at.address)
    assert error.value.pins.splitlines() == [
        f'revision = "{COMMIT}"',
        f'sha256 = "{pins["sha256"]}"',
        f'tokenizer_sha256 = "{pins["tokenizer_sha256"]}"',
    ]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_hub_does_not_have(at: Hub, tmp_path: Path) -> None:
    for update, told in (
        ({"repository": "maker/none"}, "has no maker/none, or not for you"),
        ({"revision": "f" * 40}, f"maker/small-detector has no revision {'f' * 40}"),
        ({"file": "other.onnx"}, "has no other.onnx of maker/small-detector at that revision"),
    ):
        with pytest.raises(DetectorError, match=told):
            pull(detector().model_copy(update=update), tmp_path, at.address)
    at.gated.add(NAME)
    with pytest.raises(DetectorError, match="asks to accept its licence first: do so on its page"):
        pull(detector(), tmp_path, at.address)


def test_a_hub_that_is_away(tmp_path: Path) -> None:
    away = "http://127.0.0.1:9"
    with pytest.raises(DetectorError, match=f"can't be had from {away}: .*set HF_ENDPOINT"):
        pull(detector(), tmp_path, away)
    (tmp_path / "file").write_text("")
    with pytest.raises(DetectorError, match="set EVERYSPAN_DETECTOR_FILES to a folder"):
        pull(detector(), tmp_path / "file", away)


def test_a_folder_is_looked_at_and_nothing_is_asked(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", "bert")
    it = Detector.model_validate(entry("bert", folder=str(folder)))
    assert pull(it, tmp_path).brought == ()
    with pytest.raises(UnpinnedError, match="write this into its entry") as error:
        pull(it.model_copy(update={"sha256": ""}), tmp_path)
    assert f'sha256 = "{it.sha256}"' in error.value.pins
    (folder / "model.onnx").write_bytes(b"other")
    with pytest.raises(DetectorError, match="write it, if it is the file that you mean"):
        pull(it, tmp_path)
    (folder / "model.onnx").unlink()
    with pytest.raises(DetectorError, match=r"model.onnx is missing; put it there"):
        pull(it, tmp_path)
