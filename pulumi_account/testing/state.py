"""The state of a stack: its resources, in a file of the format that ``pulumi stack export`` writes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulumi_account.common.files import narrow, private, private_folder
from pulumi_account.testing.resources import STACK, Resource, now
from pulumi_account.testing.secrets import Vault
from pulumi_account.testing.values import SECRET, SIGNATURE, Secret, Value, camel_case, plain, visible

__all__ = ["Snapshot", "StateError", "locked"]


class StateError(Exception):
    """The state file cannot be used; the message says why."""


_NAMES = {item.name: camel_case(item.name) for item in fields(Resource) if item.name not in ("rest", "text")}


def entry(resource: Resource, seal: Any) -> dict[str, Any]:
    """The resource as an entry of a state file; `seal` writes a secret."""
    whole = {name: getattr(resource, key) for key, name in _NAMES.items()}
    trigger = {"replacementTrigger"} if resource.replacement_trigger is not None else set()
    whole = {name: value for name, value in whole.items() if value or name in {"custom", *trigger}}
    bags = {name: _jsonable(whole[name], seal) for name in whole.keys() & {"inputs", "outputs", *trigger}}
    return {**whole, **bags, **resource.rest}


def _jsonable(value: Value, seal: Any) -> Value:
    """The value for JSON: whole numbers without a point, secrets as `seal` writes them."""
    if isinstance(value, Secret):
        return seal(_jsonable(plain(value), None))
    if isinstance(value, dict):
        return {key: _jsonable(item, seal) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_jsonable(item, seal) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Snapshot:
    """The resources of the last run and of this one; every change is written to the file."""

    def __init__(
        self, path: Path, vault_of: Callable[[str | None], Vault], *, read_only: bool = False
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._version = self._written = 0
        self._sealed: dict[tuple[str, str], str] = {}
        self._new: list[Resource] = []
        self._done: set[Resource] = set()
        self._pending: dict[Resource, str] = {}
        raw = _read(path)
        providers = raw.get("secrets_providers") or {}
        self.vault = vault_of((providers.get("state") or {}).get("salt"))
        self._metadata = raw.get("metadata") or {}
        self.interrupted: list[dict[str, Any]] = raw.get("pending_operations") or []
        self.base = [self._load(item) for item in raw.get("resources") or []]
        self._users: defaultdict[str, list[Resource]] = defaultdict(list)
        for resource in self.base:
            for urn in resource.needs():
                self._users[urn].append(resource)

    def _load(self, raw: dict[str, Any]) -> Resource:
        known = {key: raw[name] for key, name in _NAMES.items() if name in raw}
        rest = {name: value for name, value in raw.items() if name not in _NAMES.values()}
        for key in ("inputs", "outputs"):
            known[key] = self._unseal(raw["urn"], known.get(key) or {})
        if "replacement_trigger" in known:
            known["replacement_trigger"] = self._unseal(raw["urn"], known["replacement_trigger"])
        return Resource(**known, rest=rest)

    def _unseal(self, urn: str, value: Value) -> Value:
        if isinstance(value, dict) and value.get(SIGNATURE) == SECRET:
            text = value.get("plaintext")
            if text is None:
                text = self.vault.decrypt(value["ciphertext"])
                self._sealed[urn, text] = value["ciphertext"]
            return Secret(self._unseal(urn, json.loads(text)))
        if isinstance(value, dict):
            return {key: self._unseal(urn, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._unseal(urn, item) for item in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def _seal(self, urn: str, value: Value) -> dict[str, str]:
        # An unchanged value keeps its ciphertext: encrypting is slow.
        text = json.dumps(value)
        if (urn, text) not in self._sealed:
            self._sealed[urn, text] = self.vault.encrypt(text)
        return {SIGNATURE: SECRET, "ciphertext": self._sealed[urn, text]}

    def resources(self) -> list[Resource]:
        """All current resources: this run's, then those of the last run that it has not changed."""
        return [resource for resource in (*self._new, *self.base) if resource not in self._done]

    def forget_interrupted(self) -> None:
        """Drop interrupted updates and deletions, which a new run repeats; of a creation, this is the only record."""
        self.interrupted = [op for op in self.interrupted if op["type"] == "creating"]

    def add(self, entries: Iterable[dict[str, Any]]) -> None:
        """Add resources that exist.

        :param entries: as a state file has them, but a value may be a `Secret`.
        """
        self.replace_base([*self.base, *map(self._load, entries)])

    def taint(self, urn: str) -> None:
        """Mark a resource for replacement.

        :raises StateError: no resource has this URN.
        """
        resource = self._only([item for item in self.base if item.urn == urn and not item.delete], urn)
        resource.taint = True
        self.save(resource)

    def give_name(self, urn: str, name: str) -> None:
        """Rename a resource, and all that refers to it.

        :raises StateError: no resource or more than one has this URN, or another has the new name.
        """
        new = f"{urn.rpartition('::')[0]}::{name}"
        resource = self._only([item for item in self.base if item.urn == urn], urn)
        if any(item.urn == new for item in self.base):
            raise StateError(f"the state has a resource {new} already: choose another name")
        resource.urn = new
        self.rename(urn, new)
        self.save(resource)

    def _only(self, found: list[Resource], urn: str) -> Resource:
        if len(found) != 1:
            many = "more than one resource" if found else "no resource"
            raise StateError(f"{self.path} has {many} with the URN {urn}: the URNs are those in the file")
        return found[0]

    def rename(self, old: str, new: str) -> None:
        """Change the references to a URN in the last run's resources."""
        with self._lock:
            for user in self._users.pop(old, ()):
                self._users[new].append(user)
                user.text = ""
                user.parent = new if user.parent == old else user.parent
                if user.provider_urn == old:
                    user.provider = new + user.provider.removeprefix(old)
                for urns in (user.dependencies, *user.property_dependencies.values()):
                    urns[:] = [new if urn == old else urn for urn in urns]

    def begin(self, resource: Resource, operation: str) -> None:
        """Write that an operation on the resource is about to start."""
        with self._lock:
            self._pending[resource] = operation
        self.save(resource)

    def end(
        self,
        resource: Resource,
        *,
        new: Resource | None = None,
        done: Resource | None = None,
        quiet: bool = False,
    ) -> None:
        """Write the end of an operation.

        :param new: the resource that it made.
        :param done: the resource of the last run that no longer exists.
        :param quiet: whether to leave the writing to the next operation.
        """
        with self._lock:
            self._pending.pop(resource, None)
            self._done |= {done} if done else set()
            self._new += [new] if new else []
        if not quiet:
            self.save(*filter(None, (resource, new)))

    def touch(self, resource: Resource) -> None:
        """Note that the resource has changed; the next write contains it."""
        with self._lock:
            resource.text = ""

    def replace_base(self, found: Iterable[Resource]) -> None:
        """Use what a refresh found as the last run's resources, without references to those that are gone."""
        left: dict[str, Resource] = {}
        for new in found:
            new.parent = new.parent if new.parent in left else ""
            new.dependencies = [urn for urn in new.dependencies if urn in left]
            kept = {
                key: [urn for urn in urns if urn in left] for key, urns in new.property_dependencies.items()
            }
            new.property_dependencies = {key: urns for key, urns in kept.items() if urns}
            left[f"{new.urn}{new.id if new.delete else ''}"] = new
        with self._lock:
            self.base = list(left.values())
        self.save(*self.base)

    def save(self, *changed: Resource) -> None:
        """Write all changes so far to the file; changes during a write share the next write."""
        if self.read_only:
            return
        with self._lock:
            self._version += 1
            mine = self._version
            for resource in changed:
                resource.text = ""
        with self._writing:
            if self._written < mine:
                with self._lock:
                    written, text = self._version, self._text()
                # mkstemp gives mode 0600; replacing makes the change atomic
                handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
                with os.fdopen(handle, "w") as file:
                    file.write(text)
                os.replace(name, self.path)
                self._written = written

    def _text(self) -> str:
        resources = ",\n".join(map(self._entry_text, self.resources()))
        operations = [
            {"resource": json.loads(self._entry_text(r)), "type": op} for r, op in self._pending.items()
        ]
        writer, salt = version("pulumi"), self.vault.state  # the vault has a salt once an entry has a secret
        head = {
            "manifest": {
                "time": now(),
                "magic": hashlib.sha256(writer.encode()).hexdigest(),
                "version": writer,
            },
            "secrets_providers": salt and {"type": "passphrase", "state": {"salt": salt}},
            "pending_operations": operations + self.interrupted,
        }
        shown = {key: value for key, value in head.items() if value} | {"metadata": self._metadata}
        return f'{{"version": 3, "deployment": {json.dumps(shown)[:-1]}, "resources": [\n{resources}\n]}}}}\n'

    def _entry_text(self, resource: Resource) -> str:
        if not resource.text:
            resource.text = json.dumps(entry(resource, lambda value: self._seal(resource.urn, value)))
        return resource.text

    def stack_outputs(self, *, show_secrets: bool) -> dict[str, Any]:
        """The outputs of the stack as a user reads them."""
        outputs = next((item.outputs for item in self.resources() if item.type == STACK), {})
        return {key: visible(plain(value) if show_secrets else value) for key, value in outputs.items()}

    def export(self, *, show_secrets: bool) -> dict[str, Any]:
        """The whole state as ``pulumi stack export`` prints it."""
        with self._lock:
            whole: dict[str, Any] = json.loads(self._text())
            if show_secrets:
                entries = [entry(resource, _in_clear) for resource in self.resources()]
                whole["deployment"]["resources"] = entries
            return whole


def _in_clear(value: Value) -> dict[str, str]:
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        whole = json.loads(path.read_text())
        deployment: dict[str, Any] = whole["deployment"]
    except (ValueError, KeyError, TypeError):
        raise StateError(f"{path} is not a state file") from None
    if whole.get("version") != 3:
        raise StateError(f"{path} is a state file of version {whole.get('version')}; only 3 can be read")
    return deployment


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the state file for one run; a second run fails at once."""
    private_folder(path.parent)
    lock = path.with_name(f"{path.name}.lock")
    with open(lock, "a", opener=private) as file:
        narrow(lock)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(f"another run holds {path}") from None
        yield
