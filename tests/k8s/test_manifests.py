"""Every overlay and component builds, fits its schemas, and says what the code and the other manifests say."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from click import Group

from supervisor.budget import needed
from supervisor.cli import commands
from supervisor.figures import MIB
from supervisor.http import Application
from supervisor.metrics import Counters, PoolCollector
from supervisor.status import PoolStatus
from tests.k8s.kustomize import DEPLOY, ROOT, Manifest, build, components, compose, named, one, overlays
from tests.k8s.pods import environment, pod_of, unrestricted, workloads, write_files
from tests.k8s.schemas import problems
from workers.config import load
from workers.settings import Settings

APART = 15
"""Seconds from the end of a drain to Kubernetes' patience."""
SCALERS = {"ScaledObject": "maxReplicaCount", "HorizontalPodAutoscaler": "maxReplicas"}
STATUS = PoolStatus(state="running", group="g", protocol="classic", uptime_s=1.0)
SUBJECTS = [*(f"overlay {name}" for name in overlays()), *(f"component {name}" for name in components()), "all"]


@pytest.fixture(params=SUBJECTS)
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Manifest]:
    """What each overlay builds, each component over the overlay `dev`, and what all of them make together."""
    kind, _, name = request.param.partition(" ")
    if kind == "overlay":
        return build(DEPLOY / "overlays" / name)
    return _built(tmp_path_factory, *([name] if name else [it for it in components() if it not in ("plan", "hpa")]))


_folders: dict[tuple[str, ...], Path] = {}


def _built(factory: pytest.TempPathFactory, *parts: str) -> Sequence[Manifest]:
    if parts not in _folders:
        # The order in which kustomize takes them: what changes the workload's kind is last.
        ordered = sorted(parts, key=lambda part: part == "static-membership")
        _folders[parts] = compose(factory.mktemp("overlay"), *ordered)
    return build(_folders[parts])


def test_each_fits_its_schema(manifests: Sequence[Manifest]) -> None:
    wrong = {f"{m['kind']} {m['metadata']['name']}": found for m in manifests if (found := problems(m))}
    assert wrong == {}


