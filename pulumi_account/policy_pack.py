"""The rules about declared keys as policies of a CrossGuard policy pack (extra ``policy``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from pulumi_account.common.instants import utc_now
from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.policy.facts import UNKNOWN, KeyFacts, key_facts
from pulumi_account.policy.requirements import OF_STACK, Requirements, sample_name, words
from pulumi_account.policy.rules import RULES, Finding, Rule, Settings
from pulumi_account.stacks.resources import KEY_TYPES

__all__ = ["policies"]

_AMOUNT = {"type": "number", "minimum": 0}
#: the settings of each rule, as JSON Schema
_SCHEMAS: dict[str, dict[str, dict[str, Any]]] = {
    "limit-too-high": {"max_limit": _AMOUNT},
    "expires-too-late": {"max_lifetime": {"type": "string"}},
    "bad-name": {"name_pattern": {"type": "string", "format": "regex"}},
    "unprotected": {"production": {"type": "array", "items": {"type": "string"}}},
    "over-budget": {"budgets": {"type": "object", "additionalProperties": _AMOUNT}},
}


def policies(
    *,
    max_limit: float | Decimal | None = None,
    max_lifetime: str | timedelta | None = None,
    name_pattern: str | None = None,
    production: Collection[str] | None = None,
    budgets: Mapping[str, float | Decimal] | None = None,
    advisory: Collection[str] = (),
    disabled: Collection[str] = (),
) -> list[Policy]:
    """A policy for each rule about declared keys, for a ``PolicyPack`` of your own.

    The arguments are those of `check_rules`. The configuration of a policy replaces its level and its settings. A
    message quotes no value of a key, because a policy sees secrets as plain values.

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
    requirements = Requirements(given, advisory, disabled)
    return [(_stack_policy if rule.name in OF_STACK else _key_policy)(rule, requirements) for rule in RULES]


def _key_policy(rule: Rule, requirements: Requirements) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type in KEY_TYPES:
            settings = _configured(args, rule, requirements)
            findings = list(rule.find([_facts(args)], settings, utc_now()))
            _report(findings, settings, report, args.not_applicable)

    return ResourceValidationPolicy(validate=validate, **_about(rule, requirements))


def _stack_policy(rule: Rule, requirements: Requirements) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        settings = _configured(args, rule, requirements)
        keys = [_facts(resource) for resource in args.resources if resource.resource_type in KEY_TYPES]
        findings = list(rule.find(keys, settings, utc_now()))
        _report(findings, settings, report, args.not_applicable, subjects=True)

    return StackValidationPolicy(validate=validate, **_about(rule, requirements))


def _configured(
    args: ResourceValidationArgs | StackValidationArgs, rule: Rule, requirements: Requirements
) -> Settings:
    """The settings of a rule, with those that the policy's configuration replaces."""
    config, known = _plain(args.get_config()), _SCHEMAS.get(rule.name, {})
    if wrong := sorted(config.keys() - known):
        has = f"its settings are: {', '.join(known) or 'none'}"
        raise InvalidInputError([f"{rule.name} has no setting {name!r}: {has}" for name in wrong])
    return requirements.settings(config)


def _about(rule: Rule, requirements: Requirements) -> dict[str, Any]:
    schema = _SCHEMAS.get(rule.name)
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel(requirements.level(rule.name)),
        "config_schema": PolicyConfigSchema(schema) if schema else None,
    }


def _report(
    findings: list[Finding],
    settings: Settings,
    report: ReportViolation,
    not_applicable: Callable[[str], None],
    *,
    subjects: bool = False,
) -> None:
    """Report the breaches, and then say what is not known: a preview shows it, as the SDK does for unknown values."""
    lines = [(finding.checked, words(finding, settings), finding.subject) for finding in findings]
    for text, subject in [(text, subject) for checked, text, subject in lines if checked]:
        report(f"{subject}: {text}" if subjects else text, None)
    for text in [text for checked, text, _ in lines if not checked]:
        if pulumi.runtime.is_dry_run():
            unknown = UnknownValueError(UNKNOWN_STRING_VALUE, [])
            unknown.message = text
            raise unknown
        not_applicable(text)


def _facts(args: ResourceValidationArgs | PolicyResource) -> KeyFacts:
    rotates, inputs = args.resource_type != API_KEY_TYPE, _plain(args.props)
    if not isinstance(inputs.get("name"), str):
        inputs["name"] = sample_name(inputs, rotates=rotates)
    return key_facts(args.name, inputs, rotates=rotates, protect=args.opts.protect)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are known, and marks for the others, which the policy SDK raises as errors."""
    found: dict[str, Any] = {}
    for name in values:
        try:
            value = values[name]
        except UnknownValueError:
            value = UNKNOWN
        found[name] = _plain(value) if isinstance(value, Mapping) else value
    return found
