"""The table of options in sdk/README.md is the code's.

python -m tests.replay.test_options        # write it
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan.replay.options import OPTIONS, parser

README = Path(__file__).parents[2] / "sdk" / "README.md"
BEGIN, END = "<!-- replay options -->\n", "<!-- /replay options -->"


def with_table(text: str) -> str:
    lines = ["| option | meaning |", "|---|---|"]
    for option in OPTIONS:
        shown = " ".join(part for part in (f"--{option.name}", option.value) if part)
        meaning = option.help + (" May be repeated." if option.many else "")
        if option.choices:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in option.choices)}."
        if option.default:
            meaning += f" Default: `{option.default}`."
        if option.variable:
            meaning += f" By default the setting `{option.variable}`."
        lines.append(f"| `{shown}` | {meaning} |")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def test_the_table_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m tests.replay.test_options"


def test_defaults_and_what_is_given() -> None:
    made = parser("replay", ["TRACE_ID"], "")
    given = made.parse_args(["4bf9"])
    assert (given.keep, given.no_judge, given.times, given.patch) == ([], False, "1", None)
    given = made.parse_args(["4bf9", "--keep", "pay", "--keep", "send", "--no-judge"])
    assert (given.keep, given.no_judge, given.on_mismatch) == (["pay", "send"], True, "stop")
    assert made.parse_args(["4bf9"]).keep == []


def test_no_variable_changes_what_somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Least of all which tools may run."""
    monkeypatch.setenv("EVERYSPAN_REPLAY_ALLOW_UNSAFE", "*")
    monkeypatch.setenv("EVERYSPAN_REPLAY_ONLY", "1")
    given = parser("replay", ["TRACE_ID"], "").parse_args(["4bf9"])
    assert (given.allow_unsafe, given.only) == ([], False)
    assert {option.variable for option in OPTIONS} == {
        "",
        "EVERYSPAN_CLICKHOUSE_DSN",
        "EVERYSPAN_CLICKHOUSE_PORT",
    }


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
