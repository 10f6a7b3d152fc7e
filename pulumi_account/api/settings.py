"""The settings of one account: endpoint, provisioning key, time-outs, and their defaults; light to import."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pulumi_account.exceptions import ConfigurationError

__all__ = [
    "DEFAULT_ENDPOINT",
    "DEFAULT_RETRY_DEADLINE",
    "DEFAULT_TIMEOUT",
    "ENDPOINT",
    "INSTANCE",
    "PROVISIONING_KEY",
    "Settings",
    "is_loopback",
    "require_sendable",
    "resolve",
]

#: seconds for which one call is retried, unless told otherwise: longer than a limit by the minute lets one wait
DEFAULT_RETRY_DEADLINE = 90.0
#: seconds after which an attempt is given up if its whole answer has not come, unless told otherwise
DEFAULT_TIMEOUT = 30.0

DEFAULT_ENDPOINT = "https://api.naga.ac"

ENDPOINT = "account:endpoint"
PROVISIONING_KEY = "account:provisioningKey"
#: set by `pulumi_account.Provider` alone: it tells an explicit instance's inputs from a stack's configuration
INSTANCE = "account:instance"

#: visible ASCII without quotes and backslashes
_SENDABLE = re.compile(r"""[^\s"'\\\x00-\x20\x7f-\U0010ffff]+""")
#: what every library takes for a URL: a host name with a letter in it, not encoded, or the address of this machine
_PLAIN_URL = re.compile(
    r"(?!.*[Xx][Nn]--)https?://(127\.0\.0\.1|[0-9.-]*[A-Za-z][A-Za-z0-9.-]*)(:[0-9]{1,5})?(/[A-Za-z0-9._-]*)*",
    re.ASCII,
)


@dataclass(frozen=True)
class Settings:
    """One account: where its API is, and with what to open it."""

    endpoint: str
    provisioning_key: str = field(repr=False)
    retry_deadline: float = DEFAULT_RETRY_DEADLINE
    timeout: float = DEFAULT_TIMEOUT


