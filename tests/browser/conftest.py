"""A real Chromium on the real server. Every page is watched: a console message or a foreign request fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)


@dataclass
class Visit:
    """One visitor's page, in the words of the stories. `heard` is all that a quiet page never says."""

    page: Page
    heard: list[str] = field(default_factory=list)

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status")

    @property
    def code(self) -> Locator:
        return self.page.get_by_role("textbox", name="PyTorch code")

    def node(self, name: str) -> Locator:
        return self.page.locator("#picture g.node", has_text=name).first

    def row(self, tensor: str) -> Locator:
        return self.page.locator(f'#panel-gradients tr[data-names~="{tensor}"]')

    def line(self, text: str) -> Locator:
        return self.page.locator(".cm-line", has_text=text).first

    def write(self, code: str) -> None:
        self.code.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)

    def run(self, code: str, state: str = "done") -> None:
        """Writes, runs with the keyboard, and waits for that answer (not for what stood there before)."""
        self.write(code)
        with self.page.expect_response("**/api/v1/runs"):
            self.page.keyboard.press("ControlOrMeta+Enter")
        self.is_in(state)

    def is_in(self, state: str) -> None:
        expect(self.main).to_have_attribute("data-state", state)

    def example(self, name: str) -> None:
        self.page.locator("#examples summary").click()
        with self.page.expect_response("**/api/v1/runs"):
            self.page.locator(f"[data-example={name}]").click()
        expect(self.main).not_to_have_attribute("data-state", "running")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, real_server: str) -> Iterator[Callable[..., Visit]]:
    """Opens a page in a fresh context: `visit(path, ready=..., **context options)`."""
    contexts = []
    visits: list[Visit] = []

    def open_page(path: str = "/", **options: Any) -> Visit:
        context = chromium.new_context(**{"locale": "en-US", "viewport": {"width": 1440, "height": 900}} | options)
        contexts.append(context)
        made = Visit(context.new_page())
        visits.append(made)
        made.page.on("console", lambda message: made.heard.append(f"console {message.type}: {message.text}"))
        made.page.on("pageerror", lambda error: made.heard.append(f"error: {error}"))
        made.page.on("request", lambda request: _foreign(request.url, real_server, made.heard))
        made.page.goto(real_server + path)
        if options.get("java_script_enabled", True):
            expect(made.page.locator(".cm-editor")).to_be_attached()
        return made

    yield open_page
    for context in contexts:
        context.close()
    assert [message for made in visits for message in made.heard] == []


def _foreign(url: str, server: str, heard: list[str]) -> None:
    if not url.startswith((server, "data:")):
        heard.append(f"foreign request: {url}")
