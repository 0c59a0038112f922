"""Opening the observer that a config asks for; nothing is imported when it asks for none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.config import ObservabilityConfig
from hector.spi import Observer

__all__ = ["open_observer"]


@asynccontextmanager
async def open_observer(config: ObservabilityConfig) -> AsyncGenerator[Observer | None]:
    """The observer for `server.observability`, or None when tracing and metrics are both off.

    Raises:
        ComponentOpenError: an exporter is not installed.
    """
    if not (config.tracing.enabled or config.metrics.enabled):
        yield None
        return
    from hector.observe.otel import (
        OtelObserver,
        make_exporter,
        make_meter_provider,
        make_tracer_provider,
    )

    tracing = config.tracing
    exporter = make_exporter(tracing.exporter, tracing.endpoint) if tracing.enabled else None
    tracers = (
        make_tracer_provider(
            exporter, sampling_rate=tracing.sampling_rate, service_name=tracing.service_name
        )
        if exporter is not None
        else None
    )
    meters, registry = make_meter_provider() if config.metrics.enabled else (None, None)
    observer = OtelObserver(tracers=tracers, exporter=exporter, meters=meters, registry=registry)
    try:
        yield observer
    finally:
        await asyncio.to_thread(observer.close)