def test_a_mistake_is_seen() -> None:
    deployment = one(build(DEPLOY / "base"), "Deployment")
    misspelt = json.loads(json.dumps(deployment).replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    assert "readOnlyRootFileSystem" in str(problems(misspelt))
    scaled = one(build(DEPLOY / "overlays" / "production"), "ScaledObject")
    assert "maxReplicas" in str(problems(json.loads(json.dumps(scaled).replace("maxReplicaCount", "maxReplicas"))))


def test_selectors_select_pods(manifests: Sequence[Manifest]) -> None:
    pods = [_labels(workload) for workload in workloads(manifests)]
    for manifest in manifests:
        for selector in _selectors(manifest):
            assert any(selector.items() <= labels.items() for labels in pods), f"{manifest['kind']} selects no pod"
    for workload in workloads(manifests):
        if workload["kind"] != "Job":
            own = workload["spec"]["selector"]["matchLabels"]
            chosen = [w for w in workloads(manifests) if own.items() <= _labels(w).items()]
            assert chosen == [workload], "it would own another's pods"
            for spread in pod_of(workload)["topologySpreadConstraints"]:
                assert spread["labelSelector"]["matchLabels"] == own
                assert spread["maxSkew"] == 1


def _labels(workload: Manifest) -> Mapping[str, str]:
    labels: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def _selectors(manifest: Manifest) -> Iterator[Mapping[str, str]]:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            yield spec["selector"]
        case "PodDisruptionBudget" | "PodMonitor":
            yield spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            yield spec["podSelector"]["matchLabels"]


def test_whatever_is_named_is_there(manifests: Sequence[Manifest]) -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    for workload in workloads(manifests):
        pod = pod_of(workload)
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        volumes = {volume["name"] for volume in pod["volumes"]}
        (container,) = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        configs = [v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v]
        configs += [source["configMapRef"]["name"] for source in container["envFrom"]]
        assert {("ConfigMap", name) for name in configs} <= names
        if workload["kind"] == "StatefulSet":
            assert ("Service", workload["spec"]["serviceName"]) in names
    for scaler in (m for m in manifests if m["kind"] in SCALERS):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in names
        reference = [trigger["authenticationRef"]["name"] for trigger in scaler["spec"].get("triggers", ())]
        assert {("TriggerAuthentication", name) for name in reference} <= names


def test_no_secret_is_written_down(manifests: Sequence[Manifest]) -> None:
    assert [m for m in manifests if m["kind"] == "Secret"] == []
    for workload in workloads(manifests):
        variables = environment(pod_of(workload)["containers"][0], manifests)
        assert [name for name in variables if "PASSWORD" in name and not name.endswith("_FILE")] == []


def test_pods_are_restricted(manifests: Sequence[Manifest]) -> None:
    for workload in workloads(manifests):
        pod = pod_of(workload)
        assert list(unrestricted(pod)) == []
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert resources["limits"]["memory"] == resources["requests"]["memory"]
        assert ":" in container["image"]
        assert not container["image"].endswith(":latest")
    for namespace in (m for m in manifests if m["kind"] == "Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def _settings(workload: Manifest, manifests: Sequence[Manifest], root: Path) -> Settings:
    """The settings that a pod would run with, read as the pool reads them: a wrong name or value is refused."""
    pod = pod_of(workload)
    write_files(pod, manifests, root)
    variables = environment(pod["containers"][0], manifests)
    placed = {k: f"{root}{v}" if v.startswith("/run/secrets/") else v for k, v in variables.items()}
    config = placed.pop("POOL_CONFIG", None)
    return load({}, placed, Path(f"{root}{config}") if config else None).settings


def test_settings_are_the_codes(manifests: Sequence[Manifest], tmp_path: Path) -> None:
    for number, workload in enumerate(workloads(manifests)):
        settings = _settings(workload, manifests, tmp_path / str(number))
        assert settings.client("admin")["bootstrap.servers"]
        assert settings.app, "the overlay names no app"


def test_probes_ask_what_is_served(manifests: Sequence[Manifest], tmp_path: Path) -> None:
    for workload in workloads(manifests):
        (container,) = pod_of(workload)["containers"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        if workload["kind"] != "Job":
            address = _settings(workload, manifests, tmp_path).http_address
            assert address == ("", ports["http"]), "it is served elsewhere"
            probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
            assert {name: probe["port"] for name, probe in probes.items()} == dict.fromkeys(probes, "http")
            for path in [*(probe["path"] for probe in probes.values()), *_scraped(manifests)]:
                assert _served(path) != "404 Not Found", path
            assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/livez", (
                "a pod must not be restarted for what is not ready"
            )
            for service in (m for m in manifests if m["kind"] == "Service"):
                assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()


def _scraped(manifests: Sequence[Manifest]) -> Iterator[str]:
    for monitor in (m for m in manifests if m["kind"] == "PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            assert endpoint["port"] == "http"
            yield endpoint["path"]


class _Well:
    def alive(self) -> tuple[bool, str]:
        return True, "well"

    ready = alive


def _served(path: str) -> str:
    application = Application(_Well(), lambda: STATUS, PoolCollector(lambda: STATUS, dict, Counters()))
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    answers: list[str] = []

    def start(status: str, *_: Any) -> Any:
        answers.append(status)

    application(environ, start)
    return answers[0]


def test_kubernetes_waits_longer_than_a_drain(manifests: Sequence[Manifest], tmp_path: Path) -> None:
    for workload in workloads(manifests):
        if workload["kind"] != "Job":
            drain = _settings(workload, manifests, tmp_path).drain_timeout
            assert pod_of(workload)["terminationGracePeriodSeconds"] >= drain + APART


def test_queues_fit_into_the_pod(manifests: Sequence[Manifest], tmp_path: Path) -> None:
    for workload in (w for w in workloads(manifests) if w["kind"] != "Job"):
        settings = _settings(workload, manifests, tmp_path)
        assert settings.memory_budget
        limit = pod_of(workload)["containers"][0]["resources"]["limits"]["memory"]
        assert settings.memory_budget < int(limit.removesuffix("Mi")) * MIB
        assert settings.memory_budget >= needed(min(settings.max_workers, _plan(manifests)["partitions"]))


def test_no_more_pods_than_partitions(manifests: Sequence[Manifest]) -> None:
    for scaler in (m for m in manifests if m["kind"] in SCALERS):
        partitions = _plan(manifests)["partitions"]
        spec = scaler["spec"]
        assert spec[SCALERS[scaler["kind"]]] == partitions
        assert 1 <= spec.get("minReplicaCount", spec.get("minReplicas")) <= partitions
        for topic in (m for m in manifests if m["kind"] == "KafkaTopic" and m["metadata"]["name"] == "pool-input"):
            assert topic["spec"]["partitions"] == partitions
        scaled = [w for w in workloads(manifests) if w["kind"] == spec["scaleTargetRef"]["kind"]]
        assert ["replicas" in workload["spec"] for workload in scaled] == [False], "each apply would set them back"


def _plan(manifests: Sequence[Manifest]) -> Any:
    """The plan of the overlay that these come from, told by its namespace."""
    namespace = one(manifests, "Namespace")["metadata"]["name"]
    overlay = "dev" if namespace.endswith("-dev") else "production"
    return json.loads((DEPLOY / "overlays" / overlay / "plan.json").read_text())["spec"]


def test_a_load_takes_the_generators_flags(manifests: Sequence[Manifest]) -> None:
    assert isinstance(commands, Group)
    flags = {flag for parameter in commands.commands["load"].params for flag in parameter.opts}
    for job in (m for m in manifests if m["kind"] == "Job"):
        command, _topic, *rest = pod_of(job)["containers"][0]["args"]
        assert command == "load"
        assert {word for word in rest if word.startswith("--")} <= flags
        variables = environment(pod_of(job)["containers"][0], manifests)
        used = re.findall(r"\$\((\w+)\)", " ".join(pod_of(job)["containers"][0]["args"]))
        assert all(variables[name] for name in used)
        assert job["spec"]["backoffLimit"] == 0, "what failed once may not succeed in silence"


def test_rules_use_metrics_that_there_are(manifests: Sequence[Manifest]) -> None:
    known = _metric_names()
    for rule in _rules(manifests):
        names = set(re.findall(r"\bpool_\w+", rule["expr"]))
        assert names, f"{rule['alert']} asks for nothing of the pool"
        assert names <= known, f"{rule['alert']}: there is no {names - known}"
        labels = set(re.findall(r"[\w]+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
        assert labels <= {"namespace", "pod", "topic", "partition"}
        said = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert said <= labels, f"{rule['alert']} speaks of labels that its sum drops"


def _rules(manifests: Sequence[Manifest]) -> Iterator[Any]:
    for manifest in manifests:
        if manifest["kind"] == "PrometheusRule":
            for group in manifest["spec"]["groups"]:
                yield from group["rules"]


def _metric_names() -> set[str]:
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    families = PoolCollector(lambda: STATUS, dict, Counters()).collect()
    return {f"{family.name}{ending}" for family in families for ending in endings.get(family.type, [""])}


def test_rights_are_those_of_the_apps_topics(manifests: Sequence[Manifest]) -> None:
    for user in (m for m in manifests if m["kind"] == "KafkaUser"):
        plan = _plan(manifests)
        rights = {(acl["resource"]["type"], acl["resource"]["name"]): set(acl["operations"]) for acl in _acls(user)}
        assert rights.keys() == {
            ("topic", plan["topic"]),
            ("topic", plan["output"]),
            ("topic", plan["deadLetters"]),
            ("group", plan["group"]),
            ("transactionalId", plan["group"]),
        }
        assert "Write" not in rights["topic", plan["topic"]]
        assert "Read" not in rights["topic", plan["output"]]
        assert {"All", "Create", "Alter", "Delete"}.isdisjoint(*[set.union(*rights.values())])
        topics = {m["spec"]["topicName"] for m in manifests if m["kind"] == "KafkaTopic"}
        assert topics == {plan["topic"], plan["output"], plan["deadLetters"]}


def _acls(user: Manifest) -> Sequence[Any]:
    acls: Sequence[Any] = user["spec"]["authorization"]["acls"]
    return acls


def test_a_static_member_is_the_same_pod_but_for_its_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    moving = pod_of(one(_built(tmp_path_factory, "state"), "Deployment"))
    staying = pod_of(one(_built(tmp_path_factory, "state", "static-membership"), "StatefulSet"))
    variables = {entry["name"] for entry in staying["containers"][0]["env"]}
    assert variables - {entry["name"] for entry in moving["containers"][0]["env"]} == {
        "KAFKA_GROUP_INSTANCE_ID",
        "KAFKA_SESSION_TIMEOUT_MS",
    }
    staying["containers"][0]["env"] = moving["containers"][0]["env"]
    for spread in staying["topologySpreadConstraints"]:
        assert spread.pop("matchLabelKeys") == ["controller-revision-hash"]
    for spread in moving["topologySpreadConstraints"]:
        assert spread.pop("matchLabelKeys") == ["pod-template-hash"]
    assert staying == moving


def test_everything_carries_the_products_name(manifests: Sequence[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in ("Namespace", "ConfigMap"):
            assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "partition-pool", manifest["kind"]


def test_the_image_is_what_the_manifests_run() -> None:
    text = (ROOT / "Dockerfile").read_text()
    pod = pod_of(one(build(DEPLOY / "base"), "Deployment"))
    user = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert user == [(str(pod["securityContext"]["runAsUser"]), str(pod["securityContext"]["runAsGroup"]))]
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    writable = re.findall(r"/var/lib/pool/\w+", text)
    assert "/var/lib/pool/metrics" in mounts & set(writable)
    assert re.search(r'^ENTRYPOINT \["python", "-m", "supervisor"\]$', text, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", text, re.MULTILINE)
    assert "HEALTHCHECK" not in text
    installs = re.findall(r"^RUN pip .+$", text, re.MULTILINE)
    assert installs
    assert all(" --no-cache-dir " in line for line in installs)
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", text))
    assert labels >= {"title", "description", "licenses", "version", "revision"}
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"ARG VERSION={version[1]}\n" in text
    needed = {line.split()[0] for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)}
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert all(f"!{name}" in sent for name in needed), "the build does not get what it copies"


def test_named_tells_generated_names_apart() -> None:
    assert named({"metadata": {"name": "pool-4g69f97hh5"}}, "pool")
    assert not named({"metadata": {"name": "pool-env-4g69f97hh5"}}, "pool")
