"""The page and its pictures: self-contained, escaped, unclipped, and showing the figures they were given."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fer_spark import metrics
from fer_spark.reports.charts import classes_picture, confusion_picture, reliability_picture
from fer_spark.reports.contact_sheet import Mistake, contact_sheet
from fer_spark.reports.evaluation import EvaluationReport, Variant, page, write_evaluation

AFFECTNET = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"]
NAMES = {
    2: ["happy", "sad"],
    7: ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"],
    11: [*AFFECTNET, "none", "uncertain_expression", "no_face"],
}


def scores_of(true: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], names: list[str]) -> metrics.Evaluation:
    sure = 0.9 * np.eye(len(names))[predicted] + 0.1 / len(names)
    return metrics.evaluate(true, sure, names)


def drawn(names: list[str], rows: int = 500) -> metrics.Evaluation:
    rng = np.random.default_rng(len(names))
    true = rng.integers(0, len(names), rows)
    return scores_of(true, np.where(rng.random(rows) < 0.7, true, rng.integers(0, len(names), rows)), names)


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def report(scores: metrics.Evaluation, **changes: object) -> EvaluationReport:
    gray = np.full((48, 48), 90, np.uint8)
    given = {
        "title": "a model: val split",
        "split": "val",
        "facts": [("bundle", "digest 0123456789abcdef")],
        "variants": [Variant("two views", "all", scores), Variant("one view", "unique", scores)],
        "mistakes": [Mistake(gray, "fear", "sad", 0.987, "0123456789ab")],
        **changes,
    }
    return EvaluationReport(**given)  # type: ignore[arg-type]


class _Words(HTMLParser):
    """Visible text, and every address that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("style", "script", "title")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "script", "title")

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.words.append(" ".join(data.split()))


def read(html: str) -> _Words:
    parser = _Words()
    parser.feed(html)
    return parser


@pytest.mark.parametrize("classes", [2, 7, 11])
def test_nothing_touches_the_edge_of_a_picture(classes: int) -> None:
    scores = drawn(NAMES[classes])
    for draw in (confusion_picture, reliability_picture, classes_picture):
        image = pixels(draw(scores))
        sides = (image[:12], image[-12:], image[:, :12], image[:, -12:])
        border = np.concatenate([side.ravel() for side in sides])
        assert (border == 255).all(), draw.__name__
        assert image.shape[1] >= 600


def test_right_answers_are_dark_and_wrong_ones_light_in_the_confusion_picture() -> None:
    true = np.repeat(np.arange(4), 25)
    right = pixels(confusion_picture(scores_of(true, true, list("abcd"))))
    evenly = pixels(confusion_picture(scores_of(true, np.tile(np.arange(4), 25), list("abcd"))))
    dark = [((image < [60, 110, 190]).all(axis=2) & (image[..., 2] > 90)).mean() for image in (right, evenly)]
    cells = 84 * 4 * 84 * 0.72 * 4 * 4 / (right.shape[0] * right.shape[1])  # of the picture's area, at scale 2
    assert dark[0] == pytest.approx(cells / 4, rel=0.2)
    assert dark[1] < 0.01


def test_a_class_without_pictures_and_no_pictures_at_all_can_be_shown(tmp_path: Path) -> None:
    three = scores_of(np.array([0, 0, 1]), np.array([0, 1, 2]), ["a", "b", "c"])
    none = metrics.evaluate(np.zeros(0, np.int64), np.zeros((0, 3)), ["a", "b", "c"])
    for scores in (three, none):
        for path in write_evaluation(tmp_path, report(scores, mistakes=[])):
            assert path.stat().st_size > 1000
    assert ">nan" not in (tmp_path / "report.html").read_text(encoding="utf-8").lower()


def test_the_page_begins_with_perceived_expressions_then_protocol_and_limits() -> None:
    words = read(page(report(drawn(NAMES[7])), dict.fromkeys(_pictures(), b""))).words
    text = " ".join(words)
    assert text.startswith("These are perceived expressions: what a face looks like")
    assert text.index("Protocol.") < text.index("validation split") < text.index("Limits.") < text.index("a model")
    assert "Article 5(1)(f)" in text
    tested = " ".join(read(page(report(drawn(NAMES[7]), split="test"), dict.fromkeys(_pictures(), b""))).words)
    assert "measured once, at the end" in tested


