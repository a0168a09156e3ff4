"""Makes sure that there is a Chromium for the browser tests and the screenshot, and prints its path.

Order: one on PATH · Debian's package, when root · playwright's own download. On Ubuntu the package is a stub for a
snap, which containers cannot run, so whatever was found must also start.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = """\
No Chromium was found for the browser tests and none could be installed. On Debian: sudo apt-get install chromium
Elsewhere: .venv/bin/python -m playwright install --with-deps chromium"""


def works(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def on_path() -> str | None:
    found = [path for name in NAMES if (path := shutil.which(name)) and works(path)]
    return found[0] if found else None


def from_playwright() -> str | None:
    """The browser that playwright downloaded earlier, if any."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if works(path) else None


def apt_install() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    if platform.freedesktop_os_release().get("ID") != "debian":
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for args in (["update", "-qq"], ["install", "-y", "-qq", "chromium", "fonts-dejavu-core", "fonts-noto-cjk"]):
        subprocess.run(["apt-get", *args], env=environment, stdout=sys.stderr, check=False)


def playwright_install() -> None:
    with_deps = ["--with-deps"] if os.geteuid() == 0 else []
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", *with_deps, "chromium"], stdout=sys.stderr, check=False
    )


def main() -> None:
    path = on_path() or from_playwright()
    for install, find in ((apt_install, on_path), (playwright_install, from_playwright)):
        if path is None:
            install()
            path = find()
    if path is None:
        sys.exit(MISSING)
    print(path)


if __name__ == "__main__":
    main()
