"""Make of the options what an application and its server are given."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from fog_aggregator.components.http.access.logins import Logins
from fog_aggregator.components.http.options import HttpOptions


class ExposureError(ValueError):
    """A file of the options cannot be used; the text says which."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The way to an application.

    Attributes:
        prefix: The beginning of all paths; empty, or as in ``/fog``.
        names: The hosts that it answers to, beside loopback's; empty for any.
        logins: The logins that are let in; None for everybody.
        tls: The server's certificate; None for plain HTTP.
        certificate: The files of the certificate and its key, which `reload` reads anew.
    """

    prefix: str = ""
    names: tuple[str, ...] = ()
    logins: Logins | None = None
    tls: ssl.SSLContext | None = None
    certificate: tuple[str, str] | None = None

    def reload(self) -> None:
        """Read credentials and certificate anew; connections that are open keep theirs.

        Raises:
            CredentialsError, ExposureError: A file cannot be used; what was before stays.
        """
        if self.logins is not None:
            self.logins.reload()
        if self.tls is not None and self.certificate is not None:
            _load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), self.certificate)
            _load(self.tls, self.certificate)


NOT_EXPOSED = Exposure()


def make_exposure(options: HttpOptions) -> Exposure:
    """Read the files that the options name.

    Raises:
        CredentialsError, ExposureError: One cannot be used.
    """
    logins = Logins(Path(options.http_token_file)) if options.http_token_file else None
    context, certificate = None, None
    if options.http_tls_cert and options.http_tls_key:
        certificate = (options.http_tls_cert, options.http_tls_key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        _load(context, certificate)
    return Exposure(options.http_prefix, options.http_host, logins, context, certificate)


def _load(context: ssl.SSLContext, certificate: tuple[str, str]) -> None:
    cert, key = certificate
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise ExposureError(f"{cert} and {key} are no certificate and its key: {error.reason}") from None
    except OSError as error:
        raise ExposureError(f"the certificate {cert} or its key {key} cannot be read: {error.strerror}") from None
