"""`check_rules`: the rules about declared keys, in a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn

import pulumi

from pulumi_account.common.instants import utc_now
from pulumi_account.policy.facts import KeyFacts, key_facts
from pulumi_account.policy.requirements import OF_STACK, Requirements, sample_name, words
from pulumi_account.policy.rules import RULES
from pulumi_account.program.declarations import Declaration, declarations
from pulumi_account.program.rotating_api_key import RotatingApiKey

__all__ = ["check_rules"]


def check_rules(
    *,
    max_limit: float | Decimal | None = None,
    max_lifetime: str | timedelta | None = None,
    name_pattern: str | None = None,
    production: Collection[str] | None = None,
    budgets: Mapping[str, float | Decimal] | None = None,
    advisory: Collection[str] = (),
    disabled: Collection[str] = (),
) -> None:
    """Check the rules about every `ApiKey` and `RotatingApiKey` that the program declares, also in components.

    The preview reports all breaches at once, as one error. Call it before the program declares keys: a deployment then
    creates no key that breaks a rule. It checks what the program declares, before transforms change it; a policy pack
    checks the result. A message quotes no value of a key.

    :param max_limit: USD that a key may spend at most.
    :param max_lifetime: how long a key may live, such as ``90d``; for a rotating key, the time between rotations.
    :param name_pattern: a regular expression that must match the whole name of each key.
    :param production: the values of the label ``environment`` that stand for production. Default: ``production``.
    :param budgets: USD for all limits together, by the value of the label ``team``; ``""`` is the whole stack.
    :param advisory: the names of the rules whose breaches are warnings.
    :param disabled: the names of the rules that are not checked.
    :raises InvalidInputError: an argument is wrong; the message has a sentence for each.
    """
    given = {
        "max_limit": max_limit,
        "max_lifetime": max_lifetime,
        "name_pattern": name_pattern,
        "production": production,
        "budgets": budgets,
    }
    _Check(Requirements(given, advisory, disabled))


class _Check:
    """One call of `check_rules`: it checks the keys once the program has declared them, and each before it is made."""

    def __init__(self, requirements: Requirements) -> None:
        self._requirements = requirements
        self._settings = requirements.settings()
        self._keys, self._checks = declarations().keys, declarations().watchers
        self._facts: dict[int, KeyFacts] = {}
        self._warned: set[str] = set()
        self._is_due = False  # a report is scheduled
        self._gated = 0  # how many keys there were when all were checked
        self._checks.append(self)
        self._schedule()

    def __call__(self, declaration: Declaration) -> Callable[[], Awaitable[None]]:
        self._schedule()
        return partial(self._gate, declaration)

    async def _gate(self, declaration: Declaration) -> None:
        """What the registration of a key waits for. A preview makes no key, so there the one report is enough."""
        if pulumi.runtime.is_dry_run():
            return
        await declaration.resolve()
        are_more, self._gated = self._gated < len(self._keys), len(self._keys)
        keys = self._keys if are_more else [declaration]
        if _mandatory(self._found(keys, of_stack=are_more or bool(declaration.waiting))):
            self._fail()

    def _schedule(self) -> None:
        """Report after the code that is running, so that there is one report about all keys that it declares."""
        if not self._is_due:
            self._is_due = True
            report: Any = self._report
            pulumi.Output.from_input(None).apply(lambda _: report())

    async def _report(self) -> None:
        resolved = 0
        while resolved < len(self._keys):
            await self._keys[resolved].resolve()
            resolved += 1
        self._is_due = False
        found = self._found(self._keys)
        warnings = [line for level, line in found if level != "mandatory" and line not in self._warned]
        self._warned.update(warnings)
        if warnings:
            pulumi.log.warn("\n".join(["rules about keys:", *warnings]))
        if _mandatory(found):
            self._fail()

    def _fail(self) -> NoReturn:
        """Report the breaches of all calls of `check_rules` as one error."""
        checks = [check for check in self._checks if isinstance(check, _Check)]
        lines = [line for check in checks for line in _mandatory(check._found(self._keys))]
        raise pulumi.RunError("\n".join(["keys break rules:", *dict.fromkeys(lines)]))

    def _found(self, declared: list[Declaration], *, of_stack: bool = True) -> list[tuple[str, str]]:
        """The level and the line of each finding, of the inputs that are known so far.

        :param of_stack: check the rules about all keys together, too.
        """
        keys, now = [[self._facts_of(declaration)] for declaration in declared], utc_now()
        whole = [[self._facts_of(declaration) for declaration in self._keys]] if of_stack else []
        found = []
        for rule in RULES:
            level = self._requirements.level(rule.name)
            for group in (whole if rule.name in OF_STACK else keys) if level != "disabled" else ():
                for finding in rule.find(group, self._settings, now):
                    subject = finding.subject if rule.name in OF_STACK else group[0].resource
                    text = ("" if finding.checked else "not checked: ") + words(finding, self._settings)
                    line = f"{subject}: {text} ({rule.name})"
                    found.append((level if finding.checked else "unknown", line))
        return found

    def _facts_of(self, declaration: Declaration) -> KeyFacts:
        if (known := self._facts.get(id(declaration))) is not None:
            return known
        rotates = isinstance(declaration.resource, RotatingApiKey)
        inputs = declaration.known
        inputs["name"] = sample_name(inputs, rotates=rotates)
        protect = declaration.resource._protect is True
        facts = key_facts(declaration.name, inputs, rotates=rotates, protect=protect)
        if declaration.is_resolved:
            self._facts[id(declaration)] = facts
        return facts


def _mandatory(found: list[tuple[str, str]]) -> list[str]:
    return [line for level, line in found if level == "mandatory"]
