"""Former names of keys, so that a key that was renamed, or moved to another team, is not deleted."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_account.keyfile.model import resource_name
from pulumi_account.keyfile.nodes import Failures, Node, Place

__all__ = ["check_former_names", "former_names"]


def former_names(team: str, team_node: Node, key: str, node: Node) -> tuple[str, ...]:
    """All former names of a key, each as ``team/key``: its own, and those that it had in a former team."""
    teams = [team, *(item.value for item in _listed(team_node))]
    keys, names = [key], list[str]()
    for item in _listed(node):
        (names if "/" in item.value else keys).append(item.value)
    combined = [f"{former}/{name}" for former in teams for name in keys]
    return tuple(dict.fromkeys([*combined[1:], *names]))


def check_former_names(root: Node, failures: Failures) -> None:
    """Report a former name of a key that another key has, or has had."""
    present = {
        resource_name(f"{team}/{key}"): node.get("keys").names[key]  # type: ignore[union-attr]
        for team, node in root.entries("teams").items()
        for key in node.entries("keys")
    }
    former: dict[str, Place] = {}
    for name, at in _former(root):
        if name in present:
            failures.add(at, f"previously names the key at {present[name]}")
        elif former.setdefault(name, at) != at:
            failures.add(at, f"previously names what the key at {former[name]} was, too")


def _former(root: Node) -> Iterator[tuple[str, Place]]:
    for team, team_node in root.entries("teams").items():
        for node in team_node.entries("keys").values():
            for item in _listed(node):
                yield resource_name(item.value if "/" in item.value else f"{team}/{item.value}"), item.at


def _listed(node: Node) -> list[Node]:
    found = node.get("previously")
    return [item for item in found or () if isinstance(item.value, str)]
