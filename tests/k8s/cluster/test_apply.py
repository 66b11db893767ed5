"""A cluster accepts every overlay and component, strictly."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.k8s.kustomize import DEPLOY, build, components, compose, overlays
from tests.k8s.schemas import CRDS


def kubectl(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", autouse=True)
def _known_kinds() -> Iterator[None]:
    """Make the kinds known that the cluster has not; they go again."""
    missing = []
    for file in sorted(CRDS.glob("*.yaml")):
        name = yaml.safe_load(file.read_text())["metadata"]["name"]
        if kubectl("get", "crd", name).returncode != 0:
            made = kubectl("create", "--filename", str(file))
            assert made.returncode == 0, made.stderr
            missing.append(name)
            kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")
    yield
    for name in missing:
        kubectl("delete", "crd", name)


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> Iterator[None]:
    """A dry run makes no namespace, and without one refuses what is in it."""
    missing = [
        manifest
        for name in overlays()
        for manifest in build(DEPLOY / "overlays" / name)
        if manifest["kind"] == "Namespace" and kubectl("get", "ns", manifest["metadata"]["name"]).returncode != 0
    ]
    for manifest in missing:
        made = kubectl("apply", "--filename", "-", text=json.dumps(manifest))
        assert made.returncode == 0, made.stderr
    yield
    for manifest in missing:
        kubectl("delete", "ns", manifest["metadata"]["name"])


@pytest.mark.parametrize("name", overlays())
def test_every_overlay_is_accepted(name: str) -> None:
    _accepted(DEPLOY / "overlays" / name)


@pytest.mark.parametrize("name", components())
def test_every_component_is_accepted(name: str, tmp_path: Path) -> None:
    _accepted(compose(tmp_path / "overlay", name))


def _accepted(folder: Path) -> None:
    done = kubectl("apply", "--dry-run=server", "--validate=strict", "--kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
