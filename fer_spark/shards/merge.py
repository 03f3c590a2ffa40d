"""Two manifests as one: of shards that were there, and of what was appended to them."""

from __future__ import annotations

from dataclasses import replace

from fer_spark.shards.manifest import Counts, Manifest


def merged(base: Manifest, new: Manifest, superseded: dict[str, int]) -> Manifest:
    """The manifest of both parts, added up. What was retried, or seen again, counts once."""
    a, b = base.counts, new.counts
    splits = sorted(a.per_label.keys() | b.per_label.keys())
    counts = Counts(
        input=a.input - sum(superseded.values()) + b.input - b.already_there,
        written_images=a.written_images + b.written_images,
        written_faces=a.written_faces + b.written_faces,
        already_there=0,
        quarantined=_add(_add(a.quarantined, {reason: -count for reason, count in superseded.items()}), b.quarantined),
        per_split=_add(a.per_split, b.per_split),
        per_label={split: _add(a.per_label.get(split, {}), b.per_label.get(split, {})) for split in splits},
    )
    counts.check()
    checksum = (int(base.checksum, 16) + int(new.checksum, 16)) % 2**64
    return replace(
        new,
        counts=counts,
        files=sorted([*base.files, *new.files], key=lambda file: file.path),
        checksum=f"{checksum:016x}",
        sources=[*base.sources, *new.sources],
        settings=base.settings_of_today,
        run=new.run | {"already_there": b.already_there, "input": b.input},
    )


def _add(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    total = {key: first.get(key, 0) + second.get(key, 0) for key in sorted(first.keys() | second.keys())}
    return {key: count for key, count in total.items() if count}
