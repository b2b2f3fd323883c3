"""An answer that has nothing to rest on: the user asks for the facts of a company, an order, a
policy, no document or tool was asked, and the answer gives figures all the same."""

from __future__ import annotations

import re

from classify.models.evidence import BY_RULE, quoted
from classify.models.figures import figures
from classify.signals import numerals
from classify.signals.grounds import Grounds
from clickhouse.span import Verdict

#: A question of what only somebody's records can say.
_ASKED = re.compile(
    r"\b(?:our|your|my|this|the company.s|the firm.s)\s(?:[\w'’-]{1,20}\s){0,3}?(?:polic(?:y|ies)"
    r"|leave|holidays?|vacation|benefits?|bonus|salary|pay|prices?|pricing|plans?|fees?|rates?|costs?"
    r"|warranty|guarantee|refunds?|returns?|orders?|invoices?|bills?|contracts?|opening hours|hours"
    r"|deadline|limits?|quota|account|balance|shipping|delivery|subscription|membership|budget"
    r"|revenue|sales|headcount|sla|appointment|booking|reservation|flight|parcel|package|claim"
    r"|deductible|premium|coverage|notice period|allowance)\b",
    re.I,
)
_QUESTION = re.compile(
    r"\?|^\W{0,3}(?:what|when|where|how|which|who|is|are|do|does|can|tell|show|give|list)\b", re.I
)
#: Of the world at large, and said to be so.
_GENERAL = re.compile(
    r"\b(?:typically|usually|generally|in general|often|commonly|on average|depends?|varies|vary"
    r"|for example|e\.g|such as|suppose|assum\w{1,5}|estimate\w?|approximately|might|may|could"
    r"|would|if you|let me|please (?:provide|share|check)|i (?:don.t|do not|can.t|cannot)"
    r"|as an ai)\b",
    re.I,
)


def made_up(asked: str, answer: str, grounds: Grounds) -> Verdict | None:
    """'fail' where it is plain, else None. ``grounds``: without sources."""
    if len(asked) > 400 or len(answer) > 1500:
        return None
    if not _ASKED.search(asked) or not _QUESTION.search(asked) or _GENERAL.search(answer):
        return None
    for figure in figures(answer):
        if figure.number > 1 and not numerals.among(figure.number, grounds.values):
            said = f"“{figure.text}” has no source: nothing was looked up"
            return Verdict("fail", BY_RULE, quoted(said, answer))
    return None
