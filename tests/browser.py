"""A real browser for tests of pages: headless Chromium, driven by selenium. A test file makes a fixture of it:

@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

DESKTOP, PHONE = (1280, 900), (390, 844)
"""Width and height of the viewport, CSS px."""
_HERE = ("file:", "data:", "blob:", "about:", "chrome:")
_FLAGS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


class Browser:
    """One window. `driver` is selenium's own, for whatever is not here."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self._width_px = 0

    def open(self, page: Path, size: tuple[int, int] = DESKTOP) -> None:
        """Load a local page afresh in a viewport of `size`, (width, height) CSS px; forgets earlier logs."""
        self.resize(size)
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        self.driver.get(page.resolve().as_uri())

    def resize(self, size: tuple[int, int]) -> None:
        """Widths under 600 px behave as a phone: touch, and two device pixels to each CSS pixel."""
        self._width_px = size[0]
        phone = size[0] < 600
        values = {"width": size[0], "height": size[1], "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", values)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", css)

    def one(self, css: str) -> WebElement:
        """The only element that matches. Raises AssertionError for none or several."""
        found = self.all(css)
        assert len(found) == 1, f"{css}: {len(found)} elements"
        return found[0]

    def visible(self, css: str) -> list[WebElement]:
        """Elements that a reader can see, or scroll to."""
        return [element for element in self.all(css) if element.is_displayed()]

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that `script`, the body of a JavaScript function, returns."""
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def sideways_px(self) -> int:
        """How far the page can be scrolled sideways; 0 is right."""
        wide = int(self.run("return document.scrollingElement.scrollWidth"))  # a phone widens its window to hold it all
        return max(0, wide - self._width_px)

    def fetched(self) -> list[str]:
        """Addresses beyond this machine's files that were asked for since the last `open` or call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        asked = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in asked if not one["request"]["url"].startswith(_HERE)]

    def complaints(self) -> list[str]:
        """What the console said since the last `open` or call: errors and warnings."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, path: Path, whole: bool = False) -> Path:
        """Write a PNG of the viewport, or of the whole page."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own. Skips the test, saying why, where it is not installed."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no browser here: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="fer-spark-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        opened = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=driver))
        try:
            yield Browser(opened)
        finally:
            opened.quit()
