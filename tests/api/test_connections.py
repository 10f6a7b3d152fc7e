"""The network: where requests go, and that every wait and every answer has an end."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from shutil import which
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import LARGEST_BODY, default_transport, via
from pulumi_account.api.retry import RetryTransport
from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import ConfigurationError, ConnectFailedError, ResponseLostError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import account, key_json, refusal, unhurried


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no proxy and no file of TLS's."""
    tls = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD", *tls):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


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
    """Requests to this machine go through no proxy, whatever the environment says."""
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
    """Requests elsewhere go through the proxy that the environment names for them, if it names one."""
    for name, value in variables.items():
        environment.setenv(name, value)
    assert proxy_of("https://api.naga.ac") == proxy


PROXIES_OF_NO_USE = [
    *["ftp://u:prov-canary-1@proxy.invalid", "ftp://proxy.invalid:1", "socks5://p.invalid:1"],
    *[
        "http://p:x",
        "http://p:prov-canary-1",
        "http://p:0",
        "http://p:65536",
        "http://",
        "http://:3128",
        "http://a b:1",
    ],
    *[
        "http://xn--:1",
        "http://[::1",
        "http://p:1\n",
        "http://u:12/prov-canary-1@p:1",
        "http://u:12?prov-canary-1@p:1",
    ],
    *["http://u:12#prov-canary-1@p:1", "http://prov-canary-1@"],
]


@pytest.mark.parametrize("proxy", PROXIES_OF_NO_USE)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used(environment: pytest.MonkeyPatch, variable: str, proxy: str) -> None:
    """A proxy that cannot be used is told by its variable, without its address, which may hold a password."""
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
    """Whatever stands there: it is refused in one line, or it can be named in an error."""
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
    """What is no host's name would never match, and send to the proxy what must not go there: it is refused."""
    environment.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    environment.setenv(variable, f"localhost, {hosts}")
    refusal(
        ConfigurationError,
        lambda: default_transport("https://api.naga.ac"),
        f"^{variable} must be names of hosts",
    )


def test_hosts_without_a_proxy_as_they_are_written(environment: pytest.MonkeyPatch) -> None:
    """Names, domains, patterns, addresses, networks and ports are all hosts, whoever reads them."""
    environment.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    environment.setenv(
        "NO_PROXY",
        "localhost,.a.invalid, *.local,169.254/16,10.0.0.0/8,fe80::1%eth0,[::1]:80,::1,b:80,b_c,é,,",
    )
    assert proxy_of("https://api.naga.ac") == "http://proxy.invalid:3128"


def test_a_proxy_that_is_not_taken_is_not_looked_at(environment: pytest.MonkeyPatch) -> None:
    """A proxy that leads to other hosts, or hosts without one where there is none, cannot be wrong."""
    environment.setenv("NO_PROXY", "http://naga.ac")
    default_transport("https://api.naga.ac").close()
    environment.setenv("NO_PROXY", "naga.ac")
    environment.setenv("HTTPS_PROXY", "ftp://")
    default_transport("https://api.naga.ac").close()


def test_no_plain_http_elsewhere() -> None:
    """The network itself refuses to send a key over plain http to another machine."""
    refusal(ConfigurationError, lambda: default_transport("http://api.naga.ac"), "must be https")


# --- whom TLS trusts


NO_PEM = "is not a file of PEM certificates"
NO_HASH = r"contains no PEM certificate named by its hash \(`openssl rehash` names them\)"
TLS_TROUBLE = [
    ("SSL_CERT_FILE", "missing", r"cannot be read \(No such file or directory\)"),
    ("SSL_CERT_FILE", "folder", r"cannot be read \(Is a directory\)"),
    ("SSL_CERT_FILE", "empty", NO_PEM),
    ("SSL_CERT_FILE", "garbage", NO_PEM),
    ("SSL_CERT_FILE", "half", NO_PEM),
    ("SSL_CERT_DIR", "missing", r"cannot be read \(No such file or directory\)"),
    ("SSL_CERT_DIR", "garbage", r"cannot be read \(Not a directory\)"),
    ("SSL_CERT_DIR", "folder", NO_HASH),
    ("SSL_CERT_DIR", "unhashed", NO_HASH),
    ("SSL_CERT_DIR", "rubbish", NO_HASH),
    ("SSLKEYLOGFILE", "missing/log", r"cannot be written \(No such file or directory\)"),
]


