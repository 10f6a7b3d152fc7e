"""The fixture that all these tests share."""

from tests.support.projects import project as project
