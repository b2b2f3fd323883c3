"""The table of options in sdk/README.md is the code's.

python -m tests.replay.test_options        # write it
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan.replay.options import OPTIONS, parser, values

README = Path(__file__).parents[2] / "sdk" / "README.md"
BEGIN, END = "<!-- replay options -->\n", "<!-- /replay options -->"


def with_table(text: str) -> str:
    lines = ["| option | variable | meaning |", "|---|---|---|"]
    for option in OPTIONS:
        shown = " ".join(part for part in (f"--{option.name}", option.value) if part)
        meaning = option.help + (" May be repeated." if option.many else "")
        if option.choices:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in option.choices)}."
        if option.default:
            meaning += f" Default: `{option.default}`."
        lines.append(f"| `{shown}` | `{option.environment}` | {meaning} |")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def test_the_table_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m tests.replay.test_options"


def _values(arguments: list[str], **environ: str) -> argparse.Namespace:
    return values("replay", parser("replay", ["TRACE_ID"], "").parse_args(arguments), environ)


def test_variables_stand_for_options_and_give_way_to_them() -> None:
    environ = {
        "EVERYSPAN_REPLAY_KEEP": "pay, send",
        "EVERYSPAN_REPLAY_SET": "model=a\nprompt=b, c",
        "EVERYSPAN_REPLAY_NO_JUDGE": "1",
        "EVERYSPAN_REPLAY_TIMES": "3",
    }
    given = _values(["4bf9"], **environ)
    assert given.keep == ["pay", "send"]
    assert given.set == ["model=a", "prompt=b, c"]
    assert given.no_judge is True
    assert given.times == "3"
    assert given.on_mismatch == "stop"
    assert _values(["4bf9", "--times", "5", "--keep", "x"], **environ).keep == ["x"]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
