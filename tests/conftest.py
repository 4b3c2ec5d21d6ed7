"""Settings of all tests."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# No test depends on the speed of the machine. What continuous integration draws is the same every time, so that it
# fails for changes only; runs by hand look further.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ
)
settings.load_profile("suite")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, the one that is installed: none is downloaded."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")):
        pytest.skip("needs a browser: there is no chromium on PATH")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with playwright.sync_playwright() as starter:
        launched = starter.chromium.launch(executable_path=chromium, args=options)
        yield launched
        launched.close()
