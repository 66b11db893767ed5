"""Whether an object is what its kind allows, strictly: an unknown field is a mistake. Nothing is asked of a network.

Schemas of Kubernetes' own kinds come with the package kubernetes-validate; those of others are their CRDs, in `crds`.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.k8s.kustomize import Manifest

KUBERNETES = "1.34"
CRDS = Path(__file__).with_name("crds")

_BUNDLED = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"


def problems(manifest: Manifest) -> list[str]:
    """What is wrong with an object, each with its place."""
    validator = _validator(manifest["apiVersion"], manifest["kind"])
    found = sorted(validator.iter_errors(manifest), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


@cache
def _validator(api: str, kind: str) -> Draft202012Validator:
    if schema := _custom().get((api, kind)):
        return Draft202012Validator(schema)
    group, _, version = api.rpartition("/")
    name = "-".join(filter(None, [kind.lower(), group.partition(".")[0], version]))
    file = _BUNDLED / f"{name}.json"
    assert file.exists(), f"no schema for {api} {kind}: put its CRD into {CRDS}"
    return Draft202012Validator(json.loads(file.read_text()), registry=_definitions())


@cache
def _definitions() -> Any:
    registry: Any = Registry()
    return Resource.from_contents(json.loads((_BUNDLED / "_definitions.json").read_text())) @ registry


@cache
def _custom() -> Mapping[tuple[str, str], Any]:
    schemas = {}
    for file in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            root = _strict(version["schema"]["openAPIV3Schema"])
            schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = root
    return schemas


def _strict(schema: Any) -> Any:
    """A CRD's schema as JSON Schema, in which an object has no other fields than those it declares."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(part) for name, part in schema.items() if name != "properties"}
    if properties := schema.get("properties"):
        made["properties"] = {name: _strict(part) for name, part in properties.items()}
        if schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
