"""The series that a scrape returns: their names, labels and values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pulumi_account.api.models import Activity, Key
from pulumi_account.common.text import elided, visible
from pulumi_account.metrics.key_labels import KeyLabels
from pulumi_account.metrics.sources import Source, Sources
from pulumi_account.spend.key_state import EXISTING
from pulumi_account.spend.runway import Runway, runway
from pulumi_account.spend.usage import (
    KeySpending,
    Usage,
    grouped,
    other_models,
    total,
    usage_by_key,
    usage_by_model,
    usage_in_all,
    worst_first,
)

if TYPE_CHECKING:
    from prometheus_client.core import Metric

#: stands for the keys, and for the models, without their own series
_OTHER = "other"
#: this name, and those that `_label` makes from it
_LIKE_OTHER = re.compile(r"other( \(name\))*")
_LONGEST_LABEL = 255
_SECONDS_A_DAY = 86_400

_Series: TypeAlias = "Sequence[tuple[Sequence[str], Decimal | float]]"


class _Family(NamedTuple):
    """All series of one name: the values of their labels, and their own values."""

    name: str
    help: str
    labels: Sequence[str]
    series: _Series
    is_counter: bool = False


class Collector:
    """Answers scrapes from what the sources know."""

    def __init__(
        self,
        sources: Sources,
        now: Callable[[], datetime],
        max_keys: int,
        max_models: int,
        labels: KeyLabels | None = None,
    ) -> None:
        self._sources, self._now, self._labels = sources, now, labels
        self._max_keys, self._max_models = max_keys, max_models

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus-client for each scrape."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for family in self._families():
            kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
            metric = kind(f"pulumi_account_{family.name}", family.help, labels=family.labels)
            for labels, value in family.series:
                metric.add_metric(labels, float(value))
            if family.series:
                yield metric

    def _families(self) -> Iterator[_Family]:
        balance, keys = self._sources.balance.value, self._sources.keys.value
        activity, longest = self._sources.activity.value or (None, None)
        yield from _health(self._sources)
        if balance is not None:
            yield _one("balance_usd", "The account's balance.", balance.balance)
        if activity is not None:
            yield from _usage(activity)
            yield from _models(activity, self._max_models)
        if balance is not None and longest is not None:
            # the days start at the time of the answer, which may be long ago
            read_at = self._now() - timedelta(seconds=self._sources.activity.age or 0)
            yield from _runway(runway(balance, longest, read_at), read_at)
        if keys is not None or activity is not None:
            rows, now = usage_by_key(keys or [], activity, longest), self._now()
            shown, folded = worst_first(rows, now, self._max_keys)
            yield from _keys(keys, activity, shown, folded, now)
            yield self._infos(shown, folded, None if keys is None else now)
            yield _one("keys_folded", "Keys without their own series; other stands for them.", len(folded))

    def _infos(self, shown: list[KeySpending], folded: list[KeySpending], now: datetime | None) -> _Family:
        """What identifies each key; without the time, its state is unknown."""
        names = ["key_id", "key_name", "state"]
        series = [[str(row.id), _label(row.name), row.state(now) if now else "unknown"] for row in shown]
        series += [[_OTHER, _OTHER, ""]] if folded else []
        if self._labels and self._sources.labels:
            names += self._labels.names
            values = self._labels.values(shown, self._sources.labels.value or ())
            found = [[_label(value) for value in of_key] for of_key in values]
            found += [[_OTHER] * len(self._labels.names)] if folded else []
            series = [[*own, *more] for own, more in zip(series, found, strict=True)]
        text = "The key's name, state and labels, for joins."
        return _Family("key_info", text, names, [(labels, 1) for labels in series])


def _health(sources: Iterable[Source[Any]]) -> Iterator[_Family]:
    sources = list(sources)
    ages = [([s.name], age) for s in sources if (age := s.age) is not None]
    up = [([s.name], s.up) for s in sources]
    errors = [([s.name, kind], number) for s in sources for kind, number in s.errors.items()]
    text = "Time since the account's last answer with the data that is shown."
    yield _Family("data_age_seconds", text, ["source"], ages)
    yield _Family("up", "Whether the last read of the account succeeded.", ["source"], up)
    text = "Reads of the account that failed."
    yield _Family("scrape_errors_total", text, ["source", "kind"], errors, is_counter=True)


def _runway(found: Runway, read_at: datetime) -> Iterator[_Family]:
    def seconds(days: Decimal | None) -> Decimal | float:
        endless = math.inf if found.balance > 0 else 0
        return endless if days is None else days * _SECONDS_A_DAY

    if found.period_days or found.balance <= 0:  # nothing is known yet of an account first used today
        text = "Until the balance is spent, at the 7-day or 30-day mean, whichever is sooner; +Inf without spending."
        yield _one("runway_seconds", text, seconds(found.days))
        means = [(["7"], found.days_at_7_day_mean), (["30"], found.days_at_30_day_mean)]
        series = [(days, seconds(left)) for days, left in means]
        text = "Until the balance is spent, at the 7-day and at the 30-day mean."
        yield _Family("runway_by_mean_seconds", text, ["days"], series)
    if found.ends_on is not None and found.days is not None:
        end = read_at.timestamp() + float(found.days) * _SECONDS_A_DAY
        yield _one("runway_end_timestamp_seconds", "When the balance is spent, if ever.", end)


def _usage(activity: Activity) -> Iterator[_Family]:
    usage, seconds = usage_in_all(activity), activity.period_days * _SECONDS_A_DAY
    yield _one("period_seconds", "Length of the period that usage covers.", seconds)
    yield _one("spend_usd", "Spent in the period.", usage.cost)
    yield _one("requests", "Requests in the period.", usage.requests)
    tokens = [(["input"], usage.input_tokens), (["output"], usage.output_tokens)]
    yield _Family("tokens", "Tokens in the period.", ["type"], tokens)


def _models(activity: Activity, most: int) -> Iterator[_Family]:
    models, rest = usage_by_model(activity), other_models(activity)
    labeled = [(_label(model.name) if n < most else _OTHER, model) for n, model in enumerate(models)]
    labeled += [(_OTHER, rest)] if rest.is_used else []
    # equal labels are one series
    groups = grouped(labeled, itemgetter(0))
    shown = {label: total(model for _, model in group) for label, group in groups.items()}
    yield _one("models_folded", "Models without their own series; other is their sum.", len(models[most:]))
    yield from _usages("model", "model", shown)
    tokens = [([label, "input"], row.input_tokens) for label, row in shown.items()]
    tokens += [([label, "output"], row.output_tokens) for label, row in shown.items()]
    yield _Family("model_tokens", "Tokens of the model in the period.", ["model", "type"], tokens)


def _keys(
    keys: list[Key] | None,
    activity: Activity | None,
    shown: list[KeySpending],
    folded: list[KeySpending],
    now: datetime,
) -> Iterator[_Family]:
    if keys is not None:
        yield from _existing(shown, folded, now)
    if activity is not None:
        sums = {_OTHER: total(folded)} if folded else {}
        yield from _usages("key", "key_id", {**{str(row.id): row for row in shown}, **sums})


def _existing(listed: list[KeySpending], folded: list[KeySpending], now: datetime) -> Iterator[_Family]:
    """The properties of the listed keys; of the folded keys, only what an alert must not miss."""
    label, shown = ["key_id"], [([str(row.id)], row.key) for row in listed if row.key]
    states = Counter(row.state(now) for row in [*listed, *folded])
    yield _Family("keys", "Keys of the account.", ["state"], [([s], states[s]) for s in EXISTING])
    enabled = [(key_id, key.is_enabled) for key_id, key in shown]
    yield _Family("key_enabled", "Whether the key is enabled; it may have expired.", label, enabled)
    limits = [(key_id, limit) for key_id, key in shown if (limit := key.credit_limit) is not None]
    yield _Family("key_limit_usd", "The key's credit limit, if it has one.", label, limits)
    shares = [([str(row.id)], used) for row in listed if (used := row.limit_used) is not None]
    others = [used for row in folded if (used := row.limit_used) is not None]
    shares += [([_OTHER], max(others))] if others else []
    text = "The spend of 30 days divided by the limit; for other, the largest share."
    yield _Family("key_limit_used_ratio", text, label, shares)
    expiries = [(key_id, key.expires_at.timestamp()) for key_id, key in shown if key.expires_at]
    ahead = [expiry for row in folded if row.key and (expiry := row.key.expires_at) and expiry > now]
    expiries += [([_OTHER], min(ahead).timestamp())] if ahead else []
    text = "When the key expires, if ever; for other, the next expiry."
    yield _Family("key_expires_timestamp_seconds", text, label, expiries)


def _usages(of: str, label: str, rows: Mapping[str, Usage]) -> Iterator[_Family]:
    costs = [([name], row.cost) for name, row in rows.items()]
    yield _Family(f"{of}_spend_usd", f"Spent by the {of} in the period.", [label], costs)
    requests = [([name], row.requests) for name, row in rows.items()]
    yield _Family(f"{of}_requests", f"Requests of the {of} in the period.", [label], requests)


def _one(name: str, text: str, value: Decimal | float) -> _Family:
    return _Family(name, text, [], [([], value)])


def _label(name: str) -> str:
    """Convert a name to a label that differs from `_OTHER` and from the label of every other name."""
    return elided(visible(f"{name} (name)" if _LIKE_OTHER.fullmatch(name) else name), _LONGEST_LABEL)
