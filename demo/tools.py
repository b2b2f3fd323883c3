"""The shop's tools. Each is a step of the trace; faults of the conversation strike inside."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any

import everyspan

from demo.scenarios import Shop


def _function(
    name: str, description: str, required: list[str], **properties: Any
) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": False,
            },
        },
    }


_ORDER_ID = {"type": "string", "pattern": "^LF-[0-9]{4}$"}

#: As an OpenAI-compatible endpoint takes them (JSON Schema).
DEFINITIONS = [
    _function(
        "get_order", "Status, items and total of an order.", ["order_id"], order_id=_ORDER_ID
    ),
    _function(
        "track_parcel",
        "Where a parcel is.",
        ["tracking_number"],
        tracking_number={"type": "string"},
    ),
    _function(
        "search_products",
        "Products on sale.",
        ["query"],
        query={"type": "string"},
        max_price={"type": "number", "exclusiveMinimum": 0},
    ),
    _function(
        "create_return",
        "Opens a return.",
        ["order_id", "reason"],
        order_id=_ORDER_ID,
        reason={"type": "string"},
    ),
    _function(
        "issue_refund",
        "Hands a refund to accounting.",
        ["order_id", "amount_eur"],
        order_id=_ORDER_ID,
        amount_eur={"type": "number", "exclusiveMinimum": 0},
    ),
]


class Tools:
    """The tools of one conversation."""

    def __init__(self, shop: Shop, faults: Iterable[dict[str, Any]] = ()) -> None:
        self._shop = shop
        self._faults = {fault["tool"]: fault for fault in faults}

    def by_name(self) -> dict[str, Callable[..., Any]]:
        return {
            definition["function"]["name"]: getattr(self, definition["function"]["name"])
            for definition in DEFINITIONS
        }

    @everyspan.step(kind="tool")
    def get_order(self, order_id: str) -> Any:
        return self._answer("get_order", lambda: self._shop.orders.get(order_id, {"found": False}))

    @everyspan.step(kind="tool")
    def track_parcel(self, tracking_number: str) -> Any:
        return self._answer(
            "track_parcel", lambda: self._shop.parcels.get(tracking_number, {"found": False})
        )

    @everyspan.step(kind="tool")
    def search_products(self, query: str, max_price: float | None = None) -> Any:
        def find() -> dict[str, Any]:
            words = set(query.lower().split())
            return {
                "products": [
                    product
                    for product in self._shop.products
                    if words & set(f"{product['name']} {product['about']}".lower().split())
                    and (max_price is None or product["price_eur"] <= max_price)
                ]
            }

        return self._answer("search_products", find)

    @everyspan.step(kind="tool")
    def create_return(self, order_id: str, reason: str) -> Any:
        return self._answer(
            "create_return", lambda: {"return_id": f"RT-{order_id}", "reason": reason}
        )

    @everyspan.step(kind="tool")
    def issue_refund(self, order_id: str, amount_eur: float) -> Any:
        return self._answer(
            "issue_refund",
            lambda: {"order_id": order_id, "amount_eur": amount_eur, "state": "handed over"},
        )

    def _answer(self, tool: str, healthy: Callable[[], Any]) -> Any:
        fault = self._faults.get(tool)
        if fault is None:
            return healthy()
        if "raise" in fault:
            error: type[Exception] = getattr(builtins, fault["raise"])
            raise error(fault["message"])
        return fault["return"]
