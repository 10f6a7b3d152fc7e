"""From what a program declares to what is done: plans steps one resource at a time, runs them sixteen at a time."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pulumi_account.testing.provider import Diff, Factory, Provider, ProviderError, ignoring, replacing
from pulumi_account.testing.state import Resource, Snapshot, now
from pulumi_account.testing.values import (
    UNKNOWN,
    Change,
    Properties,
    Secret,
    Value,
    changes,
    has_unknown,
    plain,
    same,
    without_secrets,
)

PARALLEL = 16
PACKAGE = "pulumi-python"
STACK = "pulumi:pulumi:Stack"
_UNKNOWN_CONFIG = (
    "The provider for this resource has inputs that are not known during preview.\n"
    "This preview may not correctly represent the changes that will be applied during an update."
)


class StoppedError(Exception):
    """The deployment has stopped, for a reason that was reported elsewhere."""


class PlanError(Exception):
    """The resource cannot be deployed as declared."""


@dataclass(frozen=True)
class Alias:
    """A former identity: a whole URN, or what differs from the resource's own type, name and place."""

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
    id: str = ""  # to read, not to register


@dataclass
class Step:
    """One thing to do, or done, to one resource."""

    op: str
    old: Resource | None = None
    new: Resource | None = None
    keys: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    detailed: list[Change] | None = None
    stays: bool = False  # the deleted original stays in the state until its replacement is made
    leaves: bool = False  # the original is left to be deleted at the end of the run
    result: str = ""  # what a refresh has found

    @property
    def resource(self) -> Resource:
        """The resource after the step or, when it is deleted, before."""
        resource = self.new or self.old
        assert resource
        return resource


