"""The page of an exploration in a real browser: whole on a desk and on a phone, its links and downloads at work."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fer_spark.exploration import Exploration
from fer_spark.reports.exploration.page import exploration_page
from tests.browser import DESKTOP, PHONE, Browser, chromium
from tests.reports.exploration.explorations import exploration

SVG = "img[src^='data:image/svg+xml']"
CLASHES = """
const found = [];
const own = document.documentElement.getBoundingClientRect();
const texts = [...document.querySelectorAll("text")].filter(t => t.textContent.trim())
  .map(t => [t.textContent, t.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
texts.forEach(([text, box], i) => {
  if (box.left < own.left - 1 || box.right > own.right + 1 || box.top < own.top - 1 || box.bottom > own.bottom + 1)
    found.push("cut off: " + text);
  for (const [other, next] of texts.slice(i + 1)) {
    const wide = Math.min(box.right, next.right) - Math.max(box.left, next.left);
    const high = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
    if (wide > 1 && high > 4)
      found.push(text + " on " + other);
  }
});
return [texts.length, found];
"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def given() -> Exploration:
    return exploration()


@pytest.fixture(scope="module")
def path(given: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("page") / "report.html"
    written.write_text(exploration_page(given), encoding="utf-8")
    return written


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_page_opens_whole_fetches_nothing_and_never_scrolls_sideways(
    browser: Browser, path: Path, size: tuple[int, int]
) -> None:
    browser.open(path, size)
    assert browser.fetched() == []
    assert browser.complaints() == []
    assert browser.sideways_px() == 0
    assert browser.run("return [...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
    assert len(browser.visible(f"figure {SVG}")) >= 25
    assert len(browser.visible("figure img[src^='data:image/png']")) >= 20
    assert [heading.text for heading in browser.visible("h2")] == [
        "Advice", "Sanity", "Categories", "Valence and arousal", "Splits", "Pictures",
    ]  # fmt: skip


def test_no_words_of_a_chart_are_cut_off_or_lie_on_others(browser: Browser, path: Path, tmp_path: Path) -> None:
    """Each chart as a document of its own, as `img` shows it: nothing but its size depends on the page around it."""
    charts = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]{,60})', path.read_text(encoding="utf-8"))
    assert len(charts) >= 25
    for number, (content, title) in enumerate(charts):
        chart = tmp_path / f"{number}.svg"
        chart.write_bytes(base64.b64decode(content))
        browser.open(chart)
        words, clashes = browser.run(CLASHES)
        assert words > 1, title
        assert clashes == [], title


@pytest.mark.parametrize(("size", "least_px"), [(DESKTOP, 10), (PHONE, 8.5)], ids=["desk", "phone"])
def test_words_in_charts_stay_large_enough_to_read(
    browser: Browser, path: Path, size: tuple[int, int], least_px: float
) -> None:
    browser.open(path, size)
    smallest = browser.run(
        f'return Math.min(...[...document.querySelectorAll("figure {SVG}")].flatMap(img => '
        "[...atob(img.src.split(',')[1]).matchAll(/font-size=\"([\\d.]+)/g)].map("
        "([, px]) => parseFloat(px) * img.getBoundingClientRect().width / img.naturalWidth)))"
    )
    assert smallest >= least_px


def test_a_folded_table_opens_and_shows_the_figures(browser: Browser, path: Path) -> None:
    browser.open(path)
    assert not browser.visible("#categories td")
    browser.one("#categories summary").click()
    row = [cell.text for cell in browser.visible("#categories tbody tr:first-child td")]
    assert row == ["all", "neutral", "75,374", "25.8 %"]


def test_advice_leads_to_its_table(browser: Browser, path: Path) -> None:
    browser.open(path)
    browser.one(".advice a[href='#pictures_leaks']").click()
    top = browser.run("return document.getElementById('pictures_leaks').getBoundingClientRect().top")
    assert browser.run("return location.hash") == "#pictures_leaks"
    assert 0 <= top < DESKTOP[1] - 100
    bottom = browser.run("return document.querySelector('nav').getBoundingClientRect().bottom")
    assert top >= bottom - 1  # the bar on top hides nothing of it


def test_a_download_is_the_table(browser: Browser, path: Path, given: Exploration, tmp_path: Path) -> None:
    browser.open(path)
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    link = browser.one("a[download='feelings_grid.csv']")
    browser.run("arguments[0].click()", link)
    written, until = tmp_path / "feelings_grid.csv", time.monotonic() + 20
    while not written.exists() and time.monotonic() < until:
        time.sleep(0.05)
    table = given.table("feelings_grid")
    assert table is not None
    assert written.read_text(encoding="utf-8") == table.to_csv()


def test_an_exploration_of_nothing_is_a_page_too(browser: Browser, tmp_path: Path) -> None:
    written = tmp_path / "empty.html"
    written.write_text(exploration_page(Exploration("nothing", (), ())), encoding="utf-8")
    browser.open(written, PHONE)
    assert browser.complaints() == []
    assert browser.sideways_px() == 0
    assert len(browser.visible(".missing")) == 6
