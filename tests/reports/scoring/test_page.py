"""The scoring page: one file that fetches nothing, escapes everything, and shows the figures it was given."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import fer_spark
from fer_spark.reports.scoring.figures import Cell
from fer_spark.reports.scoring.page import Mix, Scores, ScoringReport, Section, page
from tests.reports.scoring.scoring_reports import LABELS, explanation, face, report

EVIL = "\"><script>alert('1')</script>"


class _Read(HTMLParser):
    """Visible words, every address, and what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("style", "script", "title") else ""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside and data.strip():
            self.words.append(" ".join(data.split()))


def read(html: str) -> _Read:
    parser = _Read()
    parser.feed(html)
    return parser


def words(**changes: Any) -> str:
    return " ".join(read(page(report(**changes))).words)


def test_the_page_begins_with_perceived_expressions_and_says_that_faces_are_personal_data() -> None:
    text = words()
    assert text.startswith("These are perceived expressions: what people who look at a face would call it")
    assert "Article 5(1)(f)" in text
    assert "personal data" in text
    bare = [Section("Faces", "", [face(1, "sad", picture=None)])]
    assert "personal data" not in words(gallery=bare)


def test_the_page_is_one_file_that_fetches_nothing_and_runs_one_script_only() -> None:
    html = page(report())
    found = read(html)
    assert len(found.addresses) > 15
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert not re.search(r"url\(|@import|<link|<iframe|https?://", html)
    assert len(found.scripts) == 1
    assert not found.handlers
    digest = base64.b64encode(hashlib.sha256(found.scripts[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert policy[1].replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
    ]


def test_figures_stand_on_the_page_as_they_were_counted() -> None:
    text = words()
    assert "pictures 1,043 1,000 with a face" in text
    assert "faces 1,000 90 abstained (9.0 %)" in text
    assert "agrees with given label 80.0 % of 900 faces" in text
    assert "drift flagged labels" in text
    assert "no face 40 3.8 % the detector found no face" in text
    assert "happy 40.0 % · 60.0 % · 25.0 %" in text
    assert "latest run (1,000 faces) earlier runs (5,000 faces) training data (40 faces)" in text
    assert "PSI 0.310 drift against the earlier runs: 1,000 faces and 5,000 then" in text
    assert "PSI 6.400 too few faces to tell against the training data" in text
    assert "Mean weight of each part over all these faces of a label" in text
    assert "moved most: angry 20.0 % → 30.0 %, happy 60.0 % → 40.0 %" in text
    assert "given angry happy sad angry 80 % 240 0 % 0 20 % 60 happy 20 % 60 80 % 240" in text
    assert "3 500 530 66.0 %" in text
    assert "deletion against random order +0.120 +0.080 to +0.160 better" in text
    assert "insertion against centre order +0.010 -0.020 to +0.040 no better" in text
    assert "angry 4 3 75 % 0.71 0.80 90.0 % 10.0 %" in text
    assert "every label 9 angry 3 happy 3 sad 3" in text
    assert "given sad" in text
    assert "Drift: labels of the latest run differ." in text


def test_drift_is_called_none_only_where_it_could_be_told() -> None:
    made = report().scores
    assert made is not None
    assert "drift none in 1 comparison Pictures by outcome" in words(scores=replace(made, shifts=made.shifts[1:]))
    assert "drift unknown too few faces to tell" in words(scores=replace(made, shifts=made.shifts[2:]))


def test_every_text_is_escaped() -> None:
    why = explanation(EVIL, names=(EVIL,) * 9)
    bad = face(1, EVIL, why, given=EVIL + "2", source=EVIL, origin=EVIL, probabilities={EVIL: 0.5})
    one = Cell(EVIL, EVIL, False, 30, 5, 2.5)
    shift = {"what": EVIL, "against": EVIL, "psi": 1.0, "chance": 0.0, "threshold": 0.2, "now": 5, "then": 5}
    moved = {"bin": EVIL, "now": 0.5, "then": 0.1}
    scores = Scores({"ok": 5, EVIL: 2}, [one], [Mix(EVIL, {EVIL: 5})], [{**shift, "flagged": True, "moved": [moved]}])
    made = report()
    assert made.explanations is not None
    whys = replace(made.explanations, method=EVIL, per_label={EVIL: made.explanations.per_label["sad"]}, maps={})
    html = page(ScoringReport(EVIL, [EVIL, "b"], [(EVIL, EVIL)], [EVIL], scores, whys, [Section(EVIL, EVIL, [bad])]))
    assert html.count("<script") == 1
    assert len(read(html).scripts) == 1
    assert "alert('1')" not in html
    assert html.count("&lt;script&gt;") > 25


@pytest.mark.parametrize("left_out", ["scores", "explanations", "gallery"])
def test_a_part_that_is_not_there_leaves_no_trace(left_out: str) -> None:
    text = words(**{left_out: () if left_out == "gallery" else None})
    heading = {"scores": "Pictures by outcome", "explanations": "Mean explanation maps", "gallery": "every label"}
    for part, said in heading.items():
        assert (said in text) == (part != left_out)
    assert " nan" not in text.lower()


def test_scores_without_any_face_or_label_can_be_shown() -> None:
    nothing = Scores({"no_face": 3}, [], [Mix("these faces", {})])
    text = words(scores=nothing, explanations=None, gallery=())
    assert "faces 0 0 abstained" in text
    assert "Compared with the given labels" not in text
    unlabelled = Scores({"ok": 2}, [Cell("sad", None, False, 40, 2, 1.36)], [Mix("these faces", {"sad": 2})])
    text = words(scores=unlabelled, explanations=None, gallery=())
    assert "mean confidence 68.0 %" in text
    assert "Compared with the given labels" not in text


def test_a_page_can_be_made_from_the_zip_that_spark_submit_is_given(tmp_path: Path) -> None:
    package = Path(fer_spark.__file__).parent
    with zipfile.ZipFile(tmp_path / "fer_spark.zip", "w") as packed:
        for path in [*package.glob("*.py"), *package.glob("metrics/*.py"), *package.glob("reports/**/*.*")]:
            packed.write(path, path.relative_to(package.parent))
    code = "from fer_spark.reports.scoring.page import ScoringReport, page; print(page(ScoringReport('Night', [], [])))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "fer_spark.zip")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "<h1>Night</h1>" in done.stdout


def test_a_face_without_explanation_is_no_button() -> None:
    html = page(report(gallery=[Section("Faces", "", [face(1, "sad")])], explanations=None))
    assert "button type=button" not in html
    assert 'class="heat"' not in html
    assert LABELS[2] in html


def test_a_face_that_is_not_explained_says_why_and_a_margin_says_against_what() -> None:
    def shown(**changes: Any) -> str:
        return words(gallery=[Section("Faces", "", [face(1, "happy", explanation("happy", **changes))])])

    whys: dict[str, dict[str, Any]] = {
        "upper left and middle count together more than one by one": {
            "unexplained": "interacting",
            "interacting": (0, 4),
        },
        "most hidings leave the model as sure as before": {"unexplained": "saturated"},
        "whatever is hidden, the answer stays": {"unexplained": "flat"},
    }
    for sentence, changes in whys.items():
        assert sentence in shown(explained=False, **changes)
        assert sentence not in shown(**changes)
    regions = "mouth 46 %, left eye 18 %; brows against it"
    assert regions in shown(regions=regions)
    assert regions not in shown(regions=regions, explained=False)
    assert "explanation of happy against sad" in shown(target="margin", rival="sad")
    assert "explanation of log-odds of happy" in shown(target="logodds")
