"""`fer-spark doctor`: what is there and what is missing for jobs to run here, with the command that mends it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR
from fer_spark.cli.run import OK, Command, Given
from fer_spark.settings import option

_DESCRIPTION = """What is there and what is missing for jobs to run on this machine, with the command that mends it.

  fer-spark doctor
  fer-spark doctor --json

Exit codes: 0 jobs can run, though some may lack a package or a file; 2 none can.
"""
_MARKS = {"ok": "[green]ok[/]     ", "less": "[yellow]less[/]   ", "missing": "[bold red]missing[/]"}


@dataclass(frozen=True)
class DoctorSettings:
    """Flags of `fer-spark doctor`."""

    json: bool = option(False, "print the findings as one JSON object", changes_result=False)


def _check(given: Given) -> None:
    """It can always be run."""


def _run(given: Given) -> int:
    from fer_spark.cli.doctor import Finding, examine, ready

    as_json, findings = given.of(DoctorSettings).json, list[Finding]()
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _print(finding.name, finding.state, finding.found, finding.mend)
    fine = ready(findings)
    if as_json:
        print(
            json.dumps(
                {"ready": fine, "findings": [asdict(finding) for finding in findings]}, indent=1, ensure_ascii=False
            )
        )
    else:
        first = next((finding for finding in findings if finding.state == "missing"), None)
        print("Jobs can run here." if first is None else f"No job can run here yet. First: {first.mend}")
    return OK if fine else USAGE_ERROR


def _print(name: str, state: str, found: str, mend: str) -> None:
    then = f"  →  {mend}" if mend else ""
    line = f"{_MARKS[state]}  {escape(f'{name:<30}')} {escape(found)}{escape(then)}"
    Console().print(line, highlight=False, soft_wrap=True)


COMMAND = Command("doctor", _DESCRIPTION, ((DoctorSettings, "output"),), _check, _run, failed="", anywhere=True)
main = COMMAND.main
