#!/usr/bin/env python3
"""Kubernetes' swagger.json -> the JSON schemas that kubeconform reads: strict, one file per kind.

usage: schemas.py swagger.json OUT_FOLDER
"""
import json
import pathlib
import sys

# What the API server takes beside the type that the definition names.
LOOSE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}


def strict(definition):
    if "properties" in definition and "additionalProperties" not in definition:
        definition["additionalProperties"] = False
    for prop in definition.get("properties", {}).values():
        if prop.get("format") == "int-or-string":
            prop.clear()
            prop.update(LOOSE["io.k8s.apimachinery.pkg.util.intstr.IntOrString"])
    return definition


def refer(node):
    """References lead to the one file of definitions."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):  # a property may be called $ref too
            node["$ref"] = "_definitions.json" + node["$ref"]
        for child in node.values():
            refer(child)
    elif isinstance(node, list):
        for child in node:
            refer(child)


def main(source, out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    definitions = {k: LOOSE.get(k) or strict(v) for k, v in json.loads(pathlib.Path(source).read_text())["definitions"].items()}
    refer(definitions)
    (out / "_definitions.json").write_text(json.dumps({"definitions": definitions}))
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            if "kind" not in definition.get("properties", {}):
                continue
            group = kind["group"].split(".")[0]
            parts = [kind["kind"].lower(), *([group] if group else []), kind["version"].lower()]
            own = json.loads(json.dumps(definition))
            own["properties"]["kind"]["enum"] = [kind["kind"]]
            own["properties"]["apiVersion"]["enum"] = ["/".join(filter(None, (kind["group"], kind["version"])))]
            own["required"] = sorted({*own.get("required", ()), "kind", "apiVersion"})
            (out / ("-".join(parts) + ".json")).write_text(json.dumps(own))


main(*sys.argv[1:])
