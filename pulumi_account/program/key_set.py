"""`KeySet`: the keys of one environment of a key file, as a component."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pulumi

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile import DeclaredKey, KeyFile, load, load_dict
from pulumi_account.keyfile.model import resource_name as name_of
from pulumi_account.program.api_key import ApiKey
from pulumi_account.program.rotating_api_key import RotatingApiKey

__all__ = ["KeySet"]


class KeySet(pulumi.ComponentResource):
    """The keys of one environment of a key file.

    Each key is an `ApiKey` or a `RotatingApiKey` below this component. Its resource is named ``<team>-<key>``, after
    ``prefix``. The children use the component's ``provider``. API calls: those of the keys.

    The preview reports everything that is wrong in the file at once, each with its line, before any call.

    :ivar api_keys: the keys' resources, by ``<team>-<key>``.
    :ivar keys: the plaintexts, always secrets, by ``<team>-<key>``.

    :param resource_name: the component's name in the stack.
    :param file: the path of the key file, relative to the program's directory; or a dict with its content.
    :param environment: the environment whose keys these are, such as ``"production"``.
    :param prefix: put before the resource names of the children. A program with several ``KeySet``s needs a different
        one for each. Default: none.
    :param opts: resource options.
    :raises pulumi.RunError: the file cannot be opened or breaks rules, with a line for each; or it does not have the
        environment.
    """

    api_keys: dict[str, ApiKey | RotatingApiKey]

    def __init__(
        self,
        resource_name: str,
        *,
        file: str | os.PathLike[str] | Mapping[str, Any],
        environment: str,
        prefix: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        declared = _declared(resource_name, file, environment)
        super().__init__("account:index:KeySet", resource_name, None, opts)
        self.api_keys = {key.resource_name: self._child(key, prefix) for key in declared}
        self.register_outputs({})

    @property
    def keys(self) -> dict[str, pulumi.Output[str | None]]:
        """The plaintexts, always secrets, by ``<team>-<key>``; None for an adopted key."""
        return {name: key.key for name, key in self.api_keys.items()}

    def _child(self, key: DeclaredKey, prefix: str) -> ApiKey | RotatingApiKey:
        aliases = [pulumi.Alias(name=prefix + name_of(former)) for former in key.previously]
        name = prefix + key.resource_name
        opts = pulumi.ResourceOptions(parent=self, protect=key.protect, aliases=aliases or None)
        common: dict[str, Any] = {
            "name": key.name,
            "labels": key.labels,
            "credit_limit": key.credit_limit,
            "is_enabled": key.is_enabled,
            "delete_guard": key.delete_guard,
        }
        if key.rotate is not None:
            return RotatingApiKey(name, opts, **vars(key.rotate), **common)
        return ApiKey(
            name,
            opts,
            expires_at=key.expires_at,
            expires_in=key.expires_in,
            adopt_key_id=key.adopt_key_id,
            **common,
        )


def _declared(
    resource_name: str, file: str | os.PathLike[str] | Mapping[str, Any], environment: str
) -> tuple[DeclaredKey, ...]:
    """The keys of the environment, if all of the file is valid."""
    try:
        found: KeyFile = load_dict(file) if isinstance(file, Mapping) else load(file)
    except InvalidInputError as error:
        raise pulumi.RunError("\n".join(error.failures)) from None
    except TypeError:
        raise pulumi.RunError(f"KeySet {resource_name!r}: file must be a path or a dict") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not a path"
        raise pulumi.RunError(f"KeySet {resource_name!r}: {file}: {reason}") from None
    if environment not in found.environments:
        known = ", ".join(found.environments)
        raise pulumi.RunError(
            f"KeySet {resource_name!r}: the file has no environment {environment!r}: it has {known}"
        )
    return found.of(environment)