@pytest.fixture
def useless(tmp_path: Path) -> Path:
    """A folder with files and folders that TLS cannot use."""
    for name in ("folder", "unhashed", "rubbish"):
        (tmp_path / name).mkdir()
    half = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    texts = {"empty": "", "garbage": "x", "half": half, "unhashed/ca.pem": "x", "rubbish/0123abcd.0": "x"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("variable", "name", "problem"), TLS_TROUBLE)
@pytest.mark.parametrize("endpoint", ["https://account.invalid", "https://127.0.0.1:1"])
def test_certificates_that_cannot_be_used(
    environment: pytest.MonkeyPatch, useless: Path, endpoint: str, variable: str, name: str, problem: str
) -> None:
    """Whatever is wrong with the certificates that TLS is to trust, one line names the variable and the path."""
    environment.setenv(variable, str(useless / name))
    refusal(
        ConfigurationError,
        lambda: AccountClient(endpoint, PROVISIONING_KEY),
        rf"^{variable} is {re.escape(str(useless / name))}, which {problem}: correct or unset {variable}$",
    )


def test_certificates_of_a_proxy_that_cannot_be_used(environment: pytest.MonkeyPatch) -> None:
    """The same certificates say which proxy to trust, and a wrong one is not told as the proxy's fault."""
    environment.setenv("HTTPS_PROXY", "https://proxy.invalid:1")
    environment.setenv("SSL_CERT_FILE", "/nowhere.pem")
    refusal(ConfigurationError, lambda: default_transport("https://account.invalid"), "^SSL_CERT_FILE is")


def test_certificates_that_nobody_needs(environment: pytest.MonkeyPatch) -> None:
    """Plain http to this machine reads no certificates, so those that cannot be read do no harm."""
    environment.setenv("SSL_CERT_FILE", "/nowhere.pem")
    default_transport("http://127.0.0.1:1").close()


def test_a_path_that_cannot_be_printed(environment: pytest.MonkeyPatch) -> None:
    """However a path is written, the error is one line that is not too long."""
    environment.setenv("SSL_CERT_FILE", "/a\nb\x1b[2J" + "x" * 5000)
    error = refusal(ConfigurationError, lambda: default_transport("https://account.invalid"))
    assert len(str(error)) < 400


def test_empty_variables_are_unset(environment: pytest.MonkeyPatch) -> None:
    """An empty variable counts as none, as it does in the HTTP library."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        environment.setenv(name, "")
    default_transport("https://account.invalid").close()


def test_the_file_goes_before_the_folder(environment: pytest.MonkeyPatch, certificate: Path) -> None:
    """With a file, the folder is not looked at, as in the HTTP library."""
    environment.setenv("SSL_CERT_FILE", str(certificate))
    environment.setenv("SSL_CERT_DIR", "/nowhere")
    default_transport("https://account.invalid").close()


# --- how long an answer may take

BALANCE = b'{"balance": "1"}' + b" " * 300
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BALANCE)
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"
#: an attempt may take so long, and the servers here take far longer, but not for ever
TIMEOUT, PAUSE = 0.5, 0.02

#: what a server sends, each part after a pause: in the end it is a good answer
Drips = Callable[[], Iterator[bytes]]


def bytewise(text: bytes) -> Iterator[bytes]:
    """One byte after the other."""
    return (text[place : place + 1] for place in range(len(text)))


def flood() -> Iterator[bytes]:
    """One informational answer after the other, as fast as they can be sent, for some seconds."""
    until = time.monotonic() + 6
    while time.monotonic() < until:
        yield EARLY * 100


DRIPS: dict[str, Drips] = {
    "a status line": lambda: bytewise(b"HTTP/1.1 200 " + b"O" * 300 + b"\r\n\r\n" + BALANCE),
    "a header": lambda: bytewise(HEAD + b"X-Long: " + b"x" * 300 + b"\r\n\r\n" + BALANCE),
    "a body": lambda: iter([HEAD + b"\r\n", *bytewise(BALANCE)]),
    "chunks": lambda: iter(
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            *(b"1\r\n%b\r\n" % part for part in bytewise(BALANCE)),
            b"0\r\n\r\n",
        ]
    ),
    "early hints": lambda: iter([EARLY] * 300 + [HEAD + b"\r\n" + BALANCE]),
    "a flood of early hints": lambda: iter([*flood(), HEAD + b"\r\n" + BALANCE]),
}


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that talks so over every connection; gives its port."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    def guarded(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def dripping(drips: Drips, send: Callable[[bytes], object]) -> None:
    """Send an answer part by part."""
    for part in drips():
        send(part)
        if len(part) < 1000:
            time.sleep(PAUSE)


def answering(drips: Drips) -> Callable[[socket.socket], None]:
    """Reads a request, and answers it part by part."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        dripping(drips, connection.sendall)

    return talk


