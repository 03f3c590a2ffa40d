"""The charts of an exploration show the figures they were given, the right way up."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fer_spark.exploration import Figures, Value
from fer_spark.reports.exploration.bars import categories, reference
from fer_spark.reports.exploration.bins import counted_map, difference_maps, reference_map
from fer_spark.reports.exploration.draw import Drawing
from fer_spark.reports.exploration.maps import fine_maps, maps_by_label
from fer_spark.reports.exploration.polar import polar
from fer_spark.reports.exploration.spread import histograms, split_histograms

Row = tuple[Value, ...]
BOX = ("valence_low", "valence_high", "arousal_low", "arousal_high")


def markup(drawing: Drawing) -> str:
    assert drawing.kind == "image/svg+xml"
    return drawing.content.decode()


def words(drawing: Drawing) -> dict[str, tuple[float, float]]:
    """Texts of an SVG with their places within their own group."""
    found = re.findall(r"<text[^>]*translate\(([-\d.]+),([-\d.]+)\)[^>]*>([^<]+)</text>", markup(drawing))
    return {text: (float(x), float(y)) for x, y, text in found}


def pixels(drawing: Drawing) -> npt.NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(drawing.content)).convert("RGB")).astype(np.int64)


def middle_of_dark(image: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Mean (x, y) of the darkest blue, as shares of the picture's width."""
    dark = (abs(image - [8, 48, 107]).sum(axis=2) < 12).nonzero()
    assert len(dark[0]) > 50
    return float(dark[1].mean()) / image.shape[1], float(dark[0].mean()) / image.shape[1]


def bins(fields: tuple[str, ...], value: dict[tuple[int, int], tuple[Value, ...]]) -> Figures:
    """100 bins of 0.2; `value` by (column from the left, line from the top), zeros elsewhere."""
    rows = []
    for line in range(10):
        for column in range(10):
            box = (
                round(-1 + 0.2 * column, 1),
                round(-0.8 + 0.2 * column, 1),
                round(0.8 - 0.2 * line, 1),
                round(1 - 0.2 * line, 1),
            )
            rows.append(("all", *box, *value.get((column, line), (0,) * len(fields))))
    return Figures("feelings_bins", "feelings", "Bins", ("split", *BOX, *fields), tuple(rows))


def test_bars_carry_counts_and_shares_split_by_split() -> None:
    rows: list[Row] = [
        ("all", "happy", 1500, 0.75),
        ("all", "no_face", 500, 0.25),
        ("train", "happy", 1500, 1.0),
        ("val", "no_face", 500, 1.0),
    ]
    figures = Figures("categories", "categories", "", ("split", "label", "count", "share"), tuple(rows))
    whole, train, val = categories(figures)
    assert {"1,500 · 75.0 %", "500 · 25.0 %", "happy", "no face"} <= set(words(whole))
    assert [one.title for one in (whole, train, val)] == ["all data: 2,000 rows", "train: 1,500 rows", "val: 500 rows"]
    assert "#0072B2" in markup(whole)
    assert "#5b6770" in markup(val)  # no expression: gray
    assert "#0072B2" not in markup(val)


def test_shares_lost_and_gained_have_two_colours() -> None:
    columns = ("label", "count", "reference", "difference", "share_lost")
    rows: tuple[Row, ...] = (("fear", 90, 100, -10, 0.1), ("sad", 120, 100, 20, -0.2), ("new", 5, None, None, None))
    drawn = reference(Figures("categories_reference", "categories", "", columns, rows))[0]
    assert {"−10 of 100 · 10.0 %", "+20 of 100 · −20.0 %"} <= set(words(drawn))
    assert markup(drawn).count('fill="#E69F00"') == 1
    assert markup(drawn).count('fill="#0072B2"') == 1


def test_the_table_of_bins_has_every_number_in_its_place_and_arousal_falls_downwards() -> None:
    value = {(c, r): (1000 + 10 * r + c,) for c in range(10) for r in range(10)}
    found = words(counted_map(bins(("count",), value))[0])
    for (column, line), (count,) in value.items():
        x, y = found[f"{count:,}"]
        assert (x, y) == pytest.approx((68 * (column + 0.5), 36 * (line + 0.5) + 4), abs=1.5)


def test_more_is_blue_less_is_orange_and_the_difference_is_signed() -> None:
    figures = bins(("count", "reference", "difference"), {(0, 0): (10, 1010, -1000), (9, 9): (1200, 200, 1000)})
    drawn = reference_map(figures)[0]
    assert {"−1,000", "+1,000"} <= set(words(drawn))
    assert "1,210 rows here, 1,210 there" in drawn.title
    squares = re.findall(r'fill="rgb\((\d+), (\d+), (\d+)\)"', markup(drawn))
    assert squares[0] == ("127", "59", "8")
    assert squares[-1] == ("8", "48", "107")
    assert set(squares[1:-1]) == {("255", "255", "255")}


def test_each_pair_of_splits_is_drawn_once_in_percentage_points() -> None:
    rows = tuple(
        (p, q, -1.0, -0.8, 0.8, 1.0, share, 0.1, share - 0.1)
        for p, q, share in (("train", "val", 0.25), ("val", "train", 0.25), ("train", "test", 0.05))
    )
    columns = ("p", "q", *BOX, "share_p", "share_q", "difference")
    drawn = difference_maps(Figures("splits_difference", "splits", "", columns, rows))
    assert [one.title for one in drawn] == ["train minus val, percentage points", "train minus test, percentage points"]
    assert "+15.0" in words(drawn[0])
    assert "−5.0" in words(drawn[1])


