"""Times as people write them, for commands and addresses alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.moments import moment

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        (" 7d ", NOW - timedelta(days=7)),
        ("0m", NOW),
        ("999999w", NOW - timedelta(days=3650)),
        ("2026-11-24T08:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24T08:00+02:00", datetime(2026, 11, 24, 6, tzinfo=UTC)),
    ],
)
def test_what_people_write(text: str, found: datetime) -> None:
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-3h", "0001-01-01T00:00+14:00"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        moment(text, NOW)