def impatient(endpoint: str) -> AccountClient:
    """A client whose attempts may take no long time, and are not repeated."""
    return AccountClient(endpoint, PROVISIONING_KEY, retry_deadline=0, timeout=TIMEOUT)


LATE = r"the answer was lost \(ReadTimeout no whole answer within 0\.5 s: ACCOUNT_TIMEOUT sets this limit\)$"


@pytest.mark.parametrize("drips", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips(drips: Drips) -> None:
    """However an answer drips, the attempt is given up when its time is over, in one line that says so."""
    with listening(answering(drips)) as port, impatient(f"http://127.0.0.1:{port}") as client:
        refusal(ResponseLostError, client.get_balance, LATE)


def test_an_answer_that_is_in_time() -> None:
    """What drips, but is whole in time, is an answer like any other; the time is that of one attempt, not of all."""
    answer = HEAD.replace(b"200 OK", b"200 OK\r\nX: y") + b"\r\n" + BALANCE

    def talk(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(EARLY)
            time.sleep(TIMEOUT / 2)
            connection.sendall(answer)

    with listening(talk) as port, impatient(f"http://127.0.0.1:{port}") as client:
        assert [client.get_balance().balance for _ in range(4)] == [1, 1, 1, 1]


def test_threads_have_times_of_their_own() -> None:
    """Threads that share a client do not share the time: who begins late is not cut short by another's drips."""
    turn = iter(range(100))

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        if next(turn) == 0:
            dripping(DRIPS["a body"], connection.sendall)
        connection.sendall(HEAD + b"\r\n" + BALANCE)

    with (
        listening(talk) as port,
        impatient(f"http://127.0.0.1:{port}") as client,
        ThreadPoolExecutor(2) as pool,
    ):
        late = pool.submit(refusal, ResponseLostError, client.get_balance, LATE)
        while not late.done():
            time.sleep(TIMEOUT / 3)
            assert late.done() or client.get_balance().balance == 1
        late.result()


def test_every_attempt_has_its_time() -> None:
    """A server that always drips is tried again until the deadline, and no attempt takes longer than its time."""
    begun = time.monotonic()
    tries: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        tries.append(connection)
        answering(DRIPS["a header"])(connection)

    with (
        listening(talk) as port,
        AccountClient(
            f"http://127.0.0.1:{port}", PROVISIONING_KEY, retry_deadline=1, timeout=TIMEOUT
        ) as client,
    ):
        refusal(ResponseLostError, client.get_balance, LATE)
    assert len(tries) >= 2
    assert time.monotonic() - begun < 6  # as long as a single answer drips


@pytest.fixture
def silent() -> Iterator[Callable[[int], None]]:
    """Makes 127.0.0.2 answer nobody at a port: its queue is full."""
    with ExitStack() as stack:

        def fill(port: int) -> None:
            address = ("127.0.0.2", port)
            stack.enter_context(socket.create_server(address, backlog=0))
            for _ in range(4):
                connection = stack.enter_context(socket.socket())
                connection.setblocking(False)
                connection.connect_ex(address)

        yield fill


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every host name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    known = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        return found if host == "localhost" else known(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_silent_address_leaves_time_for_the_next(
    silent: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a host's first address answers nobody, the second one has its share of the time."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="5") as emulator:
        port = int(emulator.url.rpartition(":")[2])
        silent(port)
        resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
        with AccountClient(
            f"http://localhost:{port}", PROVISIONING_KEY, retry_deadline=0, timeout=4
        ) as client:
            assert client.get_balance().balance == 5


def test_silent_addresses_share_the_time(
    silent: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many addresses answer nobody, they take no longer than one attempt may."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        silent(port)
        resolving(monkeypatch, *["127.0.0.2"] * 40)
        begun = time.monotonic()
        with impatient(f"http://localhost:{port}") as client:
            refusal(ConnectFailedError, client.get_balance)
    assert time.monotonic() - begun < 40 * TIMEOUT / 2


def test_a_host_that_is_not_there() -> None:
    """A host name without an address is told in one line."""
    with impatient("https://account.invalid") as client:
        refusal(ConnectFailedError, client.get_balance, r"^cannot connect to https://account\.invalid: ")


# --- through TLS and proxies

Tls = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and account.invalid, with its private key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(timezone.utc)
    names = [x509.DNSName("account.invalid"), x509.IPAddress(ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        signed.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
def tls(certificate: Path, environment: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs whom clients trust."""
    environment.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def outside(scheme: str, tls: ssl.SSLContext, connection: socket.socket) -> socket.socket:
    """The connection to a proxy of that scheme."""
    return tls.wrap_socket(connection, server_side=True) if scheme == "https" else connection


def inside(tls: ssl.SSLContext, answer: bytes, connection: socket.socket) -> None:
    """A TLS server at the end of a connection that may be TLS itself; its answer's bytes drip once it is packed."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls.wrap_bio(incoming, outgoing, server_side=True)

    def until_done(step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))

    until_done(server.do_handshake)
    until_done(lambda: server.read(65_536))
    server.write(answer)
    dripping(lambda: bytewise(outgoing.read()), connection.sendall)


@pytest.mark.parametrize("drips", [DRIPS["a header"], DRIPS["a body"]], ids=["header", "body"])
def test_drips_through_tls(tls: ssl.SSLContext, drips: Drips) -> None:
    """The time is over in TLS as it is without."""

    def talk(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            answering(drips)(encrypted)

    with listening(talk) as port, impatient(f"https://127.0.0.1:{port}") as client:
        refusal(ResponseLostError, client.get_balance, LATE)


def test_a_handshake_that_drips(tls: ssl.SSLContext) -> None:
    """A server that never comes to the end of its greeting was never connected to."""
    greeting = b"\x16\x03\x03\x40\x00" + b"x" * 300
    with (
        listening(answering(lambda: bytewise(greeting))) as port,
        impatient(f"https://127.0.0.1:{port}") as client,
    ):
        refusal(ConnectFailedError, client.get_balance)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips(tls: ssl.SSLContext, environment: pytest.MonkeyPatch, scheme: str) -> None:
    """A proxy that never comes to the end of its permission is given up."""

    def talk(connection: socket.socket) -> None:
        with outside(scheme, tls, connection) as outer:
            answering(DRIPS["a header"])(outer)

    with listening(talk) as port:
        environment.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            refusal(ResponseLostError, client.get_balance, LATE)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_drips_through_a_proxy(tls: ssl.SSLContext, environment: pytest.MonkeyPatch, scheme: str) -> None:
    """Behind a proxy an answer may not drip either, be it that TLS goes through TLS."""

    def talk(connection: socket.socket) -> None:
        with outside(scheme, tls, connection) as outer:
            outer.recv(65_536)
            outer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            inside(tls, HEAD + b"\r\n" + BALANCE, outer)

    with listening(talk) as port:
        environment.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            refusal(ResponseLostError, client.get_balance, LATE)


def hashed(folder: Path, certificate: Path) -> Path:
    """A folder that holds a certificate under the name by which OpenSSL looks for it."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (folder / f"{done.stdout.strip()}.0").write_bytes(certificate.read_bytes())
    return folder


@pytest.mark.skipif(which("openssl") is None, reason="no openssl on the PATH")
@pytest.mark.parametrize("others", [[], ["/nowhere", ""]])
def test_a_folder_of_certificates(
    tls: ssl.SSLContext, environment: pytest.MonkeyPatch, certificate: Path, tmp_path: Path, others: list[str]
) -> None:
    """Servers that a folder's certificates name are trusted; others beside it may be missing."""
    environment.delenv("SSL_CERT_FILE")
    environment.setenv("SSL_CERT_DIR", os.pathsep.join([*others, str(hashed(tmp_path, certificate))]))

    def talk(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65_536)
            encrypted.sendall(HEAD + b"\r\n" + BALANCE)

    with listening(talk) as port, impatient(f"https://127.0.0.1:{port}") as client:
        assert client.get_balance().balance == 1


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
    """A proxy that refuses is named, with its variable and without its user's name and password."""
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
    """A proxy that cannot be connected to is named, so that the API is not taken for the one that is away."""
    environment.setenv("HTTPS_PROXY", proxy)
    with impatient("https://account.invalid") as client:
        error = refusal(ConnectFailedError, client.get_balance)
    prefix = f"cannot connect to https://account.invalid through the proxy {shown} of HTTPS_PROXY: "
    assert str(error).startswith(prefix)


def test_a_proxy_that_hangs_up(environment: pytest.MonkeyPatch) -> None:
    """A proxy that says nothing is named as well: what it has done cannot be known."""

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


# --- how large an answer may be


def packed(response: httpx.Response) -> AccountClient:
    """A client that gets such an answer."""
    return account(RetryTransport(httpx.MockTransport(lambda _: response), deadline=0))


class Endless(httpx.SyncByteStream):
    """A body without an end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b" " * 2**20


GZIP = {"Content-Encoding": "gzip"}
TOO_LARGE = r"the answer was lost \(DecodingError the body has more than 64 MiB\)$"


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_body_without_an_end(status: int) -> None:
    """A body that is too large is not read to its end, nor asked for again."""
    with packed(httpx.Response(status, stream=Endless())) as client:
        refusal(ResponseLostError, client.get_balance, TOO_LARGE)


def test_a_little_that_unpacks_to_much() -> None:
    """A few packed bytes take no more memory than the largest body, though all come at once."""
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    assert len(bomb) < LARGEST_BODY / 16
    answer = httpx.Response(200, headers=GZIP, stream=httpx.ByteStream(bomb))
    tracemalloc.start()
    try:
        with packed(answer) as client:
            refusal(ResponseLostError, client.get_balance, TOO_LARGE)
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_BODY
    finally:
        tracemalloc.stop()


class Parts(httpx.SyncByteStream):
    """A body that comes in so many bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def __iter__(self) -> Iterator[bytes]:
        for place in range(0, len(self._content), self._size):
            yield self._content[place : place + self._size]


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize(
    ("sign", "is_escaped"),
    [("\N{KEY}", True), ("\N{KEY}", False), (",", False)],
    ids=["escaped", "raw", "commas"],
)
def test_ten_thousand_keys_have_room(is_packed: bool, sign: str, is_escaped: bool) -> None:
    """A list of 10,000 keys with the longest of all names is about half of what may come."""
    keys = [key_json(id=number, name=sign * 255) for number in range(10_000)]
    content = json.dumps({"keys": keys}, ensure_ascii=is_escaped).encode()
    assert len(content) < LARGEST_BODY / 1.9
    body = gzip.compress(content, 1) if is_packed else content
    answer = httpx.Response(200, headers=GZIP if is_packed else {}, stream=Parts(body, 65_536))
    with packed(answer) as client:
        assert len(client.list_keys()) == 10_000


@unhurried
@given(st.decimals(0, 10**9, places=2), st.integers(1, 40), st.booleans())
def test_an_answer_in_any_parts(balance: object, size: int, is_packed: bool) -> None:
    """However an answer is packed and cut into parts, it is read."""
    content = json.dumps({"balance": str(balance)}).encode()
    body = gzip.compress(content) if is_packed else content
    answer = httpx.Response(200, headers=GZIP if is_packed else {}, stream=Parts(body, size))
    with packed(answer) as client:
        assert client.get_balance().balance == balance


@pytest.mark.parametrize(
    "packing", ["br", "zstd", "deflate", "gzip, gzip", "\N{KEY}".encode().decode("latin-1")]
)
def test_a_packing_that_was_not_asked_for(packing: str) -> None:
    """What is packed in another way is not unpacked: nobody would count what comes of it."""
    headers = [(b"Content-Encoding", packing.encode("latin-1"))]
    with packed(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"{}"))) as client:
        refusal(ResponseLostError, client.get_balance, "the encoding is ")


def test_what_is_not_packed_as_it_says() -> None:
    """An answer that cannot be unpacked is a lost one."""
    with packed(httpx.Response(200, headers=GZIP, stream=httpx.ByteStream(b"no gzip"))) as client:
        refusal(ResponseLostError, client.get_balance, "DecodingError")
