"""What `kustomize build` makes of a folder, by whichever kustomize this machine has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "k8s"

Manifest = Mapping[str, Any]


def components() -> list[str]:
    return sorted(path.name for path in (DEPLOY / "components").iterdir())


def overlays() -> list[str]:
    return sorted(path.name for path in (DEPLOY / "overlays").iterdir())


@cache
def build(folder: Path) -> Sequence[Manifest]:
    """The objects that a folder describes."""
    done = subprocess.run([*_kustomize(), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{folder} does not build:\n{done.stderr}"
    assert not done.stderr, f"{folder} builds with warnings:\n{done.stderr}"
    return list(yaml.safe_load_all(done.stdout))


def compose(folder: Path, *parts: str, overlay: str = "dev", **changes: Any) -> Path:
    """Make `folder` a copy of an overlay with further components; it.

    Args:
        folder: is made where it is not there.
        parts: names of components, in their order.
        overlay: the one to copy, with its files.
        changes: fields of kustomization.yaml in place of the overlay's.
    """
    source = DEPLOY / "overlays" / overlay
    shutil.copytree(source, folder, dirs_exist_ok=True)
    below = os.path.relpath(DEPLOY, folder.resolve())
    text = (source / "kustomization.yaml").read_text().replace("../..", below)
    kustomization = {**yaml.safe_load(text), **changes}
    more = [f"{below}/components/{part}" for part in parts]
    kustomization["components"] += [path for path in more if path not in kustomization["components"]]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization, sort_keys=False))
    return folder


def one(manifests: Sequence[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one object of that kind, and of that name where it is given; generated names begin with it."""
    found = [m for m in manifests if m["kind"] == kind and (name is None or named(m, name))]
    assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}, not one"
    return found[0]


def named(manifest: Manifest, name: str) -> bool:
    """Whether an object has this name, or it with the hash that kustomize gives to generated ones."""
    own = str(manifest["metadata"]["name"])
    return own == name or (own.startswith(f"{name}-") and len(own) == len(name) + 11)


@cache
def _kustomize() -> Sequence[str]:
    beside = Path(sys.executable).with_name("kustomize")
    for program in (beside, shutil.which("kustomize")):
        if program and Path(program).exists():
            return [str(program), "build"]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    raise AssertionError("there is no kustomize: run `make k8s-lint`, which gets one, or install kubectl")
