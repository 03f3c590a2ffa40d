"""What to do where the output already holds shards or an unfinished job: one decision, made before any work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from fer_spark.preparation.preparation import Preparation
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.staging import Job, Staging


class ExistingOutputError(Exception):
    """The output cannot be written to as asked; the message says what would work."""


@dataclass(frozen=True)
class Plan:
    """`base`: the manifest to add to. `go_on`: committed chunks count. `finished`: nothing is left to do.

    `leftovers`: a job broke off here before, so files that no manifest lists are its own and may be removed.
    """

    job: Job
    base: Manifest | None
    go_on: bool
    finished: bool = False
    leftovers: bool = False


def job_id(job: Job) -> str:
    """16 hex digits; a field more in Preparation, with the value that older releases used, leaves them."""
    named, prepared = job, job.description.get("preparation")
    if prepared is not None:
        named = replace(job, description={**job.description, "preparation": Preparation.from_dict(prepared).digest})
    return hashlib.sha256(named.to_json().encode()).hexdigest()[:16]


def described_id(unfinished: dict[str, Any]) -> str:
    """`job_id` of the job that a staging area describes."""
    plain = {key: value for key, value in unfinished.items() if key not in ("mode", "chunks")}
    return job_id(Job(unfinished["mode"], unfinished["chunks"], plain))


def plan_run(on_existing: str, old: Manifest | None, staging: Staging, job: Job, older: Job) -> Plan:
    """Decide. `job.mode` is what a new job would be: `append` or `build`; resuming takes the unfinished job's own mode.
    `older`: the same job as older releases described it.

    Raises ExistingOutputError where the user has to choose.
    """
    unfinished = staging.unfinished()
    done = old is not None and old.run.get("job") in (job_id(job), job_id(older))
    plan = _plan(on_existing, old, unfinished is not None, staging, job, done)
    return replace(plan, leftovers=unfinished is not None)


def _plan(on_existing: str, old: Manifest | None, unfinished: bool, staging: Staging, job: Job, done: bool) -> Plan:
    if on_existing == "fail":
        _refuse(old, unfinished)
        return Plan(job, None, go_on=False)
    if on_existing == "resume":
        return _resume(old, unfinished, staging, job, done)
    differences = staging.differences(job) if unfinished else []
    if on_existing == "append":
        if differences:
            raise ExistingOutputError(_other_job(differences))
        return Plan(job, old, go_on=unfinished)
    return Plan(job, None, go_on=unfinished and not differences)


def _refuse(old: Manifest | None, unfinished: bool) -> None:
    if unfinished:
        raise ExistingOutputError(
            "an unfinished job is there (or one that is still running): --on-existing resume continues it, "
            "--on-existing overwrite starts from scratch"
        )
    if old is not None:
        raise ExistingOutputError(
            f"{old.counts.written_faces:,} faces are there already: --on-existing append adds unseen pictures, "
            "overwrite builds from scratch and replaces them, or choose another --output"
        )


def _resume(old: Manifest | None, unfinished: bool, staging: Staging, job: Job, done: bool) -> Plan:
    if unfinished:
        differences = staging.differences(job)
        if differences:
            raise ExistingOutputError(_other_job(differences))
        return Plan(job, old if job.mode == "append" else None, go_on=True)
    if old is not None:
        if done:
            return Plan(job, old, go_on=False, finished=True)
        raise ExistingOutputError(
            "nothing to resume: the shards there are complete, made from other input or with other settings; "
            "--on-existing append adds unseen pictures, overwrite builds from scratch and replaces them"
        )
    return Plan(job, None, go_on=False)


def _other_job(differences: list[str]) -> str:
    shown = "\n  ".join(differences[:8])
    return (
        f"the unfinished job there was another one:\n  {shown}\n"
        "run it with its own settings and --on-existing resume, or drop it with --on-existing overwrite"
    )
