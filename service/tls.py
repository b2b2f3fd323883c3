"""TLS of the ports that other machines reach: one certificate, taken anew when its file changes.

Certificates are renewed every few weeks, under the same names. A service that had to be restarted
for it would be restarted too late.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from pathlib import Path

from service.errors import UserError
from service.settings import ListenSettings

log = logging.getLogger(__name__)

_CERTIFICATE, _KEY = "EVERYSPAN_TLS_CERTIFICATE", "EVERYSPAN_TLS_KEY"


class TlsError(UserError):
    """The certificate or its key can't be used; the text names the setting."""


class Tls:
    """``certificate``: PEM, with what leads to a root that senders trust. ``key``: PEM, without a
    passphrase. Raises TlsError."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self.context = self._loaded()
        self._stamps = self._seen()

    def renew(self) -> bool:
        """Whether the files have changed and hold for connections from now on. What can't be used
        leaves the ones before in force."""
        stamps = self._seen()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            # One written and the other not yet: a context that took only one would serve nobody.
            self._loaded()
            self.context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
        except (TlsError, OSError) as error:
            log.error("the certificate before stays in force: %s", error)
            return False
        log.info("%s is in force", self._certificate)
        return True

    def pem(self) -> tuple[bytes, bytes]:
        """Key and certificate. Raises TlsError."""
        self._loaded()
        return self._key.read_bytes(), self._certificate.read_bytes()

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for name, path in ((_CERTIFICATE, self._certificate), (_KEY, self._key)):
            if not path.is_file():
                raise TlsError(f"{name}: there is no file {path}")
        try:
            # A key with a passphrase would have it asked for on a terminal.
            context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
        except OSError as error:
            raise TlsError(
                f"{_CERTIFICATE}={self._certificate} and {_KEY}={self._key} can't be used:"
                f" {error.strerror or error}; give PEM files that belong together, the key without"
                " a passphrase"
            ) from error
        return context

    def _seen(self) -> tuple[tuple[int, int], ...]:
        found = []
        for path in (self._certificate, self._key):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_ino))
        return tuple(found)


def tls_of(settings: ListenSettings) -> Tls | None:
    """None where neither is set. Raises TlsError."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        there, lacks = (_KEY, _CERTIFICATE) if certificate is None else (_CERTIFICATE, _KEY)
        raise TlsError(f"{there} is set and {lacks} is not; set both, or neither")
    return Tls(certificate, key)
