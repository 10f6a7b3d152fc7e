"""Credentials that must turn up nowhere, and how to look for them."""

from __future__ import annotations

import re

#: what the whole suite uses as the account's provisioning key
PROVISIONING_KEY = "prov-canary-0b6c1f7e"
#: a second account's
OTHER_PROVISIONING_KEY = "prov-canary-other-77aa"
#: a plaintext that a test gives itself
PLAINTEXT = "ng-canary-plaintext-5d0c2a"

_CREDENTIAL = re.compile(r"prov-canary-[\w-]+|ng-canary[\w-]*|\bng-[\w-]{43}")


def leaks(text: str) -> list[str]:
    """The credentials in a text; the emulator's plaintexts are told by their shape."""
    return _CREDENTIAL.findall(text)


def assert_clean(*texts: object) -> None:
    """Nothing of this may hold a credential."""
    for text in texts:
        assert not leaks(str(text)), f"a credential leaked: {text}"
