"""The Java that Spark's own scripts would start: which one, its version, and what to do where it does not serve."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fer_spark.machine import MachineError

LEAST_VERSION = 17
_INSTALL = {"darwin": "brew install openjdk@17"}
_ELSEWHERE = (
    ("/usr/lib/jvm", "*/bin/java"),
    ("/Library/Java/JavaVirtualMachines", "*/Contents/Home/bin/java"),
    ("/opt/homebrew/opt", "openjdk*/bin/java"),
)
"""Where systems install Java: a folder, and a pattern below it."""
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Java:
    """A Java program. `version`: the first number of its release, 8, 11, 17 …; None where it does not say."""

    program: Path
    version: int | None
    release: str

    @property
    def serves(self) -> bool:
        return self.version is None or self.version >= LEAST_VERSION


def find_java() -> Java | None:
    """The Java of $JAVA_HOME, else the first on PATH; None where there is none that runs."""
    home = os.environ.get("JAVA_HOME", "")
    program = shutil.which(os.path.join(home, "bin", "java")) if home else shutil.which("java")
    return _described(Path(program)) if program else None


def check_java() -> Java | None:
    """The Java that Spark will start; None where a file of Spark's own may choose another. Raises MachineError unless
    it serves. Costs no process where the release is on file."""
    if _chosen_elsewhere():
        return None
    java = find_java()
    if java is None or not java.serves:
        raise MachineError(f"Spark needs Java {LEAST_VERSION} or newer, {_found(java)}: {how_to_get_java()}")
    return java


def how_to_get_java() -> str:
    """The command that mends it: another Java that is here already, else how to install one."""
    found = [_described(program) for folder, pattern in _ELSEWHERE for program in sorted(Path(folder).glob(pattern))]
    serving = [java for java in found if java is not None and java.version is not None and java.serves]
    if serving:  # the oldest that serves: Spark was tested with it for longest
        java = min(serving, key=lambda java: java.version or 0)
        return f"export JAVA_HOME={java.program.parent.parent}"
    return _INSTALL.get(sys.platform, "apt install openjdk-17-jre-headless") + " (or let JAVA_HOME name one)"


def _found(java: Java | None) -> str:
    if java is not None:
        return f"found {java.release} at {java.program}"
    home = os.environ.get("JAVA_HOME", "")
    return f"found none: JAVA_HOME is {home}" if home else "found none: JAVA_HOME is not set, and PATH has no java"


def _chosen_elsewhere() -> bool:
    """Whether Spark's scripts read a file that may choose another Java than this process's environment does."""
    folders = [os.environ.get("SPARK_CONF_DIR", ""), os.path.join(os.environ.get("SPARK_HOME", ""), "conf")]
    return any(Path(folder, "spark-env.sh").is_file() for folder in folders if folder)


def _described(program: Path) -> Java | None:
    release = _on_file(program) or _by_itself(program)
    if release is None:
        return None
    numbers = [int(number) for number in re.findall(r"\d+", release)[:2]]
    version = (numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]) if numbers else None
    return Java(program, version, release or "a Java of unknown version")


def _on_file(program: Path) -> str | None:
    """What the file `release` says, which lies above bin/ in every JDK of version 8 or newer."""
    try:
        text = (program.resolve().parent.parent / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="?([^"\s]+)', text, re.MULTILINE)
    return found.group(1) if found else None


def _by_itself(program: Path) -> str | None:
    """What the program answers; empty where no version is in it, None where it does not run."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'\b(?:version|openjdk|java)\s+"?(\d[\w.+-]*)', done.stderr + done.stdout)
    return found.group(1) if found else None if done.returncode else ""
