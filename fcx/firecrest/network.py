"""What the environment says of the way to a server: which proxy to take, and which CAs to trust.

Read here, once for all requests, and not by httpx: that knows half of the variables, and raises
errors of its own for values that it cannot read.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from ..errors import ConfigError

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
SOCKS = ("socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """The address of a proxy, and the setting that names it. The address may hold a password."""

    address: str
    setting: str

    def __str__(self) -> str:
        parts = urlsplit(self.address)
        return f"the proxy {parts.hostname}:{parts.port or 'default port'} ({self.setting})"


def trusted_by(*urls: str) -> ssl.SSLContext:
    """Whom to trust on the way to these: nobody, where no way is encrypted; to read CAs takes long.

    Raises ConfigError for variables that name what cannot be used.
    """
    if any(urlsplit(url).scheme == "https" or proxy_for(url) for url in urls):
        return trusted()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def trusted() -> ssl.SSLContext:
    """Whom to trust: the CAs that the variables name, all of them; else those of certifi."""
    named = named_cas()
    if not named:
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for variable, path in named:
        try:
            kind = "capath" if Path(path).is_dir() else "cafile"
            context.load_verify_locations(**{kind: path})
        except OSError as error:  # an SSLError is one
            raise _bad_ca(variable, path, str(error)) from None
    return context


def named_cas() -> list[tuple[str, str]]:
    """The variables that name CAs, with their paths. Raises ConfigError for one without a file."""
    named = [(name, os.environ[name]) for name in CA_VARIABLES if os.environ.get(name)]
    for variable, path in named:
        if not os.access(path, os.R_OK):
            raise _bad_ca(variable, path, "it is not there, or cannot be read")
    return named


def _bad_ca(variable: str, path: str, why: str) -> ConfigError:
    return ConfigError(
        f"{variable} names {path!r} as the certificates to trust, and they cannot be used: {why}. "
        "Name a file of CA certificates in PEM form there, or unset the variable."
    )


def check_address(variable: str, url: str) -> None:
    """Raises ConfigError, with the variable, for what is no URL, or has no usable way to it."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise ConfigError(
            f"{variable} is {without_password(url)!r}, which is no URL with a host: like "
            "FIRECREST_URL and AUTH_TOKEN_URL at every site it begins with https:// and a host's "
            "name."
        )
    proxy_for(url)


def without_password(url: str) -> str:
    """An address, with or without its scheme, and without what may be a password."""
    return url.rpartition("@")[2]


def proxy_for(url: str) -> Proxy | None:
    """The proxy on the way to a URL; None for a direct way, which loopback always has.

    Raises ConfigError, which names the variable, for a proxy that cannot be used.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if is_loopback(host):
        return None
    settings = getproxies()
    kind = parts.scheme if settings.get(parts.scheme) else "all"
    address = settings.get(kind)
    if not address or _spared(host, port, settings):
        return None
    address = address if "://" in address else f"http://{address}"
    found = Proxy(address, _setting(kind))
    _check(found)
    return found


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")


def _setting(kind: str) -> str:
    """Where the proxy is set; elsewhere than in the environment on some systems."""
    names = [f"{kind}_proxy", f"{kind}_proxy".upper()]
    return next((name for name in names if os.environ.get(name)), "the system's proxy settings")


def _check(proxy: Proxy) -> None:
    parts, wrong = _split(proxy.address), ""
    if parts is None:
        wrong = "which is not the address of a proxy (like http://proxy.example.org:3128)"
    elif parts.scheme in SOCKS and importlib.util.find_spec("socksio") is None:
        wrong = "a SOCKS proxy, for which the Python package socksio must be installed here"
    elif parts.scheme not in {"http", "https", *SOCKS}:
        wrong = f"a proxy of the kind {parts.scheme}://, which fcx cannot use"
    if wrong:
        raise unusable(proxy, wrong)


def unusable(proxy: Proxy, wrong: str) -> ConfigError:
    """The error for a proxy that cannot be taken."""
    return ConfigError(
        f"{proxy.setting} names {without_password(proxy.address)!r}, {wrong}. Correct it, unset "
        "it, or put the host into NO_PROXY."
    )


def _split(url: str) -> SplitResult | None:
    """Its parts, if it has a host and no nonsense for a port."""
    with suppress(ValueError):
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    return None


def _spared(host: str, port: int | None, settings: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the host: by name, domain, address or network."""
    if "no" not in settings:
        return bool(proxy_bypass(host))
    names = settings["no"].lower().replace(",", " ").split()
    return any(_names(name, host.lower(), port) for name in names)


def _names(name: str, host: str, port: int | None) -> bool:
    """Whether one entry names the host; one that means nothing names none."""
    if name == "*":
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return address in ipaddress.ip_network(name.strip("[]"), strict=False)
    bare, colon, wanted = name.rpartition(":")
    if colon and wanted.isdigit():
        if port is not None and int(wanted) != port:
            return False
        name = bare.strip("[]")
    domain = name.removeprefix("*").removeprefix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
