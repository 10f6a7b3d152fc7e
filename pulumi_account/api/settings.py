"""The settings of an account: endpoint, provisioning key, time-outs, and their defaults; quick to import."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import nan
from urllib.parse import urlsplit

from pulumi_account.common.instants import utc_now
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

#: for how many seconds a call is retried: longer than the wait that a per-minute limit imposes
DEFAULT_RETRY_DEADLINE = 90.0
#: how many seconds an attempt may take until its whole response has arrived
DEFAULT_TIMEOUT = 30.0
DEFAULT_ENDPOINT = "https://api.naga.ac"

ENDPOINT = "account:endpoint"
PROVISIONING_KEY = "account:provisioningKey"
#: only `pulumi_account.Provider` sets it: it marks the inputs of an explicit instance
INSTANCE = "account:instance"

#: seconds
_CENTURY = 3_155_760_000

#: printable ASCII without spaces, quotes and backslashes
_SENDABLE = re.compile(r"""[^\s"'\\\x00-\x20\x7f-\U0010ffff]+""")
#: what every library accepts as a URL: an unencoded host name with a letter in it, or the address of this machine
_PLAIN_URL = re.compile(
    r"(?!.*[Xx][Nn]--)https?://(127\.0\.0\.1|[0-9.-]*[A-Za-z][A-Za-z0-9.-]*)(:[0-9]{1,5})?(/[A-Za-z0-9._-]*)*",
    re.ASCII,
)


@dataclass(frozen=True)
class Settings:
    """The settings of one account."""

    endpoint: str
    provisioning_key: str = field(repr=False)
    retry_deadline: float = DEFAULT_RETRY_DEADLINE
    timeout: float = DEFAULT_TIMEOUT
    ignores_delete_guard: bool = False
    clock_offset: float = 0.0

    def now(self) -> datetime:
        """The present instant by this machine's clock, moved by ``clock_offset`` seconds."""
        return utc_now() + timedelta(seconds=self.clock_offset)


