"""Instructions that can be checked without a model, and whether an output keeps them.

The kinds are those that IFEval counts (Zhou et al. 2023, arxiv.org/abs/2311.07911), in the words
that people use for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classify.classifiers.instruction_following import (
    edges,
    json_format,
    length,
    shape,
    spoken,
    wording,
)
from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.sentences import sentences


@dataclass(slots=True, frozen=True)
class Broken:
    """``instruction``: the words that were broken; ``how``: what the output did."""

    instruction: str
    how: str


def checks(prompt: str, *, system: bool = False) -> list[Check]:
    """Every instruction of a prompt that can be checked. ``system``: see `sentences`."""
    found = []
    for sentence in sentences(prompt, system=system):
        for family in (length, wording, edges, json_format, shape, spoken):
            found += list(family.read(sentence))
    return found


def broken(instructions: str | Sequence[Check], output: str) -> list[Broken]:
    """Every instruction that the output breaks."""
    asked = checks(instructions) if isinstance(instructions, str) else instructions
    return [Broken(each.instruction, how) for each in asked if (how := each.wrong(output))]
