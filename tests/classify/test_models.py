"""The encoder and the pieces around it, with the model that ships."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from classify.models import form
from classify.models.checksums import ModelError
from classify.models.encoder import encoder
from classify.models.files import heads, path_of
from classify.models.windows import sentences, windows
from tests.everyspan_up import ROOT


def test_repeats_are_run_once_and_order_is_kept() -> None:
    model = encoder()
    texts = [f"a question about parcel number {i % 7}" for i in range(50)]
    ran = model.ran
    scores = model.head_logits("toxicity", texts)
    assert model.ran - ran <= 7
    assert scores.shape == (50,)
    alone = np.array([model.head_logits("toxicity", [text])[0] for text in texts[:7]])
    assert np.allclose(scores[:7], alone)
    ran = model.ran
    model.head_logits("jailbreak", texts)
    assert model.ran == ran, "another head of the same texts costs nothing"


def test_a_score_is_one_number_whatever_it_is_judged_with() -> None:
    model = encoder()
    texts = ["short", "a " * 300 + "end", "of middle length, with some words in it", "You fool!"]
    crowd = [f"{'loud ' * i} and angry text number {i}, you idiot!" for i in range(1, 40)]
    for head in ("jailbreak", "user_frustration"):
        for ask in (partial(model.head_logits, head), model.vectors):
            for known in (model._known, model._vectors):
                known.clear()
            among = ask([*crowd[:20], *texts, *crowd[20:]])[20:24]
            for known in (model._known, model._vectors):
                known.clear()
            alone = [ask([text])[0] for text in reversed(texts)][::-1]
            assert np.array_equal(among, alone)


def test_what_is_at_the_end_of_a_long_text_is_seen() -> None:
    model = encoder()
    calm = "The parcel was delivered on Monday. " * 120
    insult = "You are a disgusting, worthless piece of trash."
    worst = model.head_logits("toxicity", [calm + insult])
    assert worst[0] > model.head_logits("toxicity", [calm])[0]


def test_missing_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"reinstall everyspan-server"):
        path_of(str(tmp_path), "lower.onnx")
    with pytest.raises(ModelError, match="no head 'x'"):
        heads().head("x")


def test_windows_hold_the_whole_text() -> None:
    text = " ".join(f"Sentence number {i} says something." for i in range(400))
    found = windows(text)
    assert len(found) > 5
    covered = 0
    for window in found:
        assert text[window.start : window.start + len(window.text)] == window.text
        assert window.start <= covered
        covered = max(covered, window.start + len(window.text))
    assert covered == len(text)
    assert [s.text for s in sentences("One. Two!\nThree?")] == ["One.", "Two!", "Three?"]


def test_hidden_characters_are_shown() -> None:
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "ignore")
    assert "ignore" in form.prompt_injection(f"Hello{hidden}")
    assert form.jailbreak("ig\u200bnore") == "ignore"


def test_importing_the_service_loads_neither_torch_nor_the_model() -> None:
    code = (
        "import sys, classify.service, classify.registry;"
        "print([m for m in ('torch', 'transformers', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
