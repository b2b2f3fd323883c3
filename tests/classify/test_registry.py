"""The list of built-in classifiers and what each promises."""

from __future__ import annotations

from pathlib import Path

import pytest

import classify.classifiers
from classify.classifier import Classifier, applies
from classify.registry import BUILT_IN
from clickhouse.span import STEP_KINDS, Span


def test_each_module_of_classifiers_is_listed_under_its_name() -> None:
    folder = Path(classify.classifiers.__file__).parent
    modules = {
        path.stem
        for path in folder.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert modules == {each.name for each in BUILT_IN}
    assert len(modules) == len(BUILT_IN)


@pytest.mark.parametrize("classifier", BUILT_IN, ids=lambda each: each.name)
def test_promises(classifier: Classifier) -> None:
    assert classifier.name.isidentifier()
    assert classifier.description.endswith(".")
    assert classifier.version >= 1
    assert classifier.unit in ("span", "trace", "session")
    assert classifier.layer in ("quality", "safety")
    assert classifier.step_kinds <= set(STEP_KINDS)
    assert all(hasattr(Span("", ""), column) for column in classifier.needs)
    assert 0 < classifier.threshold < 1
    assert classifier.judge([]) == []
    if classifier.unit == "span":
        assert not applies(classifier, Span("", "", step_kind="embedding", output="x"))
