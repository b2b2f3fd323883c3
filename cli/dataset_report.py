"""What ``everyspan dataset`` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.console import console

if TYPE_CHECKING:
    from experiments.datasets.item import Version
    from experiments.datasets.measurement import Drift

_MOST_CLUSTERS = 30


def version(made: Version) -> None:
    """What it holds, what it was made of, and its groups."""
    told = made.summary
    say(
        f"{made.dataset} v{made.number}: {made.failure_count} failures, {made.control_count}"
        f" controls  ({made.content_hash[:12]})"
    )
    say(
        f"  --where {made.definition.where}: {told['rows']} rows of {told['traces']} traces from"
        f" {made.since:%Y-%m-%d %H:%M} to {made.until:%Y-%m-%d %H:%M} UTC"
    )
    if told["looked_at"] < told["rows"] - told["empty"]:
        say(f"  {told['looked_at']} of them were looked at, drawn by hash; --seed draws others")
    if told["empty"]:
        say(f"  {told['empty']} of them have no input recorded and were left out")
    say(f"  {told['duplicates']} near-duplicates and steps that only hand on left out")
    table = Table("group", "about", "rows", "items", box=None, pad_edge=False)
    for group in told["clusters"][:_MOST_CLUSTERS]:
        table.add_row(*(str(group[key]) for key in ("cluster", "topic", "rows", "items")))
    console.print(table)
    if len(told["clusters"]) > _MOST_CLUSTERS:
        say(f"  and {len(told['clusters']) - _MOST_CLUSTERS} more groups")
    controls = told["controls"]
    if controls["wanted"] > controls["chosen"]:
        say(
            f"  controls: {controls['chosen']} of {controls['wanted']} wanted; there are"
            f" {controls['candidates']} healthy rows of these steps in the window, near-duplicates"
            " included"
        )
    if controls.get("similarity") is not None:
        say(
            f"  controls are like their failures: similarity {controls['similarity']:.2f}, same"
            f" model {controls['same_model']:.0%}, same prompt version"
            f" {controls['same_prompt_version']:.0%}, length {controls['length_ratio']:.2f}×"
        )
    if also := controls.get("failures_that_also_passed"):
        say(f"  {also} of the failing questions also went well another time: an unsteady answer")
    masked = ", ".join(f"{count} {kind}" for kind, count in told["masked"].items())
    say(f"  masked: {masked or 'nothing was found to mask'}")


def difference(made: Version) -> None:
    """What came in and what went, beside the parent."""
    say(f"  since version {made.parent}: {len(made.added)} added, {len(made.retired)} retired")
    reasons: dict[str, int] = {}
    for reason in made.retired.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0])):
        say(f"    {count} retired: {reason}")


def drift(found: Drift, unlike: list[dict[str, str | int]]) -> None:
    """The verdict in words, the figures, and what no item is like."""
    colour = {"fresh": "green", "shifting": "yellow", "stale": "red"}.get(found.verdict, "dim")
    console.print(
        Text.assemble(
            (found.verdict, f"bold {colour}"),
            f"  {found.dataset} v{found.version}, inputs from {found.since:%Y-%m-%d %H:%M}"
            f" to {found.until:%Y-%m-%d %H:%M} UTC",
        )
    )
    say(found.told)
    if found.verdict == "unknown":
        return
    table = Table("measure", "value", box=None, pad_edge=False)
    table.add_row(
        "inputs unlike every item",
        f"{found.uncovered:.1%} (at least {found.uncovered_low:.1%}; {found.uncovered_then:.1%}"
        " when it was made)",
    )
    for name, value in found.psi.items():
        table.add_row(f"PSI by {name.replace('_', ' ')}", f"{value:.3f}")
    table.add_row("MMD² of the questions", f"{found.mmd:.4f} (p = {found.mmd_p:.3f})")
    console.print(table)
    for each in unlike:
        say(f"  not covered: {each['topic']} ({each['inputs']} inputs): {each['example']}")


def as_json(found: Drift) -> dict[str, Any]:
    """Plain values."""
    values = asdict(found)
    for name in ("measured_at", "since", "until"):
        values[name] = values[name].isoformat()
    return values


def say(text: str) -> None:
    """One line, as it is."""
    console.print(text, soft_wrap=True)
