"""The tree of errors, and its drawing."""

from __future__ import annotations

import inspect
import re

import pytest

from pulumi_account import exceptions as err

CLASSES = [cls for _, cls in inspect.getmembers(err, inspect.isclass) if issubclass(cls, BaseException)]
STATUS_ERRORS = [cls for cls in CLASSES if issubclass(cls, err.StatusError)]


def drawn_parents() -> dict[str, str]:
    """Each error in the docstring's drawing, with its base."""
    parents: dict[str, str] = {}
    branch: list[str] = []
    for prefix, name in re.findall(r"^ {4}([ │├└─]*)(\w+Error) {2,}\S", err.__doc__ or "", re.MULTILINE):
        del branch[len(prefix) // 4 :]
        parents[name] = branch[-1] if branch else "Exception"
        branch.append(name)
    return parents


def test_drawn_tree_is_the_real_tree() -> None:
    """The drawing shows every error under its base class."""
    assert drawn_parents() == {cls.__name__: cls.__base__.__name__ for cls in CLASSES if cls.__base__}


def test_all_is_complete() -> None:
    """All errors are public, and nothing else is."""
    assert err.__all__ == sorted(cls.__name__ for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_error_is_explained(cls: type) -> None:
    """Each error's docstring explains it."""
    assert cls.__doc__
    assert cls.__doc__.splitlines()[0].endswith(".")


def test_invalid_input_lists_its_failures() -> None:
    """One error holds every broken rule, and its message is one line."""
    error = err.InvalidInputError(["name must be text", "is_enabled must be true or false"])
    assert error.failures == ("name must be text", "is_enabled must be true or false")
    assert str(error) == "name must be text; is_enabled must be true or false"


@pytest.mark.parametrize("cls", STATUS_ERRORS)
def test_status_error_says_how(cls: type[err.StatusError]) -> None:
    """A refusal has the HTTP status and the API's type."""
    error = cls("no", status=418, type="teapot")
    assert (str(error), error.status, error.type) == ("no", 418, "teapot")


def test_status_error_without_a_type() -> None:
    """The type is None if the API gave none."""
    assert err.StatusError("no", status=500).type is None


def test_unexpected_response_has_a_status() -> None:
    """An unexpected response has its HTTP status."""
    error = err.UnexpectedResponseError("a page", status=200)
    assert (str(error), error.status) == ("a page", 200)
