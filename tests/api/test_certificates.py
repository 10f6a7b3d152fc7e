"""Which certificates TLS trusts, and what is refused."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
from pathlib import Path
from shutil import which

import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import default_transport
from pulumi_account.exceptions import ConfigurationError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import refusal
from tests.support.servers import BALANCE, HEAD, impatient, listening

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
    """An error about certificates is one line that names the variable and the path."""
    environment.setenv(variable, str(useless / name))
    refusal(
        ConfigurationError,
        lambda: AccountClient(endpoint, PROVISIONING_KEY),
        rf"^{variable} is {re.escape(str(useless / name))}, which {problem}: correct or unset {variable}$",
    )


def test_certificates_of_a_proxy_that_cannot_be_used(environment: pytest.MonkeyPatch) -> None:
    """The same certificates apply to the proxy, and the error blames the certificates, not the proxy."""
    environment.setenv("HTTPS_PROXY", "https://proxy.invalid:1")
    environment.setenv("SSL_CERT_FILE", "/nowhere.pem")
    refusal(ConfigurationError, lambda: default_transport("https://account.invalid"), "^SSL_CERT_FILE is")


def test_certificates_that_nobody_needs(environment: pytest.MonkeyPatch) -> None:
    """Plain http to this machine reads no certificates, so unreadable ones do no harm."""
    environment.setenv("SSL_CERT_FILE", "/nowhere.pem")
    default_transport("http://127.0.0.1:1").close()


def test_a_path_that_cannot_be_printed(environment: pytest.MonkeyPatch) -> None:
    """The error is one line of limited length, whatever the path contains."""
    environment.setenv("SSL_CERT_FILE", "/a\nb\x1b[2J" + "x" * 5000)
    error = refusal(ConfigurationError, lambda: default_transport("https://account.invalid"))
    assert len(str(error)) < 400


def test_empty_variables_are_unset(environment: pytest.MonkeyPatch) -> None:
    """An empty variable counts as unset, as in httpx."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        environment.setenv(name, "")
    default_transport("https://account.invalid").close()


def test_the_file_goes_before_the_folder(environment: pytest.MonkeyPatch, certificate: Path) -> None:
    """When a file is given, the folder is ignored, as in httpx."""
    environment.setenv("SSL_CERT_FILE", str(certificate))
    environment.setenv("SSL_CERT_DIR", "/nowhere")
    default_transport("https://account.invalid").close()


def hashed(folder: Path, certificate: Path) -> Path:
    """A folder that contains a certificate under the name by which OpenSSL finds it."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (folder / f"{done.stdout.strip()}.0").write_bytes(certificate.read_bytes())
    return folder


@pytest.mark.skipif(which("openssl") is None, reason="no openssl on the PATH")
@pytest.mark.parametrize("others", [[], ["/nowhere", ""]])
def test_a_folder_of_certificates(
    tls: ssl.SSLContext, environment: pytest.MonkeyPatch, certificate: Path, tmp_path: Path, others: list[str]
) -> None:
    """Servers with a certificate in a folder are trusted; other folders of the list may be missing."""
    environment.delenv("SSL_CERT_FILE")
    environment.setenv("SSL_CERT_DIR", os.pathsep.join([*others, str(hashed(tmp_path, certificate))]))

    def talk(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65_536)
            encrypted.sendall(HEAD + b"\r\n" + BALANCE)

    with listening(talk) as port, impatient(f"https://127.0.0.1:{port}") as client:
        assert client.get_balance().balance == 1
