"""Series in the text format of Prometheus, as prometheus-client writes it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from expandcontract.metrics.series import OF_CHANGE, OF_DATABASE, OfChange, OfDatabase, Sample, Type
from expandcontract.metrics.watched import WatchedDatabase
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


def text(databases: Sequence[WatchedDatabase]) -> str:
    """Return the series of databases. Raises UsageError where prometheus-client is not installed."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError as error:
        raise UsageError(
            "Metrics need prometheus-client.",
            why=f"{error}.",
            next="pip install 'expandcontract[metrics]'",
        ) from error

    registry = CollectorRegistry()
    registry.register(Collector(databases))
    return generate_latest(registry).decode()


class Collector:
    """What prometheus-client collects from: databases that were looked at before."""

    def __init__(self, databases: Sequence[WatchedDatabase]) -> None:
        self._databases = databases

    def collect(self) -> Iterator["GaugeMetricFamily | CounterMetricFamily"]:
        """Yield each series that has a sample."""
        for series in OF_DATABASE:
            yield from _family(series, ("database",), _of_databases(self._databases, series))
        for each in OF_CHANGE:
            yield from _family(each, ("database", "change"), _of_changes(self._databases, each))


def _of_databases(databases: Iterable[WatchedDatabase], series: OfDatabase) -> Iterator[Sample]:
    for database in databases:
        for labels, value in series.read(database):
            yield (database.name, *labels), value


def _of_changes(databases: Iterable[WatchedDatabase], series: OfChange) -> Iterator[Sample]:
    for database in databases:
        for change in database.changes or ():
            for labels, value in series.read(change):
                yield (database.name, change.situation.name, *labels), value


def _family(
    series: OfDatabase | OfChange, first: tuple[str, ...], samples: Iterable[Sample]
) -> Iterator["GaugeMetricFamily | CounterMetricFamily"]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    made = CounterMetricFamily if series.type == Type.COUNTER else GaugeMetricFamily
    family = made(series.name, series.help, labels=(*first, *series.labels))
    for labels, value in samples:
        family.add_metric(labels, value)
    if family.samples:
        yield family
