"""A resource as a program declares it (`Goal`) and as the state holds it (`Resource`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pulumi_account.testing.values import Properties, Value

PACKAGE = "pulumi-python"
STACK = "pulumi:pulumi:Stack"


class PlanError(Exception):
    """The resource cannot be deployed as declared."""


@dataclass(frozen=True)
class Alias:
    """A former identity: a whole URN, or what differs from the resource's own type, name and parent."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass
class Goal:
    """A resource as the program declares it."""

    type: str
    name: str
    custom: bool = True
    parent: str = ""
    inputs: Properties = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    provider: str = ""
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    replacement_trigger: Value = None
    id: str = ""  # only of a resource that the program reads


@dataclass(eq=False)
class Resource:
    """A resource in the state; the file omits what is false or empty. Resources are compared by identity."""

    urn: str
    type: str
    custom: bool = True
    delete: bool = False
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list)
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list)
    retain_on_delete: bool = False
    created: str = ""
    modified: str = ""
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    replacement_trigger: Value = None
    rest: dict[str, Any] = field(default_factory=dict)  # fields of other engines, kept unread
    text: str = ""  # the entry as last written

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return type_and_name(self.urn)[1]

    @property
    def is_provider(self) -> bool:
        """Whether this is a provider instance, default or explicit."""
        return self.type.startswith("pulumi:providers:")

    @property
    def is_default_provider(self) -> bool:
        """Whether this is the instance for resources that name none."""
        return self.is_provider and self.name == "default"

    @property
    def ref(self) -> str:
        """How resources refer to this provider instance."""
        return f"{self.urn}::{self.id}"

    @property
    def provider_urn(self) -> str:
        """The URN of the instance that manages this resource."""
        return self.provider.rpartition("::")[0]

    def needs(self) -> set[str]:
        """The URNs of all that this resource depends on, its parent and its provider included."""
        urns = {self.parent, self.provider_urn, *self.dependencies}
        return urns.union(*self.property_dependencies.values()) - {""}


def type_and_name(urn: str) -> tuple[str, str]:
    """The parts of a URN that differ within a stack: the type, qualified by the parents' types, and the name."""
    _, _, kind, name = urn.split("::", 3)
    return kind, name


def now() -> str:
    """The current instant, as state files write it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
