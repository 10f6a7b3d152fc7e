"""Which certificates TLS trusts; quick to import."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pulumi_account.common.text import elided, visible
from pulumi_account.exceptions import ConfigurationError

__all__ = ["tls_files"]

#: the names by which OpenSSL finds certificates in a folder: hashes of their subjects
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
_LONGEST_PATH = 200


def tls_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The certificates that TLS trusts, as arguments of `ssl.create_default_context`; empty for the default ones.

    ``SSL_CERT_FILE`` names them or, if that is empty, ``SSL_CERT_DIR``, which may name several folders.

    :raises ConfigurationError: one of them cannot be read or contains no certificate, or ``SSLKEYLOGFILE`` cannot be
        written.
    """
    if log := environ.get("SSLKEYLOGFILE"):
        _refuse("SSLKEYLOGFILE", log, _problem_of_log(log))
    if file := environ.get("SSL_CERT_FILE"):
        _refuse("SSL_CERT_FILE", file, _problem_of_file(file))
        return {"cafile": file}
    if folders := environ.get("SSL_CERT_DIR"):
        problems = [_problem_of_folder(folder) for folder in folders.split(os.pathsep)]
        _refuse("SSL_CERT_DIR", folders, problems[0] if all(problems) else "")
        return {"capath": folders}
    return {}


def _refuse(variable: str, path: str, problem: str) -> None:
    if problem:
        shown = elided(visible(path), _LONGEST_PATH)
        raise ConfigurationError(f"{variable} is {shown}, which {problem}: correct or unset {variable}")


def _problem_of_log(path: str) -> str:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = path
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return ""


def _problem_of_file(path: str) -> str:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        return "is not a file of PEM certificates"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if context.cert_store_stats()["x509"] else "contains no certificate"


def _problem_of_folder(path: str) -> str:
    """OpenSSL would report nothing, and then trust no server."""
    try:
        files = [os.path.join(path, name) for name in os.listdir(path) if _HASHED.fullmatch(name)]
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if all(_problem_of_file(file) for file in files):
        return "contains no PEM certificate named by its hash (`openssl rehash` names them)"
    return ""
