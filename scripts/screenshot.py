"""Makes docs/images/screenshot-{light,dark}.png from the running product: `make screenshot`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import service  # noqa: E402 (needs the path above)
from scripts.browser import MISSING, from_playwright, on_path  # noqa: E402

SIZE = {"width": 1440, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]


def show(page: Page, address: str) -> None:
    """Runs the first example and selects the node of its loss, as a visitor would."""
    page.goto(address)
    page.wait_for_selector("svg.graph .node")
    page.locator("svg.graph .node").first.click()


def main() -> None:
    browser_path = on_path() or from_playwright() or sys.exit(MISSING)
    with service.running() as started, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for theme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=theme, device_scale_factor=1.5)
            page = context.new_page()
            show(page, str(started.client.base_url))
            page.screenshot(path=ROOT / "docs" / "images" / f"screenshot-{theme}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