class Report(Protocol):
    """Who is told what happens."""

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Something to tell the user about a resource."""

    def starting(self, step: Step) -> None:
        """A step is about to be done."""

    def finished(self, step: Step) -> None:
        """A step is done."""

    def failed(self, step: Step) -> None:
        """A step has failed."""

    def hide(self, *bags: Properties) -> None:
        """From now on, what is secret in these properties must not show in any message."""


class Deployment:
    """One run over one stack."""

    def __init__(
        self,
        stack: tuple[str, str],
        snapshot: Snapshot,
        factory: Factory,
        report: Report,
        *,
        preview: bool,
        config: Properties,
        replace: Iterable[str] = (),
    ) -> None:
        self.project, self.stack = stack
        self.snapshot, self._factory, self._report, self.preview = snapshot, factory, report, preview
        self._config, self._replace = config, frozenset(replace)
        self._olds = {old.urn: old for old in snapshot.base if not old.delete}
        self._old_refs = {old.ref: old for old in snapshot.base if old.is_provider}
        self._providers: dict[str, Provider] = {}
        self._started: list[Provider] = []
        self._planning, self._registry, self._defaulting = (
            threading.Lock(),
            threading.Lock(),
            threading.Lock(),
        )
        self._workers = threading.BoundedSemaphore(PARALLEL)
        self._default = ""
        self._urns: set[str] = set()
        self._seen: set[str] = set()  # URNs of the last run that this run has taken up, by their old name
        self._aliased: dict[str, str] = {}  # old URN to new
        self._former: dict[str, str] = {}  # new URN to old
        self._deleted: set[Resource] = set()
        self._deletes: dict[str, list[str]] = {}
        self._registered: dict[str, Step] = {}
        self.goals: dict[str, Goal] = {}  # by URN, once they are brought about
        self._stack_outputs: Properties | None = None
        for old in snapshot.base:
            report.hide(old.inputs, old.outputs)
        self.stopped = threading.Event()
        self.wake = (
            threading.Event()
        )  # set when the program has declared everything, has ended, or need not go on
        self.errored = self.step_failed = self._lenient = False
        self.terminated = False  # nobody waits any more: whether the steps under way are done is not known
        self._appliers: dict[str, Callable[[Step], None]] = {
            "same": self._same,
            "create": self._create,
            "create-replacement": self._create,
            "update": self._update,
            "replace": lambda _: None,
            "read": self._read,
            "read-replacement": self._read,
            "refresh": self._refresh,
            "remove-pending-replace": lambda step: self.snapshot.end(step.resource, done=step.old),
        }

    # Providers

    def _provider(self, ref: str) -> Provider:
        with self._registry:
            if ref not in self._providers:
                if ref not in self._old_refs:
                    raise PlanError(f"unknown provider {ref}")
                self._start(ref, self._old_refs[ref].inputs)
            return self._providers[ref]

    def _start(self, ref: str, inputs: Properties) -> None:
        self._providers[ref] = self._factory(inputs)
        self._started.append(self._providers[ref])

    def default_provider(self) -> str:
        """The instance for resources that name none: it gets the stack's whole configuration."""
        with self._defaulting:
            if not self._default:
                new = self.register(Goal(f"pulumi:providers:{PACKAGE}", "default", inputs=dict(self._config)))
                self._default = new.ref
            return self._default

    def stop_providers(self) -> None:
        """End all provider processes, side by side."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(Provider.stop, self._started))

    # Registration

    def can_replace(self) -> bool:
        """Whether the state has all that is to be replaced; else this is an error of the run, which ends."""
        known = {old.urn for old in self.snapshot.base}
        for urn in sorted(self._replace - known):
            hint = "" if "$" in urn else " Did you forget to escape $ in your shell?"
            self.fail("", f"Target '{urn}' could not be found in the stack.{hint}")
        return not self.stopped.is_set()

    def register(self, goal: Goal) -> Resource:
        """Bring a declared resource about; returns what the program may know of it."""
        return self._handle(goal, self._plan)

    def read(self, goal: Goal) -> Resource:
        """Look up a resource that is not the stack's own."""
        return self._handle(goal, self._plan_read)

    def _handle(self, goal: Goal, plan: Callable[[Goal, str], list[Step]]) -> Resource:
        self._report.hide(goal.inputs)
        urn = self._urn(goal)
        with self._planning:
            if self.stopped.is_set():
                raise StoppedError
            try:
                self._claim(goal, urn)
                steps = plan(goal, urn)
            except (PlanError, ProviderError) as error:
                raise self.fail(urn, str(error)) from None
        self._execute(steps)
        self.goals[urn] = goal
        return next(step.new for step in steps if step.new)

    def fail(self, urn: str, message: str) -> StoppedError:
        """Report an error and stop: steps under way are waited for, no others begin."""
        self._report.diagnostic("error", urn, message)
        self._stop()
        return StoppedError()

    def _stop(self) -> None:
        self.errored = True
        self.stopped.set()
        self.wake.set()

    def outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component, or the stack's, which count only at the end of the run."""
        if _is_stack(urn):
            self._stack_outputs = outputs
        else:
            self._set_outputs(self._registered[urn], outputs)

    def _set_outputs(self, step: Step, outputs: Properties) -> None:
        new = step.resource
        changed = not same(new.outputs, outputs)
        new.outputs = outputs
        if changed:
            self.snapshot.save(new)

    def _urn(self, goal: Goal) -> str:
        kind = goal.parent.split("::")[2] if goal.parent else STACK
        return self._made_urn(goal.type if kind == STACK else f"{kind}${goal.type}", goal.name)

    def _made_urn(self, qualified_type: str, name: str, stack: str = "", project: str = "") -> str:
        return f"urn:pulumi:{stack or self.stack}::{project or self.project}::{qualified_type}::{name}"

    def _claim(self, goal: Goal, urn: str) -> None:
        if goal.parent and goal.parent not in self._urns:
            raise PlanError(f"could not find parent resource {goal.parent}")
        if urn in self._urns:
            raise PlanError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self._urns.add(urn)

    # Former identities

    def _find_old(self, goal: Goal, urn: str) -> Resource | None:
        if urn in self._aliased:
            other = self._aliased[urn]
            raise PlanError(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{other}'"
            )
        for candidate in (urn, *self._alias_urns(goal)):
            if old := self._olds.get(candidate):
                if candidate != urn:
                    self._take_alias(candidate, urn)
                return old
        return None

    def _take_alias(self, old: str, new: str) -> None:
        if other := old if old in self._urns else self._aliased.get(old):
            raise PlanError(
                f"Duplicate resource alias '{old}' applied to resource with URN '{new}' "
                f"conflicting with resource with URN '{other}'"
            )
        self._aliased[old], self._former[new] = new, old
        self.snapshot.rename(old, new)

    def _alias_urns(self, goal: Goal) -> list[str]:
        own = [self._alias_urn(goal, alias) for alias in goal.aliases]
        former = self._former.get(goal.parent, "")
        inherited = []
        if former:
            name = goal.parent.split("::", 3)[3]
            for kind, child in [
                (goal.type, goal.name),
                *((u.split("::")[2].split("$")[-1], u.split("::", 3)[3]) for u in own),
            ]:
                if child.startswith(name):
                    child = former.split("::", 3)[3] + child.removeprefix(name)
                inherited.append(self._made_urn(f"{former.split('::')[2]}${kind}", child))
        return own + inherited

    def _alias_urn(self, goal: Goal, alias: Alias) -> str:
        if alias.urn:
            return alias.urn
        parent = self._former.get(alias.parent, alias.parent) or goal.parent
        kind = parent.split("::")[2] if parent and not alias.no_parent else STACK
        type_ = alias.type or goal.type
        return self._made_urn(
            type_ if kind == STACK else f"{kind}${type_}", alias.name or goal.name, alias.stack, alias.project
        )

    # Planning

    def _plan(self, goal: Goal, urn: str) -> list[Step]:
        old = self._find_old(goal, urn)
        new = _resource(goal, urn, old)
        provider = self._provider(goal.provider) if goal.custom and not new.is_provider else None
        recreating = old is not None and old.urn in self._deletes
        inputs = ignoring(goal.ignore_changes, old.inputs, goal.inputs) if old else goal.inputs
        if provider:
            fresh = not old or recreating or old.external or self._condemned(old, urn)
            inputs = self._check(
                provider, new, {} if fresh or not old else old.inputs, goal.inputs if fresh else inputs
            )
        if goal.custom:
            new.inputs = inputs
        if not old:
            return [Step("create", new=new)]
        self._seen.add(old.urn)
        if recreating:
            keys = self._deletes.pop(old.urn)
            return [Step("replace", old, new), Step("create-replacement", old, new, keys)]
        if old.external:
            return [Step("create-replacement", old, new, leaves=True), Step("replace", old, new)]
        return self._compare(goal, old, new, inputs, provider)

    def _check(self, provider: Provider, new: Resource, olds: Properties, news: Properties) -> Properties:
        inputs, failures = provider.check(olds, news)
        for name, reason in failures:
            what = f": property {name} value {{{_shown(news.get(name))}}}" if name else ""
            message = f"{new.type} resource '{new.name}'{what} has a problem: {reason}"
            self._report.diagnostic("error", new.urn, message)
        if failures:
            self._stop()
            raise StoppedError
        return inputs

    def _compare(
        self, goal: Goal, old: Resource, new: Resource, inputs: Properties, provider: Provider | None
    ) -> list[Step]:
        triggered = _triggers(old.replacement_trigger, new.replacement_trigger)
        condemned = self._condemned(old, new.urn)
        if triggered or condemned:
            diff = Diff(True, [] if triggered else ["id"])
        else:
            diff = self._diff(old, new, inputs, provider, goal.ignore_changes)
        replaces, keys = replacing(diff, goal.replace_on_changes) if diff.some else (False, [])
        if not (replaces or triggered or old.pending_replacement):
            return [Step("update" if diff.some else "same", old, new, [], diff.changed, diff.detailed)]
        self._refuse_protected(old, new)
        if provider and not condemned:
            new.inputs = self._check(provider, new, {}, goal.inputs)
        before = (
            diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        )
        create = Step("create-replacement", old, new, keys, diff.changed, diff.detailed, leaves=not before)
        logical = replace(create, op="replace")
        return [*self._delete_first(old), logical, create] if before else [create, logical]

    def _condemned(self, old: Resource, urn: str) -> bool:
        """Whether the user wants a replacement, whatever the provider would say; it is not asked then."""
        return urn in self._replace or old.taint

    def _refuse_protected(self, old: Resource, new: Resource) -> None:
        if not (old.protect and new.protect):
            return
        message = (
            f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. To unprotect the '
            "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
        )
        if not self.preview:
            raise PlanError(message)
        # A preview goes on, so that the user sees what asks for the replacement.
        self._report.diagnostic("error", new.urn, message)
        self.errored = self.step_failed = True

    def _diff(
        self, old: Resource, new: Resource, inputs: Properties, provider: Provider | None, ignore: list[str]
    ) -> Diff:
        if bool(old.provider) != bool(new.provider):
            return Diff(True, ["provider"])
        if provider is None:
            # An instance is updated when its configuration differs, a component when its inputs do.
            return Diff(not same(old.outputs if new.is_provider else old.inputs, inputs))
        if not provider.known:
            self._report.diagnostic("warning", new.urn, _UNKNOWN_CONFIG)
            return Diff(True)
        return provider.diff(old.id, (old.inputs, old.outputs), inputs, ignore)

    def _delete_first(self, old: Resource) -> list[Step]:
        steps = []
        for dependent, keys in reversed(self._replaced_with(old)):
            if dependent in self._deleted:
                continue
            if dependent.protect:
                raise PlanError(
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{old.urn}" as it is currently '
                    "marked for protection. To unprotect the resource, remove the `protect` flag from the resource in "
                    "your Pulumi program and run `pulumi up`, or use the command:\n"
                    f"`pulumi state unprotect '{dependent.urn}'`"
                )
            self._deletes[dependent.urn] = keys
            self._deleted.add(dependent)
            steps.append(Step("delete-replaced", dependent, stays=True))
        return steps if old.pending_replacement else [*steps, Step("delete-replaced", old, stays=True)]

    def _replaced_with(self, root: Resource) -> list[tuple[Resource, list[str]]]:
        """The resources that would be replaced when what they take from the root becomes unknown."""
        found: list[tuple[Resource, list[str]]] = []
        touched, condemned = {root.urn}, {root.urn}
        for item in self.snapshot.base[self.snapshot.base.index(root) + 1 :]:
            if (
                item.urn in self._seen
                or not (item.needs() - {item.parent} | set(item.dependencies)) & touched
            ):
                continue
            touched.add(item.urn)
            replaces, keys = self._falls_with(item, condemned)
            if replaces:
                condemned.add(item.urn)
                found.append((item, keys))
        return found

    def _falls_with(self, item: Resource, condemned: set[str]) -> tuple[bool, list[str]]:
        if not item.custom or item.external or item.is_provider:
            return False, []
        if item.provider.rpartition("::")[0] in condemned:
            return True, []
        loose = {key for key, urns in item.property_dependencies.items() if condemned & set(urns)}
        if not loose & set(item.inputs):
            return False, []
        inputs = {key: UNKNOWN if key in loose else value for key, value in item.inputs.items()}
        provider = self._provider(item.provider)
        diff = provider.diff(item.id, (item.inputs, item.outputs), inputs, item.ignore_changes)
        return replacing(diff, item.replace_on_changes) if diff.some else (False, [])

    def _plan_read(self, goal: Goal, urn: str) -> list[Step]:
        old = self._find_old(goal, urn)
        new = replace(_resource(goal, urn, old), id=goal.id, external=True, property_dependencies={})
        if old:
            self._seen.add(old.urn)
        if old and not old.external and old.id != goal.id:
            return [Step("read-replacement", old, new), Step("replace", old, new)]
        return [Step("read", old, new)]

    # Doing

    def _execute(self, steps: Iterable[Step]) -> None:
        with self._workers:
            for step in steps:
                if self.stopped.is_set():
                    raise StoppedError
                self._do(step)

    def _do(self, step: Step) -> None:
        self._report.starting(step)
        try:
            self._appliers.get(step.op, self._delete)(step)
        except (ProviderError, PlanError) as error:
            self.errored = self.step_failed = True
            prefix = "Preview failed: " if self.preview else ""
            self._report.diagnostic("error", step.resource.urn, f"{prefix}{error}")
            self._report.failed(step)
            if not self.terminated:
                self.snapshot.end(step.resource)
            if not (self._lenient or isinstance(error, _ProtectedError)):
                self._stop()
            raise StoppedError from None
        self._report.hide(step.resource.outputs)
        if step.new and step.op != "replace":
            self._registered[step.new.urn] = step
        self._report.finished(step)

    def _same(self, step: Step) -> None:
        old, new = step.old, step.resource
        assert old
        new.id, new.outputs = old.id, old.outputs
        if new.is_provider:
            with self._registry:
                if new.ref not in self._providers:
                    self._start(new.ref, old.inputs)
        _mark_secrets(new)
        self.snapshot.end(new, new=new, done=old, quiet=_unchanged(old, new))

    def _create(self, step: Step) -> None:
        old, new = step.old, step.resource
        self.snapshot.begin(new, "creating")
        if new.is_provider:
            self._configure(new, UNKNOWN if self.preview else str(uuid.uuid4()))
        elif new.custom:
            new.id, new.outputs = self._make(new)
        new.created = new.modified = now()
        _mark_secrets(new)
        if old and step.leaves:
            old.delete = True
            self.snapshot.touch(old)
        self.snapshot.end(new, new=new, done=old if old and old.pending_replacement else None)

    def _make(self, new: Resource) -> tuple[str, Properties]:
        provider = self._provider(new.provider)
        if self.preview:
            return "", dict(new.inputs) if provider.known else {}
        id_, outputs = provider.create(new.inputs)
        if not id_:
            raise ProviderError(f"plugin returned empty resource.ID from create '{new.urn}'")
        return id_, outputs

    def _configure(self, new: Resource, id_: str) -> None:
        new.id, new.outputs = id_, dict(new.inputs)
        with self._registry:
            self._start(new.ref, new.inputs)

    def _update(self, step: Step) -> None:
        old, new = step.old, step.resource
        assert old
        new.id = old.id
        self.snapshot.begin(new, "updating")
        if new.is_provider:
            self._configure(new, old.id)
        elif new.custom:
            provider = self._provider(new.provider)
            if self.preview:
                new.outputs = dict(new.inputs) if provider.known else {}
            else:
                new.outputs = provider.update(
                    old.id, (old.inputs, old.outputs), new.inputs, new.ignore_changes
                )
        new.modified = now() if new.custom else new.modified
        _mark_secrets(new)
        self.snapshot.end(new, new=new, done=old)

    def _delete(self, step: Step) -> None:
        old = step.resource
        if step.op == "delete" and old.protect:
            raise _ProtectedError(old.urn)
        self.snapshot.begin(old, "deleting")
        if not (self.preview or old.external or old.retain_on_delete or not old.custom or old.is_provider):
            self._provider(old.provider).delete(old.id, old.inputs, old.outputs)
        old.pending_replacement = step.stays
        self._deleted.add(old)
        self.snapshot.touch(old)
        self.snapshot.end(old, done=None if step.stays else old)

    def _read(self, step: Step) -> None:
        old, new = step.old, step.resource
        self.snapshot.begin(new, "reading")
        if new.id != UNKNOWN:
            # as newer engines do; older ones send the inputs as the state, too
            id_, new.outputs, _ = self._provider(new.provider).read(new.id, new.inputs, None)
            new.id = id_ or new.id
        if step.op == "read-replacement" and old:
            old.delete = True
            self.snapshot.touch(old)
        if old and not (same(old.inputs, new.inputs) and same(old.outputs, new.outputs)):
            new.modified = now()
        _mark_secrets(new)
        self.snapshot.end(new, new=new, done=None if step.op == "read-replacement" else old)

    def _refresh(self, step: Step) -> None:
        old = step.resource
        step.result = "same"
        if not old.custom or old.is_provider or old.pending_replacement:
            return
        provider = self._provider(old.provider)
        id_, outputs, inputs = provider.read(old.id, old.inputs, old.outputs)
        if not id_:
            step.new, step.result = None, "delete"
            return
        new = step.new = replace(
            old, id=id_, inputs=old.inputs if inputs is None else inputs, outputs=outputs, text=""
        )
        if not (same(new.inputs, old.inputs) and same(new.outputs, old.outputs)):
            new.modified = now()
        _mark_secrets(new)
        self._judge(step, old, new, provider)

    def _judge(self, step: Step, old: Resource, new: Resource, provider: Provider) -> None:
        if old.external:
            step.result = "update" if changes(old.outputs, new.outputs) else "same"
            return
        # What the next update would do with an unchanged program, seen from the other side.
        diff = provider.diff(new.id, (new.inputs, new.outputs), old.inputs, old.ignore_changes)
        if diff.some:
            turned = {"add": "delete", "delete": "add", "update": "update"}
            detailed = diff.detailed and [(turned[kind], path) for kind, path in diff.detailed]
            step.result, step.changed, step.detailed = "update", diff.changed, detailed

    # Whole runs

    def delete_unseen(self) -> None:
        """Delete what the program no longer declares, and what replacements have left to delete."""
        steps = []
        for old in self.snapshot.base:
            if old.delete:
                if old not in self._deleted:
                    steps.append(Step("discard-replaced" if old.external else "delete-replaced", old))
            elif old.urn not in self._seen:
                gone = "remove-pending-replace" if old.pending_replacement else "delete"
                steps.append(Step("discard" if old.external and gone == "delete" else gone, old))
        self._delete_all(steps)

    def _delete_all(self, steps: list[Step]) -> None:
        failed: set[str] = set()
        with _workers() as pool:
            for level in self._levels(steps):
                ready = [step for step in level if step.resource.urn not in failed]
                for step, ok in zip(ready, pool.map(self._try, ready), strict=True):
                    if not ok:
                        failed |= self._all_needs(step.resource)
                if self.stopped.is_set():
                    return

    def _try(self, step: Step) -> bool:
        try:
            self._execute([step])
        except StoppedError:
            return False
        return True

    def _levels(self, steps: list[Step]) -> list[list[Step]]:
        """Sort into groups that can be deleted side by side, what is needed by others after them."""
        ranks: dict[str, int] = {}
        inner: dict[
            str, int
        ] = {}  # the highest rank among a component's descendants, which count as part of it
        levels: list[list[Step]] = []
        parents = {resource.urn: resource.parent for resource in self.snapshot.base}
        for step in steps:  # in the order of the state, where what is needed comes first
            old = step.resource
            needs = old.needs()
            below = [
                max(ranks[urn], inner.get(urn, 0) if urn in needs - {old.parent} else 0)
                for urn in needs
                if urn in ranks
            ]
            rank = 1 + max(below, default=-1)
            ranks[old.urn] = max(rank, ranks.get(old.urn, 0))
            up = old.parent
            while up and inner.get(up, 0) < rank:
                inner[up] = rank
                up = parents.get(up, "")
            levels += [[] for _ in range(rank + 1 - len(levels))]
            levels[rank].append(step)
        return levels[::-1]

    def _all_needs(self, resource: Resource) -> set[str]:
        by_urn = {item.urn: item for item in self.snapshot.base}
        found: set[str] = set()
        waiting = [resource.urn]
        while waiting:
            item = by_urn.get(waiting.pop())
            news = item.needs() - found if item else set()
            found |= news
            waiting += news
        return found

    def refresh(self) -> None:
        """Take up what the providers say of every resource; an error with one does not keep the others from it."""
        self._lenient = True
        steps = [Step("refresh", old, old) for old in self.snapshot.base]
        with _workers() as pool:
            list(pool.map(self._try, steps))
        self.snapshot.replace_base(_repaired(step.new for step in steps))

    def interrupt(self) -> None:
        """Begin nothing more, and wait for the steps under way."""
        self.stopped.set()
        for _ in range(PARALLEL):
            self._workers.acquire()

    def finish(self) -> Step | None:
        """Set the stack's outputs: in a failed run, those that are missing may just not have been reached."""
        step = next((s for urn, s in self._registered.items() if _is_stack(urn)), None)
        if step and self._stack_outputs is not None:
            kept = step.old.outputs if step.old and self.errored else {}
            self._set_outputs(step, {**kept, **self._stack_outputs})
        self.snapshot.save()
        return step


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    # An interrupt must be told at once: what is under way is waited for by whoever hears of it.
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _is_stack(urn: str) -> bool:
    return urn.split("::")[2] == STACK


