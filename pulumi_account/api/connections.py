"""The network: proxies, TLS, and limits on the time and size of every response.

httpx's time-outs apply to single reads: a server that sends a byte a second, or one ``103`` after another, never
exceeds them. Here each read may take only the rest of the attempt's time.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from pulumi_account.api.certificates import tls_files
from pulumi_account.api.settings import is_loopback
from pulumi_account.exceptions import ConfigurationError

__all__ = ["LARGEST_BODY", "default_transport", "via", "whole"]

#: bytes of a decompressed body: a list of 10,000 keys takes at most half, even with the longest names, all escaped
LARGEST_BODY = 64 * 2**20

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
#: an entry of NO_PROXY: a host, a domain, an address or a network, with or without a port
_HOST = re.compile(
    r"[\w.*-]*(/[0-9]+)?(:[0-9]+)?|[0-9A-Fa-f:.]+(%\w+)?(/[0-9]+)?|\[[0-9A-Fa-f:.]+(%\w+)?\](:[0-9]+)?"
)


def default_transport(endpoint: str) -> httpx.BaseTransport:
    """The network, through the proxy that the environment names; requests to this machine use no proxy.

    :raises ConfigurationError: the endpoint is plain http on another machine, or the proxy or the certificates that
        the environment names cannot be used.
    """
    url = httpx.URL(endpoint)
    if is_loopback(endpoint):
        # loading the CA bundle is slow
        return _Network(verify=_context() if url.scheme == "https" else False)
    if url.scheme != "https":
        raise ConfigurationError(f"{endpoint} must be https: plain http is for loopback addresses only")
    scheme = _proxy_scheme(url.host)
    if scheme is None:
        return _Network(verify=_context())
    # a malformed entry would never match: its host would be reached through the proxy
    if not all(_HOST.fullmatch(entry.strip()) for entry in getproxies().get("no", "").split(",")):
        raise ConfigurationError(
            f"{_variable('no')} must be names of hosts, separated by commas, such as localhost,.example.com"
        )
    with suppress(ValueError, ImportError, httpx.InvalidURL):  # they may quote its password
        return _Network(verify=_context(), proxy=_proxy(scheme))
    raise ConfigurationError(
        f"{_variable(scheme)} must be http://host:port or https://host:port, or socks5://host:port with "
        "`pip install 'httpx[socks]'`; percent-encode special characters in a password"
    )


def via(endpoint: str) -> str:
    """How `default_transport` reaches the endpoint: `` through the proxy …``; empty if there is no proxy."""
    scheme = None if is_loopback(endpoint) else _proxy_scheme(httpx.URL(endpoint).host)
    if scheme is None:
        return ""
    url = _proxy_url(scheme)
    host = f"[{url.host}]" if ":" in url.host else url.raw_host.decode()
    return f" through the proxy {url.scheme}://{host}:{url.port or _PORTS[url.scheme]} of {_variable(scheme)}"


def _context() -> ssl.SSLContext:
    """TLS that trusts the same certificates with every version of httpx."""
    if given := tls_files(os.environ):
        return ssl.create_default_context(cafile=given.get("cafile"), capath=given.get("capath"))
    return httpx.create_ssl_context()


def _proxy_scheme(host: str) -> str | None:
    """The scheme for which the environment names the proxy to a host; None if no proxy leads there."""
    named = getproxies()
    scheme = next((scheme for scheme in ("https", "all") if named.get(scheme)), None)
    return None if scheme is None or proxy_bypass(host) else scheme


def _variable(scheme: str) -> str:
    """The variable that names the proxy for a scheme, in either case; some systems have settings instead."""
    value = getproxies().get(scheme)
    names = [name for name, text in os.environ.items() if text == value]
    return next((name for name in names if name.lower() == f"{scheme}_proxy"), "the system's proxy")


def _proxy_url(scheme: str) -> httpx.URL:
    """The proxy for a scheme.

    :raises ValueError: the URL is not that of a proxy.
    :raises httpx.InvalidURL: it is not a URL.
    """
    text = getproxies()[scheme]
    url = httpx.URL(text if "://" in text else f"http://{text}")
    is_host = url.host and b"%" not in url.raw_host
    port = _PORTS.get(url.scheme, 0) if url.port is None else url.port
    # the path may be the end of a password, and the host its beginning
    if not is_host or not 0 < port < 65_536 or url.raw_path not in (b"", b"/") or url.fragment:
        raise ValueError("not the URL of a proxy")
    return url


def _proxy(scheme: str) -> httpx.Proxy:
    url = _proxy_url(scheme)
    if url.scheme != "https":
        return httpx.Proxy(url)
    context = _context()
    context.sslsocket_class = _ProxySocket
    return httpx.Proxy(url, ssl_context=context)


class _Budget(threading.local):
    """The remaining time of the attempt that this thread makes."""

    seconds: float | None = None
    until = float("inf")

    def begin(self, seconds: float | None) -> None:
        """Start an attempt; None means no limit."""
        self.seconds, self.until = seconds, time.monotonic() + (float("inf") if seconds is None else seconds)

    def left(
        self, timeout: float | None, over: type[httpcore.TimeoutException], parts: int = 1
    ) -> float | None:
        """The time-out, or an equal share of the remaining time if that is shorter.

        :param over: the error to raise when no time remains.
        :param parts: the number of shares.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            raise over(str(self))
        share = min(left / parts, float("inf") if timeout is None else timeout)
        return None if share == float("inf") else share

    def __str__(self) -> str:
        return f"no whole answer within {self.seconds:g} s: ACCOUNT_TIMEOUT sets this limit"


