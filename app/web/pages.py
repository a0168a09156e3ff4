"""The pages as HTML: the explorer itself, rendered whole on the server so that it works without JavaScript.

Server side. Sentences come from the catalogues, markup from `templates/`; every text of a run is escaped by Jinja.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from app import __version__
from app.picture import legend
from app.run import Run
from app.settings import Settings
from app.web.examples import Example
from app.web.files import page_folder
from app.web.languages import LANGUAGES, Catalogue, Language, choose_language, load_catalogues, script_json
from app.web.problems import Problem


def number(value: object) -> str:
    """A number as a table shows it: at most six significant digits; NaN and Infinity as they are; None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"{value:.6g}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list) and len(value) == 2:
        return f"({number(value[0])}, {number(value[1])})"
    return str(value)


class Pages:
    """Renders `templates/`; reads templates, catalogues and examples once."""

    def __init__(self, settings: Settings, examples: tuple[Example, ...]) -> None:
        self.settings = settings
        self.examples = examples
        self.catalogues = load_catalogues(page_folder("static") / "i18n")
        self.environment = Environment(
            loader=FileSystemLoader(page_folder("templates")),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.filters["number"] = number
        self.environment.filters["script_json"] = script_json

    def language(self, request: Request) -> Language:
        """The language of this visitor."""
        asked = request.query_params.get("lang")
        return choose_language(asked, request.cookies.get("lang"), request.headers.get("accept-language", ""))

    def explorer(
        self,
        request: Request,
        *,
        code: str,
        run: Run | None = None,
        example_id: str | None = None,
        problem: Problem | None = None,
        booting: bool = False,
        status_code: int = 200,
    ) -> Response:
        """The explorer page (`index.html`) in the state that `page_context` describes."""
        language = self.language(request)
        context = page_context(
            run=run,
            code=code,
            examples=self.examples,
            settings=self.settings,
            language=language,
            catalogue=self.catalogues[language],
            nonce=request.scope.get("nonce", ""),
            example_id=example_id,
            problem=problem,
            booting=booting,
        )
        return self._page(request, "index.html", context, status_code)

    def missing(self, request: Request) -> Response:
        """The page for an address that has none (`404.html`)."""
        language = self.language(request)
        context = base_context(language, self.catalogues[language], request.scope.get("nonce", ""))
        return self._page(request, "404.html", context, 404)

    def _page(self, request: Request, template: str, context: dict[str, Any], status_code: int) -> Response:
        html = self.environment.get_template(template).render(context)
        response = HTMLResponse(html, status_code, {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"})
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie("lang", context["language"], max_age=31_536_000, samesite="lax", httponly=False)
        return response


def base_context(language: Language, catalogue: Catalogue, nonce: str) -> dict[str, Any]:
    """What every template may use: `language`, `languages`, `t`, `messages`, `nonce`, `version`."""
    return {
        "language": language,
        "languages": LANGUAGES,
        "t": catalogue,
        "messages": catalogue.as_json,
        "nonce": nonce,
        "version": __version__,
    }


def page_context(
    *,
    run: Run | None,
    code: str,
    examples: tuple[Example, ...],
    settings: Settings,
    language: Language,
    catalogue: Catalogue,
    nonce: str,
    example_id: str | None = None,
    problem: Problem | None = None,
    booting: bool = False,
) -> dict[str, Any]:
    """All that `templates/index.html` may use. Every key is always there (StrictUndefined: a typo fails a test).

    state        "empty" no run yet · "done" · "error" the snippet failed or was killed · "problem" nothing was run
    run          `app.run.Run` or None; `run.picture.svg` stands in `svg`
    run_json     the run without its picture, as safe JSON for `<script type="application/json" id="run">`, or "null"
    svg          the picture as Markup (made by us, safe as it is), or None; `picture_problem` is a code or None
    code         what the textarea shows; always the visitor's own
    problem      `Problem` (code, title, detail, limit, retry_after) or None; `problem_text` its sentence in `language`
    booting      the sandbox still starts; there is no run because of it
    unguarded    the setting `trusted_local` is on: snippets may run without a required layer; say so, plainly
    examples     list of {id, title, topic, point, code, selected} in `language`, in order; `example_id` the shown one
    legend       of `app.picture.legend`: entries with `sample` (an SVG of ours) and `text`
    limits       {wall_seconds, cpu_seconds, memory_bytes, output_bytes, code_bytes, …} of a run, by name
    language     "en" or "zh"; `languages` all of them
    t            `t("key", name=value)` gives the sentence; `t.__contains__` via `"key" in t`
    messages     the whole catalogue of `language` as safe JSON, for the page's scripts
    nonce        of this page's CSP: give it to CodeMirror (`<meta name="csp-nonce" content="…">`)
    version      of this program
    Filters: `number` (six digits, NaN as it is, None as a dash), `script_json`.
    """
    shown = [
        {
            "id": one.id,
            "title": _in(one.title, language),
            "topic": _in(one.topic, language),
            "point": _in(one.point, language),
            "code": one.code,
            "selected": one.id == example_id,
        }
        for one in examples
    ]
    picture = run.picture if run else None
    return {
        "state": _state(run, problem),
        "run": run,
        "run_json": script_json(msgspec.structs.replace(run, picture=None) if run else None),
        "svg": Markup(picture.svg) if picture else None,  # noqa: S704 -- made by app.picture, which quotes every text
        "picture_problem": run.picture_problem if run else None,
        "code": code,
        "problem": problem,
        "problem_text": _problem_text(problem, catalogue) if problem else "",
        "booting": booting,
        "unguarded": settings.trusted_local,
        "examples": shown,
        "example_id": example_id,
        "limits": {"code_bytes": settings.code_bytes, **msgspec.structs.asdict(settings.limits())},
        "legend": legend(language),
        **base_context(language, catalogue, nonce),
    }


def _state(run: Run | None, problem: Problem | None) -> str:
    if problem:
        return "problem"
    if run is None:
        return "empty"
    return "done" if run.status == "ok" else "error"


def _in(texts: dict[str, str], language: str) -> str:
    return texts.get(language) or texts.get("en", "")


def _problem_text(told: Problem, catalogue: Catalogue) -> str:
    key = f"problem.{told.code}"
    if key not in catalogue:
        return f"{told.title}. {told.detail}"
    return catalogue(key, limit=number(told.limit), retry_after=number(told.retry_after))
