"""Evaluates the provisioned rules on their schedule and tells the webhook what changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from clickhouse_connect.driver.client import Client
from pydantic import ValidationError

from grafana.evaluation.expressions import RuleError, evaluate
from grafana.evaluation.memory import Group, Memory
from grafana.evaluation.notification import body
from grafana.evaluation.provisioning import Alerting, Policy, Rule, seconds
from grafana.evaluation.provisioning import Group as RuleGroup
from grafana.evaluation.routing import Target, muted, targets
from grafana.evaluation.states import Instance, advanced
from service.client import CallError
from service.client import Client as Service
from service.errors import UserError

log = logging.getLogger(__name__)

PROVISIONED = Path(__file__).parents[1] / "provisioning" / "alerting"
_WEBHOOK = "/v1/grafana"
_TICK_SECONDS = 1.0
#: Grafana evaluates no group more often than every ten seconds. Here those that page on a single
#: failure are looked at as soon as this.
_URGENT_SECONDS = 3.0
_RETRY_SECONDS = 5.0


class RulesError(UserError):
    """A provisioning file can't be read; the text names it, the field and what is wrong."""


def read_rules(folder: Path = PROVISIONED) -> Alerting:
    """All files of a provisioning/alerting folder as one. Raises RulesError."""
    whole: dict[str, Any] = {"apiVersion": 1}
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise RulesError(f"{folder} has no *.yaml; point EVERYSPAN_GRAFANA_RULES at the folder")
    for path in paths:
        try:
            found = Alerting.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RulesError(f"{path}: {error}") from error
        except RecursionError as error:
            raise RulesError(f"{path}: it is nested too deeply") from error
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise RulesError(f"{path}: {where}: {problem['msg']}") from error
        for name in ("groups", "contactPoints", "policies", "muteTimes", "templates"):
            whole.setdefault(name, []).extend(getattr(found, name))
    if not whole["policies"]:
        raise RulesError(f"{folder} has no notification policy; add `policies` to one of its files")
    return Alerting.model_construct(**whole)


def _interval(group: RuleGroup) -> float:
    """Seconds between two evaluations."""
    urgent = all(rule.labels.get("kind") == "critical" for rule in group.rules)
    return min(seconds(group.interval), _URGENT_SECONDS if urgent else float("inf"))


