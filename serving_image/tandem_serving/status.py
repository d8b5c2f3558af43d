"""What a pod says about itself: the report for the operator, a page for people, probes and metrics."""

import asyncio
import html
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from tandem_wire.report import GraphReport, LoadedReport, PodReport, ServingReport

from tandem_serving.control import View
from tandem_serving.engine import Choice, Engine, Stats
from tandem_serving.errors import EngineGone
from tandem_serving.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Status:
    """What the pages are made of.

    Args:
      model: ``namespace/name``.
      pod: this pod's own name.
      view: what the control loop knows.
      ready: whether requests shall come here; False while shutting down.
      alive: whether the control loop still runs.
      now: the wall clock.
    """

    model: str
    pod: str
    engine: Engine
    metrics: Metrics
    view: Callable[[], View]
    ready: Callable[[], bool]
    alive: Callable[[], bool]
    now: Callable[[], datetime]

    def report(self) -> PodReport:
        """The pod's report at this instant; asks the engine what it counted, so not from the event loop.

        Raises:
          EngineGone: it ended.
        """
        return _report(self, self.view())

    def application(self) -> web.Application:
        """The routes, ready to be run."""
        app = web.Application(middlewares=[_without_engine])
        app.router.add_get("/statusz.json", self._statusz_json)
        app.router.add_get("/statusz", self._statusz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _statusz_json(self, _: web.Request) -> web.Response:
        return web.Response(text=(await asyncio.to_thread(self.report)).to_json(), content_type="application/json")

    async def _statusz(self, _: web.Request) -> web.Response:
        view = self.view()
        report = await asyncio.to_thread(_report, self, view)
        return web.Response(text=page(report, view, self.now()), content_type="text/html")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.ready():
            return web.Response(text="ready\n")
        why = "shutting down" if self.view().serving is not None else "no base is loaded yet"
        return web.Response(status=503, text=f"{why}\n")

    async def _livez(self, _: web.Request) -> web.Response:
        return (
            web.Response(text="alive\n")
            if self.alive()
            else web.Response(status=500, text="the control loop or the engine has ended\n")
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        text = await asyncio.to_thread(self.metrics.text)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


@web.middleware
async def _without_engine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """While the engine is gone the pages that ask it say so; the probes do not ask it."""
    try:
        return await handler(request)
    except EngineGone as error:
        return web.Response(status=503, text=f"{error}\n")


def _report(status: Status, view: View) -> PodReport:
    serving = None
    if view.serving is not None:
        current = view.serving.current
        serving = ServingReport(current.version.base, current.version.update, current.watermark, view.serving.since)
    stats = status.engine.stats()
    answers, errors = counts(stats, status.metrics)
    return PodReport(
        model=status.model,
        pod=status.pod,
        ready=serving is not None and status.ready(),
        serving=serving,
        loaded=tuple(LoadedReport(version.base, version.update) for version in view.loaded),
        candidate=view.candidate,
        target=None if view.target is None else view.target.revision,
        refused=view.refused,
        store_seen_at=view.store_seen_at,
        answers=answers,
        errors=errors,
        graph=stats.graph,
    )


def counts(stats: Stats, metrics: Metrics) -> tuple[int, int]:
    """Answers, and errors of this server's own (a client's are not), since the start."""
    return stats.answers, stats.errors + metrics.errors


def page(report: PodReport, view: View, now: datetime) -> str:
    """Write the report for a person, with the ages that matter worked out."""
    rows = [
        ("pod", report.pod),
        ("ready", "yes" if report.ready else "no"),
        ("answers from", _serving(report, now)),
        ("in memory", ", ".join(str(version) for version in view.loaded) or "nothing"),
        ("loading", "nothing" if view.held.loading is None else f"base {view.held.loading}"),
        (
            "candidate",
            "none"
            if report.candidate is None
            else f"base {report.candidate.base}: {report.candidate.state} {report.candidate.reason}",
        ),
        (
            "target",
            "none seen"
            if view.target is None
            else f"revision {view.target.revision}: stable {view.target.stable}, candidate {view.target.candidate}",
        ),
        (
            "store",
            f"seen {_age(report.store_seen_at, now)}" + (f"; at the last look: {view.trouble}" if view.trouble else ""),
        ),
        *(
            (
                f"base {base} failed",
                f"{failure.reason}" + ("" if failure.again is None else "; it is tried again"),
            )
            for base, failure in view.held.failed.items()
        ),
        *((f"base {base} computes", _choices(choices)) for base, choices in sorted(view.choices.items())),
        ("CUDA graph", _graph(report.graph)),
        *((f"base {base} captured", "; ".join(told)) for base, told in sorted(view.captured.items())),
        ("answers · errors", f"{report.answers} · {report.errors}"),
        *(
            (f"refused {refusal.record}", f"{_age(refusal.at, now)}: {refusal.reason}")
            for refusal in reversed(report.refused)
        ),
    ]
    body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
    style = "body{font:15px sans-serif;margin:2em}th{text-align:left;vertical-align:top;padding-right:2em}"
    title = html.escape(report.model)
    head = f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f"{head}<h1>{title}</h1><table>{body}</table>\n"


def _graph(graph: GraphReport | None) -> str:
    if graph is None:
        return "unknown"
    return f"{graph.state}: {graph.reason}" if graph.reason else graph.state


def _serving(report: PodReport, now: datetime) -> str:
    if report.serving is None:
        return "nothing yet"
    fresh = (
        "unknown" if report.serving.watermark is None else f"{(now - report.serving.watermark).total_seconds():.1f} s"
    )
    return f"{report.serving.base}.{report.serving.update}, since {_age(report.serving.since, now)}, freshness {fresh}"


def _age(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{(now - moment).total_seconds():.1f} s ago"


def _choices(choices: tuple[Choice, ...]) -> str:
    """Which engine computes which batch size, and what each took when the base was warmed."""
    return "; ".join(
        f"{each.rows}: {each.engine} ("
        + ", ".join(f"{name} {taken:.0f} µs" for name, taken in each.microseconds.items())
        + ")"
        for each in choices
    )
