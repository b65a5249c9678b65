"""A real browser without a window, for pages that people read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_chromium = pytest.mark.skipif(not CHROMIUM.is_file(), reason="no Chromium here: make setup-browser installs it")


@contextmanager
def browser(profile: Path, width: int = 1280, height: int = 900) -> Iterator:
    """A Playwright context with a fresh profile; it remembers no other."""
    from playwright.sync_api import sync_playwright  # here: it takes a second, and most tests need none

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=str(CHROMIUM), args=FLAGS, viewport={"width": width, "height": height}
        )
        try:
            yield context
        finally:
            context.close()
