"""What an endpoint and a provisioning key may be, and how long a call may take: light to import."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from pulumi_account.exceptions import ConfigurationError

__all__ = ["DEFAULT_RETRY_DEADLINE", "DEFAULT_TIMEOUT", "is_loopback", "require_sendable"]

#: seconds for which one call is retried, unless told otherwise: longer than a limit by the minute lets one wait
DEFAULT_RETRY_DEADLINE = 90.0
#: seconds after which an attempt is given up if its whole answer has not come, unless told otherwise
DEFAULT_TIMEOUT = 30.0

#: visible ASCII without quotes and backslashes
_SENDABLE = re.compile(r"""[^\s"'\\\x00-\x20\x7f-\U0010ffff]+""")


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
