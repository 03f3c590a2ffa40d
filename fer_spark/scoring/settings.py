"""What a user can choose about scoring. Flags, defaults and help texts are read from these fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fer_spark.scoring.choice import FORMS, Wish, wishes
from fer_spark.scoring.outputs.catalog import FORMATS, NAMED
from fer_spark.settings import check, option, require

_NAMED = " and ".join(NAMED)


@dataclass(frozen=True)
class ScoreSettings:
    """Flags of `fer-spark score`."""

    bundle: str = option("", "a bundle's directory, or the name of a shipped one: fer2013", path=True)
    output: str = option(
        "",
        f"directory, any path that Spark can write; for {_NAMED} a table",
        metavar="URI",
        path=True,
        changes_result=False,
    )
    faces: str = option("largest", "which faces of a picture to score", choices=("largest", "all"))
    detector: str = option("", "detector, if not the bundle's own")
    detector_model: str = option(
        "", "YuNet's .onnx file; else looked for in $FER_SPARK_MODELS and the user's cache", path=True
    )
    try_turned: bool = option(
        False,
        "where an upright picture shows no good face, search it rotated by 90, 180 and 270 degrees too; see angle_deg",
    )
    format: str = option("parquet", "format of the output", choices=tuple(FORMATS))
    overwrite: bool = option(False, "replace existing scores once the new scores are complete", changes_result=False)
    abstain_below: float = option(0.0, "faces of less confidence are marked as abstained", least=0, most=1)
    salt: str = option(
        "", "replace ids and paths by hashes that only this secret text gives; @FILE reads it from a file"
    )
    keep_crop: bool = option(False, "add each face as the network saw it (PNG)")
    device: str = option(
        "auto",
        "gpu: the GPU that Spark assigns to each task; auto: that GPU if there is any, else the CPU",
        choices=("auto", "cpu", "gpu"),
    )
    bf16: bool = option(False, "compute in bfloat16: faster, exact to about 0.01")
    max_bad_fraction: float = option(
        1.0,
        "exit with code 3, publishing nothing unless incremental, if more pictures than this are bad",
        least=0,
        most=1,
    )
    drift_threshold: float = option(0.2, "population stability index above which the summary flags drift", above=0)
    incremental: bool = option(False, "score only what the ledger at --checkpoint does not list")
    trigger: str = option(
        "ledger",
        "how an incremental run finds what is new. ledger: by path, length, age and bytes; stream: by Spark's "
        "Structured Streaming (AvailableNow), which does not see a file that is replaced under its name",
        choices=("ledger", "stream"),
    )
    checkpoint: str = option(
        "", f"directory of the ledger and the lease; for {_NAMED} also of the summary", path=True, changes_result=False
    )
    chunk_images: int = option(
        20_000,
        "pictures between two commits of an incremental run; a kill loses at most these",
        least=1,
        changes_result=False,
    )
    lease_s: float = option(
        300.0, "seconds without a heartbeat after which another run takes the lease", least=1, changes_result=False
    )

    explain: tuple[str, ...] = option(
        (),
        f"why, by LIME, for some of the faces that this run scores: {FORMS} on the output's columns; repeat for "
        "several. With --incremental the N are of each commit. Written below OUTPUT/_explanations",
        metavar="WHICH",
    )

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What --explain requests. Raises ValueError."""
        return wishes(self.explain)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        require(self, "bundle", "output")
        if self.incremental and not self.checkpoint:
            raise ValueError("--incremental needs --checkpoint URI: where the ledger is kept")
        if self.trigger != "ledger" and not self.incremental:
            raise ValueError(f"--trigger {self.trigger} goes with --incremental --checkpoint URI")
        _ = self.wishes
        named = FORMATS[self.format].named
        if self.checkpoint and not (self.incremental or named):
            raise ValueError("--checkpoint goes with --incremental")
        if named and not self.checkpoint:
            raise ValueError(
                f"--format {self.format} needs --checkpoint URI: a table has no place for summary and staging"
            )
        if self.incremental and self.overwrite:
            raise ValueError("--overwrite does not go with --incremental; to start again, choose a new --checkpoint")

    @property
    def secret(self) -> str:
        """The salt itself. Raises ValueError where its file cannot be read or is empty."""
        if not self.salt.startswith("@"):
            return self.salt
        try:
            text = Path(self.salt[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--salt {self.salt}: {error}") from error
        if not text:
            raise ValueError(f"--salt {self.salt}: the file is empty")
        return text
