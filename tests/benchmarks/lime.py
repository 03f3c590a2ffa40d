"""Explanations per second: ours and the lime package's `lime_image`, same network, same faces, on one core, in one run.

python -m tests.benchmarks.lime --images 4 --rounds 2 --bundle fer2013

Without --bundle the network has the shipped one's shape and random weights: as slow, but with nothing to explain. On a
CPU it is the process's own time that counts, so that a busy machine changes the ratios little.
`lime_image` gets its best batch size of those tried. Where masks are the same, the weights are compared too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported; lime's bar costs it time
import cv2
import numpy as np
import pyarrow as pa
import torch
from lime import lime_image
from threadpoolctl import threadpool_limits

from fer_spark.explaining.lime import Explanation, Face, explain
from fer_spark.explaining.local_model import Scored, fit_faces
from fer_spark.explaining.masks import join_repetitions
from fer_spark.explaining.perturb import hide, score
from fer_spark.explaining.ridge import rank_correlation
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import grid
from fer_spark.networks.build import build_network, network_arguments
from fer_spark.networks.bundle import Bundle, Card, load_bundle
from fer_spark.networks.quick.fused import fused
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pixels.shape import FaceShape
from fer_spark.sample import Drawing, draw_face
from tests.benchmarks.results import Compared

SIDE, SAMPLES, SEGMENTS = 48, 1000, 36
BATCHES = (10, 32, 100, 250)
STOCK = LimeSettings(
    samples=SAMPLES, segment_count=SEGMENTS, hide="mean", target="probability", keep=0.5, views="single"
)
CHOSEN = replace(
    STOCK, masks="balanced", adaptive=True, assisted=True, round_samples=128, stable_overlap=0.5, stable_rank=0.75
)
MOSTLY_SHOWN = replace(CHOSEN, target="logodds", keep=0.8)
Weights = list[np.ndarray[Any, Any]]


STOCK_NAME, BF16 = "lime_image", "ours, bf16, its masks"


def run(images: int, rounds: int, bundle_name: str = "", device: str = "cpu") -> list[Compared]:
    """Explanations per second of each; printed: how well each agrees with another run of itself, and fits."""
    torch.set_num_threads(1)
    threadpool_limits(1)  # as Spark's Python workers run
    bundle = _bundle(bundle_name, device)
    quick = {"fp32": fused(bundle), "bf16": fused(Bundle(bundle.card, bundle.network, device, bf16=True))}
    faces = _faces(images)
    best = _best_batch(bundle, faces[0])
    contenders: dict[str, Callable[[int], Weights]] = {
        STOCK_NAME: lambda seed: [_stock(bundle, face, best, seed) for face in faces],
        "ours, fp32, its masks": lambda seed: _ours(quick["fp32"], faces, seed),
        BF16: lambda seed: _ours(quick["bf16"], faces, seed),
        "ours, fp32, assisted, adaptive": lambda seed: _chosen(quick["fp32"], faces, seed),
        "ours, bf16, assisted, adaptive": lambda seed: _chosen(quick["bf16"], faces, seed),
        "the same, log-odds, 4/5 shown": lambda seed: _chosen(quick["bf16"], faces, seed, MOSTLY_SHOWN),
    }
    if importlib.util.find_spec("captum") is None:
        print("captum: left out, not installed: make peers")
    else:
        contenders["captum Lime"] = lambda seed: [_captum(bundle, face, best, seed) for face in faces]
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, list[Weights]] = {name: [] for name in contenders}
    clock = time.process_time if device == "cpu" else time.perf_counter
    for round_ in range(rounds):
        for name, contender in contenders.items():
            began = clock()
            answers[name].append(contender(round_))
            rates[name].append(images / (clock() - began))
    for name, given in answers.items():
        again = [rank_correlation(a, b) for a, b in zip(*given[:2], strict=True)] if rounds > 1 else []
        if again:
            print(f"{name}: ranks of two seeds agree to {np.mean(again):.3f}")
    for name in ("ours, fp32, its masks", "ours, bf16, its masks"):
        pairs = list(zip(answers["lime_image"][0], answers[name][0], strict=True))
        far = max(float(np.abs(a - b).max()) for a, b in pairs)
        ranks = min(rank_correlation(a, b) for a, b in pairs)
        print(f"{name}: largest difference of a weight from lime_image's {far:.1e}, least rank correlation {ranks:.5f}")
    for name, fit in _fits(quick["fp32"], faces).items():
        print(f"{name}: {fit}")
    how = f"{device}, lime_image by {best} at a time, {rounds} rounds"
    title = f"explain {images} faces of {SIDE} px, {SAMPLES} masks of {SEGMENTS} segments, {how}"
    return [Compared(title, "explanations/s", BF16, rates)]


def _stock(bundle: Bundle, face: Face, batch: int, seed: int) -> np.ndarray[Any, Any]:
    explainer = lime_image.LimeImageExplainer(random_state=seed)
    cut = grid(SIDE, SEGMENTS)
    found = explainer.explain_instance(
        face.pixels,
        lambda images: bundle.predict_proba(images[..., 0], batch, "single"),
        top_labels=1,
        num_samples=SAMPLES,
        batch_size=batch,
        segmentation_fn=lambda _: cut,
        random_seed=0,
    )
    weights = np.zeros(SEGMENTS)
    for place, weight in found.local_exp[found.top_labels[0]]:
        weights[place] = weight
    return weights


def _captum(bundle: Bundle, face: Face, batch: int, seed: int) -> np.ndarray[Any, Any]:
    """captum's Lime with as many masks, the segments' means as what hides, and its own kernel and linear model."""
    from captum.attr import Lime

    torch.manual_seed(seed)
    cut = grid(SIDE, SEGMENTS)
    means = np.zeros_like(face.pixels)
    for segment in range(SEGMENTS):
        means[cut == segment] = face.pixels[cut == segment].mean()

    def ask(pictures: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(bundle.predict_proba(pictures[:, 0].to(torch.uint8).numpy(), batch, "single"))

    def tensor(pixels: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(pixels.astype(np.float32))[None, None]

    label = int(bundle.predict_proba(face.pixels[None], 1, "single")[0].argmax())
    found = Lime(ask).attribute(
        tensor(face.pixels), baselines=tensor(means), target=label, n_samples=SAMPLES, perturbations_per_eval=batch,
        feature_mask=torch.from_numpy(cut.astype(np.int64))[None, None],
    )[0, 0].numpy()  # fmt: skip
    return np.array([found[cut == segment][0] for segment in range(SEGMENTS)], np.float64)


def _ours(bundle: Bundle, faces: list[Face], seed: int) -> Weights:
    """Our way on the masks that lime_image draws."""
    cut, jobs = grid(SIDE, SEGMENTS), []
    for face in faces:
        masks = np.random.RandomState(seed).randint(0, 2, SAMPLES * SEGMENTS).reshape(SAMPLES, SEGMENTS)
        masks[0] = 1
        jobs.append((hide(face.pixels, cut, "mean"), join_repetitions(masks.astype(np.uint8))))
    answers = score([(job, drawn.unique) for job, drawn in jobs], bundle, "single")
    scored = [
        Scored(drawn, answer.astype(np.float64), int(answer[0].argmax()))
        for (_, drawn), answer in zip(jobs, answers, strict=True)
    ]
    models = fit_faces(scored, STOCK)
    return [model.weights for model in models]


def _chosen(bundle: Bundle, faces: list[Face], seed: int, settings: LimeSettings = CHOSEN) -> Weights:
    return [one.model.weights for one in explain(faces, bundle, replace(settings, seed=seed))]


def _fits(bundle: Bundle, faces: list[Face]) -> dict[str, str]:
    def said(found: list[Explanation]) -> str:
        held_out = np.mean([one.model.r2_held_out for one in found])
        return f"held-out R² {held_out:.3f}, {np.mean([one.samples for one in found]):.0f} masks"

    kinds = {"random, 1,000 masks": STOCK, "assisted, adaptive": CHOSEN, "log-odds, 4/5 shown": MOSTLY_SHOWN}
    return {name: said(explain(faces, bundle, settings)) for name, settings in kinds.items()}


def _best_batch(bundle: Bundle, face: Face) -> int:
    """Of BATCHES, the one with which a quarter of lime_image's forward passes are quickest."""
    taken = {}
    for batch in BATCHES:
        pictures = np.repeat(face.pixels[None], SAMPLES // 4, axis=0)
        bundle.predict_proba(pictures[:batch], batch, "single")
        began = time.process_time()
        for start in range(0, len(pictures), batch):
            bundle.predict_proba(pictures[start : start + batch], batch, "single")
        taken[batch] = time.process_time() - began
    return min(taken, key=lambda batch: taken[batch])


def _bundle(name: str, device: str) -> Bundle:
    if name:
        return load_bundle(name, device)
    torch.manual_seed(0)
    settings = NetworkSettings(widths="32-64-128-256", blocks="2-2-2-2", squeeze_excite=False)
    names = [f"class{number}" for number in range(7)]
    card = Card(
        network=settings.network,
        arguments=network_arguments(settings, 7, 1, SIDE),
        label_names=names,
        image=FaceShape(SIDE, "gray"),
        mean=[0.5],
        std=[0.25],
    )
    network = build_network(settings, 7, 1, SIDE)
    with torch.no_grad():
        network.head.classes.weight *= 30  # else every probability is a seventh, whatever is hidden
    return Bundle(card, network, device)


def _faces(count: int) -> list[Face]:
    """The first faces of FER-2013 where $FER_SPARK_DATA has it, else drawn ones."""
    table = Path(os.environ.get("FER_SPARK_DATA", "")) / "fer2013.csv.zst"
    if os.environ.get("FER_SPARK_DATA") and table.exists():
        with pa.CompressedInputStream(str(table), "zstd") as stream:
            lines = stream.read((count + 2) * 10_000).decode().splitlines()[1 : count + 1]
        faces = [np.array(line.split(",")[1].split(), np.uint8).reshape(SIDE, SIDE) for line in lines]
    else:
        drawn = [draw_face(5, number, Drawing(size_px=SIDE)).image for number in range(count)]
        faces = [cv2.resize(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (SIDE, SIDE)) for one in drawn]
    return [Face(str(number), face) for number, face in enumerate(faces)]


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--images", type=int, default=4)
    line.add_argument("--rounds", type=int, default=2)
    line.add_argument("--bundle", default="")
    line.add_argument("--device", default="cpu")
    asked = line.parse_args()
    for table in run(asked.images, asked.rounds, asked.bundle, asked.device):
        print(table.text())
