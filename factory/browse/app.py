"""The pages in a browser: a local program that reads and never writes, with every script and style its own.

Nothing is run that a page brings: no inline script, no inline style, no other host. A report is shown as it was written, in a
sandbox in which its own style counts and no script runs. Only names of this machine are answered to, so that no page from
elsewhere reads along (DNS rebinding), and only its own pages may ask a model.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from factory import pages as drawings
from factory.browse import pages
from factory.browse.answers import ask
from factory.browse.beside import compare
from factory.browse.reader import Reader
from factory.errors import Absent, ContractMismatch, FactoryError, Mistake, Unavailable
from factory.pages.registry_page import page

FOLDER = Path(drawings.__file__).parent
FILES = ("style.css", "registry/registry.css", "registry/htmx.min.js", "registry/icon.svg")
STATIC = {Path(name).name: FOLDER / name for name in FILES}
OWN = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
BOXED = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""For what was written as a page of its own: its style counts, nothing in it runs."""
LOCAL = ("127.0.0.1", "localhost", "[::1]")
LONGEST = 1 << 18
"""Bytes of what is asked, at most; a prompt for which a base has room is shorter."""
STATUS = ((Absent, 404), (ContractMismatch, 409), (Mistake, 400), (Unavailable, 503))


def application(reader: Reader) -> FastAPI:
    """All pages of one registry."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    host = reader.asked.registry.ui.host
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL if host in LOCAL else ("*",))
    app.middleware("http")(guarded)
    app.add_exception_handler(FactoryError, failed)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(Exception, broken)
    looking(app, reader)
    asking(app, reader)
    return app


def looking(app: FastAPI, reader: Reader) -> None:
    """The pages that show what there is."""

    @app.get("/")
    def fleet(request: Request, filter: str = "") -> HTMLResponse:
        try:
            found = pages.fleet(reader, *words(filter))
        except Mistake as error:
            if "hx-request" in request.headers:  # half of a filter is no error yet
                return shown("error", status=400, line=str(error), code=200)
            raise
        return shown("fleet", here="/", said=filter, **found)

    @app.get("/version/{name:path}")
    def version(name: str) -> HTMLResponse:
        return shown("version", notice=reader.fleet()[1], **pages.version(reader, name))

    @app.get("/report/{name:path}")
    def report(name: str) -> HTMLResponse:
        return boxed(reader, name, "report")

    @app.get("/comparison/{name:path}")
    def comparison(name: str) -> HTMLResponse:
        return boxed(reader, name, "comparison")

    @app.get("/compare")
    def beside(one: str = "", two: str = "") -> HTMLResponse:
        found = compare(reader, one, two) if one and two else {}
        most = reader.asked.registry.ui.rows
        return shown("compare", here="/compare", most=most, **form(reader, one, two), **found)

    @app.get("/data")
    def data() -> HTMLResponse:
        return shown("data", here="/data", **pages.data(reader))

    @app.get("/runs")
    def runs() -> HTMLResponse:
        return shown("runs", here="/runs", **pages.runs(reader))

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            raise HTTPException(404)
        return FileResponse(STATIC[name])


def asking(app: FastAPI, reader: Reader) -> None:
    """The page that asks models."""

    @app.get("/ask")
    def empty(one: str = "", two: str = "") -> HTMLResponse:
        return shown("ask", here="/ask", prompt="", **form(reader, one or f"@{reader.asked.registry.alias}", two))

    @app.post("/ask")
    async def answered(request: Request) -> HTMLResponse:
        came = urlsplit(request.headers.get("origin", ""))
        if came.netloc and came.netloc != request.headers.get("host"):
            raise HTTPException(403)
        said = dict(parse_qsl((await body(request)).decode(errors="replace"), keep_blank_values=True))
        prompt, one, two = (said.get(name, "") for name in ("prompt", "one", "two"))
        return await run_in_threadpool(answer, reader, prompt.replace("\r\n", "\n"), one, two)


def answer(reader: Reader, prompt: str, one: str, two: str) -> HTMLResponse:
    """The page with the answers."""
    found = ask(reader, prompt, *filter(None, (one, two)))
    return shown("ask", here="/ask", **form(reader, one, two), **found)


async def body(request: Request) -> bytes:
    """What was sent; refused where it is longer than any prompt."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > LONGEST:
            raise HTTPException(413)
    return read


def words(filter: str) -> list[str]:
    """The words of a filter, as a terminal would take them apart; Mistake where a quotation does not end."""
    try:
        return shlex.split(filter)
    except ValueError:
        raise Mistake(filter, "a quotation in it does not end", "write the other quotation mark") from None


def form(reader: Reader, one: str, two: str) -> dict[str, Any]:
    """What a form needs in which versions are named."""
    whole, notice = reader.fleet()
    return {
        "names": [one, two],
        "choices": pages.choices(whole),
        "model": reader.asked.registry.model,
        "notice": notice,
    }


def boxed(reader: Reader, name: str, what: str) -> HTMLResponse:
    """A page that was written when the version was made, in its sandbox; Absent where the registry holds none."""
    row = reader.row(name)
    held = reader.evidence(row).pages
    if what not in held:
        raise Absent(f"{row.model} version {row.version}", f"the registry holds no {what} of it")
    return HTMLResponse(held[what], headers={"content-security-policy": BOXED})


def shown(name: str, code: int = 200, **given: Any) -> HTMLResponse:
    """A page, drawn."""
    return HTMLResponse(page(name, **{"here": ""} | given), code)


async def guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """What every answer says of itself."""
    response = await go_on(request)
    response.headers.setdefault("content-security-policy", OWN)
    response.headers.update({"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"})
    return response


async def failed(_: Request, error: Exception) -> HTMLResponse:
    """Every error a user can meet, as one line."""
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    return shown("error", code=status, status=status, line=str(error))


async def unknown(request: Request, error: Exception) -> HTMLResponse:
    """An address that there is not, or a call that is not taken."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    line = {403: "another site's page asked: open the page here", 413: f"more than {LONGEST:,} bytes"}.get(status)
    return shown("error", code=status, status=status, line=line or f"{request.url.path}: there is no such page")


async def broken(_: Request, __: Exception) -> HTMLResponse:
    """A bug; its traceback is in the terminal."""
    line = "this is a bug in the factory: please report it with what the terminal says"
    response = shown("error", code=500, status=500, line=line)
    response.headers["content-security-policy"] = OWN
    return response
