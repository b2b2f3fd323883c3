"""detectors.toml: what it says, and what is said of one that says nonsense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from classify.detectors.definition import Detector, DetectorError, numbered, read_detectors
from classify.detectors.standing import readers
from classify.registry import BUILT_IN
from tests.classify.detectors.small import entry, write

READERS = readers(BUILT_IN)
ONE = entry("bert", repository="owner/name", revision="0" * 40)


def test_those_that_take_detectors_give_them_what_they_look_at() -> None:
    assert READERS == {
        "hallucination": "context, claim",
        "jailbreak": "text",
        "prompt_injection": "text",
        "retrieval_relevance": "question, document",
        "toxicity": "text",
        "user_frustration": "text",
    }


def test_the_files_entries_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "detectors.toml", ONE, entry("modernbert", folder="mine"))
    first, second = read_detectors(path, READERS)
    assert (first.name, first.fails, first.pinned) == ("bert", ("attack",), True)
    assert second.folder == tmp_path / "mine"
    path.write_text("")
    assert read_detectors(path, READERS) == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"surprise": 1}, "detector 1: surprise: there is no such field; known are name"),
        ({"name": "Bad Name"}, "detector 1: name: use 2 to 48 lower-case"),
        ({"classifier": "nonsense"}, "bert: classifier 'nonsense' takes no detector; use one of h"),
        ({"classifier": "tool_call_error"}, "'tool_call_error' takes no detector"),
        ({"classifier": "hallucination"}, 'gives "context, claim" to read, not "text"'),
        ({"use": "magic"}, "use: Input should be 'signal', 'instead' or 'second look'"),
        ({"revision": "main"}, "'main' may change under you; write the commit"),
        ({"sha256": "12"}, "sha256: a SHA-256 has 64 hexadecimal digits"),
        ({"file": "../../etc/passwd.onnx"}, "must be a path within the repository or folder"),
        ({"tokenizer": "/etc/passwd"}, "must be a path within the repository or folder"),
        ({"file": "model.safetensors"}, "is no ONNX file; docs/detectors.md says how to export"),
        ({"repository": None}, "write either repository or folder"),
        ({"folder": "/x"}, "write either repository or folder"),
        ({"repository": "a/b/c"}, "'a/b/c' is no owner/name"),
        ({"labels": []}, "labels"),
        ({"labels": ["a", "a"], "fails": "a"}, "labels: two outputs have one name"),
        ({"fails": "evil"}, "'evil' is none of the labels: benign, attack"),
        ({"passes": "benign"}, "write either fails or passes"),
        ({"fails": ["benign", "attack"]}, "all labels mean the same"),
        ({"threshold": 1.0}, "threshold: Input should be less than 1"),
        ({"doubt": [0.2, 0.8]}, 'doubt: only with use = "second look"'),
        ({"use": "second look", "doubt": [0.8, 0.2]}, "doubt: write the lower score first"),
        ({"weight": 0.3}, 'weight: only with use = "signal"'),
        ({"template": "{text}"}, "template: only for pairs"),
        (
            {"reads": "context, claim", "classifier": "hallucination", "template": "{claim}"},
            "template: must have {context} and {claim}, once each",
        ),
        ({"licence": None}, "licence: it is missing; docs/detectors.md says what it holds"),
        ({"max_tokens": 1}, "max_tokens: Input should be greater"),
    ],
)
def test_nonsense_is_named_with_its_field(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    fields = {key: value for key, value in (ONE | change).items() if value is not None}
    path = write(tmp_path / "detectors.toml", fields)
    with pytest.raises(DetectorError) as error:
        read_detectors(path, READERS)
    assert told in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[[detector]", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
        (b"x = " + b"[" * 5000, "is no TOML|nested too deeply"),
        (b"#" * (2 << 20), "is larger than 1 MiB"),
        (b"[[detectors]]\nname = 'x'", r"there is no such field; known are \[\[detector\]\]"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "detectors.toml"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=told):
        read_detectors(path, READERS)
    with pytest.raises(DetectorError, match="can't be read: No such file"):
        read_detectors(tmp_path / "none.toml", READERS)


def test_two_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="two detectors 'bert'; rename one"):
        read_detectors(write(tmp_path / "d.toml", ONE, ONE), READERS)


def test_the_number_changes_with_what_may_change_a_score_and_with_nothing_else() -> None:
    def number(**change: Any) -> int:
        return numbered([Detector.model_validate(ONE | change)])

    assert number() == number(licence="another note", repository="mirror/name")
    others = [
        number(threshold=0.6),
        number(sha256="1" * 64),
        number(use="second look"),
        number(max_tokens=128),
        number(fails=["benign"]),
    ]
    assert len({number(), *others}) == 6
    assert all(0 < each < 10**9 for each in others)
    assert numbered([]) == 0


def test_the_entries_of_the_docs_are_entries(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "detectors.md").read_text(encoding="utf-8")
    path = tmp_path / "detectors.toml"
    path.write_text(page.split("```toml\n", 1)[1].split("```", 1)[0], encoding="utf-8")
    found = read_detectors(path, READERS)
    assert {each.classifier for each in found} >= {"hallucination", "toxicity", "prompt_injection"}
    assert len(found) == 7
    assert not any(each.pinned for each in found), "of a model that nobody has run"
    told = " ".join(line for line in page.splitlines() if line.startswith("| `"))
    assert all(f"`{name}`" in told for name in Detector.model_fields)
