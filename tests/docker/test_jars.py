"""`make jars`: fetched once and checked; what cannot be fetched is one line, what is not as pinned is a failure."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home

from tests.docker.commands import DOCKER

NAMES = ("a-1.jar", "b-2.jar")
KINDS = {"jars": ".", "gcs": "gcs", "hadoop": "hadoop"}
"""Folders of the cache, and of what is fetched for them."""
SERVES = """for word; do case $word in -DoutputDirectory=*) to=${word#*=};; esac; done
for name in a-1 b-2; do echo %s >"$to/$name.jar"; done"""
FAILS = "echo '[ERROR] no network here'; exit 1"


def program(path: Path, lines: str) -> None:
    path.write_text(f"#!/bin/bash\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The script with sums of its own, and as Maven and Python what a test puts there."""
    shutil.copytree(DOCKER / "jars", tmp_path / "jars")
    sums = [f"{hashlib.sha256(b'whole' + chr(10).encode()).hexdigest()}  {name}\n" for name in NAMES]
    for place in KINDS.values():
        (tmp_path / "jars" / place / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "python", "exit 0")
    return tmp_path


def fetch(folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(folder / "jars" / "fetch"), str(folder / "cache")]
    there = {"PATH": path or f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHON": str(folder / "bin" / "python")}
    return subprocess.run(words, env=there, capture_output=True, text=True, check=False)


def test_places_are_those_of_where_it_began(folder: Path) -> None:
    """`make` gives both relative to the project: from elsewhere neither was found, and tests went without."""
    program(folder / "bin" / "mvn", SERVES % "whole")
    program(folder / "bin" / "python", f'echo "$@" >{folder / "pip"}')
    words = ["jars/fetch", "cache"]
    there = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHON": "bin/python"}
    done = subprocess.run(words, cwd=folder, env=there, capture_output=True, text=True, check=True)
    assert "no object store" not in done.stdout
    assert f"--target {folder / 'cache' / 'servers'}" in (folder / "pip").read_text(encoding="utf-8")
    assert kept(folder) == every_jar()


def kept(folder: Path) -> list[str]:
    return sorted(f"{kind}/{path.name}" for kind in KINDS for path in (folder / "cache" / kind).iterdir())


def every_jar() -> list[str]:
    return sorted(f"{kind}/{name}" for kind in KINDS for name in NAMES)


def test_jars_are_fetched_once(folder: Path) -> None:
    program(folder / "bin" / "mvn", SERVES % "whole")
    assert fetch(folder).returncode == 0
    assert kept(folder) == every_jar()
    program(folder / "bin" / "mvn", FAILS)
    again = fetch(folder)
    assert (again.returncode, again.stdout.count("\n"), again.stderr) == (0, 1, "")
    assert re.search(r" and .* of jars, .* of Hadoop's servers and .* of other servers in .*cache", again.stdout)


def test_what_cannot_be_fetched_is_one_line_and_no_failure(folder: Path) -> None:
    program(folder / "bin" / "mvn", FAILS)
    program(folder / "bin" / "python", "echo no index; exit 1")
    done = fetch(folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    for line, kind in zip(lines, KINDS, strict=False):
        there = f"{folder}/cache/{kind}"
        assert line == f"make jars: no jars for {there}, Maven could not fetch them: [ERROR] no network here"
    words = "no object stores, client of HDFS and DuckDB for the tests, pip could not fetch them: no index"
    assert lines[len(KINDS)] == f"make jars: {words}"
    assert sorted(path.name for path in (folder / "cache").iterdir()) == sorted([*KINDS, "servers"])
    (folder / "bin" / "mvn").unlink()
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "mkdir", "sha256sum", "cat", "du", "cut", "tail", "grep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    assert "without Maven (mvn): apt-get install maven" in fetch(folder, str(tools)).stdout


def test_jars_that_are_not_as_pinned_are_a_failure_and_not_used(folder: Path) -> None:
    program(folder / "bin" / "mvn", SERVES % "broken")
    done = fetch(folder)
    assert done.returncode == 1
    assert "are not used" in done.stderr
    assert kept(folder) == []


@pytest.mark.parametrize("place", KINDS.values())
def test_every_jar_has_its_sum(place: str) -> None:
    lines = sums(place)
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.-]+\.jar", line) for line in lines)
    names = {line.split()[1] for line in lines}
    hadoop = version("hadoop", place)
    if place == "hadoop":
        assert {
            f"hadoop-client-minicluster-{hadoop}.jar",
            f"bcpkix-jdk18on-{version('bouncycastle', place)}.jar",
        } <= names
    elif place == "gcs":
        assert names == {f"hadoop-gcp-{hadoop}.jar"}
    else:
        aws = version("aws", place)
        assert {f"hadoop-aws-{hadoop}.jar", f"s3-{aws}.jar", "spark-hadoop-cloud_2.13-4.1.2.jar"} <= names


def test_hadoop_is_that_of_spark() -> None:
    [client] = Path(_find_spark_home(), "jars").glob("hadoop-client-api-*.jar")
    assert {f"hadoop-client-api-{version('hadoop', place)}.jar" for place in KINDS.values()} == {client.name}


def sums(place: str) -> list[str]:
    return (DOCKER / "jars" / place / "SHA256SUMS").read_text(encoding="ascii").splitlines()


def version(name: str, place: str) -> str:
    pom = (DOCKER / "jars" / place / "pom.xml").read_text(encoding="utf-8")
    return str(re.findall(f"<{name}.version>(.*)</{name}.version>", pom)[0])
