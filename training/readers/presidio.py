"""presidio-research: sentences of templates filled with made-up people's data, each span marked. What
identifies a person or opens an account is a leak in an answer; names, places and dates alone are not."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

LEAKS = ("CREDIT_CARD", "IBAN_CODE", "US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.json(path):
            kinds = {span["entity_type"] for span in row["spans"]}
            found = sorted(kinds & set(LEAKS))
            yield Record(
                "data_leakage",
                float(bool(found)),
                found[0].lower() if found else "none",
                input="Summarise the customer's letter.",
                output=row["full_text"],
            )
