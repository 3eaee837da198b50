"""A study on Kubernetes: the plugin as users run it, pods in sandboxes, results in a bucket.

The API is a stand-in (kube_api.py): strict, and with the rules that were known; no real API server was asked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from flaky_net import MESSAGE
from kube_server import Kubernetes, command_of, container_of, serving_kubernetes, why_no_kubernetes
from object_storage import SECRET, Storage, serving_storage
from study_digests import digests

from workspace import REPOSITORY

pytestmark = [pytest.mark.kubernetes, pytest.mark.skipif(bool(why_no_kubernetes()), reason=why_no_kubernetes())]

STUDY = "tests/studies/pods"
BUCKET = "pods"
GPU = "nvidia.com/gpu"
PODS = {
    "check_model": 1,
    "extract_activations": 2,
    "summarise_layer": 1,
    "tally_layer": 1,
    "dissect_layer": 1,
    "plot_dissection": 1,
}
"""Rules that run in pods, and how often; listing, framing, joins and single figures stay on the submitting machine."""
TARGETS = ("dissection", "figures", *(f"results/pods/{name}" for name in ("run_record.json", "run_config.yaml")))
"""All but the atlas, whose jobs the study in a bucket runs (test_s3_study.py): a pod costs a start of everything."""


@dataclass(frozen=True)
class Site:
    """A checkout of the project to start from, a bucket, a cluster."""

    checkout: Path
    storage: Storage
    kubernetes: Kubernetes
    env: dict[str, str]

    def snakemake(self, *arguments: str, config: str = "config") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", f"{STUDY}/{config}.yaml"]
        return subprocess.run(
            command, env=self.env, cwd=self.checkout, capture_output=True, text=True, check=False, timeout=600
        )

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.checkout, check=True, capture_output=True)

    def in_pods(self, *arguments: str, config: str = "config") -> subprocess.CompletedProcess[str]:
        """With the profile as it is shipped, but for the bucket's name and shorter pauses."""
        profile = ("--workflow-profile", "profiles/kubernetes", "--default-storage-prefix", f"s3://{BUCKET}")
        here = ("--seconds-between-status-checks", "1", "--envvars", "DEMO_WEIGHTS")
        volume = ("--kubernetes-persistent-volumes", "cache:/cache")
        return self.snakemake(*arguments, *profile, *here, *volume, config=config)


@dataclass(frozen=True)
class Finished:
    """The study, run on a disk and in pods."""

    site: Site
    downloaded: Path
    printed: str


