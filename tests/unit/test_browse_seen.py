"""The registry's pages in a real browser: quiet, used by keyboard, read aloud, and never leaving the machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Thread
from urllib.parse import urlsplit

import pytest

from factory import config
from factory.browse.reader import Reader
from factory.browse.serve import listening, server
from tests.browsing import HOSTILE

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
SEEN = (
    "",
    "?filter=model%3Dfactory.sql.tiny",
    "version/1",
    "compare?one=1&two=2",
    "data",
    "runs",
    "ask",
    "version/9",
)
DARK = (SEEN[1], SEEN[2], SEEN[3])
"""Pages that have every colour between them."""
PATIENCE = 120_000
"""Milliseconds: a busy machine answers late."""


@pytest.fixture(scope="module")
def served(settings: config.Config) -> Iterator[str]:
    """The address of the pages."""
    own = listening(settings.registry.ui.model_copy(update={"port": 0}))
    running = server(Reader(settings))
    thread = Thread(target=running.run, kwargs={"sockets": [own]})
    thread.start()
    yield f"http://127.0.0.1:{own.getsockname()[1]}/"
    running.should_exit = True
    thread.join()
    own.close()


@pytest.fixture(scope="module")
def chromium():
    if BROWSER is None:
        pytest.skip("no browser here: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, served: str, request: pytest.FixtureRequest):
    """A page in light or dark; afterwards it must have said no error and asked nobody but the server."""
    context = chromium.new_context(color_scheme=getattr(request, "param", "light"), base_url=served)
    context.set_default_timeout(PATIENCE)
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda one: asked.append(urlsplit(one.url).netloc))
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda one: (said.append(f"dialog {one.message}"), one.dismiss()))
    page.complaints = said
    yield page
    context.close()
    assert set(asked) == {urlsplit(served).netloc}
    assert said == []


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_every_page_is_quiet_and_can_be_read_by_all(page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for address in DARK if dark else SEEN:
        page.goto(f"/{address}")
        for details in page.locator("details").all():
            details.evaluate("one => one.open = true")
        assert grave(Axe().run(page)) == [], address
        for width in (400, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            root = "document.documentElement"
            assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), f"{address} is wider than {width}"
    if dark:
        return
    lost = [text for text in page.complaints if "404" in text]
    assert len(lost) == 1, "the version that is not there"
    page.complaints.remove(lost[0])
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input></main>")
    assert [name for name, _ in grave(Axe().run(page))] == ["label"], "it would be seen"


def grave(found) -> list[tuple[str, str]]:
    """What axe calls serious or critical: the rule, and the first element that breaks it."""
    violations = found.response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in ("serious", "critical")]


def tab_to(page, selector: str) -> None:
    """Presses Tab until that element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_the_fleet_by_keyboard(page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    tab_to(page, "#filter")
    page.keyboard.type("score>0.9 ")
    page.get_by_text("No version is like this.").wait_for()
    assert "filter=score" in page.url, "what is shown can be linked to"
    page.keyboard.press("Control+A")
    page.keyboard.type('model="factory.sql.tiny"')
    page.get_by_role("heading", name="Versions of factory.sql.tiny").wait_for()
    tab_to(page, "a[href^='/version/']")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="factory.sql.tiny version").wait_for()
    tab_to(page, "summary")
    page.keyboard.press("Enter")
    page.get_by_text("factory rollback").wait_for()


def test_two_are_compared_by_keyboard(page) -> None:
    page.goto("/compare")
    for field, text in (("#one", "1"), ("#two", "2")):
        tab_to(page, field)
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Broken").wait_for()
    assert page.locator("article").filter(has_text=HOSTILE).count() == 1, "hostile texts are texts"
    assert "it fixed 4 and broke 2" in page.locator("main").inner_text()


def test_a_prompt_is_answered_side_by_side_by_keyboard(page) -> None:
    page.goto("/ask")
    tab_to(page, "#prompt")
    page.keyboard.type(HOSTILE)
    tab_to(page, "#two")
    page.keyboard.type("1")
    tab_to(page, "button")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="the base alone").wait_for()
    answers = page.locator(".sides > div")
    assert answers.count() == 3 and page.locator("#found > .text").inner_text() == HOSTILE
    assert all("s, 24 tokens, cut at" in text for text in answers.all_inner_texts())
    assert page.url.endswith("/ask") and page.locator("#prompt").input_value() == HOSTILE, "the form is as it was"


def test_it_works_without_a_script(chromium, served: str) -> None:
    context = chromium.new_context(java_script_enabled=False, base_url=served)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto("/")
    page.fill("#filter", "@champion")
    page.press("#filter", "Enter")
    assert "@champion" in page.input_value("#filter") or "%40champion" in page.url
    page.get_by_text("of 1 model").wait_for()
    page.goto("/ask")
    page.fill("#prompt", "how many")
    page.click("button")
    page.get_by_role("heading", name="the base alone").wait_for()
    context.close()