class _ProtectedError(PlanError):
    def __init__(self, urn: str) -> None:
        super().__init__(
            f'resource "{urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either remove '
            "the `protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the command:\n"
            f"`pulumi state unprotect '{urn}'`"
        )


def _resource(goal: Goal, urn: str, old: Resource | None) -> Resource:
    return Resource(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        inputs=goal.inputs,
        parent=goal.parent,
        protect=bool(goal.protect),
        dependencies=goal.dependencies,
        provider=goal.provider,
        property_dependencies=goal.property_dependencies,
        additional_secret_outputs=goal.additional_secret_outputs,
        retain_on_delete=bool(goal.retain_on_delete),
        created=old.created if old else "",
        modified=old.modified if old else "",
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
        replacement_trigger=goal.replacement_trigger,
    )


def _triggers(old: Value, new: Value) -> bool:
    # The engine compares the state's trigger before its secrets are decrypted.
    before, after = without_secrets(old), plain(new)
    return has_unknown(after) or not (before is None or after is None or same(before, after))


def _mark_secrets(new: Resource) -> None:
    leaked = [key for key, value in new.inputs.items() if isinstance(value, Secret)]
    for key in (*new.additional_secret_outputs, *leaked):
        if key in new.outputs and not isinstance(new.outputs[key], Secret):
            new.outputs = {**new.outputs, key: Secret(new.outputs[key])}


