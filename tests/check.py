"""The developer's loop, `make check FILE…`: lint, types, and the tests that mirror the changed files.

Without files: those that differ from the last commit. A module's tests are `tests/<folder>/test_<module>.py`, else all
of `tests/<folder>`; a changed test runs itself. Long tests are left out, `make test-long` runs those.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
ALWAYS = "tests/test_architecture.py"


def changed() -> list[str]:
    """Files that differ from the last commit, new ones included."""
    words = ["git", "status", "--porcelain", "--untracked-files=all", "--no-renames"]
    lines = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line[3:].strip('"') for line in lines]


def mirrors(file: str, exists: Iterable[str]) -> str | None:
    """The test file or folder that mirrors `file`, both relative to the root; None where there is none.

    `exists`: all files and folders below tests/.
    """
    path, there = PurePosixPath(file), set(exists)
    if path.suffix != ".py":
        return None
    if path.parts[0] == "tests":
        if path.name.startswith("test_"):
            return str(path)
        return str(path.parent) if len(path.parts) > 2 else None
    if path.parts[0] != "fer_spark":
        return None
    inner = PurePosixPath("tests", *path.parts[1:])
    candidates = [inner.with_name(f"test_{inner.name}"), *inner.parents]
    found = next(candidate for candidate in candidates if str(candidate) in there | {"tests", "."})
    return str(found) if found != PurePosixPath("tests") else None


def main(argv: Sequence[str]) -> int:
    """Run ruff, mypy and pytest, and say how each ended; 1 if one failed."""
    files = [str(Path(word).resolve().relative_to(ROOT)) for word in argv] or changed()
    files = [file for file in files if (ROOT / file).exists()]
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*")}
    found = {target for file in files if (target := mirrors(file, there))}
    targets = sorted(t for t in found if not any(str(parent) in found for parent in PurePosixPath(t).parents))
    print(f"checking {len(files)} files; tests: {' '.join([ALWAYS, *targets])}", flush=True)
    python = [file for file in files if file.endswith(".py")]
    python_or_all = python or ["."]
    commands = {
        "ruff check": ["ruff", "check", *python_or_all],
        "ruff format": ["ruff", "format", "--check", *python_or_all],
        "mypy": [sys.executable, "-m", "mypy"],
        "pytest": [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "--dist", "loadfile"]
        + (["-n", "2"] if targets else [])
        + [ALWAYS, *targets],
    }
    commands = {name: [_program(words[0]), *words[1:]] for name, words in commands.items()}
    codes = {name: subprocess.run(words, cwd=ROOT, check=False).returncode for name, words in commands.items()}
    failed = [name for name, code in codes.items() if code]
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
