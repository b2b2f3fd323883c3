import json
from pathlib import Path

import pytest

from training import record
from training.record import Record


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    one = Record(
        "prompt_injection",
        1,
        "override",
        [{"role": "user", "content": "héllo"}],
        context=["a page"],
        steps=[{"kind": "tool", "name": "t", "input": "i", "output": "o"}],
    )
    assert record.write(tmp_path / "x" / "y.jsonl", [one]) == 1
    assert list(record.read(tmp_path / "x" / "y.jsonl")) == [one]
    assert one.text() == "héllo\na page\nt i o"


def test_the_key_depends_on_what_is_said_and_not_on_the_label() -> None:
    a, b = Record("toxicity", 0, "k", "one"), Record("toxicity", 1, "other", "one")
    assert a.key() == b.key() != Record("toxicity", 0, "k", "two").key()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"task": "toxicity", "kind": "k"}, "'label' is missing"),
        ({"task": "t", "label": 0, "kind": "k", "weight": 1}, "unknown field 'weight'"),
    ],
)
def test_a_bad_line_names_file_and_field(
    tmp_path: Path, line: dict[str, object], said: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(line))
    with pytest.raises(ValueError, match=said):
        list(record.read(path))
