"""Stacks that faults hit, on three engines: the provider's process alone, LocalEngine, and the real CLI."""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulumi_account.testing import Result
from pulumi_account.testing.state import StateError
from tests.faults.matrix import Declared
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.projects import engine_for, own_errors, project_files, write_project
from tests.support.provider_process import ProviderError, ProviderProcess

SECRETS = {"account:provisioningKey": PROVISIONING_KEY}
#: a frame of the package in a traceback: the CLI interrupts a program whose resource failed, and prints a traceback
FRAME = re.compile(r'File "[^"]*/pulumi_account/[\w/]+\.py"')
_INSTANCE = (
    "{0} = account.Provider({0!r}, endpoint=os.environ['ACCOUNT_ENDPOINT'], "
    "provisioning_key=pulumi.Config('account').require_secret('provisioningKey'))"
)


class Run(NamedTuple):
    """The result of a run: whether it succeeded, the package's own errors, and all output."""

    ok: bool
    errors: list[str]
    text: str


class Stack(ABC):
    """A stack that an engine deploys."""

    @abstractmethod
    def run(self, command: str, declared: Declared) -> Run:
        """``up`` or ``refresh``."""

    def get_ready(self) -> None:  # noqa: B027 - most need nothing
        """Prepare the next run."""

    @abstractmethod
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Each resource's outputs, its plaintext among them; in plain text."""


# --- the provider's process alone


class Resource(NamedTuple):
    """A resource in an engine's state."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    trigger: str | None = None


class GrpcStack(Stack):
    """A minimal engine: one call after the other.

    :param processes: gives the process for a run.
    :param faulted: gives it for the run that meets a fault.
    """

    def __init__(
        self, processes: Callable[[], ProviderProcess], faulted: Callable[[], ProviderProcess] | None = None
    ) -> None:
        self._processes, self._faulted = processes, faulted or processes
        self._ready: ProviderProcess | None = None
        self._state: dict[str, Resource] = {}
        self._replaced: list[Resource] = []
        self._errors: list[str] = []

    def outputs(self) -> dict[str, dict[str, Any]]:
        return {name: resource.outputs for name, resource in self._state.items()}

    def get_ready(self) -> None:
        self._ready = self._faulted()

    def run(self, command: str, declared: Declared) -> Run:
        self._process, self._ready = self._ready or self._processes(), None
        told = len(self._process.stderr)
        self._errors = []
        if command == "refresh":
            for name in list(self._state):
                self._try(self._read, name)
        else:
            for name, arguments in declared.items():
                self._try(self._deploy, name, arguments)
            for name in self._state.keys() - declared.keys():
                self._replaced.append(self._state.pop(name))
            self._replaced = [old for old in self._replaced if not self._try(self._delete, old)]
        text = "\n".join([*self._errors, self._process.stderr[told:]])
        return Run(not self._errors, self._errors, text)

    def _try(self, step: Callable[..., None], *args: Any) -> bool:
        if self._errors:
            return False
        try:
            step(*args)
        except ProviderError as error:
            self._errors.append(str(error))
        return not self._errors

    def _deploy(self, name: str, arguments: Mapping[str, Any]) -> None:
        given = {"name_prefix": f"{name}-"} if "name" not in arguments else {}
        given |= {"__instance_id" if name == "instance" else name: value for name, value in arguments.items()}
        trigger = given.pop("trigger", None)
        old = self._state.get(name)
        inputs = self._checked(given, old.inputs if old else None)
        if old and old.trigger == trigger:
            diff = self._steps(given).diff(old.id, old.outputs, inputs)
            if not diff.replaces:
                if diff.changes != "none":
                    outputs = self._steps(given).update(old.id, old.outputs, inputs)
                    self._state[name] = Resource(old.id, inputs, outputs, trigger)
                return
        if old:
            inputs = self._checked(given, None)
        key_id, outputs = self._steps(given).create(inputs)
        self._state[name] = Resource(key_id, inputs, outputs, trigger)
        self._replaced += [old] if old else []

    def _checked(self, given: dict[str, Any], olds: dict[str, Any] | None) -> dict[str, Any]:
        inputs, failures = self._steps(given).check(given, olds)
        assert not failures
        return inputs

    def _read(self, name: str) -> None:
        old = self._state[name]
        found = self._steps(old.inputs).read(old.id, old.outputs, old.inputs)
        if found.id:
            self._state[name] = Resource(found.id, found.inputs, found.outs, old.trigger)
        else:
            del self._state[name]

    def _delete(self, old: Resource) -> None:
        self._steps(old.inputs).delete(old.id, old.outputs)

    def _steps(self, inputs: Mapping[str, Any]) -> ProviderProcess:
        """The process, asked about the kind of resource that has these inputs."""
        return self._process.rotating() if "every" in inputs else self._process


# --- whole programs


class ProgramStack(Stack):
    """A program, on LocalEngine or on the real CLI."""

    def __init__(self, folder: Path, kind: str, env: Mapping[str, str], python: str) -> None:
        self.folder = folder
        self._stderr = folder / "stderr"
        self._stderr.touch()
        self._program = write_project(folder)
        # the user sees the standard error of these processes, so it is recorded here
        logging_python = folder / "python"
        logging_python.write_text(f'#!/bin/sh\nexec 2>>"{self._stderr}"\nexec "{python}" "$@"\n')
        logging_python.chmod(0o700)
        own = {**env, "PULUMI_CONFIG_PASSPHRASE": ""}
        runs = str(logging_python) if kind == "local" else python
        self._engine = engine_for(kind, folder, env=own, secrets=SECRETS, python=runs)

    def run(self, command: str, declared: Declared) -> Run:
        lines = ["import os, pulumi, pulumi_account as account"]
        for name, arguments in declared.items():
            given = dict(arguments)
            opts = {"replacement_trigger": repr(given.pop("trigger", None))}
            if instance := given.pop("instance", None):
                lines.append(_INSTANCE.format(instance))
                opts["provider"] = instance
            options = ", ".join(f"{option}={value}" for option, value in opts.items())
            kind = "RotatingApiKey" if "every" in given else "ApiKey"
            lines.append(f"{name} = account.{kind}({name!r}, pulumi.ResourceOptions({options}), **{given!r})")
            lines.append(f"pulumi.export({name!r}, {name}.key)")
        self._program.write_text("\n".join(lines))
        told = len(self._stderr.read_text())
        result = self._result(command)
        messages = [d.message for d in result.diagnostics]
        text = "\n".join([result.text, *messages, self._stderr.read_text()[told:]])
        assert_clean(text, result.steps, result.outputs, result.diagnostics, project_files(self.folder))
        return Run(result.ok, own_errors(result), text)

    def _result(self, command: str) -> Result:
        while True:
            try:
                result: Result = getattr(self._engine, command)()
            except StateError:  # a process that another thread is starting briefly has a copy of the lock
                time.sleep(0.01)
            else:
                return result

    def outputs(self) -> dict[str, dict[str, Any]]:
        resources = self._engine.export(show_secrets=True)["deployment"].get("resources", [])
        opened = {r["urn"]: _opened(r.get("outputs", {})) for r in resources if not r.get("delete")}
        found = {urn.split("::")[-1]: outputs for urn, outputs in opened.items() if "ApiKey::" in urn}
        exported = next((outputs for urn, outputs in opened.items() if "pulumi:pulumi:Stack::" in urn), {})
        for name, outputs in found.items():
            assert outputs.get("key") == exported.get(name, outputs.get("key"))
        return found


def _opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a state, secrets opened."""
    return {
        name: json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value
        for name, value in values.items()
    }
