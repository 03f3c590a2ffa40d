"""Which way of explaining gives reasons one can believe: fit, stability and fidelity of each, on the same real faces.

python -m tests.benchmarks.lime_study --csv fer2013.csv --usage PublicTest --faces 300 --masks 600

Each combination of segments, what hides them and how many are shown is scored twice, with other seeds; targets and
kernel widths need no more scoring. A line each: the median R² on held-out masks, the share of faces at 0.6 or more, how
well two seeds agree (rank correlation of weights); for the usual kernel also what deletion and insertion gain on the
order from the centre outwards, with 95 % intervals over faces. Faces are drawn by --seed, right or wrong.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer_spark.explaining.fidelity import areas, mean_interval, orders, step_masks
from fer_spark.explaining.lime import Face
from fer_spark.explaining.local_model import LocalModel, Scored, fit_faces
from fer_spark.explaining.masks import Drawn, MaskSource, join_repetitions
from fer_spark.explaining.perturb import Hideable, hide, score
from fer_spark.explaining.ridge import rank_correlation
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import Segmentation, segment
from fer_spark.explaining.targets import TARGETS, runner_up
from fer_spark.networks.bundle import Bundle, load_bundle
from fer_spark.networks.quick.fused import fused

KERNELS = (0.25, 0.5, 1.0)
GROUP = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="FER-2013's own")
    parser.add_argument("--usage", default="PublicTest")
    parser.add_argument("--bundle", default="fer2013")
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--masks", type=int, default=600)
    parser.add_argument("--segments", default="16,36")
    parser.add_argument("--hides", default="gray,mean,blur")
    parser.add_argument("--keeps", default="0.5,0.8")
    parser.add_argument("--kinds", default="random", help="of masks: random, antithetic, balanced")
    parser.add_argument("--bfloat16", action="store_true", help="as scoring does where it finds --precision worth it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="", help="JSON lines, appended; ways that it holds are skipped")
    given = parser.parse_args()
    torch.set_num_threads(1)
    bundle = fused(load_bundle(given.bundle, bf16=given.bfloat16))
    faces, gray = _faces(Path(given.csv), given.usage, given.faces, given.seed), _gray(bundle)
    known = _known(given.output)
    print(f"{len(faces)} faces of {given.usage}, {given.masks} masks, two seeds", flush=True)
    words = (given.segments, given.hides, given.keeps, given.kinds)
    for count, how, keep, kind in itertools.product(*(word.split(",") for word in words)):
        settings = LimeSettings(
            segment_count=int(count), hide=how, keep=float(keep), masks=kind, samples=given.masks, views="single"
        )
        settings.check()
        if _name(settings) in known:
            continue
        began = time.process_time()
        for line in _measured(faces, bundle, settings, gray):
            print(_shown(line), flush=True)
            if given.output:
                with Path(given.output).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        print(f"  {time.process_time() - began:.0f} s of CPU", flush=True)


@dataclass(frozen=True)
class _Way:
    """Faces cut and hidden in one way, and what the model says of its masks, by seed."""

    faces: list[Face]
    cuts: list[Segmentation]
    jobs: list[Hideable]
    scored: list[list[Scored]]
    hidden: list[float]

    @classmethod
    def of(cls, faces: list[Face], bundle: Bundle, settings: LimeSettings, gray: tuple[float, ...]) -> _Way:
        cuts = [segment(face.pixels, "grid", settings.segment_count) for face in faces]
        jobs = [hide(face.pixels, cut.map, settings.hide, gray) for face, cut in zip(faces, cuts, strict=True)]
        scored = []
        for seed in (0, 1):
            sources = [MaskSource(face.face_id, cuts[0].count, settings.masks, settings.keep, seed) for face in faces]
            drawn = [join_repetitions(source.rows(0, settings.samples), source.group_rows) for source in sources]
            answers = score([(job, one.unique) for job, one in zip(jobs, drawn, strict=True)], bundle, "single")
            scored.append([_scored(one, answer) for one, answer in zip(drawn, answers, strict=True)])
        nothing = score([(job, np.zeros((1, cuts[0].count), np.uint8)) for job in jobs], bundle, "single")
        hidden = [float(answer[0, one.label]) for answer, one in zip(nothing, scored[0], strict=True)]
        return cls(faces, cuts, jobs, scored, hidden)

    def gains(self, models: list[LocalModel], bundle: Bundle) -> list[tuple[float, float]]:
        """Of each face: how much less area under deletion and how much more under insertion than from the centre."""
        pairs = [
            orders(model.weights, cut.map, face.face_id, 0)[:2]
            for model, cut, face in zip(models, self.cuts, self.faces, strict=True)
        ]
        steps = [np.concatenate([step_masks(order) for order in pair]) for pair in pairs]
        found = []
        for i, answer in enumerate(score(list(zip(self.jobs, steps, strict=True)), bundle, "single")):
            face = self.scored[0][i]
            ends = (float(face.probabilities[0, face.label]), self.hidden[i], self.cuts[i].map)
            curves = np.split(answer[:, face.label].astype(np.float64), 2)
            own, centre = (areas(order, curve, *ends) for order, curve in zip(pairs[i], curves, strict=True))
            found.append((centre[0] - own[0], own[1] - centre[1]))
        return found


def _scored(drawn: Drawn, answer: np.ndarray[Any, Any]) -> Scored:
    label = int(answer[0].argmax())
    return Scored(drawn, answer.astype(np.float64), label, (), runner_up(answer[0], label))


def _measured(
    faces: list[Face], bundle: Bundle, settings: LimeSettings, gray: tuple[float, ...]
) -> Iterator[dict[str, Any]]:
    """A line for each target and kernel."""
    found: dict[tuple[str, float], list[tuple[float, ...]]] = {}
    for start in range(0, len(faces), GROUP):
        way = _Way.of(faces[start : start + GROUP], bundle, settings, gray)
        for target, width in itertools.product(TARGETS, KERNELS):
            chosen = replace(settings, target=target, kernel_width=width)
            first, second = (fit_faces(of_seed, chosen) for of_seed in way.scored)
            unknown = [(math.nan, math.nan)] * len(first)
            gains = way.gains(first, bundle) if width == settings.kernel_width else unknown
            for one, other, gained in zip(first, second, gains, strict=True):
                row = (one.r2_held_out, rank_correlation(one.weights, other.weights), *gained)
                found.setdefault((target, width), []).append(row)
    for (target, width), rows in found.items():
        fit, agree, deletion, insertion = np.array(rows).T
        line = {"way": _name(settings), "target": target, "kernel": width}
        line |= {"r2_held_out": float(np.nanmedian(fit)), "explained": float((fit >= settings.explained_r2).mean())}
        line |= {"stability": float(np.nanmean(agree))}
        if width == settings.kernel_width:
            line |= {"deletion": vars(mean_interval(deletion)), "insertion": vars(mean_interval(insertion))}
        yield line


def _shown(line: dict[str, Any]) -> str:
    gains = "".join(
        f"; {name} gains {line[name]['mean']:+.3f} ({line[name]['low']:+.3f} to {line[name]['high']:+.3f})"
        for name in ("deletion", "insertion")
        if name in line
    )
    return (
        f"{line['way']:<20} {line['target']:<12} kernel {line['kernel']:<5} R² {line['r2_held_out']:.2f}, "
        f"{line['explained']:.0%} explained, seeds agree to {line['stability']:.2f}{gains}"
    )


def _name(settings: LimeSettings) -> str:
    kind = "" if settings.masks == "random" else f" {settings.masks}"
    return f"{settings.segment_count} {settings.hide} {settings.keep:g}{kind}"


def _known(output: str) -> set[str]:
    if not output or not Path(output).exists():
        return set()
    return {json.loads(line)["way"] for line in Path(output).read_text(encoding="utf-8").splitlines()}


def _gray(bundle: Bundle) -> tuple[float, ...]:
    return tuple(float(value) for value in bundle.card.mean)


def _faces(path: Path, usage: str, count: int, seed: int) -> list[Face]:
    csv.field_size_limit(sys.maxsize)
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(i, row["pixels"]) for i, row in enumerate(csv.DictReader(file)) if row["Usage"] == usage]
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [
        Face(str(rows[i][0]), np.array(rows[i][1].split(), dtype=np.uint8).reshape(48, 48))
        for i in sorted(chosen.tolist())
    ]


if __name__ == "__main__":
    main()
