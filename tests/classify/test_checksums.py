"""The model's files against their hashes: what was cut, altered or lost is not loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from classify.models import checksums, files
from classify.models.checksums import SUMS, ModelError
from classify.models.encoder import Encoder
from tests.classify.damaged_model import cut, house_of_its_own, invert


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model that ships."""
    return Path(shutil.copytree(files.ASSETS, tmp_path / "model"))


def test_the_hashes_are_those_of_the_files() -> None:
    assert checksums.damaged(files.ASSETS) == {}
    names = {path.name for path in files.ASSETS.iterdir()}
    kinds = (".onnx", ".weights.json", ".ngrams.npz")
    needed = {name for name in names if name.endswith(kinds)} | {files.TOKENIZER, files.HEADS}
    assert set(checksums.sums(files.ASSETS, required=True)) == needed


def test_hashes_are_written_as_training_leaves_them(model: Path) -> None:
    before = (model / SUMS).read_text()
    (model / SUMS).unlink()
    checksums.write(model)
    assert (model / SUMS).read_text() == before
    invert(model / "safety.onnx")
    assert list(checksums.damaged(model)) == ["safety.onnx"]
    checksums.write(model)
    assert checksums.damaged(model) == {}


@pytest.mark.parametrize("harm", [cut, invert, Path.unlink], ids=["cut", "inverted", "missing"])
@pytest.mark.parametrize("name", ["embeddings.onnx", "lower.onnx", "safety.onnx"])
def test_a_damaged_file_is_not_loaded(model: Path, harm: Callable[[Path], None], name: str) -> None:
    harm(model / name)
    with pytest.raises(ModelError, match=rf"{name} .*reinstall everyspan-server, or restore"):
        Encoder(str(model)).head_logits("toxicity", ["hello"])


def test_a_damaged_tokenizer_or_head_is_not_used(model: Path) -> None:
    for name, old, new in (
        (files.TOKENIZER, "unaffable", "affable"),
        (files.HEADS, '"index": 3', '"index": 2'),
    ):
        path = model / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new) + " ", encoding="utf-8")
        files.heads.cache_clear()
        with pytest.raises(ModelError, match=name):
            Encoder(str(model))
        path.write_text(text, encoding="utf-8")
    files.heads.cache_clear()
    assert Encoder(str(model)).head_logits("toxicity", ["hello"]).shape == (1,)


@pytest.mark.parametrize("text", ["", "not a hash\n", "a" * 64 + "\n"])
def test_hashes_that_cannot_be_read_say_so(model: Path, text: str) -> None:
    (model / SUMS).write_text(text)
    with pytest.raises(ModelError, match=f"{SUMS}.*reinstall"):
        Encoder(str(model))


def test_scoring_by_hand_ends_with_the_file_and_the_remedy(tmp_path: Path) -> None:
    house = house_of_its_own(tmp_path)
    invert(house / "classify/models/assets/safety.onnx")
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "score", "toxicity"],
        cwd=house,
        input='{"id": 1, "input": "You are all the same, and I hate every one of you."}\n',
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "safety.onnx is not what was installed" in " ".join(done.stderr.split())
    # A classifier without a model does not need it.
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "score", "data_leakage"],
        cwd=house,
        input='{"id": 1, "output": "hello"}\n',
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
