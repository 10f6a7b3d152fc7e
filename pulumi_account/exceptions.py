"""What can go wrong, as a tree.

::

    AccountError                    every error of this package
    ├── ConfigurationError          the endpoint, the provisioning key, the proxy or a certificate cannot be used
    ├── InvalidInputError           a declared key breaks a rule; ``failures`` lists every broken one
    ├── NetworkError                no answer came
    │   ├── ConnectFailedError      nothing was sent: the connection could not be made
    │   └── ResponseLostError       sent, but the answer never came: the request may have been carried out
    ├── UnexpectedResponseError     an answer that is not the account API's: HTML, an empty body, a wrong field
    ├── StatusError                 the API said no; ``status`` and ``type`` say how
    │   ├── InvalidRequestError     400, 422 and every other 4xx
    │   ├── AuthenticationError     401: the provisioning key is wrong, or is an ordinary inference key
    │   ├── InsufficientCreditsError  402
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404 in the API's own words: there is no such key
    │   ├── RateLimitError          429, still, after all retries
    │   └── ServerError             5xx, still, after all retries
    ├── KeyGoneError                the key to be changed was deleted elsewhere
    ├── AdoptionError               the key cannot be adopted
    ├── LeftoverError               a key that nobody can use may have been left behind; the message names it
    ├── AbandonedError              nobody is there any more to take the key that was made, so it was deleted
    └── InternalError               a defect of this package; the message says where

Messages are one line, name the value in question and what to do, and never hold a credential.
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
    """The endpoint or the provisioning key is missing or cannot be used, or Pulumi's SDK is too old.

    So is it with a proxy or certificates that environment variables name.
    """


class InvalidInputError(AccountError):
    """A declared key breaks one or more rules.

    ``failures`` holds one sentence for each broken rule, each beginning with the property's name.
    """

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("; ".join(failures))
        self.failures = tuple(failures)


class NetworkError(AccountError):
    """No answer came from the API."""


class ConnectFailedError(NetworkError):
    """The connection could not be made, so nothing was sent."""


class ResponseLostError(NetworkError):
    """The request was sent and no whole answer came back, in time and in size: it may have been carried out."""


class UnexpectedResponseError(AccountError):
    """The answer is not one that the account API gives; ``status`` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class StatusError(AccountError):
    """The API refused; ``status`` is the HTTP status, ``type`` the API's own machine-readable word or None."""

    def __init__(self, message: str, *, status: int, type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type


class InvalidRequestError(StatusError):
    """400, 422 or another 4xx: the API does not accept the request."""


class AuthenticationError(StatusError):
    """401: the provisioning key is missing, invalid, or an ordinary inference key."""


class InsufficientCreditsError(StatusError):
    """402: the account has not enough credits."""


class PermissionDeniedError(StatusError):
    """403: the account or the request is blocked."""


class NotFoundError(StatusError):
    """404 in the API's own words: there is no such key."""


class RateLimitError(StatusError):
    """429, still, when the retries' time was used up."""


class ServerError(StatusError):
    """5xx, still, when the retries' time was used up."""


class KeyGoneError(AccountError):
    """The key that was to be changed has been deleted elsewhere."""


class AdoptionError(AccountError):
    """The key named by ``adopt_key_id`` cannot be taken over."""


class LeftoverError(AccountError):
    """A key whose plaintext is lost may have been left behind; the message names it.

    ``key_id`` is its id where the answer that made it came, else None.
    """

    def __init__(self, message: str, *, key_id: int | None = None) -> None:
        super().__init__(message)
        self.key_id = key_id


class AbandonedError(AccountError):
    """The engine that requested a key has exited, so the key just made, whose plaintext would be lost, was deleted."""


class InternalError(AccountError):
    """A defect of this package; the message says where."""
