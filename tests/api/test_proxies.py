"""Which proxy requests go through, and what errors say about it."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.connections import default_transport, via
from pulumi_account.exceptions import ConfigurationError, ConnectFailedError, ResponseLostError
from tests.support.helpers import refusal, unhurried
from tests.support.servers import impatient, listening, outside


def proxy_of(endpoint: str) -> str | None:
    """The proxy that requests to the endpoint would go through."""
    transport = default_transport(endpoint)
    assert isinstance(transport, httpx.HTTPTransport)
    pool = vars(transport)["_pool"]
    transport.close()
    if not isinstance(pool, httpcore.HTTPProxy):
        return None
    url = vars(pool)["_proxy_url"]
    return f"{url.scheme.decode()}://{url.host.decode()}:{url.port}"


@pytest.mark.parametrize("endpoint", ["http://localhost:1", "http://127.0.0.1:8080/", "http://[::1]:1"])
def test_no_proxy_to_this_machine(environment: pytest.MonkeyPatch, endpoint: str) -> None:
    """Requests to this machine use no proxy, whatever the environment names."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.setenv(name, "http://proxy.invalid:3128")
    assert proxy_of(endpoint) is None


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128"}, "http://proxy.invalid:3128"),
        ({"https_proxy": "http://proxy.invalid:3128"}, "http://proxy.invalid:3128"),
        ({"HTTPS_PROXY": "https://proxy.invalid:3128"}, "https://proxy.invalid:3128"),
        ({"HTTPS_PROXY": "proxy.invalid:3128"}, "http://proxy.invalid:3128"),
        ({"ALL_PROXY": "http://all.invalid:1"}, "http://all.invalid:1"),
        (
            {"ALL_PROXY": "http://all.invalid:1", "HTTPS_PROXY": "http://own.invalid:2"},
            "http://own.invalid:2",
        ),
        ({"HTTP_PROXY": "http://plain.invalid:1"}, None),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "naga.ac"}, None),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "*"}, None),
        (
            {"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "example.com"},
            "http://proxy.invalid:3128",
        ),
    ],
)
def test_the_environments_proxy(
    environment: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
) -> None:
    """Other requests go through the proxy that the environment names for them, if any."""
    for name, value in variables.items():
        environment.setenv(name, value)
    assert proxy_of("https://api.naga.ac") == proxy


PROXIES_OF_NO_USE = [
    "ftp://u:prov-canary-1@proxy.invalid", "ftp://proxy.invalid:1", "socks5://p.invalid:1",
    "http://p:x", "http://p:prov-canary-1", "http://p:0", "http://p:65536", "http://", "http://:3128", "http://a b:1",
    "http://xn--:1", "http://[::1", "http://p:1\n", "http://u:12/prov-canary-1@p:1", "http://u:12?prov-canary-1@p:1",
    "http://u:12#prov-canary-1@p:1", "http://prov-canary-1@",
]  # fmt: skip


@pytest.mark.parametrize("proxy", PROXIES_OF_NO_USE)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used(environment: pytest.MonkeyPatch, variable: str, proxy: str) -> None:
    """The error about an invalid proxy names its variable, not its address, which may contain a password."""
    environment.setenv(variable, proxy)
    refusal(
        ConfigurationError,
        lambda: default_transport("https://api.naga.ac"),
        f"^{variable} must be http://host:port",
    )