def _shown(value: object) -> str:
    # The engine prints even a secret in clear here; this one does not.
    if isinstance(value, list):
        return "[" + " ".join(f"{{{_shown(item)}}}" for item in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{{{_shown(value[key])}}}" for key in sorted(value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "<nil>", True: "true", False: "false"}[value]
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


_WATCHED = (
    *("urn", "type", "custom", "retain_on_delete", "provider", "parent", "protect"),
    *("inputs", "outputs", "replacement_trigger"),
)


def _unchanged(old: Resource, new: Resource) -> bool:
    alike = all(same(getattr(old, name), getattr(new, name)) for name in _WATCHED)
    return alike and sorted(old.dependencies) == sorted(new.dependencies)


def _repaired(found: Iterable[Resource | None]) -> list[Resource]:
    """The resources that are left, with no reference to one that is gone."""
    left: dict[str, Resource] = {}
    for new in filter(None, found):
        new.text = ""
        new.parent = new.parent if new.parent in left else ""
        new.dependencies = [urn for urn in new.dependencies if urn in left]
        kept = {key: [urn for urn in urns if urn in left] for key, urns in new.property_dependencies.items()}
        new.property_dependencies = {key: urns for key, urns in kept.items() if urns}
        left[f"{new.urn}{new.id if new.delete else ''}"] = new
    return list(left.values())


_COUNTED = ("same", "create", "update", "delete", "replace", "discard")


def counted(step: Step) -> str:
    """Under which operation the step counts in a summary; empty when it is but a part of another."""
    if step.resource.is_provider and step.resource.name == "default":
        return ""
    if step.op == "refresh":
        return step.result
    if step.op == "read":
        # A read that finds what it found before is no news.
        moved = step.old and step.new and changes(step.old.outputs, step.new.outputs)
        return "read" if moved else ""
    return step.op if step.op in _COUNTED else ""
