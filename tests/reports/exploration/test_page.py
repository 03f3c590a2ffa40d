"""The page of an exploration: one file, every table on it and downloadable, and nothing that a gap could break."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from fer_spark.exploration import Advice, Exploration, Figures, Value, rows_of
from fer_spark.reports.exploration.cells import MOST_ROWS, shown
from fer_spark.reports.exploration.page import exploration_page
from tests.reports.exploration.explorations import exploration


class Page(HTMLParser):
    """What a browser finds: links, ids, pictures, text alternatives, tables by block id, words (of charts too)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.alternatives: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.missing: list[str] = []
        self._block = ""
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._inside.append(tag if given.get("class") != "missing" else "missing")
        if "id" in given:
            self.ids.append(given["id"])
        if given.get("class") == "block":
            self._block = given["id"]
        if tag == "a":
            self.links.append(given)
        self.sources += [given[name] for name in ("src", "srcset", "data", "href") if name in given]
        if tag == "img":
            self.alternatives.append(given.get("alt", ""))
            kind, _, content = given["src"].partition(";base64,")
            if kind == "data:image/svg+xml":
                self.words += ElementTree.fromstring(base64.b64decode(content)).itertext()
        if tag == "table":
            self.tables.setdefault(self._block, []).append([])
        if tag == "tr":
            self.tables[self._block][-1].append([])
        if tag in ("td", "th"):
            self.tables[self._block][-1][-1].append("")
        if tag in ("meta", "img"):
            self._inside.pop()

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside in ("td", "th"):
            self.tables[self._block][-1][-1][-1] += data
        if inside == "missing":
            self.missing.append(data)
        if inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def given() -> Exploration:
    return exploration()


@pytest.fixture(scope="module")
def html(given: Exploration) -> str:
    return exploration_page(given)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_fetches_nothing_and_runs_nothing(html: str, page: Page) -> None:
    assert all(address.startswith(("data:", "#")) for address in page.sources)
    assert not re.search(r"https?://|url\((?!#)|@import", html)
    assert not {"script", "link", "iframe", "object", "base", "svg"} & set(page.tags)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html


def test_every_table_can_be_downloaded_as_it_is(given: Exploration, page: Page) -> None:
    files = {link["download"]: link["href"].partition(";base64,") for link in page.links if "download" in link}
    assert set(files) == {f"{table.name}.csv" for table in given.tables}
    for table in given.tables:
        kind, _, content = files[f"{table.name}.csv"]
        assert kind == "data:text/csv;charset=utf-8"
        assert base64.b64decode(content).decode() == table.to_csv()


def test_every_table_stands_on_the_page_row_by_row(given: Exploration, page: Page) -> None:
    for table in given.tables:
        if table.rows:
            rows = page.tables[table.name][-1][1:]
            assert len(rows) == min(len(table.rows), MOST_ROWS), table.name
            known = (
                [value for value in table.rows[-1] if isinstance(value, str) and value] if len(rows) < MOST_ROWS else []
            )
            assert set(known) <= set(rows[-1]), table.name
    assert page.tables["categories"][-1][1] == ["all", "neutral", "75,374", "25.8 %"]
    assert page.tables["categories_reference"][-1][2] == ["happy", "134,915", "146,198", "−11,283", "7.7 %"]
    assert page.tables["splits_divergence"][-1][3][:7] == ["feelings_bins", "train", "val", "∞", "∞", "0.271", "no"]
    assert f"The first 1,000 of {len(given.table('feelings_grid').rows):,} rows" in page.text  # type: ignore[union-attr]


def test_long_tables_are_folded_and_what_is_wrong_in_them_is_not(html: str, page: Page) -> None:
    assert "<details><summary>The numbers: 300 rows</summary>" in html
    assert html.count("<details open") == 0
    found, every = page.tables["sanity_values"]
    assert len(every) == 1 + 14
    assert [row[1] for row in found[1:]] == ["sentinel", "outside_unit_circle", "missing_file"]
    assert len(page.tables["categories_summary"]) == 1  # three rows: not folded


def test_advice_comes_first_the_worst_on_top_and_leads_to_its_table(page: Page) -> None:
    text = page.text
    order = [
        "no test split",
        "62 pictures of the validation",
        "judge by recall",
        "Rare classes gain",
        "Columns and types",
    ]
    assert sorted(order, key=text.index) == order
    assert "2 splits: train, val · Rows by split" in text
    targets = [link["href"] for link in page.links if link["href"].startswith("#")]
    assert {target[1:] for target in targets} <= set(page.ids)
    assert {"#splits_sizes", "#pictures_leaks", "#categories_summary"} <= set(targets)
    assert len(page.ids) == len(set(page.ids))


def test_facts_and_the_figures_to_begin_with(page: Page) -> None:
    text = page.text
    for words in ("291,650 rows", "31.8 : 1", "4.46 effective", "s3a://lake/affectnet/interim/*.parquet"):
        assert words in text
    assert "287,651 · 98.63 %" in text
    assert "3,999 · 1.37 %" in text