class Evaluator:
    """``connect``: a client of its own, whose database holds the spans; ``alerting``: who is told;
    ``secret``: of its webhook, '' for none; ``every``: seconds between evaluations instead of the
    files' own, 0 for those; ``patient``: whether group_wait and group_interval are kept."""

    def __init__(
        self,
        rules: Alerting,
        connect: Callable[[], Client],
        alerting: Service,
        memory: Path,
        *,
        secret: str = "",
        grafana_url: str = "",
        every: float = 0.0,
        patient: bool = True,
    ) -> None:
        self._provisioned = rules
        self._policy: Policy = rules.policies[0]
        self._rules = {rule.uid: rule for group in rules.groups for rule in group.rules}
        self._connect = connect
        self._client: Client | None = None
        self._alerting, self._secret = alerting, secret
        self._grafana = grafana_url.rstrip("/")
        self._every, self._patient = every, patient
        self._memory = Memory.read(memory)
        self._due = {group.name: 0.0 for group in rules.groups}
        self._retry_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Evaluate in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="alert rules", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the rule at hand. Safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._disconnect()

    def tick(self) -> None:
        """Evaluate the groups that are due, and tell what is to be told."""
        # By a clock that nobody sets: set back, no rule would be evaluated for as long.
        now = time.monotonic()
        changed = False
        for group in self._provisioned.groups:
            if self._due[group.name] > now:
                continue
            self._due[group.name] = now + (self._every or _interval(group))
            for rule in group.rules:
                if self._stopping.is_set():
                    return
                if not rule.isPaused:
                    self._evaluate(rule, group.folder)
            changed = True
        if changed:
            # Before anybody is told: after a stop, what fires has fired since the same moment, and
            # is not told as something new.
            self._keep()
        if self._tell(time.time()):
            self._keep()

    def firing(self) -> list[Instance]:
        """The alerts that fire now."""
        return [i for each in self._memory.instances.values() for i in each.values() if i.firing]

    def _loop(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                self.tick()
            except Exception:
                log.exception("the alert rules could not be evaluated; trying again")
                self._disconnect()

    def _keep(self) -> None:
        """A disk that takes nothing keeps nobody from being told."""
        try:
            self._memory.write()
        except OSError as error:
            log.error("%s; what fires now is told again after a restart", error)

    def _evaluate(self, rule: Rule, folder: str) -> None:
        now = datetime.now(UTC)
        before = self._memory.instances.get(rule.uid, {})
        try:
            found: Any = evaluate(rule, self._run, now)
        except RuleError as error:
            found = str(error)
        except Exception as error:
            # A failed query leaves its output to the next one of the same connection.
            self._disconnect()
            found = f"{type(error).__name__}: {error}"
        if isinstance(found, str):
            log.warning("rule %s: %s", rule.uid, found)
        self._memory.instances[rule.uid] = advanced(rule, folder, before, found, now)

    def _run(self, sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        if self._client is None:
            self._client = self._connect()
        answer = self._client.query(sql)
        return answer.column_names, answer.result_rows

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _tell(self, now: float) -> bool:
        """Send each group whose time has come. Whether anything of the memory changed."""
        if time.monotonic() < self._retry_at:
            return False
        groups: dict[str, tuple[Target, list[Instance]]] = {}
        for each in self._memory.instances.values():
            for instance in each.values():
                if not instance.firing and instance.ends_at is None:
                    continue
                for target in targets(self._policy, instance.labels):
                    key = f"{target.receiver} {target.group_key(instance.labels)}"
                    groups.setdefault(key, (target, []))[1].append(instance)
        changed = False
        for key, (target, alerts) in groups.items():
            changed |= self._tell_group(key, target, alerts, now)
        for key in [key for key in self._memory.groups if key not in groups]:
            del self._memory.groups[key]
            changed = True
        return changed

    def _tell_group(self, key: str, target: Target, alerts: list[Instance], now: float) -> bool:
        known = self._memory.groups.setdefault(key, Group(first=now))
        # They were in the future if the clock has been set back since.
        known.first, known.told = min(known.first, now), min(known.told, now)
        # What nobody was told of need not be taken back.
        told = [a for a in alerts if a.firing or a.fingerprint in known.content]
        content = {a.fingerprint: "firing" if a.firing else "resolved" for a in told}
        if not told:
            self._forget(alerts)
            return True
        if not known.told:
            due = known.first + (target.group_wait if self._patient else 0)
        elif content != known.content:
            due = known.told + (target.group_interval if self._patient else 0)
        else:
            due = known.told + target.repeat_interval
        if now < due or muted(
            target, self._provisioned.muteTimes, datetime.fromtimestamp(now, UTC)
        ):
            return False
        document = body(
            target.receiver,
            target.group_key(told[0].labels),
            target.group_labels(told[0].labels),
            told,
            self._rules,
            self._grafana,
        )
        if not self._post(document):
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return False
        known.told = now
        known.content = {k: v for k, v in content.items() if v == "firing"}
        self._forget([alert for alert in alerts if not alert.firing])
        return True

    def _forget(self, alerts: Sequence[Instance]) -> None:
        for alert in alerts:
            rule = self._memory.instances.get(alert.rule_uid, {})
            if alert.fingerprint in rule and not alert.firing:
                rule[alert.fingerprint] = replace(alert, ends_at=None, starts_at=None)

    def _post(self, document: dict[str, Any]) -> bool:
        data = json.dumps(document).encode()
        headers = {"User-Agent": "Everyspan-rules"}
        if self._secret:
            stamp = str(int(time.time()))
            signed = stamp.encode() + b":" + data
            digest = hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
            headers["X-Grafana-Alerting-Timestamp"] = stamp
            headers["X-Grafana-Alerting-Signature"] = digest
        try:
            self._alerting.call("POST", _WEBHOOK, data, headers=headers, text=True)
        except CallError as error:
            log.warning("nobody is told of %s: %s", document["title"], error)
            return False
        log.info("told of %s", document["title"])
        return True