def resolve(configuration: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Find the endpoint and the provisioning key, and refuse what cannot be used.

    The environment (``ACCOUNT_ENDPOINT``, ``ACCOUNT_PROVISIONING_KEY``) wins over the configuration
    (``account:endpoint``, ``account:provisioningKey``), because the engine refreshes and destroys with the
    configuration stored at the last update, and the key may have been rotated since. An explicit provider
    instance has its own inputs, and the environment does not reach them.

    ``ACCOUNT_RETRY_DEADLINE`` is the number of seconds (default 90, 0 = try once) for which one call is
    retried, ``ACCOUNT_TIMEOUT`` how long an attempt may take until its whole answer has come (default 30).
    With ``ACCOUNT_LOOPBACK_ONLY`` set, an endpoint that is not on this machine is refused.

    :param configuration: of a stack, all names that it has, whatever their values: one may be misspelt.
    :raises ConfigurationError: one line for whatever is missing or wrong.
    """
    _require_spelling(configuration, environ)
    instance = configuration.get(INSTANCE)
    source = environ if instance is None else {}
    endpoint = source.get("ACCOUNT_ENDPOINT", "").strip() or configuration.get(ENDPOINT) or DEFAULT_ENDPOINT
    key = source.get("ACCOUNT_PROVISIONING_KEY", "").strip() or configuration.get(PROVISIONING_KEY)
    return Settings(
        endpoint=_endpoint(str(endpoint).strip(), loopback_only=bool(environ.get("ACCOUNT_LOOPBACK_ONLY"))),
        provisioning_key=_provisioning_key(key, instance),
        retry_deadline=_seconds(environ, "ACCOUNT_RETRY_DEADLINE", DEFAULT_RETRY_DEADLINE, 0),
        timeout=_seconds(environ, "ACCOUNT_TIMEOUT", DEFAULT_TIMEOUT, 0.1),
    )


def _require_spelling(names: Collection[str], environ: Mapping[str, str]) -> None:
    """A misspelt endpoint would send the key elsewhere; of a misspelt key, nobody would know what is missing."""
    for right, variable in ((ENDPOINT, "ACCOUNT_ENDPOINT"), (PROVISIONING_KEY, "ACCOUNT_PROVISIONING_KEY")):
        if right in names or environ.get(variable, "").strip():
            continue
        # without a namespace, `pulumi config set` takes the project's, which may have an endpoint of its own
        alike = [name for name in names if _letters(name) == _letters(right)]
        alike += [name for name in names if name.endswith(":provisioningKey") and right == PROVISIONING_KEY]
        if alike:
            raise ConfigurationError(
                f"the configuration has {min(alike)}, which nobody reads: it must be {right}"
            )


def _letters(name: str) -> str:
    """A name without what people confuse: upper case, underscores, hyphens."""
    return re.sub(r"[-_]", "", name).lower()


def _endpoint(text: str, *, loopback_only: bool) -> str:
    problem = _endpoint_problem(text)
    if problem:
        raise ConfigurationError(f"{ENDPOINT} (or ACCOUNT_ENDPOINT) {problem}")
    if loopback_only and not is_loopback(text):
        raise ConfigurationError(
            f"{ENDPOINT} {_origin(text)} is not on this machine, and ACCOUNT_LOOPBACK_ONLY is set (LocalEngine sets "
            "it: it is for trying and testing; use the Pulumi CLI for a real account)"
        )
    return text.rstrip("/")


def _endpoint_problem(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not _PLAIN_URL.fullmatch(text) and not _is_url(text):
        return "is not a URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an https:// URL"  # what it is instead may be a key that was put here by mistake
    if not text.isprintable() or " " in text:
        return "must not hold spaces or line breaks"
    if "?" in text or "#" in text:
        return "must not have a query or a fragment"
    if parts.scheme == "http" and not is_loopback(text):
        return f"{_origin(text)} must be https: plain http is for loopback addresses only"
    return None


def _origin(url: str) -> str:
    """What may be told of an endpoint: its path may be a credential, and whatever else there is was refused."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def _is_url(text: str) -> bool:
    """What the HTTP library thinks of it; loading that takes long, and nearly every endpoint is a plain URL."""
    import httpx

    try:
        _ = httpx.URL(text).host  # which decodes it
    except (ValueError, httpx.InvalidURL):
        return False
    return True


def _provisioning_key(value: object, instance: object) -> str:
    key = str(value or "").strip()
    if not key and instance is not None:
        raise ConfigurationError(
            f"the provisioning key of provider {str(instance)!r} is empty: give it provisioning_key=…"
        )
    if not key:
        raise ConfigurationError(
            "no provisioning key: set it with `pulumi config set --secret account:provisioningKey`, "
            "or in the environment variable ACCOUNT_PROVISIONING_KEY"
        )
    require_sendable(key)
    return key


def _seconds(environ: Mapping[str, str], name: str, default: float, least: float) -> float:
    text = environ.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 86_400:
        raise ConfigurationError(f"{name} must be a number of seconds from {least} to 86400, not {text!r}")
    return seconds


def is_loopback(endpoint: str) -> bool:
    """Whether the endpoint's host is this machine: localhost, 127.0.0.0/8 or ::1."""
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_sendable(provisioning_key: str) -> None:
    """Refuse a key that no header can hold: the HTTP library would quote the whole header in its own error.

    Quotes and backslashes are refused as well: an echo of the key might come escaped, and so not be found.

    :raises ConfigurationError: it is empty, or holds one of those.
    """
    if not provisioning_key:
        raise ConfigurationError("the provisioning key is empty")
    if not _SENDABLE.fullmatch(provisioning_key):
        raise ConfigurationError(
            "the provisioning key holds spaces, line breaks, quotes, backslashes or characters outside ASCII: "
            "copy it again"
        )
