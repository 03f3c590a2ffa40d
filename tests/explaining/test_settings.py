"""What settings of explanations come to, where the user gives some of them or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_spark.explaining.settings import LimeSettings


def test_how_much_is_shown_depends_on_the_masks_where_nobody_says_it() -> None:
    for masks, keep in (("random", 0.9), ("balanced", 0.8), ("antithetic", 0.5)):
        settings = LimeSettings(masks=masks)
        settings.check()
        assert settings.keep == keep
        assert LimeSettings(masks=masks, keep=0.5).keep == 0.5


def test_as_lime_sets_what_the_package_does_and_nothing_else_goes_with_it() -> None:
    found = LimeSettings(as_lime=True, samples=50, segments="landmarks")
    assert (found.hide, found.target, found.masks, found.keep) == ("mean", "probability", "random", 0.5)
    assert (found.kernel_width, found.features, found.assisted, found.adaptive) == (0.25, 0, False, False)
    assert replace(found, seed=3) == LimeSettings(as_lime=True, samples=50, segments="landmarks", seed=3)
    assert LimeSettings(as_lime=True, keep=0.5, hide="mean") == LimeSettings(as_lime=True)
    for change in ({"hide": "blur"}, {"target": "margin"}, {"masks": "balanced"}, {"assisted": True}, {"features": 3}):
        ((name, value),) = change.items()
        with pytest.raises(ValueError, match=f"--{name} {value} does not go with --as-lime"):
            LimeSettings(as_lime=True, **change)