_budget = _Budget()


class _Network(httpx.HTTPTransport):
    """The network; gives up an attempt whose whole response has not arrived within the read time-out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpx has no argument for this
        self._pool._network_backend = _Backend(self._pool._network_backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send; the caller must read the body in the same thread."""
        _budget.begin(request.extensions.get("timeout", {}).get("read"))
        return super().handle_request(request)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        """Connect to the host's first address that answers; each gets its share of the remaining time."""
        try:
            addresses = [found[4][0] for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for place, address in enumerate(addresses):
            share = _budget.left(timeout, httpcore.ConnectTimeout, parts=len(addresses) - place)
            try:
                return _Stream(self._inner.connect_tcp(str(address), port, share, *args, **options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._inner.read(max_bytes, _budget.left(timeout, httpcore.ReadTimeout))
        except httpcore.ReadTimeout:
            raise httpcore.ReadTimeout(str(_budget)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _budget.left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _budget.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))


class _ProxySocket(ssl.SSLSocket):
    """TLS to a proxy, inside which TLS to the server runs: one read of the inner needs any number of the outer."""

    def recv(self, *args: Any, **options: Any) -> bytes:
        self.settimeout(_budget.left(self.gettimeout(), httpcore.ReadTimeout))
        return super().recv(*args, **options)


def whole(response: httpx.Response) -> httpx.Response:
    """The response with its whole body, so that a response that is cut off counts as lost.

    It is decompressed here: httpx would expand a few kilobytes to gigabytes before their size could be checked.

    :raises httpx.DecodingError: the body is too large, or does not have an encoding that was requested.
    """
    headers = response.headers.copy()
    encoding = headers.pop("Content-Encoding", "identity")
    body = bytearray()
    try:
        for part in _decompressed(response, encoding.lower()):
            body += part
            if len(body) > LARGEST_BODY:
                raise httpx.DecodingError(f"the body has more than {LARGEST_BODY // 2**20} MiB")
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
    finally:
        response.close()
    content, extensions = bytes(body), response.extensions
    return httpx.Response(response.status_code, headers=headers, content=content, extensions=extensions)


def _decompressed(response: httpx.Response, encoding: str) -> Iterator[bytes]:
    """The parts of the body; none is much larger than a body may be."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    if encoding == "identity":
        yield from response.stream
    elif encoding == "gzip":
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for part in response.stream:
            yield gzip.decompress(part, LARGEST_BODY + 1)
    else:
        raise httpx.DecodingError(f"the encoding is {encoding}, which was not requested")
