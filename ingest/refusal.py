"""A request that is not accepted, and what its sender is told."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from service.caller import RETRY_SECONDS, NotAllowed

# google.rpc.Code for the HTTP statuses that OTLP uses.
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_RPC_CODES = {
    400: 3,  # INVALID_ARGUMENT
    401: 16,  # UNAUTHENTICATED
    403: 7,  # PERMISSION_DENIED
    404: 5,  # NOT_FOUND
    405: 12,  # UNIMPLEMENTED
    413: 3,  # too large is never retried: RESOURCE_EXHAUSTED would invite it
    415: 3,
    429: 8,  # RESOURCE_EXHAUSTED
    500: 13,  # INTERNAL
    503: 14,  # UNAVAILABLE
}


@dataclass(slots=True, frozen=True)
class Refusal:
    """``status`` is the HTTP status; ``retry_after`` seconds are set where a retry may succeed.

    See https://opentelemetry.io/docs/specs/otlp/#failures-1: only 429, 502, 503 and 504 are tried
    again, so 400 is for what can never succeed.
    """

    status: HTTPStatus
    message: str
    retry_after: int | None = None

    @property
    def rpc_code(self) -> int:
        """The google.rpc.Code."""
        return _RPC_CODES[self.status]


def not_known(refused: NotAllowed) -> Refusal:
    """Of a caller whom the gate does not let in, perhaps only for now."""
    away = refused.status == HTTPStatus.SERVICE_UNAVAILABLE
    return Refusal(refused.status, str(refused), RETRY_SECONDS if away else None)


class Refused(Exception):
    """Carries a Refusal up to the transport."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal
