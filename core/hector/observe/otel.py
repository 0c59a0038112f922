"""Spans and metrics through the OpenTelemetry SDK; imported only when something is switched on."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from hector.errors import ComponentOpenError, HectorError, LLMError
from hector.message import FinishReason, Outcome, Usage
from hector.observe.model_calls import call_attributes, failure_attributes, usage_attributes
from hector.observe.reloads import ReloadInstruments, trace_reload
from hector.spi import ReloadMeasure, ResponseMetadata, RuntimeGauges

__all__ = [
    "Counters",
    "OtelObserver",
    "make_exporter",
    "make_meter_provider",
    "make_tracer_provider",
]

NAME_ATTRIBUTES: Mapping[str, str] = {
    "chat": "gen_ai.request.model",
    "execute_tool": "gen_ai.tool.name",
    "invoke_agent": "gen_ai.agent.name",
}
"""Per operation, the attribute that holds what was called (OpenTelemetry semantic conventions for GenAI)."""


GIVEN_UP = (asyncio.CancelledError, GeneratorExit)
"""What ends a span whose work nobody wanted any more: no error of whoever did it."""

EXPORT_TIMEOUT_S = 5.0
"""How long one batch may be sent, retries included, before it is dropped."""

CLOSE_TIMEOUT_S = 5.0
"""How long closing waits for spans to be taken by a collector that may be down."""


class Counters:
    """The four counters of invocations at `/metrics`."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("hector")
        self.agent_requests: Counter = meter.create_counter(
            "hector_agent_requests", description="invocations by agent and outcome"
        )
        self.llm_requests: Counter = meter.create_counter(
            "hector_llm_requests", description="model calls by model and status"
        )
        self.llm_tokens: Counter = meter.create_counter(
            "hector_llm_tokens", description="tokens by model and type"
        )
        self.tool_calls: Counter = meter.create_counter(
            "hector_tool_calls", description="tool calls by tool and status"
        )

    def count(
        self,
        operation: str,
        name: str,
        *,
        error: BaseException | None,
        outcome: Outcome | None,
        usage: Usage | None,
    ) -> None:
        """Count one ended span."""
        status = "ok" if error is None and outcome != "failed" else "error"
        if isinstance(error, GIVEN_UP):
            status = "canceled"
        if operation == "chat":
            self.llm_requests.add(1, {"model": name, "status": status})
            if usage is not None:
                self.llm_tokens.add(usage.input_tokens, {"model": name, "type": "input"})
                self.llm_tokens.add(usage.output_tokens, {"model": name, "type": "output"})
                for type, count in (
                    ("cache_read", usage.cached_input_tokens),
                    ("cache_write", usage.cache_write_tokens),
                    ("reasoning", usage.reasoning_tokens),
                ):
                    if count:
                        self.llm_tokens.add(count, {"model": name, "type": type})
        elif operation == "execute_tool":
            self.tool_calls.add(1, {"tool_name": name, "status": status})
        elif operation == "invocation":
            self.agent_requests.add(1, {"agent": name, "status": outcome or status})


class _Span:
    """Implements `hector.spi.Span`. The parent is passed on by hand: contexts do not survive async generators."""

    __slots__ = ("_counters", "_name", "_operation", "_span", "_tracer")

    def __init__(
        self,
        tracer: Tracer | None,
        counters: Counters | None,
        operation: str,
        name: str,
        span: trace.Span | None,
    ) -> None:
        self._tracer = tracer
        self._counters = counters
        self._operation = operation
        self._name = name
        self._span = span

    def child(self, operation: str, name: str) -> _Span:
        span: trace.Span | None = None
        if self._tracer is not None and self._span is not None:
            attributes = {"gen_ai.operation.name": operation}
            if operation in NAME_ATTRIBUTES:
                attributes[NAME_ATTRIBUTES[operation]] = name
            span = self._tracer.start_span(
                f"{operation} {name}",
                context=trace.set_span_in_context(self._span),
                kind=SpanKind.CLIENT if operation == "chat" else SpanKind.INTERNAL,
                attributes=attributes,
            )
        return _Span(self._tracer, self._counters, operation, name, span)

    def end(
        self,
        *,
        error: BaseException | None = None,
        outcome: Outcome | None = None,
        usage: Usage | None = None,
        finish_reason: FinishReason | None = None,
        metadata: ResponseMetadata | None = None,
    ) -> None:
        if self._counters is not None:
            self._counters.count(
                self._operation,
                self._name,
                error=error,
                outcome=outcome,
                usage=usage,
            )
        span = self._span
        if span is None:
            return
        if usage is not None:
            span.set_attributes(usage_attributes(usage))
        if metadata is not None:
            span.set_attributes(call_attributes(metadata))
        if finish_reason is not None:
            span.set_attribute("gen_ai.response.finish_reasons", [finish_reason])
        if outcome is not None:
            span.set_attribute("hector.outcome", outcome)
        if error is not None:  # its text stays out: it may quote what people wrote
            span.set_attribute(
                "error.type", error.code if isinstance(error, HectorError) else type(error).__name__
            )
            if isinstance(error, LLMError):
                span.set_attributes(failure_attributes(error))
        if outcome == "failed" or not (error is None or isinstance(error, GIVEN_UP)):
            span.set_status(Status(StatusCode.ERROR))
        span.end()


class OtelObserver:
    """Implements `hector.spi.Observer`; owns its providers and shuts them down with `close`."""

    def __init__(
        self,
        *,
        tracers: TracerProvider | None,
        exporter: SpanExporter | None,
        meters: SdkMeterProvider | None,
        registry: Any,
    ) -> None:
        self._tracers = tracers
        self._exporter = exporter
        self._meters = meters
        self._registry = registry
        self._tracer = tracers.get_tracer("hector") if tracers is not None else None
        self._counters = Counters(meters) if meters is not None else None
        self._reloads = ReloadInstruments(meters) if meters is not None else None

    def invocation(
        self, *, agent: str, invocation_id: str, session: str, user: str, generation: int
    ) -> _Span:
        """See `hector.spi.Observer`."""
        span = None
        if self._tracer is not None:
            attributes: dict[str, str | int] = {
                "gen_ai.agent.name": agent,
                "gen_ai.conversation.id": session,
                "hector.invocation_id": invocation_id,
                "hector.user_id": user,
                "hector.generation": generation,
            }
            span = self._tracer.start_span(
                f"invocation {agent}", kind=SpanKind.SERVER, attributes=attributes
            )
        return _Span(self._tracer, self._counters, "invocation", agent, span)

    def watch_runtime(self, read: Callable[[], RuntimeGauges]) -> None:
        """See `hector.spi.Observer`."""
        if self._registry is None:
            return
        from hector.observe.gauges import GaugeCollector

        self._registry.register(GaugeCollector(read))

    def reload_ended(self, measure: ReloadMeasure) -> None:
        """See `hector.spi.Observer`."""
        if self._reloads is not None:
            self._reloads.record(measure)
        if self._tracer is not None:
            trace_reload(self._tracer, measure)

    def metrics(self) -> tuple[bytes, str] | None:
        """See `hector.spi.Observer`."""
        if self._registry is None:
            return None
        from prometheus_client import generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def close(self) -> None:
        """Export what is queued and stop; blocks, so call it in a thread.

        After `CLOSE_TIMEOUT_S` seconds the exporter is told to give up, and what is left is lost.
        """
        if self._tracers is not None and self._exporter is not None:
            give_up = threading.Timer(CLOSE_TIMEOUT_S, self._exporter.shutdown)
            give_up.daemon = True
            give_up.start()
            try:
                self._tracers.shutdown()
            finally:
                give_up.cancel()
        if self._meters is not None:
            self._meters.shutdown()


def make_exporter(kind: str, endpoint: str | None) -> SpanExporter:
    """Where spans go: `otlp` or `stdout`.

    Raises:
        ComponentOpenError: the OTLP exporter is not installed.
    """
    if kind == "stdout":
        return ConsoleSpanExporter(out=sys.stderr)  # stdout is for data
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ComponentOpenError(
            "server.observability.tracing",
            "cannot export over OTLP: its exporter is not installed",
            hint="pip install 'hector[otlp]', or set exporter: stdout",
        ) from error
    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT_S)


def make_tracer_provider(
    exporter: SpanExporter, *, sampling_rate: float, service_name: str
) -> TracerProvider:
    """Tracing that exports in batches from a thread of its own."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sampling_rate)),
        resource=Resource.create({"service.name": service_name}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def make_meter_provider() -> tuple[SdkMeterProvider, Any]:
    """Metrics for Prometheus, in a registry of their own: two runtimes in one process do not mix."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    return SdkMeterProvider(metric_readers=[reader], shutdown_on_exit=False), registry