def test_the_page_is_one_file_that_fetches_nothing_and_holds_the_pictures(tmp_path: Path) -> None:
    paths = write_evaluation(tmp_path, report(drawn(NAMES[7])))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    addresses = read(html).addresses
    assert len(addresses) == 4
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"url\(|@import|<script|<link|https?://", html)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    inside = {base64.b64decode(address.split(",")[1]) for address in addresses}
    assert inside == {path.read_bytes() for path in paths if path.suffix == ".png"}


def test_figures_stand_on_the_page_as_they_were_measured() -> None:
    true = np.repeat([0, 1], [60, 40])
    predicted = np.concatenate([np.zeros(50, np.int64), np.ones(10, np.int64), np.ones(40, np.int64)])
    scores = scores_of(true, predicted, ["happy", "sad"])
    gain = {"accuracy": metrics.Interval(0.012, -0.001, 0.025)} | {
        name: metrics.Interval(-0.0001, -0.01, 0.01) for name in ("balanced_accuracy", "macro_f1")
    }
    text = " ".join(
        read(
            page(
                report(
                    scores,
                    gains={"Two views against one": gain},
                    agreement={"valence": metrics.Agreement(90, 10, 0.5123, 0.25, 0.6)},
                    notes=["Measured by force."],
                    left_out=[("without label", 1234)],
                ),
                dict.fromkeys(_pictures(), b""),
            )
        ).words
    )
    low, high = scores.intervals["accuracy"].low, scores.intervals["accuracy"].high
    assert f"accuracy 90.0 % 95 %: {100 * low:.1f} % to {100 * high:.1f} %" in text
    assert "happy 1.000 0.833 0.909 60 50" in text
    assert "sad 0.800 1.000 0.889 40 50" in text
    assert "accuracy +1.2 points (95 %: -0.1 to +2.5)" in text
    assert "macro-F1 0.0 (-1.0 to +1.0)" in text
    assert "valence 0.512 0.250 0.600 90 10" in text
    assert "Measured by force." in text
    assert "without label 1,234" in text


def test_every_text_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    scores = scores_of(np.array([0, 1]), np.array([0, 1]), [evil, "b"])
    html = page(
        report(scores, title=evil, facts=[(evil, evil)], notes=[evil], left_out=[(evil, 1)], split=evil),
        dict.fromkeys(_pictures(), b""),
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 7


def test_mistakes_stand_in_reading_order_with_their_words_below() -> None:
    shades = [20 * k + 10 for k in range(8)]
    made = [Mistake(np.full((48, 48), shade, np.uint8), "fear", "sad", 0.9, f"face {shade}") for shade in shades]
    image = pixels(contact_sheet(made, columns=3))
    wide, high = (132 + 14) * 2, (132 + 54 + 14 + 6) * 2
    for k, shade in enumerate(shades):
        left, top = 28 + k % 3 * wide, 28 + k // 3 * high
        assert (image[top + 5 : top + 255, left + 5 : left + 255] == shade).all()
        words = image[top + 276 : top + 370, left : left + 264]
        assert (words < 128).any()
    assert (image[28 + 2 * high : 28 + 2 * high + 300, 28 + 2 * wide :] == 255).all()  # the ninth place is empty


def test_long_words_stay_under_their_own_picture() -> None:
    long = Mistake(np.zeros((8, 8, 3), np.uint8), "w" * 80, "m" * 80, 0.5, "x" * 80)
    image = pixels(contact_sheet([long, long], columns=2))
    between = image[:, 28 + 264 : 28 + 264 + 24]
    assert (between == 255).all()
    assert (image[:, -28:] == 255).all()


def test_no_mistakes_are_said_in_words() -> None:
    assert (pixels(contact_sheet([])) < 128).any()


def test_a_report_needs_a_variant(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no variant"):
        write_evaluation(tmp_path, report(drawn(NAMES[2]), variants=[]))


def _pictures() -> list[str]:
    return ["classes.png", "confusion.png", "reliability.png", "mistakes.png"]


def test_of_very_many_classes_the_confusion_is_colours_alone_and_stays_small() -> None:
    """Cells with numbers would make 60 classes 9,000 px wide, and 200 a picture of gigabytes."""
    names = [f"label {i:02}" for i in range(60)]
    width, height = Image.open(io.BytesIO(confusion_picture(drawn(names)))).size
    assert width < 3000
    assert height < 3000
