"""What a run found, as JSON and as a table."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_PROMISES = ("lost", "doubled", "unknown", "unjudged", "unseen", "misjudged", "stuck", "refused")


@dataclass(slots=True)
class Round:
    """One fault and what came after. Times in seconds."""

    kind: str
    house: str
    number: int
    kills: int = 0
    seconds: float = 0.0
    recovered: float = 0.0
    settled: float = 0.0
    problem: str = ""
    skipped: str = ""


@dataclass(slots=True)
class Report:
    """Of a whole run; ``rows``: spans acknowledged, and compared id by id in the end."""

    seed: int
    revision: str
    seconds: float = 0.0
    rounds: list[Round] = field(default_factory=list)
    spans: int = 0
    retries: int = 0
    leaks: int = 0
    pages: int = 0
    resolved: int = 0
    told_again: int = 0
    houses: int = 0
    peak_bytes: int = 0
    limit_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    machine: str = field(
        default_factory=lambda: f"{os.cpu_count()} cores, Python {platform.python_version()}"
    )

    @property
    def kills(self) -> int:
        return sum(each.kills for each in self.rounds)

    def write(self, folder: Path) -> None:
        """report.json and report.md. Whole, or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("report.json", json.dumps(self.document(), indent=1)),
            ("report.md", self.markdown()),
        ):
            new = folder / f"{name}.new"
            new.write_text(text, encoding="utf-8")
            new.replace(folder / name)

    def document(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"kills": self.kills, "kinds": len(self._kinds())}

    def _kinds(self) -> set[str]:
        return {each.kind for each in self.rounds if not each.skipped}

    def markdown(self) -> str:
        """For docs/reliability.md."""
        counts = {word: self._count(word) for word in (*_PROMISES, "not told", "told")}
        lines = [
            f"{self.seconds / 60:.0f} minutes, seed {self.seed}, revision {self.revision},"
            f" {self.machine}:",
            "",
            "| | |",
            "|---|---:|",
            f"| kinds of fault | {len(self._kinds())} |",
            f"| faults | {sum(1 for each in self.rounds if not each.skipped)} |",
            f"| processes killed with `kill -9` | {self.kills} |",
            f"| spans acknowledged and compared one by one | {self.spans:,} |",
            f"| requests that had to be sent again | {self.retries:,} |",
            f"| **spans lost** | **{counts['lost']}** |",
            f"| **spans doubled** | **{counts['doubled'] + counts['unknown']}** |",
            "| **spans unjudged or judged wrongly** | "
            f"**{counts['unjudged'] + counts['unseen'] + counts['misjudged']}** |",
            f"| **stuck or refused for good** | **{counts['stuck'] + counts['refused']}** |",
            f"| leaks planted | {self.leaks:,} |",
            f"| pages for them | {self.pages:,} |",
            f"| pages closed, as far as their time came | {self.resolved:,} |",
            "| **leaks not told, or as two incidents** |"
            f" **{counts['not told'] + counts['told']}** |",
            "| events sent again under their key, as the house was killed before it could note the"
            f" answer | {self.told_again} |",
            f"| largest resident size of a house's processes | {self.peak_bytes / 2**20:,.0f} MiB"
            f" of {self.limit_bytes / 2**20:,.0f} |",
            "",
            "| fault | times | killed | ready again, median s | max s | wrong |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for kind in sorted({each.kind for each in self.rounds}):
            rounds = [each for each in self.rounds if each.kind == kind]
            done = [each for each in rounds if not each.skipped]
            if not done:
                lines.append(f"| {kind} | skipped: {rounds[0].skipped} | | | | |")
                continue
            again = sorted(each.recovered for each in done)
            lines.append(
                f"| {kind} | {len(done)} | {sum(each.kills for each in done)} |"
                f" {again[len(again) // 2]:.1f} | {again[-1]:.1f} |"
                f" {sum(1 for each in done if each.problem)} |"
            )
        if self.problems:
            lines += ["", "What was wrong:", ""]
            lines += [f"- {each.splitlines()[0][:400]}" for each in self.problems]
        return "\n".join(lines) + "\n"

    def _count(self, word: str) -> int:
        """Problems that say so; 'told' is 'told twice', which does not begin with 'not'."""
        return sum(
            1
            for each in self.problems
            for part in _told(each)
            if part.startswith(f"{word}:" if word in _PROMISES else word)
        )


def _told(problem: str) -> Sequence[str]:
    text = problem.partition("] ")[2] or problem
    return text.splitlines()[0].split("; ")
