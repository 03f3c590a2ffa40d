"""What is true of a setting stands on its field, and one checker reads it."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.pipelines.train.settings import AllSettings
from fer_spark.settings import (
    Limits,
    changing,
    check,
    differences,
    later,
    option,
    paths,
    require,
    require_local,
    unchanging,
    values,
    why_fixed,
    without_folders,
)
from fer_spark.training.settings import TrainSettings
from tests.options import forgotten, refusal, settings_classes, wrong_values

ROOT = Path(__file__).parent.parent
CLASSES = settings_classes()

IN_CHECKPOINTS = {
    "read": "image_column batch_size shuffle seed shuffle_window last_batch partition soft_labels valence_arousal",
    "network": "network widths blocks stem_stride squeeze_excite stochastic_depth dropout va_head upsample_px weights "
    "freeze",
    "train": "epochs optimizer learning_rate weight_decay schedule warmup_frac label_smoothing soft_label_share "
    "mixup_alpha ema_decay clip_norm crop_px sizes select_on patience va_weight init distill distill_weight "
    "distill_temperature precision compile device",
    "augment": "augment flip_prob affine_prob rotate_deg scale_frac shift_frac shear_deg light_prob brightness "
    "contrast erase_prob erase_frac",
    "imbalance": "loss class_weights sampler undersample_to undersample_fresh oversample_to augment_to focal_gamma "
    "focal_alpha effective_beta logit_tau",
}
"""The settings that checkpoints of older releases hold, which must equal those of the run that resumes them."""


@dataclass(frozen=True)
class Painting:
    colour: str = option("", "which", choices=("ochre", "umber"))
    layers: int = option(2, "how many", least=1, most=9)
    share: float = option(0.5, "how much", above=0, below=1)
    brushes: tuple[str, ...] = option((), "with what", choices=("round", "flat"))
    model: str = option("", "what is painted", metavar="DIR", path=True)
    sketches: tuple[str, ...] = option((), "what was drawn before", path=True)
    threads: int = option(1, "how fast", least=1, changes_result=False)
    easel: str = option("", "where", changes_result=False, fixed="it stands where it stands")
    light: str = option("day", "of what", fixed="it is what is compared")


@pytest.mark.parametrize(
    ("limits", "words", "inside", "outside"),
    [
        (Limits(least=1), "1 or more", [1, 1.5, 10**400], [0, 0.99, -math.inf]),
        (Limits(least=0, most=1), "0 to 1", [0, 0.5, 1], [-1e-9, 1.2]),
        (Limits(most=0.5), "at most 0.5", [-3, 0.5], [0.51]),
        (Limits(above=0), "more than 0", [1e-300, 7], [0, -0.0, -1]),
        (Limits(above=0, below=1), "more than 0 and less than 1", [0.5], [0, 1]),
        (Limits(least=0, below=1), "0 or more and less than 1", [0, 0.999], [1, -0.1]),
        (Limits(above=-0.5, most=10), "more than -0.5 and at most 10", [-0.49, 10], [-0.5, 10.1]),
        (Limits(most=2**63 - 1), "at most 9223372036854775807", [2**63 - 1], [2**63]),
    ],
)
def test_limits_hold_what_they_say_and_never_nan_or_infinity(
    limits: Limits, words: str, inside: list[float], outside: list[float]
) -> None:
    assert str(limits) == words
    assert [value for value in inside if not limits.hold(value)] == []
    assert [value for value in (*outside, math.nan, math.inf, -math.inf) if limits.hold(value)] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layers": 0}, "--layers: 0, expected 1 to 9"),
        ({"share": math.nan}, "--share: nan, expected more than 0 and less than 1"),
        ({"colour": "lead"}, "--colour: 'lead', expected one of ochre, umber"),
        ({"colour": "ocher"}, "--colour: 'ocher', expected one of ochre, umber; did you mean ochre?"),
        ({"brushes": ("flat", "broom")}, "--brushes: 'broom', expected one of round, flat"),
    ],
)
def test_a_value_that_cannot_be_is_told_in_one_form(change: dict[str, Any], told: str) -> None:
    check(Painting())
    check(Painting("umber", 9, 0.1, ("flat", "round")))
    with pytest.raises(ValueError, match=r"^--") as caught:
        check(Painting(**change))
    assert str(caught.value) == told


def test_a_command_may_allow_other_choices() -> None:
    check(Painting(colour="lead"), {"colour": ("lead",)})
    with pytest.raises(ValueError, match="'umber', expected one of lead"):
        check(Painting(colour="umber"), {"colour": ("lead",)})


def test_what_is_true_of_a_setting_is_read_from_its_field() -> None:
    painting = Painting(model="/home/me/model/", sketches=("/a/one", "two"), threads=5)
    assert paths(Painting) == {"model", "sketches"}
    assert unchanging(painting) == {"threads", "easel"}
    assert list(changing(painting)) == ["colour", "layers", "share", "brushes", "model", "sketches", "light"]
    assert without_folders(painting) == {**vars(painting), "model": "model", "sketches": ("one", "two")}
    assert why_fixed(Painting) == {
        "threads": "it does not change the result",
        "easel": "it stands where it stands",
        "light": "it is what is compared",
    }


def test_a_later_setting_is_noted_only_where_it_differs_from_what_was_done_before_it() -> None:
    @dataclass(frozen=True)
    class Frame:
        wood: str = option("oak", "of what")
        gilt: bool = option(False, "with gold leaf", later=True)
        marks: str = option("", "which", path=True, later=True)
        varnish: str = option("matt", "of which kind", earlier="gloss")

    assert later(Frame) == {"gilt", "marks", "varnish"}
    for noted in (values, changing, without_folders):
        assert noted(Frame(varnish="gloss")) == {"wood": "oak"}
        assert noted(Frame(gilt=True)) == {"wood": "oak", "gilt": True, "varnish": "matt"}
    assert without_folders(Frame(marks="/home/me/mark"))["marks"] == "mark"


def not_resumable(group: str, settings: Any) -> set[str]:
    """Settings that an older checkpoint lacks, or that it alone has: no run with the defaults resumes it."""
    return set(changing(settings)) ^ set(IN_CHECKPOINTS[group].split())


@pytest.mark.parametrize("group", IN_CHECKPOINTS)
def test_a_train_flag_that_is_new_leaves_older_checkpoints_resumable(group: str) -> None:
    settings = get_type_hints(AllSettings)[group]()
    assert not_resumable(group, settings) == set(), "a new flag needs later=True"


@pytest.mark.parametrize(("is_later", "found"), [(False, {"new_flag"}), (True, set())])
def test_a_flag_that_forgets_older_checkpoints_is_found(is_later: bool, found: set[str]) -> None:
    @dataclass(frozen=True)
    class Added(TrainSettings):
        new_flag: float = option(0.0, "what", least=0, later=is_later)

    assert not_resumable("train", Added()) == found


def test_a_number_without_limits_cannot_be_declared() -> None:
    for number in (3, 0.5):
        with pytest.raises(TypeError, match=r"how many.*needs least, most, above or below, or choices"):
            option(number, "how many")


@pytest.mark.parametrize("settings_class", CLASSES, ids=lambda one: one.__name__)
def test_every_setting_says_what_is_true_of_it_and_its_default_is_allowed(settings_class: type) -> None:
    assert forgotten(settings_class) == []
    check(settings_class())


def test_a_setting_that_forgets_is_found() -> None:
    @dataclass(frozen=True)
    class Forgetful:
        plain: str = "a"
        count: int = field(default=1, metadata={"help": "how many"})
        place: str = option("", "where", metavar="NAME|DIR")

    assert forgotten(Painting) == []
    assert forgotten(Forgetful) == [
        *("plain: not declared by option()", "count: not declared by option()", "count: a number without limits"),
        "place: a place that is no path",
    ]


@pytest.mark.parametrize("settings_class", CLASSES, ids=lambda one: one.__name__)
def test_every_settings_class_refuses_what_its_fields_do_not_allow(settings_class: type) -> None:
    kinds = get_type_hints(settings_class)
    for one in dataclasses.fields(settings_class):
        for value, expected in wrong_values(one, kinds[one.name]):
            made = dataclasses.replace(settings_class(), **{one.name: value})
            with pytest.raises(ValueError, match=r"^--") as caught:
                own_check(made)
            assert str(caught.value) == refusal(one.name, value, expected)


def own_check(settings: Any) -> None:
    """The class's own check, which begins with the common one; that one alone where a class has none."""
    own = getattr(settings, "check", None)
    if own is None:
        check(settings)
    elif isinstance(settings, ExploreSettings):
        own(input="")
    else:
        own()


