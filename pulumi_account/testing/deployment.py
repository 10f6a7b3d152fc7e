"""One run over one stack: takes registrations one at a time, plans each, and carries out its steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from pulumi_account.testing import planning
from pulumi_account.testing.deletion import Deletions
from pulumi_account.testing.execution import Execution, StoppedError
from pulumi_account.testing.identity import Identities
from pulumi_account.testing.planning import Diff, Step
from pulumi_account.testing.policies import Declared, PolicyPack, Violation
from pulumi_account.testing.provider import Provider, ProviderError, Providers
from pulumi_account.testing.report import Report
from pulumi_account.testing.resources import PACKAGE, STACK, Goal, PlanError, Resource, type_and_name
from pulumi_account.testing.state import Snapshot
from pulumi_account.testing.values import Properties, same

_UNKNOWN_CONFIG = (
    "The provider for this resource has inputs that are not known during preview.\n"
    "This preview may not correctly represent the changes that will be applied during an update."
)
_Plan: TypeAlias = Callable[[Goal, str, "Resource | None"], list[Step]]


class Deployment:
    """One run over one stack.

    :param stack: the names of the project and of the stack.
    :param config: the stack's whole configuration, which the default provider instance gets.
    :param replace: the URNs of resources to replace though they have not changed.
    :param packs: the policy packs that check each resource, and the stack at the end.
    :ivar goals: the resources that the program has registered so far, by URN.
    """

    def __init__(
        self,
        stack: tuple[str, str],
        snapshot: Snapshot,
        providers: Providers,
        report: Report,
        *,
        preview: bool,
        config: Properties,
        replace: Iterable[str] = (),
        packs: Sequence[PolicyPack] = (),
    ) -> None:
        self._snapshot, self._providers, self._report, self._preview = snapshot, providers, report, preview
        self._packs = packs
        self._config, self._replace = config, frozenset(replace)
        self.execution = Execution(snapshot, providers, report, preview=preview)
        self._identities = Identities(stack, snapshot.base, snapshot.rename)
        self._deletions = Deletions(snapshot.base)
        self._planning, self._defaulting = threading.Lock(), threading.Lock()
        self._default = ""
        self._stack_outputs: Properties | None = None
        self.goals: dict[str, Goal] = {}
        for old in snapshot.base:
            report.redactor.add(old.inputs, old.outputs)

    def can_replace(self) -> bool:
        """Whether the state has every resource to replace; if not, the run fails."""
        for urn in sorted(self._replace - {old.urn for old in self._snapshot.base}):
            hint = "" if "$" in urn else " Did you forget to escape $ in your shell?"
            self.execution.fail("", f"Target '{urn}' could not be found in the stack.{hint}")
        return not self.execution.stopped.is_set()

    def default_provider(self) -> str:
        """The reference of the instance for resources that name none."""
        with self._defaulting:
            if not self._default:
                goal = Goal(f"pulumi:providers:{PACKAGE}", "default", inputs=dict(self._config))
                self._default = self.register(goal).ref
            return self._default

    def register(self, goal: Goal) -> Resource:
        """Deploy a declared resource; returns it with its outputs."""
        return self._bring_about(goal, self._plan)

    def read(self, goal: Goal) -> Resource:
        """Look up a resource that the stack does not own; returns it with its outputs."""
        return self._bring_about(goal, planning.steps_to_read)

    def _bring_about(self, goal: Goal, plan: _Plan) -> Resource:
        self._report.redactor.add(goal.inputs)
        urn = self._identities.urn(goal)
        with self._planning:
            if self.execution.stopped.is_set():
                raise StoppedError
            try:
                steps = plan(goal, urn, self._identities.claim(goal))
            except (PlanError, ProviderError) as error:
                raise self.execution.fail(urn, str(error)) from None
        self.execution.run(steps)
        self.goals[urn] = goal
        return next(step.new for step in steps if step.new)

    def _plan(self, goal: Goal, urn: str, old: Resource | None) -> list[Step]:
        new = planning.resource_for(goal, urn, old)
        provider = self._providers.get(goal.provider) if goal.custom and not new.is_provider else None
        forced = old is not None and (urn in self._replace or old.taint)
        fallen = self._deletions.fallen(old)
        inputs = planning.kept_inputs(goal, old)
        if provider:
            anew = forced or fallen is not None
            inputs = self._check(provider, new, *planning.inputs_to_check(goal, old, anew=anew))
        if goal.custom:
            new.inputs = inputs
        self._comply(goal, new, inputs)
        if steps := planning.steps_without_diff(old, new, fallen):
            return steps
        assert old
        certain = planning.diff_without_provider(old, new, inputs, forced=forced)
        diff = certain or self._compare(old, inputs, new)
        steps = planning.steps_for_diff(goal, old, new, diff)
        if steps[0].op in ("same", "update"):
            return steps
        self._refuse_protected(old, new)
        if provider and not forced:
            new.inputs = self._check(provider, new, {}, goal.inputs)
        if steps[0].op == "replace":
            return [*self._deletions.before_replacement(old, self._identities.seen, self._compare), *steps]
        return steps

    def _check(self, provider: Provider, new: Resource, olds: Properties, news: Properties) -> Properties:
        inputs, failures = provider.check(olds, news)
        for name, reason in failures:
            what = f": property {name} value {{{_as_go_prints(news.get(name))}}}" if name else ""
            message = f"{new.type} resource '{new.name}'{what} has a problem: {reason}"
            self._report.diagnostic("error", new.urn, message)
        if failures:
            self.execution.stop()
            raise StoppedError
        return inputs

    def _comply(self, goal: Goal, new: Resource, inputs: Properties) -> None:
        """Let the policy packs check a resource; a preview continues after a violation, to show all of them."""
        declared = self._declared(goal, new, inputs)
        if not self._broken(found for pack in self._packs for found in pack.resource(declared)):
            return
        if not self._preview:
            self.execution.stop()
            raise StoppedError
        self.execution.step_failed = True

    def _declared(self, goal: Goal, new: Resource, properties: Properties) -> Declared:
        provider = self.execution.done.get(new.provider_urn)
        return Declared(goal, new, properties, provider.resource if provider else None)

    def _outputs(self, new: Resource) -> Properties:
        declared = self._stack_outputs if _is_stack(new.urn) else None
        return new.outputs if declared is None else declared

    def _broken(self, violations: Iterable[Violation]) -> bool:
        """Report what breaks a policy; returns whether a mandatory one fails the run."""
        failed = False
        for found in violations:
            self._report.violation(found)
            failed |= found.is_mandatory
        self.execution.errored |= failed
        return failed

    def check_stack(self) -> None:
        """Let the policy packs check all declared resources together, with their outputs."""
        steps = [step for _, step in sorted(self.execution.done.items()) if not step.resource.external]
        made = [
            self._declared(self.goals[s.resource.urn], s.resource, self._outputs(s.resource)) for s in steps
        ]
        try:
            broken = self._broken(found for pack in self._packs for found in pack.stack(made))
        except ProviderError as error:
            self.execution.fail("", str(error))
        else:
            self.execution.step_failed |= broken

    def _compare(self, old: Resource, inputs: Properties, new: Resource | None = None) -> Diff:
        """Ask the provider what differs from the resource as registered or, without `new`, from other inputs."""
        provider = self._providers.get((new or old).provider)
        if new and not provider.known:
            self._report.diagnostic("warning", new.urn, _UNKNOWN_CONFIG)
            return Diff(True)
        return provider.diff(old, inputs, (new or old).ignore_changes)

    def _refuse_protected(self, old: Resource, new: Resource) -> None:
        """Fail a run that would replace a protected resource; a preview continues, to show the reason."""
        if old.protect and new.protect:
            message = (
                f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. To unprotect the '
                "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
            )
            if not self._preview:
                raise PlanError(message)
            self._report.diagnostic("error", new.urn, message)
            self.execution.errored = self.execution.step_failed = True

    def outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component, or those of the stack, which count at the end of the run."""
        if _is_stack(urn):
            self._stack_outputs = outputs
        else:
            self._set_outputs(self.execution.done[urn].resource, outputs)

    def _set_outputs(self, new: Resource, outputs: Properties) -> None:
        before, new.outputs = new.outputs, outputs
        if not same(before, outputs):
            self._snapshot.save(new)

    def delete_unseen(self) -> None:
        """Delete what the program no longer declares, and the originals of replacements."""
        kept: set[str] = set()
        for group in self._deletions.groups(self._deletions.at_end(self._identities.seen)):
            ready = [step for step in group if step.resource.urn not in kept]
            for step, ok in zip(ready, self.execution.side_by_side(ready), strict=True):
                if not ok:
                    kept |= self._deletions.kept_for(step.resource)
            if self.execution.stopped.is_set():
                return

    def refresh(self) -> None:
        """Read every resource and store what the providers report in the state; continue when a read fails."""
        steps = [Step("refresh", old, old) for old in self._snapshot.base]
        self.execution.side_by_side(steps)
        self._snapshot.replace_base([step.new for step in steps if step.new])

    def finish(self) -> Step | None:
        """Set the stack's outputs; returns the stack's step. A failed run keeps old outputs that it did not reach."""
        step = next((step for urn, step in self.execution.done.items() if _is_stack(urn)), None)
        if step and self._stack_outputs is not None:
            kept = step.old.outputs if step.old and self.execution.errored else {}
            self._set_outputs(step.resource, {**kept, **self._stack_outputs})
        self._snapshot.save()
        return step


def _is_stack(urn: str) -> bool:
    return type_and_name(urn)[0] == STACK


def _as_go_prints(value: object) -> str:
    """The value as the CLI prints it, except that a secret is masked."""
    if isinstance(value, list):
        return "[" + " ".join(f"{{{_as_go_prints(item)}}}" for item in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{{{_as_go_prints(value[key])}}}" for key in sorted(value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "<nil>", True: "true", False: "false"}[value]
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
