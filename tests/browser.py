"""A real browser without a window, for pages that people read."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.programs import CHROMIUM

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


@contextmanager
def browsers() -> Iterator[Callable]:
    """Opens Playwright contexts, each with a fresh profile; they share nothing, and are closed at the end."""
    from playwright.sync_api import sync_playwright  # here: it takes a second, and most tests need none

    with sync_playwright() as playwright, ExitStack() as stack:

        def open_profile(**options):
            profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=str(CHROMIUM), args=FLAGS, **options
            )
            stack.callback(context.close)
            return context

        yield open_profile