def test_every_command_refuses_wrong_values_before_it_loads_anything_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.options import run_with_wrong_values\n"
        "count = run_with_wrong_values(Path(sys.argv[1]))\n"
        "print(count, sorted({'pyspark', 'torch', 'petastorm', 'optuna', 'matplotlib'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "wrong.toml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, heavy = done.stdout.split(maxsplit=1)
    assert heavy == "[]\n"
    assert int(count) > 500


def test_an_empty_setting_that_is_needed_is_named_by_its_flag() -> None:
    require(Painting(model="m", easel="e"), "model", "easel")
    with pytest.raises(ValueError, match=r"^--easel is missing; --help shows an example$"):
        require(Painting(model="m"), "model", "easel")


def test_a_url_where_python_writes_to_a_disk_is_refused_by_its_flag() -> None:
    require_local(Painting(model="m/", easel="hdfs://lake/e"), "model")
    with pytest.raises(ValueError, match=r"^--model: hdfs://lake/m, expected a local directory; copy it from there$"):
        require_local(Painting(model="hdfs://lake/m"), "model", "easel")


def test_differences_name_each_entry_by_its_place_with_both_values() -> None:
    before = {"run": {"shards": "a", "old": 1}, "seed": 0, "none": None, "sizes": ["48:gray"]}
    now = {"run": {"shards": "b"}, "seed": 0, "new": 2.5, "sizes": ["48:gray"]}
    assert differences(before, now) == [
        "new: nothing there, 2.5 now",
        "run.old: 1 there, nothing now",
        "run.shards: 'a' there, 'b' now",
    ]
    assert differences(before, now, "then", str)[-1] == "run.shards: a then, b now"
    assert differences(now, now) == []