def test_fine_maps_are_the_right_way_up_and_logarithm_shows_what_is_rare() -> None:
    rows: tuple[Row, ...] = (("all", 0.5, 0.75, 0.5, 0.75, 90_000), ("all", -0.5, -0.25, -0.5, -0.25, 30))
    figures = Figures("feelings_grid", "feelings", "", ("split", *BOX, "count"), rows)
    linear, log = (pixels(one)[:640] for one in fine_maps(figures))
    x, y = (round(share * log.shape[1]) for share in middle_of_dark(log))
    assert middle_of_dark(linear) == pytest.approx(middle_of_dark(log), abs=0.001)
    rare = [image[y + 300, x - 300, 0] for image in (linear, log)]  # 300 px a unit: from (0.625, 0.625) one down, left
    assert rare[0] > 200 > 180 > rare[1]  # red: pale in linear colour, strong in logarithmic
    assert linear[y + 300, x, 0] == 255  # no rows: white


def test_categories_share_one_scale() -> None:
    rows: tuple[Row, ...] = (("happy", 0.2, 0.6, 0.2, 0.6, 10_000), ("fear", 0.2, 0.6, 0.2, 0.6, 10))
    key, happy, fear = maps_by_label(Figures("feelings_by_label", "feelings", "", ("label", *BOX, "count"), rows))
    assert [key.title, happy.title, fear.title] == ["One scale for all", "happy: 10,000", "fear: 10"]
    x, y = (round(share * pixels(happy).shape[1]) for share in middle_of_dark(pixels(happy)))
    assert pixels(fear)[y, x].sum() > 450 > 200 > pixels(happy)[y, x].sum()


@pytest.mark.parametrize(("angle", "right", "up"), [(0, 1, 0), (90, 0, 1), (180, -1, 0), (270, 0, -1)])
def test_angles_turn_from_pleasant_to_excited(angle: int, right: int, up: int) -> None:
    columns = ("split", "angle_low_deg", "angle_high_deg", "radius_low", "radius_high", "count")
    rows: tuple[Row, ...] = (("all", angle - 7.5, angle + 7.5, 0.5, 1.0, 5000),)
    rose, by_angle, by_radius = polar(Figures("feelings_polar", "feelings", "", columns, rows))
    image = pixels(rose)[:-150]  # without its legend
    gray = (abs(image - [91, 103, 112]).sum(axis=2) < 12).nonzero()  # the rings
    centre = ((gray[1].min() + gray[1].max()) / 2, (gray[0].min() + gray[0].max()) / 2)
    x, y = (share * image.shape[1] for share in middle_of_dark(image))
    reach = 0.75 * 122 * 2
    assert (x - centre[0], centre[1] - y) == pytest.approx((reach * right, reach * up), abs=12)
    assert "5,000" in by_angle.text
    assert "0.5 to 1" in by_radius.text


def test_bins_that_grow_by_a_factor_stand_on_a_logarithmic_axis() -> None:
    edges = [round(10 ** (k / 10), 2) for k in range(-10, 51) if k not in (0, 3)]
    grown = tuple(("sharpness", low, high, 10) for low, high in pairwise(edges) if high < 1.3 * low)
    grown = (("sharpness", 0.0, 0.1, 7), *grown)  # a logarithm has no 0
    even = tuple(("brightness", k / 10, (k + 1) / 10, 10) for k in range(10))
    figures = Figures("pictures_histogram", "pictures", "", ("measure", "low", "high", "count"), grown + even)
    drawn = histograms(figures, "measure", None)
    log, linear = ({text: x for text, (x, _) in words(one).items()} for one in drawn)
    assert log["10,000"] - log["1,000"] == pytest.approx(log["1,000"] - log["100"], abs=0.1)
    assert linear["0.6"] - linear["0.4"] == pytest.approx(linear["0.8"] - linear["0.6"], abs=0.1)


def test_pictures_all_of_one_size_are_a_bar_with_room_beside_it() -> None:
    columns = ("measure", "low", "high", "count")
    drawn = histograms(
        Figures("pictures_histogram", "pictures", "", columns, (("width", 40.0, 50.0, 32298),)), "measure", None
    )[0]
    bar = re.search(r'd="M([\d.]+),[^"]*h([\d.]+)v[^"]*"[^>]*fill="#0072B2"', markup(drawn))
    assert bar is not None
    left, wide = map(float, bar.groups())
    assert wide == pytest.approx(310 / 7, abs=1)
    assert left + wide / 2 == pytest.approx(155, abs=1)


def test_lines_of_splits_are_shares_so_that_a_small_split_can_be_compared() -> None:
    columns = ("split", "dimension", "low", "high", "count")
    rows: tuple[Row, ...] = tuple(
        (split, "valence", low, low + 1, count)
        for split, counts in (("train", (900, 100)), ("val", (9, 1)))
        for low, count in zip((-1.0, 0.0), counts, strict=True)
    )
    drawn = split_histograms(Figures("feelings_histogram", "feelings", "", columns, rows))[0]
    lines = re.findall(r'<path d="(M[^"]+)"[^>]*stroke="(#0072B2|#E69F00)"[^>]*stroke-width="2"', markup(drawn))
    assert len(lines) == 2
    assert lines[0][0] == lines[1][0]
