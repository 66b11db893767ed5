"""A pod as its program will find it: its settings, its files, and whether a `restricted` namespace lets it in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.k8s.kustomize import Manifest

WORKLOADS = ("Deployment", "StatefulSet", "Job")
_RESTRICTED_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)


def workloads(manifests: Sequence[Manifest]) -> list[Manifest]:
    """All that has a pod template."""
    return [manifest for manifest in manifests if manifest["kind"] in WORKLOADS]


def pod_of(workload: Manifest) -> Any:
    """A workload's pod."""
    return workload["spec"]["template"]["spec"]


def environment(container: Any, manifests: Sequence[Manifest]) -> dict[str, str]:
    """The variables that a container sees; one from a field of the pod is the field's path."""
    found = {}
    for source in container.get("envFrom", ()):
        name = source["configMapRef"]["name"]
        found.update(next(m["data"] for m in manifests if m["kind"] == "ConfigMap" and m["metadata"]["name"] == name))
    for entry in container.get("env", ()):
        found[entry["name"]] = entry["value"] if "value" in entry else entry["valueFrom"]["fieldRef"]["fieldPath"]
    return found


def write_files(pod: Any, manifests: Sequence[Manifest], root: Path) -> None:
    """Write the files of a pod's ConfigMaps and Secrets below `root`; each of a Secret holds its key's name."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in pod["containers"][0]["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            name = volume["configMap"]["name"]
            data = next(m["data"] for m in manifests if m["kind"] == "ConfigMap" and m["metadata"]["name"] == name)
            for file, text in data.items():
                (folder / file).write_text(text)
        for source in volume.get("projected", {}).get("sources", ()):
            for item in source["secret"]["items"]:
                (folder / item["path"]).write_text(item["key"])


def unrestricted(pod: Any) -> Iterator[str]:
    """What of a pod the standard `restricted` forbids."""
    yield from (flag for flag in ("hostNetwork", "hostPID", "hostIPC") if pod.get(flag))
    yield from (f"volume {v}" for v in pod["volumes"] if not (v.keys() - {"name"}) <= _RESTRICTED_VOLUMES)
    context = pod["securityContext"]
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "seccompProfile"
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "may run as root"
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        yield from (f"{container['name']}: {what}" for what in _unrestricted(container))


def _unrestricted(container: Any) -> Iterator[str]:
    own = container["securityContext"]
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "capabilities"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "hostPort"
