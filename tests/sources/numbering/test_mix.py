"""A known data set's mix under a wrong numbering is found out; under the right one, or of other data, it is not."""

from __future__ import annotations

import numpy as np
import pytest

from fer_spark.labels import CODES, TAXONOMIES
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.mix import mix_of
from fer_spark.sources.numbering.published import PUBLISHED, named

FER2013 = PUBLISHED["FER-2013"].counts
TRAINING = {"angry": 3995, "disgust": 436, "fear": 4097, "happy": 7215, "sad": 4830, "surprise": 3171, "neutral": 4965}
ALPHABETICAL = sorted(FER2013)


def warning(counts: dict[str, int], numbering: Numbering, source: str = "", labels: str = "") -> str:
    mix = mix_of(counts, numbering, named(source, labels))
    assert mix is not None
    return mix.warning


def test_published_counts_are_those_of_the_releases() -> None:
    totals = {name: sum(data.counts.values()) for name, data in PUBLISHED.items()}
    assert totals == {"FER-2013": 35_887, "AffectNet": 291_650, "RAF-DB": 15_339, "ExpW": 91_793, "CK+": 981}


def test_shares_stand_beside_those_of_the_named_data_set() -> None:
    mix = mix_of(TRAINING, None, named("fer2013", ""))
    assert mix is not None
    assert mix.line.startswith("Mix (in brackets FER-2013): angry 13.9% (13.8%), disgust 1.5% (1.5%)")
    plain = mix_of({"happy": 3, "sad": 1}, None, None)
    assert plain is not None
    assert plain.line == "Mix: happy 75.0%, sad 25.0%"
    assert mix_of({"happy": 0}, None, None) is None


def test_fer2013_as_hugging_face_numbers_it_under_its_own_csv_codes() -> None:
    codes = Numbering(CODES["fer2013"], "--codes")
    read = {CODES["fer2013"][code]: TRAINING[name] for code, name in enumerate(ALPHABETICAL)}
    assert "FER-2013 where 4 = neutral, 5 = sad, 6 = surprise, instead of 4 = sad" in warning(read, codes)
    assert warning(TRAINING, codes) == ""


def drawn(name: str, rng: np.random.Generator) -> dict[str, int]:
    """A sample of 5,000 of a published data set."""
    counts = PUBLISHED[name].counts
    shares = np.array(list(counts.values())) / sum(counts.values())
    return dict(zip(counts, rng.multinomial(5000, shares).tolist(), strict=True))


def apart(order: dict[str, str], name: str) -> float:
    """How much of the mix a renaming moves: two orders are told apart from 8 % on."""
    shares = PUBLISHED[name].shares(tuple(order))
    return sum(abs(shares[one] - shares[other]) for one, other in order.items()) / 2


@pytest.mark.parametrize(
    ("name", "labels"), [("FER-2013", "fer2013"), ("AffectNet", "affectnet8"), ("RAF-DB", "rafdb")]
)
def test_of_a_named_data_set_any_wrong_order_that_shows_is_found(name: str, labels: str) -> None:
    rng = np.random.default_rng(3)
    names = TAXONOMIES[labels].names
    numbering = Numbering(dict(enumerate(names)), "--codes")
    found = 0
    for _ in range(40):
        counts = drawn(name, rng)
        assert warning(counts, numbering, labels=labels) == ""
        order = dict(zip(names, rng.permutation(names).tolist(), strict=True))
        alarm = warning({order[label]: count for label, count in counts.items()}, numbering, labels=labels)
        if apart(order, name) > 0.08:
            assert alarm
            found += 1
        elif apart(order, name) < 0.01:
            assert not alarm
    assert found > 30


def test_of_nameless_data_another_order_in_use_is_found() -> None:
    rng = np.random.default_rng(5)
    orders = {name: list(TAXONOMIES[name].names) for name in ("fer2013", "affectnet7", "rafdb")}
    orders["alphabetical"] = ALPHABETICAL
    for name in ("FER-2013", "RAF-DB", "ExpW"):
        for given in orders.values():
            for true in orders.values():
                read = dict(zip(true, given, strict=True))
                counts = {read[label]: count for label, count in drawn(name, rng).items()}
                for first in (0, 1):
                    alarm = warning(counts, Numbering(dict(enumerate(given, first)), "--codes"))
                    assert bool(alarm) == (given != true) or 0 < apart(read, name) < 0.08, (name, given, true)


def test_data_of_other_mixes_are_left_alone() -> None:
    rng = np.random.default_rng(7)
    names = TAXONOMIES["fer2013"].names
    numbering = Numbering(dict(enumerate(names)), "--codes")
    assert warning(dict.fromkeys(names, 100), numbering) == ""
    found = 0
    for _ in range(200):
        counts = dict(zip(names, rng.multinomial(3000, rng.dirichlet(np.ones(7))).tolist(), strict=True))
        found += bool(warning(counts, numbering))
    assert found <= 2
