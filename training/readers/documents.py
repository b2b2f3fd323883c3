"""Pages of a repository whose `paths` are text or Markdown: handbooks, recipes, manuals, rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record

KINDS = (
    ("instructions_for_agents", r"cursorrules|copilot|/skills|fabric"),
    ("security_page_benign", r"CheatSheet|PayloadsAllTheThings|Guardrails|llm-guard|trailofbits"),
    ("recipe_benign", r"based\.cooking"),
    ("policy_page_benign", r"handbook|community"),
    ("manual_page_benign", r"."),
)
"""The kind of a repository's pages, first match wins."""


def read(snapshot: Snapshot) -> Iterator[Record]:
    kind = next(k for k, pattern in KINDS if re.search(pattern, snapshot.repository))
    for path in snapshot.chosen:
        page = re.sub(r"\A---\n.*?\n---\n", "", snapshot.text(path), flags=re.DOTALL)
        for piece in benign.pieces(page):
            yield from benign.document(piece, kind)
