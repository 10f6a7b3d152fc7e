"""What a program or a policy pack requires of its keys: settings and levels of the rules, and words for breaches."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pulumi_account.common.durations import format_duration, parse_duration
from pulumi_account.common.money import parse_usd, usd
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.policy.rules import RULES, Finding, Settings

__all__ = ["OF_STACK", "Requirements", "sample_name", "words"]

#: the rules about all keys of a stack together; each other rule is about one key
OF_STACK = ("over-budget",)
#: placeholders for the end of an automatic name, which no program chooses
_DIGITS, _GENERATION = "0a1b2c3", "1"


def _amount(value: Any) -> Decimal:
    amount = parse_usd(value)
    if amount < 0:
        raise ValueError("must be 0 or more")
    return amount


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 90d")
    return parse_duration(value)


def _pattern(value: Any) -> str:
    try:
        re.compile(value)
        return str(value)
    except (re.error, TypeError):
        raise ValueError("must be a regular expression") from None


def _texts(value: Any) -> tuple[str, ...]:
    is_list = isinstance(value, Collection) and not isinstance(value, str)
    if not is_list or not all(isinstance(text, str) for text in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _budgets(value: Any) -> dict[str, Decimal]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a map of teams to amounts of USD")
    found, wrong = {}, []
    for team, amount in value.items():
        try:
            found[str(team)] = _amount(amount)
        except ValueError as error:
            wrong.append(f"for {str(team)!r} {error}")
    if wrong:
        raise ValueError(", ".join(wrong))
    return found


_SETTINGS: dict[str, Callable[[Any], object]] = {
    "max_limit": _amount,
    "max_lifetime": _duration,
    "name_pattern": _pattern,
    "production": _texts,
    "budgets": _budgets,
}


@dataclass(frozen=True)
class Requirements:
    """The arguments of `check_rules` and of a policy pack.

    :param given: the settings as a person writes them; None counts as absent.
    :param advisory: the names of the rules whose breaches are warnings.
    :param disabled: the names of the rules that are not checked.
    :raises InvalidInputError: with one sentence for each wrong argument.
    """

    given: Mapping[str, object]
    advisory: Collection[str] = ()
    disabled: Collection[str] = ()

    def __post_init__(self) -> None:
        known, failures = [rule.name for rule in RULES], []
        for argument, names in (("advisory", self.advisory), ("disabled", self.disabled)):
            try:
                wrong = sorted({*_texts(names)}.difference(known))
            except ValueError as error:
                failures.append(f"{argument} {error}")
            else:
                are = f"the rules are {', '.join(known)}"
                failures += [f"there is no rule {name!r}: {are}" for name in wrong]
        failures += _parsed(self.given)[1]
        if failures:
            raise InvalidInputError(failures)

    def settings(self, more: Mapping[str, object] | None = None) -> Settings:
        """The settings of the rules.

        :param more: settings that replace the given ones.
        """
        values, failures = _parsed({**self.given, **(more or {})})
        if failures:
            raise InvalidInputError(failures)
        return Settings(**values)

    def level(self, rule: str) -> str:
        """``mandatory``, ``advisory`` or ``disabled``."""
        if rule in self.disabled:
            return "disabled"
        return "advisory" if rule in self.advisory else "mandatory"


def _parsed(given: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    values, failures = {}, []
    for name, value in given.items():
        try:
            if value is not None:
                values[name] = _SETTINGS[name](value)
        except (ValueError, TypeError) as error:
            failures.append(f"{name} {error}")
    return values, failures


def words(finding: Finding, settings: Settings) -> str:
    """A finding without the key's values: where rules are checked, any of them may be a secret."""
    if not finding.checked:
        return finding.text
    if finding.rule == "limit-too-high":
        return f"may spend more than {usd(settings.max_limit or Decimal(0))} USD"
    if finding.rule == "expires-too-late":
        return f"lives longer than {format_duration(settings.max_lifetime or timedelta(0))}"
    if finding.rule == "over-budget":
        team = finding.subject if finding.subject in settings.budgets else ""
        return f"the limits together are above the budget of {usd(settings.budgets[team])} USD"
    return finding.text


def sample_name(inputs: Mapping[str, object], *, rotates: bool) -> object:
    """A name such as the server will have it: with digits for an automatic one, and with a generation."""
    prefix = inputs.get("name_prefix")
    if isinstance(prefix, str):
        return f"{prefix}{f'{_GENERATION}-' if rotates else ''}{_DIGITS}"
    name = inputs.get("name")
    return f"{name}-{_GENERATION}" if rotates and isinstance(name, str) else name
