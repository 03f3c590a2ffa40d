"""The scoring page in a real browser: filter and views by click and by key, at two widths, without network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_spark.reports.scoring.figures import Cell
from fer_spark.reports.scoring.page import Batch, Mix, Scores, Section, page
from tests.browser import DESKTOP, PHONE, Browser, chromium
from tests.reports.scoring.scoring_reports import LABELS, SIDE, explanation, face, report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(report()), encoding="utf-8")
    return path


def labels_seen(browser: Browser) -> list[str]:
    return [element.get_attribute("data-label") or "" for element in browser.visible(".face")]


def test_a_filter_shows_the_faces_of_one_label_and_says_how_many(browser: Browser, written: Path) -> None:
    browser.open(written)
    assert labels_seen(browser) == ["angry", "happy", "sad", "angry", "happy", "sad", "happy", "sad", "angry"]
    assert browser.one("#shown").text == "9 of 9 faces"
    button = browser.one("[data-filter=angry]")
    button.click()
    assert labels_seen(browser) == ["angry"] * 3
    assert browser.one("#shown").text == "3 of 9 faces: angry"
    assert button.get_attribute("aria-pressed") == "true"
    assert browser.one("[data-filter='']").get_attribute("aria-pressed") == "false"
    assert [one.text for one in browser.visible(".none")] == ["None of this label here."]  # of the middle section
    browser.one("[data-filter='']").click()
    assert len(labels_seen(browser)) == 9
    assert browser.visible(".none") == []


def test_a_press_goes_from_face_to_heat_map_to_segments_and_back(browser: Browser, written: Path) -> None:
    browser.open(written)
    first = browser.all("button.picture")[0]

    def seen() -> tuple[bool, bool]:
        inside = [first.find_element("css selector", css) for css in (".heat", ".outline")]
        return inside[0].is_displayed(), inside[1].is_displayed()

    assert seen() == (False, False)
    first.click()
    assert seen() == (True, False)
    assert "Shown: the heat map; press for the segments" in str(first.get_attribute("aria-label"))
    first.send_keys(" ")
    assert seen() == (False, True)
    assert len(browser.visible(".outline")) == 1  # the others stay
    first.send_keys("\ue007")  # enter
    assert seen() == (False, False)


def test_the_view_changes_every_face_by_mouse_and_by_arrow_key(browser: Browser, written: Path) -> None:
    browser.open(written)
    browser.all("fieldset label")[1].click()
    assert len(browser.visible(".heat")) == 6
    browser.one("input[value=heat]").send_keys("\ue014")  # right
    assert (len(browser.visible(".heat")), len(browser.visible(".outline"))) == (0, 6)


def test_the_heat_map_lies_over_the_very_pixels_of_its_segment(browser: Browser, tmp_path: Path) -> None:
    gray = np.full((SIDE, SIDE), 128, np.uint8)
    one = face(1, "happy", explanation("happy"), picture=gray)
    made = report(scores=None, explanations=None)
    path = tmp_path / "one.html"
    path.write_text(page(report(gallery=[type(made.gallery[0])("One", "", [one])])), encoding="utf-8")
    browser.open(path)
    browser.one("button.picture").click()
    browser.run("document.querySelector('.picture').scrollIntoView({block: 'center'}); document.activeElement.blur()")
    box = browser.run(
        "const b = document.querySelector('.picture').getBoundingClientRect(); return [b.x, b.y, b.width]"
    )
    shot = np.asarray(Image.open(browser.picture(tmp_path / "one.png")).convert("RGB")).astype(int)
    left, top, side = (round(value) for value in box)
    third = side / 3
    for row in range(3):
        for column in range(3):
            red, _, blue = shot[int(top + (row + 0.5) * third), int(left + (column + 0.5) * third)]
            leaning = {(1, 1): 1, (0, 0): -1}.get((row, column), 0)
            assert np.sign(red - blue) * (abs(red - blue) > 20) == leaning, (row, column)


def test_figures_of_a_face_open_and_name_its_probabilities(browser: Browser, written: Path) -> None:
    browser.open(written)
    browser.all(".face summary")[0].send_keys("\ue007")
    text = browser.visible(".face details table")[0].text
    assert text.index("angry 62.0 %") < text.index("happy 19.0 %")
    assert "1 middle +0.500" in text
    assert "2 upper left -0.200" in text
    assert "held-out fit 0.80" in text


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)], ids=["desktop", "phone", "small phone"])
def test_nothing_is_fetched_nothing_complains_and_nothing_sticks_out(
    browser: Browser, written: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    browser.open(written, size)
    for button in browser.all("[data-filter]"):
        button.click()
    browser.one("[data-filter='']").click()
    for summary in browser.all(".face summary"):
        browser.run("arguments[0].click()", summary)
    assert browser.fetched() == []
    assert browser.complaints() == []
    assert browser.sideways_px() == 0
    shot = Image.open(browser.picture(tmp_path / "page.png", whole=True))
    scale = 2 if size[0] < 600 else 1
    assert shot.width == size[0] * scale
    assert shot.height > 3 * size[1] * scale
    assert len(shot.convert("RGB").getcolors(2**24) or []) > 500


def test_small_text_and_targets_are_large_enough_for_a_thumb(browser: Browser, written: Path) -> None:
    browser.open(written, PHONE)
    sizes = browser.run(
        "return [...document.querySelectorAll('p, li, td, th, summary, button, span, b')].filter(e => e.offsetParent"
        " && e.textContent.trim()).map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 11
    heights = [element.size["height"] for element in browser.visible(".tools button, .tools label, .face summary")]
    assert min(heights) >= 24  # WCAG 2.2, target size (minimum)


def test_every_filter_and_face_is_reached_by_the_tab_key(browser: Browser, written: Path) -> None:
    browser.open(written)
    reached = []
    for _ in range(60):
        browser.driver.switch_to.active_element.send_keys("\ue004")
        kind = browser.run("const e = document.activeElement; return e.dataset.filter ?? e.className ?? e.tagName")
        reached.append(str(kind))
    assert {"", *LABELS} <= set(reached)
    assert reached.count("picture") >= 6


def test_without_script_the_faces_are_there_and_the_tools_are_not(browser: Browser, written: Path) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(written)
        assert browser.run("return document.documentElement.classList.contains('alive')") is False
        assert browser.visible(".tools") == []
        assert len(browser.visible(".face")) == 9
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_very_long_names_do_not_widen_the_page(browser: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    long = ["x" * 150, "sad"]
    shown = face(1, long[0], explanation(long[0]), given=long[0][1:], origin="y" * 400, probabilities={long[0]: 1.0})
    batches = [Batch(number, 5, {long[0]: 5}, 0.5) for number in (2, 1)]
    scores = Scores({"ok": 5}, [Cell(long[0], None, False, 40, 5, 3.4)], [Mix("faces", {long[0]: 5})], batches=batches)
    path = tmp_path / "long.html"
    path.write_text(page(report(labels=long, scores=scores, gallery=[Section("F", "", [shown])])), encoding="utf-8")
    browser.open(path, size)
    for summary in browser.all(".face summary"):
        browser.run("arguments[0].click()", summary)
    assert browser.sideways_px() == 0