def test_every_picture_says_in_words_what_it_shows(given: Exploration, page: Page) -> None:
    assert len(page.alternatives) > 50
    assert all(len(words) > 10 for words in page.alternatives)
    assert any("happy 134,915 · 46.3 %" in words for words in page.alternatives)
    assert sum(words.startswith("Mean face of ") for words in page.alternatives) == 8
    shown_pictures = {base64.b64decode(one.partition(",")[2]) for one in page.sources if one.startswith("data:image")}
    assert set(given.pictures.values()) <= shown_pictures


def test_what_is_missing_is_said_in_one_line_with_the_way_to_get_it() -> None:
    empty = Page(exploration_page(Exploration("nothing", (), ())))
    assert len(empty.missing) == 6  # no advice, and five sections
    assert any("--pictures all" in line for line in empty.missing)
    some = [figures for figures in exploration().tables if figures.name in ("categories", "feelings_bins")]
    page = Page(exploration_page(Exploration("some", (), tuple(some))))
    assert [line.split()[-2:] for line in page.missing[:1]] == [["for", "advice."]]
    assert any("--reference-counts" in line for line in page.missing)
    assert any("--reference-bins" in line for line in page.missing)
    assert not set(page.ids) & {"pictures_shapes", "categories_reference"}


def test_a_single_split_is_compared_with_nothing() -> None:
    names = ("categories", "categories_summary", "feelings_histogram", "feelings_bins", "splits_sizes")
    tables = [figures for figures in exploration().tables if figures.name in names]
    single = [
        replace(table, rows=tuple(row for row in table.rows if row[0] != "val")) if "split" in table.columns else table
        for table in tables
    ]
    page = Page(exploration_page(Exploration("one split", (), tuple(single))))
    assert not [name for name in page.ids if name.endswith("-by-split")]
    assert "train: 287," not in page.text  # all data are the train split: one chart is enough
    assert "Fewer than two splits with labels, so there is nothing to compare." in page.missing


def test_every_text_is_escaped() -> None:
    evil = '<script>alert("1")</script>'
    checks = ("split", "check", "column", "count", "examples")
    tables = (
        Figures("categories", "categories", evil, ("split", "label", "count", "share"), (("all", evil, 3, 1.0),), evil),
        Figures("sanity_values", "sanity", evil, checks, ((*[evil] * 3, 1, evil),)),
    )
    html = exploration_page(
        Exploration(evil, ((evil, evil),), tables, (Advice(evil, evil, "categories"),), {f"faces_{evil}": b"png"})
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 12


def test_a_table_that_nobody_knows_or_that_lacks_a_column_is_still_shown() -> None:
    other = Figures("splits_other", "splits", "Something else", ("a", "b"), ((1, "x"), (2, None)), "a note")
    short = Figures("categories", "categories", "Counts", ("label", "count"), (("happy", 12345),))
    page = Page(exploration_page(Exploration("odd", (), (other, short))))
    assert page.tables["splits_other"][0] == [["a", "b"], ["1", "x"], ["2", "–"]]
    assert page.tables["categories"][0][1] == ["happy", "12,345"]
    assert "a note" in page.text


def test_gaps_break_no_chart_and_never_read_nan(given: Exploration) -> None:
    def hole(value: Value, here: bool) -> Value:
        return None if here and isinstance(value, int | float) else value

    def gaps(table: Figures, every: bool) -> Figures:
        rows = table.rows[:: max(1, len(table.rows) // 8)]
        kept = [[hole(v, every or (i + j) % 3 == 0) for j, v in enumerate(row)] for i, row in enumerate(rows)]
        return replace(table, rows=rows_of(kept))

    for every in (False, True):
        made = replace(given, tables=tuple(gaps(table, every) for table in given.tables if table.section != "sanity"))
        text = Page(exploration_page(made)).text
        assert "–" in text
        assert not re.search(r"\b(nan|NaN|None|undefined|null)\b", text.replace("None found.", ""))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("count", 134415, "134,415"),
        ("count", 0, "0"),
        ("share", 0.46727, "46.7 %"),
        ("share", 0.00345, "0.34 %"),
        ("share", 0.0000009, "< 0.01 %"),
        ("share_lost", -0.25, "−25.0 %"),
        ("difference", -5402, "−5,402"),
        ("difference", 0.0123, "+1.23 points"),
        ("valence_low", -0.2, "−0.2"),
        ("valence_high", 0.15000000000000002, "0.15"),
        ("kl_nats", float("inf"), "∞"),
        ("kl_bits", 0.7794, "0.779"),
        ("mean", 0.0511, "0.0511"),
        ("mean", None, "–"),
        ("ok", False, "no"),
        ("label", "", "no label"),
        ("split", "", "no split"),
        ("examples", "", ""),
        ("max", 546309.0, "546,309"),
    ],
)
def test_figures_are_written_as_a_person_reads_them(column: str, value: float | str | None, words: str) -> None:
    assert shown(column, value) == words
