"""E-mail by SMTP: one thread of messages for each alert."""

from __future__ import annotations

import hashlib
import html
import smtplib
import ssl
from collections import OrderedDict
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Annotated, Literal

from pydantic import Field

from alerting.destinations.config import ChannelConfig
from alerting.destinations.sending import AwayError, RefusedError, cut, rendered
from alerting.message import Message

_Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Config(ChannelConfig):
    """An SMTP server, and from whom to whom."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: _Address
    to: Annotated[list[_Address], Field(min_length=1)]


#: Who has taken a message that others did not take yet: they get it once.
_taken: OrderedDict[str, set[str]] = OrderedDict()
_MOST_KEPT = 1000


def body(config: Config, message: Message) -> EmailMessage:
    """Text, and the same as HTML."""
    mail = EmailMessage()
    mail["From"], mail["To"] = config.sender, ", ".join(config.to)
    mail["Subject"] = cut(" ".join(message.headline.split()), 200)
    mail["Date"] = format_datetime(datetime.now(UTC))
    domain = config.sender.rpartition("@")[2]
    mail["Message-ID"] = make_msgid(domain=domain)
    thread = hashlib.sha256(message.dedup_key.encode()).hexdigest()[:32]
    mail["References"] = f"<{thread}@{domain}>"
    text = rendered("alert.txt", message)
    mail.set_content(text)
    mail.add_alternative(
        '<pre style="font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap">'
        f"{html.escape(text)}</pre>",
        subtype="html",
    )
    return mail


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError, also where some of its recipients do not take it."""
    mail = body(config, message)
    key = f"{config.host} {message.event} {message.dedup_key} {message.starts_at} {config.to}"
    left = [address for address in config.to if address not in _taken.get(key, ())]
    secure = ssl.create_default_context()
    try:
        if config.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.timeout_seconds, context=secure
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_seconds)
        with server:
            if config.tls == "starttls":
                server.starttls(context=secure)
            if config.username:
                server.login(config.username, config.password)
            refused = server.send_message(mail, to_addrs=left)
    except smtplib.SMTPRecipientsRefused as error:
        raise _not_all(error.recipients) from error
    except smtplib.SMTPResponseException as error:
        told = f"{error.smtp_code} {error.smtp_error!r}"
        raise (RefusedError(told) if error.smtp_code >= 500 else AwayError(told)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise AwayError(f"{type(error).__name__}: {error}") from error
    if refused:
        _taken.setdefault(key, set()).update(set(left) - set(refused))
        while len(_taken) > _MOST_KEPT:
            _taken.popitem(last=False)
        raise _not_all(refused)
    _taken.pop(key, None)


def _not_all(refused: dict[str, tuple[int, bytes]]) -> RefusedError | AwayError:
    told = "; ".join(
        f"{address}: {code} {answer.decode('utf-8', 'replace')}"
        for address, (code, answer) in refused.items()
    )
    permanent = all(code >= 500 for code, _ in refused.values())
    return RefusedError(f"refused for {told}") if permanent else AwayError(f"not taken for {told}")
