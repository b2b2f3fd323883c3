"""Grafana's HMAC signature of a webhook.

hex(HMAC-SHA256(secret, body)), or of ``<unix seconds>:<body>`` where the contact point names a
header for the time. See
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from alerting.settings import AlertingSettings

SIGNATURE_HEADER = "X-Grafana-Alerting-Signature"


class SignatureError(Exception):
    """The sender has not shown that it knows the secret. The text names the header and a remedy."""


def sign(secret: str, body: bytes, timestamp: str = "") -> str:
    """Lower-case hex, as Grafana sends it."""
    signed = timestamp.encode() + b":" + body if timestamp else body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def has_token(headers: Mapping[str, str], settings: AlertingSettings) -> bool:
    """Whether the sender showed the token, as Bearer or as the password of Basic (RFC 7617)."""
    token = settings.alerting_token.get_secret_value()
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except ValueError:
            return False
    elif kind.lower() != "bearer":
        return False
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


def check_headers(headers: Mapping[str, str], settings: AlertingSettings, now: float) -> None:
    """What can be refused before the body is read. ``now``: seconds since 1970.

    Without a secret and a token everything passes. Raises SignatureError.
    """
    if not settings.grafana_webhook_secret.get_secret_value():
        if settings.alerting_token.get_secret_value() and not has_token(headers, settings):
            raise SignatureError(
                "Authorization is missing or wrong; set the contact point's bearer credentials, or "
                "the password of its basic authentication, to EVERYSPAN_ALERTING_TOKEN"
            )
        return
    if not headers.get(SIGNATURE_HEADER.lower()) and has_token(headers, settings):
        return
    if not headers.get(SIGNATURE_HEADER.lower()):
        raise SignatureError(
            f"{SIGNATURE_HEADER} is missing; set the HMAC secret of Grafana's contact point to "
            "EVERYSPAN_GRAFANA_WEBHOOK_SECRET"
        )
    name = settings.grafana_timestamp_header
    timestamp = headers.get(name.lower())
    if timestamp is None:
        if settings.grafana_require_timestamp:
            raise SignatureError(
                f"{name} is missing; set the timestamp header of Grafana's contact point to it"
            )
        return
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureError(f"{name} is '{timestamp[:40]}'; it must be seconds since 1970")
    age = now - int(timestamp)
    if abs(age) > settings.grafana_max_age_seconds:
        raise SignatureError(
            f"{name} is {abs(age):.0f} s {'old' if age > 0 else 'ahead'}, allowed are "
            f"{settings.grafana_max_age_seconds}; set both clocks, or raise "
            "EVERYSPAN_GRAFANA_MAX_AGE_SECONDS"
        )


def check_body(headers: Mapping[str, str], body: bytes, settings: AlertingSettings) -> None:
    """Whether the body is the one that was signed. ``check_headers`` must have passed.

    Raises SignatureError.
    """
    secret = settings.grafana_webhook_secret.get_secret_value()
    if not secret or not headers.get(SIGNATURE_HEADER.lower()):
        # check_headers has seen a token instead.
        return
    name = settings.grafana_timestamp_header
    expected = sign(secret, body, headers.get(name.lower(), ""))
    given = headers[SIGNATURE_HEADER.lower()].strip().lower()
    # Bytes, because compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
        raise SignatureError(
            f"{SIGNATURE_HEADER} does not match; the HMAC secret of Grafana's contact point must "
            f"be EVERYSPAN_GRAFANA_WEBHOOK_SECRET, and its timestamp header {name} or empty"
        )
