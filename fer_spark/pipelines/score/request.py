"""What the user requested to be scored. Loads neither Spark nor torch: commands make it to check it."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.explaining.settings import LimeSettings
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.settings import require
from fer_spark.sources.settings import SourceSettings


@dataclass(frozen=True)
class ScoreRequest:
    """`plain`: the pictures were plain arguments, so the answers are shown, with a page."""

    settings: ScoreSettings
    source: SourceSettings
    lime: LimeSettings
    plain: bool = False

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        self.settings.check()
        self.lime.check()
        require(self.source, "input")
