"""The state of a runtime at `/metrics`, read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hector.spi import RuntimeGauges

__all__ = ["GaugeCollector"]


class GaugeCollector(Collector):
    """Makes Prometheus gauges of what a runtime tells.

    It stands beside OpenTelemetry's exporter in the same registry instead of using its observable gauges: their SDK
    keeps every set of attributes it ever saw, and after 2,000 generations would drop the label `generation`.
    """

    def __init__(self, read: Callable[[], RuntimeGauges]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """The gauges of this moment; a generation that is gone has none."""
        gauges = self._read()
        yield GaugeMetricFamily(
            "hector_generation",
            "number of the generation that new invocations run on",
            value=gauges.generation,
        )
        yield GaugeMetricFamily(
            "hector_generations_live",
            "generations with open components: the current one and those that drain",
            value=len(gauges.leases),
        )
        leases = GaugeMetricFamily(
            "hector_generation_leases",
            "invocations under way by generation",
            labels=["generation"],
        )
        for generation, count in sorted(gauges.leases.items()):
            leases.add_metric([str(generation)], count)
        yield leases
        components = GaugeMetricFamily(
            "hector_components",
            "components of the current generation by status",
            labels=["status"],
        )
        for status, count in sorted({"ok": 0, "down": 0, **gauges.components}.items()):
            components.add_metric([status], count)
        yield components
