"""Who may call: Grafana by its signature or the token, everybody else by the token."""

from __future__ import annotations

import re
import time
from http import HTTPStatus

from alerting.settings import AlertingSettings
from alerting.signature import SignatureError, check_headers
from service.caller import Caller, Gate, NotAllowed
from service.keys import OPERATOR, Keys, Scope, Who

WEBHOOK = "/v1/grafana"
#: Of its own project.
_FORGET = "/v1/forget"


#: A project's own alerts and silences.
_ALERTS = re.compile(r"/v1/(alerts|silences)(/[^/]+)*")


class AlertingGate(Gate):
    """The webhook has a secret of its own. The body that it signs is checked once it is read."""

    def __init__(self, settings: AlertingSettings, keys: Keys | None = None) -> None:
        super().__init__(
            "alerting",
            "EVERYSPAN_ALERTING_TOKEN",
            settings.alerting_token,
            settings.host_names,
            json_only=True,
            keys=keys,
            scope_of=_scope,
        )
        self._settings = settings

    def check(self, caller: Caller) -> Who:
        if caller.path != WEBHOOK:
            return super().check(caller)
        if who := self.key_of(caller):
            self.check_scope(caller, who)
        if not self.has_secret:
            self.check_local(caller)
        else:
            try:
                check_headers(caller.headers, self._settings, time.time())
            except SignatureError as error:
                raise NotAllowed(HTTPStatus.UNAUTHORIZED, str(error)) from error
            # A browser keeps the password of Basic, and sends it for other sites' pages too.
            caller.check_site()
        return OPERATOR

    @property
    def has_secret(self) -> bool:
        return super().has_secret or bool(self._settings.grafana_webhook_secret.get_secret_value())

    @property
    def remedy(self) -> str:
        return f"EVERYSPAN_GRAFANA_WEBHOOK_SECRET or {super().remedy}"


def _scope(caller: Caller) -> Scope | None:
    if caller.path == _FORGET:
        return "admin"
    return "alerts" if _ALERTS.fullmatch(caller.path) else None
