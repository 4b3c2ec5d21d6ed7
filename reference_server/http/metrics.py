"""`GET /metrics` for Prometheus: what the engine is doing, and what the process takes for it."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, make_asgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from reference_server.engine.work import Work


class Metrics:
    """The endpoint as an ASGI application; the numbers are read when they are asked for, so that no token pays."""

    def __init__(self, work: Callable[[], Work]) -> None:
        registry = CollectorRegistry()
        registry.register(_WorkCollector(work))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._app = make_asgi_app(registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)


class _WorkCollector(Collector):
    def __init__(self, work: Callable[[], Work]) -> None:
        self._work = work

    def collect(self) -> Iterator[Metric]:
        work = self._work()
        # A completion request with several prompts counts once for each.
        yield GaugeMetricFamily("reference_server_requests_running", "Requests being answered.", work.running)
        yield GaugeMetricFamily("reference_server_requests_waiting", "Requests waiting for a place.", work.waiting)
        yield CounterMetricFamily("reference_server_prompt_tokens", "Prompt tokens read.", work.prompt_tokens)
        yield CounterMetricFamily("reference_server_completion_tokens", "Tokens produced.", work.completion_tokens)
