"""What the signals read off names and texts."""

from __future__ import annotations

import pytest

from classify.signals import tool_names


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("get_order", "reads"),
        ("execute_tool getOrderStatus", "reads"),
        ("order_status_lookup", "reads"),
        ("cancel_order", "writes"),
        ("issueRefund", "writes"),
        ("order.cancel", "writes"),
        ("create_return", "writes"),
        ("tool", ""),
        ("", ""),
    ],
)
def test_what_a_tool_does_by_its_name(name: str, does: str) -> None:
    assert tool_names.reads(name) == (does == "reads")
    assert tool_names.writes(name) == (does == "writes")