def resolve(configuration: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Find the settings, and refuse invalid ones.

    The environment (``ACCOUNT_ENDPOINT``, ``ACCOUNT_PROVISIONING_KEY``) wins over the configuration
    (``account:endpoint``, ``account:provisioningKey``), because the engine refreshes and destroys with the
    configuration stored at the last update, and the key may have been rotated since. An explicit provider
    instance has its own inputs, which the environment does not override.

    ``ACCOUNT_RETRY_DEADLINE`` sets for how many seconds a call is retried (default 90; 0 means one attempt), and
    ``ACCOUNT_TIMEOUT`` how many seconds an attempt may take until its whole response has arrived (default 30).
    ``ACCOUNT_DELETE_GUARD=none`` deletes keys without regard to their ``delete_guard``.
    ``ACCOUNT_CLOCK_OFFSET`` moves this machine's clock by a number of seconds, for tests against an emulator.
    ``ACCOUNT_LOOPBACK_ONLY`` refuses any endpoint that is not on this machine.

    :param configuration: all names of the stack's configuration, with any values: one may be misspelled.
    :raises ConfigurationError: a setting is missing or invalid; the message is one line.
    """
    _require_spelling(configuration, environ)
    instance = configuration.get(INSTANCE)
    source = environ if instance is None else {}
    endpoint = source.get("ACCOUNT_ENDPOINT", "").strip() or configuration.get(ENDPOINT) or DEFAULT_ENDPOINT
    key = source.get("ACCOUNT_PROVISIONING_KEY", "").strip() or configuration.get(PROVISIONING_KEY)
    offset = _seconds(environ, "ACCOUNT_CLOCK_OFFSET", 0, -_CENTURY, _CENTURY)
    alone = [name for name in ("ACCOUNT_LOOPBACK_ONLY", "ACCOUNT_CLOCK_OFFSET") if environ.get(name)]
    return Settings(
        endpoint=_endpoint(str(endpoint).strip(), only_here=alone),
        provisioning_key=_provisioning_key(key, instance),
        retry_deadline=_seconds(environ, "ACCOUNT_RETRY_DEADLINE", DEFAULT_RETRY_DEADLINE, 0),
        timeout=_seconds(environ, "ACCOUNT_TIMEOUT", DEFAULT_TIMEOUT, 0.1),
        ignores_delete_guard=_ignores_delete_guard(environ),
        clock_offset=offset,
    )


def _require_spelling(names: Collection[str], environ: Mapping[str, str]) -> None:
    """Refuse misspelled names: the key would go to the default endpoint, or seem to be missing."""
    for right, variable in ((ENDPOINT, "ACCOUNT_ENDPOINT"), (PROVISIONING_KEY, "ACCOUNT_PROVISIONING_KEY")):
        if right in names or environ.get(variable, "").strip():
            continue
        alike = [name for name in names if re.sub(r"[-_]", "", name).lower() == right.lower()]
        # without a namespace, `pulumi config set` uses the project's; `<project>:endpoint` may be the project's own
        alike += [name for name in names if name.endswith(":provisioningKey") and right == PROVISIONING_KEY]
        if alike:
            raise ConfigurationError(
                f"the configuration has {min(alike)}, which has no effect: it must be {right}"
            )


def _endpoint(text: str, *, only_here: Collection[str]) -> str:
    if problem := _endpoint_problem(text):
        raise ConfigurationError(f"{ENDPOINT} (or ACCOUNT_ENDPOINT) {problem}")
    if only_here and not is_loopback(text):
        why = {
            "ACCOUNT_LOOPBACK_ONLY": "LocalEngine, which is for trying and testing, sets it; use the Pulumi CLI for a "
            "real account",
            "ACCOUNT_CLOCK_OFFSET": "it is for tests against an emulator; a real account has a real clock",
        }
        name = min(only_here, key=list(why).index)
        raise ConfigurationError(
            f"{ENDPOINT} {_origin(text)} is not on this machine, and {name} is set ({why[name]})"
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
        return "must not contain a user name or password"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an https:// URL"  # the value is not quoted: it may be a key in the wrong place
    if not text.isprintable() or " " in text:
        return "must not contain spaces or line breaks"
    if "?" in text or "#" in text:
        return "must not have a query or a fragment"
    if parts.scheme == "http" and not is_loopback(text):
        return f"{_origin(text)} must be https: plain http is for loopback addresses only"
    return None


def _origin(url: str) -> str:
    """The part of an endpoint that messages may show: its path may be a credential."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def _is_url(text: str) -> bool:
    """Whether httpx accepts it; httpx loads slowly, and nearly every endpoint is a plain URL."""
    import httpx

    try:
        _ = httpx.URL(text).host  # decodes it
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


def _seconds(
    environ: Mapping[str, str], name: str, default: float, least: float, most: float = 86_400
) -> float:
    text = environ.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not least <= seconds <= most:
        raise ConfigurationError(f"{name} must be a number of seconds from {least} to {most}, not {text!r}")
    return seconds


def _ignores_delete_guard(environ: Mapping[str, str]) -> bool:
    text = environ.get("ACCOUNT_DELETE_GUARD", "")
    if text not in ("", "none"):
        raise ConfigurationError(f"ACCOUNT_DELETE_GUARD must be none or not set, not {text!r}")
    return text == "none"


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
    """Refuse a key that cannot be sent in a header: httpx's own error would quote the whole header.

    Quotes and backslashes are refused as well: an echo of the key might contain them escaped, and so go undetected.

    :raises ConfigurationError: the key is empty, or contains a character that is refused.
    """
    if not provisioning_key:
        raise ConfigurationError("the provisioning key is empty")
    if not _SENDABLE.fullmatch(provisioning_key):
        raise ConfigurationError(
            "the provisioning key contains spaces, line breaks, quotes, backslashes or characters outside ASCII: "
            "copy it again"
        )