def checkout(folder: Path) -> Path:
    """What a study needs of the project, under git: Snakemake sends the files that git knows to the pods."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "envs", "profiles", "resources", STUDY):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
    for name in ("Snakefile", "tests/cluster/flaky_net.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    config = folder / STUDY / "config.yaml"
    (folder / STUDY / "cuda.yaml").write_text(config.read_text().replace("device: cpu", "device: cuda"))
    for arguments in (("init", "--quiet"), ("add", "--all")):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("kubernetes")
    weights = folder / "only_here"
    weights.mkdir()
    shutil.copy(REPOSITORY / "resources" / "demo_models" / "plain.safetensors", weights)
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "DEMO_WEIGHTS": str(weights), "OMP_NUM_THREADS": "1"}
    image = {"NUMBA_CACHE_DIR": "/cache/numba", "OMP_NUM_THREADS": "1"}
    with (
        serving_storage(folder / "moto.log") as storage,
        serving_kubernetes(folder / "cluster", claims={"cache": folder / "cache"}, env=image) as kubernetes,
    ):
        env |= storage.variables() | {"KUBECONFIG": str(kubernetes.kubeconfig)}
        yield Site(checkout(folder / "checkout"), storage, kubernetes, env)


@pytest.fixture(scope="module")
def finished(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    done = site.snakemake(*TARGETS, "--cores", "2", "--workflow-profile", "profiles/default")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    done = site.in_pods(*TARGETS, "--jobs", "2")
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-6000:] + "\n".join(site.kubernetes.logs().values())[-6000:]
    return Finished(site, site.storage.download(BUCKET, tmp_path_factory.mktemp("downloaded")), printed)


def test_results_are_those_of_a_disk(finished: Finished) -> None:
    expected = digests(finished.site.checkout / "results" / "pods")
    assert len(expected) > 25
    assert digests(finished.downloaded / "results" / "pods") == expected


def test_each_job_is_one_pod(finished: Finished) -> None:
    jobs = [job for job in finished.site.kubernetes.jobs() if "config.yaml" in command_of(job)]
    rules = [re.search(r"--target-jobs '(\w+):", command_of(job)) for job in jobs]
    assert Counter(rule.group(1) for rule in rules if rule) == PODS
    assert {job["code"] for job in jobs} == {201}


def test_a_job_that_fails_once_is_repeated_inside_its_pod(finished: Finished) -> None:
    """The plugin could not go on after a failed pod: none failed, and still the network had failed in each."""
    for rule in ("check_model", "extract_activations"):
        logs = finished.site.kubernetes.log_of(rule)
        assert len(logs) >= PODS[rule]
        for text in logs[: PODS[rule]]:
            assert MESSAGE in text
            assert "Trying to restart job" in text


def test_secrets_stay_out_of_pod_specs_and_logs(finished: Finished) -> None:
    kubernetes = finished.site.kubernetes
    assert SECRET not in (kubernetes.state / "audit.jsonl").read_text()
    assert SECRET not in finished.printed + "".join(kubernetes.logs().values())
    for place in (finished.site.checkout, finished.downloaded):
        for path in place.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for variable in container_of(kubernetes.jobs()[0])["env"]:
        assert set(variable) == {"name", "valueFrom"}
    names = {variable["name"] for variable in container_of(kubernetes.jobs()[0])["env"]}
    assert {"SNAKEMAKE_STORAGE_S3_SECRET_KEY", "DEMO_WEIGHTS"} <= names


def test_secret_and_jobs_are_deleted_at_the_end(finished: Finished) -> None:
    calls = finished.site.kubernetes.calls()
    made = [call for call in calls if call["verb"] == "POST" and call["code"] == 201]
    gone = [call["path"].split("?")[0].split("/")[-2] for call in calls if call["verb"] == "DELETE"]
    for kind in ("secrets", "jobs"):
        assert gone.count(kind) >= 1
    assert gone.count("jobs") == len([call for call in made if call["path"].endswith("/jobs")])


def test_the_run_record_knows_the_times_of_pods(finished: Finished) -> None:
    record = json.loads((finished.downloaded / "results" / "pods" / "run_record.json").read_text())
    assert set(PODS) <= set(record["rules"])
    assert record["rules"]["extract_activations"]["jobs"] == 2


def test_a_second_run_does_nothing(finished: Finished) -> None:
    done = finished.site.in_pods(*TARGETS, "-n", "--quiet", "rules")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Job stats" not in done.stdout + done.stderr


def test_a_sheet_that_pods_would_miss_is_named(finished: Finished) -> None:
    site, sheet = finished.site, f"{STUDY}/layers.tsv"
    n_jobs = len(site.kubernetes.jobs())
    site.git("rm", "--cached", "--quiet", sheet)
    done = site.in_pods("--jobs", "1", "--forcerun", "check_model", "--until", "check_model")
    site.git("add", sheet)
    assert done.returncode != 0
    assert f"{sheet}: `git add` them there" in done.stdout + done.stderr
    assert len(site.kubernetes.jobs()) == n_jobs


def test_gpu_pods_carry_limits_and_a_broken_job_ends_the_run(finished: Finished) -> None:
    """With the profile's `scale: 0` a GPU pod is accepted; there is no GPU here, so its job fails, three times in one
    pod, and then the run."""
    before = len(finished.site.kubernetes.jobs())
    done = finished.site.in_pods("activations", "--jobs", "1", config="cuda")
    assert done.returncode != 0
    (job,) = finished.site.kubernetes.jobs()[before:]
    assert job["code"] == 201
    resources = container_of(job)["resources"]
    assert resources["limits"][GPU] == resources["requests"][GPU] == "1"
    assert {"cpu", "memory"} <= set(resources["limits"])
    (toleration,) = job["body"]["spec"]["template"]["spec"]["tolerations"]
    assert (toleration["key"], toleration["effect"]) == (GPU, "NoSchedule")
    log = finished.site.kubernetes.log_of("extract_activations")[-1]
    assert log.count("Trying to restart job") == 2
    assert "torch sees no CUDA device" in log


def test_gpu_pods_without_limits_are_refused(finished: Finished) -> None:
    before = len(finished.site.kubernetes.jobs())
    arguments = ("activations", "--jobs", "1", "--set-resources", "extract_activations:scale=1")
    done = finished.site.in_pods(*arguments, config="cuda")
    assert done.returncode != 0
    (job,) = finished.site.kubernetes.jobs()[before:]
    assert job["code"] == 422
    assert f"Limit must be set for non overcommitable resources ({GPU})" in job["error"]
    assert "limits" not in container_of(job)["resources"]


def test_the_profile_gives_limits_to_every_rule_that_can_ask_for_a_gpu() -> None:
    texts = [path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")]
    asking = {
        part.split(":")[0]
        for text in texts
        for part in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
        if "gpu_resources(" in part.split("script:")[0]
    }
    profile = yaml.safe_load((REPOSITORY / "profiles" / "kubernetes" / "profile.yaml").read_text())
    assert asking == {rule for rule, given in profile["set-resources"].items() if given.get("scale") == 0}
