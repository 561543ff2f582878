"""Metrics: what a monitor asks for, as Prometheus text; nobody's name or id is ever a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features import clock
from features.errors import HandrailError
from features.freshness import newest_facts
from features.lake import Lake
from serving.advise import RISK_STEPS, Advice, Adviser
from serving.current import Current
from serving.store import Night

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VERDICTS = ("green", "amber", "red")


class Metrics:
    """What one app has done since it started, and how its school stands.

    Args:
        current: gives the school and the store.
    """

    def __init__(self, current: Current) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "handrail_request_seconds",
            "Time from a request to the end of its answer",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        model = ("label", "model_version")
        self._predictions = Counter("handrail_predictions", "Risks told", model, registry=self.registry)
        self._risks = Histogram(
            "handrail_predicted_risk", "Risks told, 0-1", model, buckets=RISK_STEPS, registry=self.registry
        )
        self._decisions = Counter("handrail_decisions", "Decisions told", ("action", "arm"), registry=self.registry)
        self.registry.register(_Standing(current))
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            method: of HTTP; one that HTTP does not know is counted as `other`.
            route: the template of its path, never the path itself.
            status: of the answer.
            seconds: how long it took.
        """
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).observe(seconds)

    def told(self, advice: Advice, adviser: Adviser) -> None:
        """Counts an answer about a student."""
        for risk in (one.risk for one in advice.scored if one.risk is not None):
            self._predictions.labels(adviser.label.name, adviser.bundle.version).inc()
            self._risks.labels(adviser.label.name, adviser.bundle.version).observe(risk)
        if advice.decision:
            self._decisions.labels(advice.decision["action"], advice.decision["arm"]).inc()

    def router(self) -> APIRouter:
        """The route that a monitor asks; like the health checks it wants no key."""
        router = APIRouter()

        @router.get("/metrics", tags=["operations"])
        def metrics() -> Response:
            """Requests, predictions, decisions, and the age of data and list, as Prometheus text."""
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return router


class Measured:
    """Counts every request and how long it takes.

    Args:
        app: what answers.
        metrics: where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = clock.seconds(), 500  # an error that nobody caught is answered further out

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.answered(scope["method"], route, status, clock.seconds() - started)


class _Standing(Collector):
    """How the school stands, asked when the monitor asks: its data, its last night, the newest check of them."""

    def __init__(self, current: Current) -> None:
        self._school, self._store = current.school, current.store

    def collect(self) -> Iterable[Metric]:
        """A part that cannot be asked is left out, and said to be: a monitor must not fall silent with a database."""
        for part, ask in (("lake", self._facts), ("store", self._lists)):
            up = 1.0
            try:
                yield from list(ask())
            except HandrailError:
                up = 0.0
            yield _gauge(f"handrail_{part}_up", f"Whether the {part} answers", (), [((), up)])

    def _facts(self) -> Iterator[Metric]:
        now = clock.now()
        ages = [
            ((table,), (now - newest).total_seconds())
            for table, newest in newest_facts(Lake(self._school.lake, self._school.zone)).items()
        ]
        yield _gauge("handrail_newest_fact_age_seconds", "Since the newest fact of a table happened", ("table",), ages)

    def _lists(self) -> Iterator[Metric]:
        label = str(self._school.config("school")["served"]["label"])
        if night := self._store.last_night(label):
            yield from _of_night(night)
        today = clock.today(self._school.zone)
        if health := self._store.newest_health(label, today):
            states = [((label, one), float(one == health.verdict)) for one in _VERDICTS]
            yield _gauge("handrail_data_health", "Verdict of the newest check", ("label", "verdict"), states)
            age = [((label,), float((today - health.as_of).days))]
            yield _gauge("handrail_data_health_age_days", "Since the day that it speaks of", ("label",), age)
            moved = [one["figure"] for one in health.findings if (one["kind"], one["name"]) == ("features", "all")]
            shares = [((label,), float(share)) for share in moved if share is not None]
            yield _gauge("handrail_drift_share", "Share of the model's features that have moved", ("label",), shares)


def _of_night(night: Night) -> Iterator[Metric]:
    """The last night; lists of older versions lack some of its figures."""
    label, counts = night.label, night.counts
    if night.published_at:
        age = [((label,), (clock.now() - night.published_at).total_seconds())]
        yield _gauge("handrail_night_age_seconds", "Since the last list was published", ("label",), age)
    bands = [((label, band), float(count)) for band, count in counts.get("bands", {}).items()]
    yield _gauge("handrail_night_enrolments", "Enrolments on the last list", ("label", "band"), bands)
    done = [
        ((action, arm), float(count))
        for arm, actions in counts.get("arms", {}).items()
        for action, count in actions.items()
    ]
    yield _gauge("handrail_night_decisions", "Decisions of the last night", ("action", "arm"), done)
    stale = [((one["table"],), float(one["age_days"])) for one in counts.get("stale", [])]
    yield _gauge("handrail_stale_days", "Age of the tables that the last night found stale", ("table",), stale)
    yield _gauge(
        "handrail_night_held", "Students whose actions wait for data", (), [((), float(counts.get("held", 0)))]
    )
    if risks := counts.get("risks"):
        family = GaugeHistogramMetricFamily("handrail_night_risk", "Risks on the last list, 0-1", labels=("label",))
        steps = [(str(step), float(count)) for step, count in zip(risks["steps"], risks["at_most"], strict=True)]
        family.add_metric((label,), [*steps, ("+Inf", steps[-1][1])], risks["sum"])
        yield family


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family
