"""Detectors at work: small models of the architectures that they have, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify.detectors.files import Installed
from classify.detectors.model import Model, _split, model, trial
from classify.detectors.reading import Reading
from classify.models.checksums import ModelError
from tests.classify.detectors.small import BAD, GOOD, LABELS, installed, onnx

PAIR: dict[str, Any] = {"reads": "context, claim", "classifier": "hallucination"}
QUESTION: dict[str, Any] = {"reads": "question, document", "classifier": "retrieval_relevance"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("name", LABELS)
def test_each_architecture_reads_texts_and_pairs(place: Path, name: str) -> None:
    texts = Model(installed(place / name, name))
    bad, good = texts.fails([Reading("", BAD), Reading("", GOOD)])
    assert bad > 0.8 > 0.2 > good
    trial(installed(place / name, name))

    pairs = Model(installed(place / name, name, **PAIR))
    context = "parcel a1 comes on the 12"
    bad, good = pairs.fails([Reading("", BAD, (context,)), Reading("", GOOD, (context,))])
    assert bad > 0.8 > 0.2 > good
    trial(installed(place / name, name, **PAIR))

    questions = Model(installed(place / name, name, **QUESTION))
    (bad, good) = questions.fails([Reading("", GOOD, (BAD,)), Reading("", GOOD, (context,))])
    assert bad > 0.8 > 0.2 > good


def test_pieces_of_a_long_text_the_worst_counts_wherever_it_is(place: Path) -> None:
    it = Model(installed(place / "bert", "bert"))
    filling = "where is my parcel on friday " * 80
    for text in (f"{BAD} {filling}", f"{filling} {BAD}", f"{filling}{BAD} {filling}"):
        assert it.fails([Reading("", text)])[0] > 0.8
    assert it.fails([Reading("", filling)])[0] < 0.5


def test_of_several_contexts_the_best_counts(place: Path) -> None:
    it = Model(installed(place / "modernbert", "modernbert", **PAIR))
    good, bad = "parcel a1 comes on the 12", f"{BAD} a1"
    one, both, long = it.fails(
        [
            Reading("", GOOD, (bad,)),
            Reading("", GOOD, (bad, good)),
            Reading("", GOOD, (f"{BAD} " * 100 + "\n" + f"{GOOD} {good}. " * 3,)),
        ]
    )
    assert one > 0.8
    assert both < 0.2
    assert long < 0.5


def test_which_outputs_mean_that_it_fails(place: Path) -> None:
    name = "xlm-roberta"
    readings = [Reading("", text, ("the a1",)) for text in (BAD, "it comes on friday", GOOD)]
    hard = Model(installed(place / name, name, **PAIR)).fails(readings)
    soft = Model(installed(place / name, name, **PAIR, fails=["neutral", "contradiction"])).fails(
        readings
    )
    other = Model(installed(place / name, name, **PAIR, fails=None, passes="entailment")).fails(
        readings
    )
    assert [round(each) for each in hard] == [1, 0, 0]
    assert [round(each) for each in soft] == [1, 1, 0]
    assert other == pytest.approx(soft)
    apart = Model(installed(place / name, name, activation="sigmoid", fails=LABELS[name][1:]))
    assert apart.fails([Reading("", BAD)])[0] > 0.8


def test_a_pair_that_the_model_reads_as_one_text(place: Path) -> None:
    it = Model(
        installed(
            place / "bert-one", "bert-one", **PAIR, template="the {context} is on {claim} here"
        )
    )
    (bad, good) = it.fails([Reading("", each, ("a1 parcel",)) for each in (BAD, GOOD)])
    assert bad > 0.8 > 0.2 > good
    # What is put in may look like a place itself: it is cut before anything is.
    assert _split("{claim} of {context}!", "context", "claim") == (
        "",
        ("claim", " of ", "context"),
        "!",
    )


def test_a_score_does_not_depend_on_what_else_is_read(place: Path) -> None:
    texts = [Reading("", f"{GOOD} {'noon ' * i}") for i in range(12)] + [Reading("", BAD)]
    together = Model(installed(place / "deberta-v2", "deberta-v2")).fails(texts)
    alone = [Model(installed(place / "deberta-v2", "deberta-v2")).fails([t])[0] for t in texts]
    assert together == alone


ODD = ["", " ", "\0", "\ud800", "🙂" * 3000, "שלום " * 500, "a" * 50_000, "[SEP] [CLS] </s>"]


@pytest.mark.parametrize("name", ["bert", "modernbert", "xlm-roberta"])
def test_odd_texts_have_a_score(place: Path, name: str) -> None:
    texts = Model(installed(place / name, name))
    for chance in texts.fails([Reading("", text) for text in ODD]):
        assert 0 <= chance <= 1
    pairs = Model(installed(place / name, name, **PAIR))
    for chance in pairs.fails([Reading("", text, (other,)) for text in ODD for other in ODD[:4]]):
        assert 0 <= chance <= 1


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("image", {}, "the model wants 'pixel_values'; a classifier of texts takes input_ids"),
        ("custom", {}, "it uses an operator that onnxruntime lacks"),
        ("states", {}, "has several outputs; write output = one of states, others"),
        ("states", {"output": "logits"}, "has no output 'logits'"),
        ("tokens", {}, r"is tensor\(float\) of shape \(any, any, 1\); a classifier's is"),
        ("wide", {}, r"labels names 2; write one name for each of its outputs"),
        ("nan", {"labels": ["attack"], "fails": "attack"}, "gives no numbers"),
        ("bert", {"labels": ["a", "b", "c"], "fails": "c"}, "has 2 outputs, and labels names 3"),
        ("bert", {"max_tokens": 512}, "out of bounds|out of data bounds|broadcast|idx="),
        ("bert", {"output": "states"}, "has no output 'states'; write output = one of logits"),
    ],
)
def test_a_file_that_is_no_such_classifier_is_told_when_it_is_tried(
    tmp_path: Path, name: str, fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(Exception, match=told):
        trial(installed(tmp_path, name, **fields))


def test_files_that_are_not_those_of_the_entry(tmp_path: Path) -> None:
    def loaded(**fields: Any) -> Installed:
        model.cache_clear()
        return installed(tmp_path, "bert", **fields)

    it = loaded()
    (tmp_path / "model.onnx").write_bytes(onnx("bert") + b" ")
    with pytest.raises(
        ModelError, match=r"is not the file that detectors\.toml names: its SHA-256"
    ):
        model(it)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model.onnx is missing; `everyspan detector pull bert`"):
        model(it)
    it = loaded()
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer.json is missing"):
        model(it)
    with pytest.raises(ModelError, match=r"bert is not pinned: `everyspan detector pull bert`"):
        model(loaded(sha256=None))


def test_a_model_or_tokenizer_that_is_none(tmp_path: Path) -> None:
    import hashlib

    it = installed(tmp_path, "bert")
    for file, field, told in (
        ("model.onnx", "sha256", "model.onnx can't be loaded: is it an ONNX model"),
        ("tokenizer.json", "tokenizer_sha256", "tokenizer.json is no tokenizer.json"),
    ):
        kept = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(b"{}")
        digest = hashlib.sha256(b"{}").hexdigest()
        other = Installed(it.detector.model_copy(update={field: digest}), tmp_path)
        with pytest.raises(ModelError, match=told):
            model(other)
        (tmp_path / file).write_bytes(kept)
    assert np.isfinite(model(it).probabilities(Reading("", GOOD))).all()
