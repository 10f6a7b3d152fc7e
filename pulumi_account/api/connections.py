"""The network, with an end to every wait and to every answer.

httpx's time-outs are those of a single read: a server that drips a byte a second, or sends one ``103`` after the other,
meets none. So each read here has what is left of the whole attempt's time.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from pulumi_account.api.certificates import tls_files
from pulumi_account.api.settings import is_loopback
from pulumi_account.exceptions import ConfigurationError

__all__ = ["LARGEST_BODY", "default_transport", "via", "whole"]

#: bytes of a body, unpacked: a list of 10,000 keys has half of it at most, with the longest names, each one escaped
LARGEST_BODY = 64 * 2**20

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
#: an entry of NO_PROXY: a host or a domain, an address or a network, with or without a port
_HOST = re.compile(
    r"[\w.*-]*(/[0-9]+)?(:[0-9]+)?|[0-9A-Fa-f:.]+(%\w+)?(/[0-9]+)?|\[[0-9A-Fa-f:.]+(%\w+)?\](:[0-9]+)?"
)


def default_transport(endpoint: str) -> httpx.BaseTransport:
    """The network, through the proxy that the environment names, but never to this machine itself.

    :raises ConfigurationError: the endpoint is plain http on another machine, or the proxy or the certificates that
        the environment names cannot be used.
    """
    url = httpx.URL(endpoint)
    if is_loopback(endpoint):
        # the world's authorities take long to read
        return _Network(verify=_context() if url.scheme == "https" else False)
    if url.scheme != "https":
        raise ConfigurationError(f"{endpoint} must be https: plain http is for loopback addresses only")
    scheme = _proxy_scheme(url.host)
    if scheme is None:
        return _Network(verify=_context())
    if not _names_hosts():
        raise ConfigurationError(
            f"{_variable('no')} must be names of hosts, such as localhost,.example.com, with commas between them"
        )
    with suppress(ValueError, ImportError, httpx.InvalidURL):  # they may quote its password
        return _Network(verify=_context(), proxy=_proxy(scheme))
    raise ConfigurationError(
        f"{_variable(scheme)} must be http://host:port or https://host:port, or socks5://host:port with "
        "`pip install 'httpx[socks]'`; special characters in a password are percent-encoded"
    )


def via(endpoint: str) -> str:
    """How `default_transport` gets there, for people: `` through the proxy …``; empty where there is none."""
    scheme = None if is_loopback(endpoint) else _proxy_scheme(httpx.URL(endpoint).host)
    if scheme is None:
        return ""
    url = _proxy_url(scheme)
    host = f"[{url.host}]" if ":" in url.host else url.raw_host.decode()
    return f" through the proxy {url.scheme}://{host}:{url.port or _PORTS[url.scheme]} of {_variable(scheme)}"


def _context() -> ssl.SSLContext:
    """TLS, with the same certificates for every version of httpx."""
    if given := tls_files(os.environ):
        return ssl.create_default_context(cafile=given.get("cafile"), capath=given.get("capath"))
    return httpx.create_ssl_context()


def _proxy_scheme(host: str) -> str | None:
    """Under which scheme the environment names a proxy to a host."""
    named = urllib.request.getproxies()
    scheme = next((scheme for scheme in ("https", "all") if named.get(scheme)), None)
    return None if scheme is None or urllib.request.proxy_bypass(host) else scheme


def _variable(scheme: str) -> str:
    """The variable that names the proxy of a scheme, in either case; some systems have settings of their own."""
    value = urllib.request.getproxies().get(scheme)
    names = [name for name, text in os.environ.items() if text == value]
    return next((name for name in names if name.lower() == f"{scheme}_proxy"), "the system's proxy")


def _names_hosts() -> bool:
    """Whether the hosts that no proxy leads to are written as hosts are: others would just never match."""
    return all(
        _HOST.fullmatch(entry.strip()) for entry in urllib.request.getproxies().get("no", "").split(",")
    )


def _proxy_url(scheme: str) -> httpx.URL:
    """The proxy of a scheme.

    :raises ValueError: it is not a proxy's, or `httpx.InvalidURL`: it is not a URL.
    """
    text = urllib.request.getproxies()[scheme]
    url = httpx.URL(text if "://" in text else f"http://{text}")
    is_host = url.host and b"%" not in url.raw_host
    port = _PORTS.get(url.scheme, 0) if url.port is None else url.port
    # a path may be the rest of a password, and the host its beginning
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
    """What is left of the time of the attempt that this thread makes."""

    seconds: float | None = None
    until = float("inf")

    def begin(self, seconds: float | None) -> None:
        """Count from now; None is without end."""
        self.seconds, self.until = seconds, time.monotonic() + (float("inf") if seconds is None else seconds)

    def left(
        self, timeout: float | None, over: type[httpcore.TimeoutException], parts: int = 1
    ) -> float | None:
        """A time-out, cut to one of so many parts of what is left; ``over`` is raised where that is nothing."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise over(str(self))
        least = min(left / parts, float("inf") if timeout is None else timeout)
        return None if least == float("inf") else least

    def __str__(self) -> str:
        return f"no whole answer within {self.seconds:g} s: ACCOUNT_TIMEOUT sets that"


_budget = _Budget()


class _Network(httpx.HTTPTransport):
    """The network; an attempt is given up when its whole answer has not come within its read time-out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpx has no argument for it
        self._pool._network_backend = _Backend(self._pool._network_backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send; the caller reads the body in the same thread."""
        _budget.begin(request.extensions.get("timeout", {}).get("read"))
        return super().handle_request(request)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers; each has its share of what time is left."""
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
    """TLS to a proxy, through which goes the TLS to the server: a read of that is any number of reads of this one."""

    def recv(self, *args: Any, **options: Any) -> bytes:
        self.settimeout(_budget.left(self.gettimeout(), httpcore.ReadTimeout))
        return super().recv(*args, **options)


def whole(response: httpx.Response) -> httpx.Response:
    """The answer with its body, so that one which is cut off half-way counts as lost.

    It is unpacked here: httpx would unpack a few kilobytes to gigabytes before anybody could count them.

    :raises httpx.DecodingError: the body is too large, or not packed as it says, or in a way that nobody asked for.
    """
    headers = response.headers.copy()
    packing = headers.pop("Content-Encoding", "identity")
    body = bytearray()
    try:
        for part in _unpacked(response, packing.lower()):
            body += part
            if len(body) > LARGEST_BODY:
                raise httpx.DecodingError(f"the body has more than {LARGEST_BODY // 2**20} MiB")
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
    finally:
        response.close()
    content, extensions = bytes(body), response.extensions
    return httpx.Response(response.status_code, headers=headers, content=content, extensions=extensions)


def _unpacked(response: httpx.Response, packing: str) -> Iterator[bytes]:
    """The parts of the body; none has many more bytes than a body may have."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    if packing == "identity":
        yield from response.stream
    elif packing == "gzip":
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for part in response.stream:
            yield gzip.decompress(part, LARGEST_BODY + 1)
    else:
        raise httpx.DecodingError(f"it is packed as {packing}, which was not asked for")
