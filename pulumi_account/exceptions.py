"""The errors of this package, as a tree.

::

    AccountError                    every error of this package
    ├── ConfigurationError          the endpoint, provisioning key, proxy or a certificate is missing or invalid
    ├── InvalidInputError           a declared key breaks rules; ``failures`` lists them all
    ├── NetworkError                no answer came
    │   ├── ConnectFailedError      the connection could not be made, so nothing was sent
    │   └── ResponseLostError       sent, but no answer came: the API may have carried it out
    ├── UnexpectedResponseError     not an answer of the account API: HTML, an empty body, a wrong field
    ├── StatusError                 the API refused; ``status`` and ``type`` say why
    │   ├── InvalidRequestError     400, 422 and every other 4xx
    │   ├── AuthenticationError     401: the provisioning key is wrong, or is an ordinary inference key
    │   ├── InsufficientCreditsError  402
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404 from the API itself: there is no such key
    │   ├── RateLimitError          429 after all retries
    │   └── ServerError             5xx after all retries
    ├── KeyGoneError                the key to change was deleted elsewhere
    ├── AdoptionError               the key cannot be adopted
    ├── KeyInUseError               ``delete_guard`` keeps a key from deletion: it was used, or its use is not known
    ├── LeftoverError               a key whose plaintext is lost may have been left behind; the message names it
    ├── AbandonedError              the engine that requested a key has exited, so the new key was deleted
    └── InternalError               a defect of this package; the message says where

Each message is one line. It names the value in question and what to do, and never contains a credential.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AbandonedError",
    "AccountError",
    "AdoptionError",
    "AuthenticationError",
    "ConfigurationError",
    "ConnectFailedError",
    "InsufficientCreditsError",
    "InternalError",
    "InvalidInputError",
    "InvalidRequestError",
    "KeyGoneError",
    "KeyInUseError",
    "LeftoverError",
    "NetworkError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseLostError",
    "ServerError",
    "StatusError",
    "UnexpectedResponseError",
]


class AccountError(Exception):
    """Base of every error that this package raises."""


class ConfigurationError(AccountError):
    """The endpoint or the provisioning key is missing or invalid, or Pulumi's SDK is too old.

    A proxy or certificates that environment variables name can be invalid, too.
    """


class InvalidInputError(AccountError):
    """A declared key breaks one or more rules.

    ``failures`` has one sentence for each broken rule. It begins with the property's name.
    """

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("; ".join(failures))
        self.failures = tuple(failures)


class NetworkError(AccountError):
    """No answer came from the API."""


class ConnectFailedError(NetworkError):
    """The connection could not be made, so nothing was sent."""


class ResponseLostError(NetworkError):
    """The request was sent, but no complete answer came within the limits of time and size.

    The API may have carried it out.
    """


class UnexpectedResponseError(AccountError):
    """The answer is not one of the account API; ``status`` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class StatusError(AccountError):
    """The API refused. ``status`` is the HTTP status, ``type`` the API's machine-readable reason or None."""

    def __init__(self, message: str, *, status: int, type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type


class InvalidRequestError(StatusError):
    """400, 422 or another 4xx: the API does not accept the request."""


class AuthenticationError(StatusError):
    """401: the provisioning key is missing, invalid, or an ordinary inference key."""


class InsufficientCreditsError(StatusError):
    """402: the account does not have enough credits."""


class PermissionDeniedError(StatusError):
    """403: the account or the request is blocked."""


class NotFoundError(StatusError):
    """404 from the API itself: there is no such key."""


class RateLimitError(StatusError):
    """429 when the time for retries was used up."""


class ServerError(StatusError):
    """5xx when the time for retries was used up."""


class KeyGoneError(AccountError):
    """The key to change was deleted elsewhere."""


class AdoptionError(AccountError):
    """The key named by ``adopt_key_id`` cannot be adopted."""


class KeyInUseError(AccountError):
    """The key was used within its ``delete_guard``, or its use is not known, so it is not deleted."""


class LeftoverError(AccountError):
    """A key whose plaintext is lost may have been left behind; the message names it.

    ``key_id`` is its id if the API returned it, else None.
    """

    def __init__(self, message: str, *, key_id: int | None = None) -> None:
        super().__init__(message)
        self.key_id = key_id


class AbandonedError(AccountError):
    """The engine that requested a key has exited, so the key just made, whose plaintext would be lost, was deleted."""


class InternalError(AccountError):
    """A defect of this package; the message says where."""
