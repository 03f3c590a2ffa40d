"""Whether existing shards fit the settings of this run: the checks before `append` and `resume`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.preparation.preparation import Preparation, Reuse
from fer_spark.settings import differences, flag, unchanging
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.settings import AUTO, SplitSettings
from fer_spark.sources.splits import Grouping

_DRAWING = frozenset({"split", "ratios", "seed", "val_from", "val_fraction", "group_by", "stratify"})


def grouping_of(base: Manifest) -> Grouping | None:
    """Persons that were kept together before are kept together on: their splits are drawn by them, as before."""
    grouped = str(base.settings.get("grouping", "")).startswith("group:")
    return Grouping("group", "as in the shards there") if grouped else None


def splits_of(base: Manifest, now: SplitSettings) -> SplitSettings:
    """--val-from auto is what it came to in the shards there; those of releases without it drew no val."""
    return replace(now, val_from=_val_from(base)) if now.val_from == AUTO else now


def _val_from(base: Manifest) -> str:
    return base.settings.get("splits", {}).get("val_from") or "none"


def check_finished(base: Manifest, now: dict[str, Any]) -> None:
    """Complete shards must be what is asked for now, splits and layout too. Raises ExistingOutputError."""
    differing = _differences(base, now, "splits", frozenset(now["splits"]))
    differing += _differences(base, now, "shards", frozenset(now["shards"]) - unchanging(ShardSettings))
    if differing:
        raise ExistingOutputError(
            "nothing to resume: the shards there are complete, made with other settings\n  "
            + "\n  ".join(differing)
            + "\n--on-existing overwrite builds from scratch and replaces them"
        )


def check_appendable(base: Manifest, now: dict[str, Any], preparation: Preparation, labels: tuple[str, ...]) -> None:
    """Appended faces must be prepared as those already there. Raises ExistingOutputError listing what differs."""
    differing = preparation.differences(base.preparation, Reuse.SHARDS, "now", "then", "--")
    if list(labels) != base.label_names:
        differing.append(f"labels: {', '.join(base.label_names)} then, {', '.join(labels)} now")
    if now["splits"]["max_per_class"]:
        differing.append(
            "--max-per-class: published rows cannot be removed; build from scratch with --on-existing overwrite"
        )
    if grouping_of(base) is not None:  # else one person could come into a second split
        differing += _differences(base, now, "splits", _DRAWING)
        if now["splits"]["stratify"] and now["splits"]["split"] != "none":
            differing.append("--stratify: it could draw persons that are there already into a second split")
    if differing:
        raise ExistingOutputError("cannot append: the shards there were made otherwise\n  " + "\n  ".join(differing))


def _differences(base: Manifest, now: dict[str, Any], part: str, names: frozenset[str]) -> list[str]:
    """A line for each named setting that was another one; one that this release does not write is left out."""
    before, requested = base.settings.get(part, {}), json.loads(json.dumps(now[part]))
    if part == "splits":
        before = before | {"val_from": _val_from(base)}
    compared = [name for name in requested if name in names]
    then, here = ({flag(name): values.get(name) for name in compared} for values in (before, requested))
    return differences(then, here, "then", str)
