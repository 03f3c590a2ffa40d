"""How many pictures of each expression the known data sets hold, as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FER2013, AFFECTNET, RAFDB, EXPW, CKPLUS = "FER-2013", "AffectNet", "RAF-DB", "ExpW", "CK+"


@dataclass(frozen=True)
class Published:
    """`counts`: pictures by expression, of all published splits together. `sources`: layouts and taxonomies of it."""

    name: str
    sources: tuple[str, ...]
    counts: Mapping[str, int]

    def shares(self, labels: tuple[str, ...]) -> dict[str, float]:
        """Of the pictures with one of these labels."""
        total = sum(self.counts[label] for label in labels)
        return {label: self.counts[label] / total for label in labels}


# FER-2013 (Goodfellow et al. 2013): Training + PublicTest + PrivateTest of fer2013.csv, 35,887 rows.
# AffectNet (Mollahosseini, Hasani & Mahoor 2017): train and val of the 8-label release of March 2021, 291,650 faces.
# RAF-DB (Li, Deng & Du 2017): train and test of the basic set, list_patition_label.txt, 15,339 faces.
# ExpW (Zhang, Luo, Loy & Tang 2018): label.lst, 91,793 faces.
# CK+ (Lucey et al. 2010): the 981 pictures that go round as CK+48, the last three frames of 327 sequences.
PUBLISHED: dict[str, Published] = {
    dataset.name: dataset
    for dataset in (
        Published(
            FER2013,
            ("fer2013",),
            {
                "angry": 4953,
                "disgust": 547,
                "fear": 5121,
                "happy": 8989,
                "sad": 6077,
                "surprise": 4002,
                "neutral": 6198,
            },
        ),
        Published(
            AFFECTNET,
            ("affectnet", "affectnet7", "affectnet8"),
            {
                "neutral": 75374,
                "happy": 134915,
                "sad": 25959,
                "surprise": 14590,
                "fear": 6878,
                "disgust": 4303,
                "angry": 25382,
                "contempt": 4249,
            },
        ),
        Published(
            RAFDB,
            ("rafdb",),
            {"surprise": 1619, "fear": 355, "disgust": 877, "happy": 5957, "sad": 2460, "angry": 867, "neutral": 3204},
        ),
        Published(
            EXPW,
            ("expw",),
            {
                "angry": 3671,
                "disgust": 3995,
                "fear": 1088,
                "happy": 30537,
                "sad": 10559,
                "surprise": 7060,
                "neutral": 34883,
            },
        ),
        Published(
            CKPLUS,
            ("ckplus",),
            {"angry": 135, "contempt": 54, "disgust": 177, "fear": 75, "happy": 207, "sad": 84, "surprise": 249},
        ),
    )
}


def named(source: str, labels: str) -> Published | None:
    """The data set that --source names, else --labels; None for data of the user's own."""
    known = {name: dataset for dataset in PUBLISHED.values() for name in dataset.sources}
    return known.get(source) or known.get(labels)