@unhurried
@given(
    st.lists(
        st.sampled_from(
            ["http://", "https://", "p.invalid", ":1", "/", "@", "?", "#", "[", "::1", "]", "xn--", "%", " "]
        )
        | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        max_size=8,
    ).map("".join)
)
def test_any_proxy_is_refused_or_can_be_used(certificate: Path, proxy: str) -> None:
    """Any value is either refused in one line or can be named in an error."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(certificate))
        environment.delenv("NO_PROXY", raising=False)
        environment.setenv("HTTPS_PROXY", proxy)
        try:
            default_transport("https://account.invalid").close()
        except ConfigurationError as error:
            shown = str(error)
        else:
            shown = via("https://account.invalid")
    told = r"( through the proxy https?://[!-~]+:[0-9]+ of HTTPS_PROXY)?|HTTPS_PROXY must be http:.*"
    assert re.fullmatch(told, shown)


@pytest.mark.parametrize(
    "hosts",
    ["http://u:prov-canary-1@p.invalid", "https://a.invalid", "a.invalid b.invalid", "a@b", "[::1", "a\tb"],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_hosts_without_a_proxy_that_are_none(
    environment: pytest.MonkeyPatch, variable: str, hosts: str
) -> None:
    """A malformed host is refused: it would never match, and its requests would go through the proxy."""
    environment.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    environment.setenv(variable, f"localhost, {hosts}")
    refusal(
        ConfigurationError,
        lambda: default_transport("https://api.naga.ac"),
        f"^{variable} must be names of hosts",
    )


def test_hosts_without_a_proxy_as_they_are_written(environment: pytest.MonkeyPatch) -> None:
    """Names, domains, patterns, addresses, networks and ports are all accepted."""
    environment.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    environment.setenv(
        "NO_PROXY",
        "localhost,.a.invalid, *.local,169.254/16,10.0.0.0/8,fe80::1%eth0,[::1]:80,::1,b:80,b_c,é,,",
    )
    assert proxy_of("https://api.naga.ac") == "http://proxy.invalid:3128"


def test_a_proxy_that_is_not_taken_is_not_looked_at(environment: pytest.MonkeyPatch) -> None:
    """A proxy for other hosts is not checked, nor is NO_PROXY when there is no proxy."""
    environment.setenv("NO_PROXY", "http://naga.ac")
    default_transport("https://api.naga.ac").close()
    environment.setenv("NO_PROXY", "naga.ac")
    environment.setenv("HTTPS_PROXY", "ftp://")
    default_transport("https://api.naga.ac").close()


def test_no_plain_http_elsewhere() -> None:
    """The network itself refuses to send a key over plain http to another machine."""
    refusal(ConfigurationError, lambda: default_transport("http://api.naga.ac"), "must be https")


# --- proxies that do not let requests through

REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"),
    "503": (b"HTTP/1.1 503 Nope\r\n\r\n", "503 Nope"),
}


@pytest.mark.parametrize("refused", REFUSALS)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses(
    tls: ssl.SSLContext, environment: pytest.MonkeyPatch, scheme: str, variable: str, refused: str
) -> None:
    """A proxy that refuses is named, with its variable and without its credentials."""
    answer, said = REFUSALS[refused]

    def talk(connection: socket.socket) -> None:
        with outside(scheme, tls, connection) as outer:
            outer.recv(65_536)
            outer.sendall(answer)

    with listening(talk) as port:
        environment.setenv(variable, f"{scheme}://user:prov-canary-1@127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            error = refusal(ConnectFailedError, client.get_balance)
    assert str(error) == (
        f"cannot connect to https://account.invalid through the proxy {scheme}://127.0.0.1:{port} of {variable}: {said}"
    )


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://prov-canary-1@127.0.0.1:1/", "http://127.0.0.1:1"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("http://proxy.invalid", "http://proxy.invalid:80"),
        ("http://proxy.invalid:80", "http://proxy.invalid:80"),
        ("https://proxy.invalid", "https://proxy.invalid:443"),
    ],
)
def test_a_proxy_that_is_not_there(environment: pytest.MonkeyPatch, proxy: str, shown: str) -> None:
    """The error names an unreachable proxy, so that the API is not blamed."""
    environment.setenv("HTTPS_PROXY", proxy)
    with impatient("https://account.invalid") as client:
        error = refusal(ConnectFailedError, client.get_balance)
    prefix = f"cannot connect to https://account.invalid through the proxy {shown} of HTTPS_PROXY: "
    assert str(error).startswith(prefix)


def test_a_proxy_that_hangs_up(environment: pytest.MonkeyPatch) -> None:
    """A proxy that hangs up is named as well; the request may have been carried out."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)

    with listening(talk) as port:
        environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            refusal(
                ResponseLostError,
                client.get_balance,
                f"balance through the proxy http://127.0.0.1:{port} of HTTPS_PROXY: the answer was lost",
            )
