"""Makes the CustomResourceDefinition of the typed values in `api`: structural schema, CEL rules, defaults, columns.

``python -m tandem_operator.crd --write`` (at the repository's root) writes `crds/` and the chart's copy; ``--check``
tells whether they are current.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tandem_operator.api import (
    CATEGORIES,
    GROUP,
    KIND,
    NAME_LIMIT,
    PLURAL,
    SHORT_NAMES,
    SINGULAR,
    VERSION,
    Spec,
    Status,
)

Node = dict[str, Any]
"""A node of a JSON schema. Schemas are data without a type of their own."""

CRD_PATH: Final = Path("crds", f"{GROUP}_{PLURAL}.yaml")
CHART_PATH: Final = Path("charts", "tandem", "templates", "crd.yaml")

HEADER: Final = "# Generated from operator/tandem_operator/api by `python -m tandem_operator.crd --write`.\n"
CHART_HEAD: Final = (
    "{{- /* A template, since Helm never upgrades what lies in a chart's crds/ folder; kept when the release goes,"
    " and with it every OnlineModel. */ -}}\n"
    "{{- if .Values.crds.install }}\n"
)
CHART_TAIL: Final = "{{- end }}\n"

SERVED: Final = "has(oldSelf.status) && has(oldSelf.status.lineage) && has(oldSelf.status.lineage.serving)"
SAME_PLACE: Final = (
    "self.spec.store.s3.bucket == oldSelf.spec.store.s3.bucket && "
    "(has(self.spec.store.s3.prefix) ? self.spec.store.s3.prefix : '') == "
    "(has(oldSelf.spec.store.s3.prefix) ? oldSelf.spec.store.s3.prefix : '')"
)
ROOT_RULES: Final = (
    {
        "rule": f"size(self.metadata.name) <= {NAME_LIMIT}",
        "message": f"metadata.name may have at most {NAME_LIMIT} characters, since Jobs and Services add to it: "
        "choose a shorter one",
    },
    {
        "rule": "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "message": "metadata.name names a Service too: begin with a letter and use only a-z, 0-9 and -",
    },
    {
        "rule": f"!({SERVED}) || ({SAME_PLACE})",
        "fieldPath": ".spec.store.s3",
        "reason": "FieldValueForbidden",
        "message": "spec.store.s3.bucket and prefix are fixed once a base is served, since pods read there: put them "
        "back, or make another OnlineModel with bootstrap.from",
    },
)
COLUMNS: Final = (
    {"name": "Mode", "type": "string", "jsonPath": ".status.mode", "description": "The mode that holds now."},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "description": "A summary; conditions say more."},
    {"name": "Base", "type": "integer", "jsonPath": ".status.lineage.serving.base", "description": "Base in service."},
    {
        "name": "Update",
        "type": "integer",
        "jsonPath": ".status.lineage.serving.update",
        "description": "Last swift update in service.",
    },
    {
        "name": "Fresh",
        "type": "date",
        "jsonPath": ".status.lineage.serving.watermark",
        "description": "Age of the newest event time that the answering weights have learned from.",
    },
    {
        "name": "Rollout",
        "type": "string",
        "jsonPath": ".status.rollout.summary",
        "description": "Step of how many, while a candidate rolls out.",
    },
    # A time, not a distance: kubectl shows a date that is to come as <invalid>, and a written distance soon is wrong.
    {
        "name": "Next Swap",
        "type": "string",
        "jsonPath": ".status.cycle.nextSwap",
        "description": "When the next base is due.",
    },
    {
        "name": "Available",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Available")].status',
        "description": "Whether clients get answers.",
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Pods",
        "type": "integer",
        "jsonPath": ".status.serving.ready",
        "description": "Ready serving pods.",
        "priority": 1,
    },
    {
        "name": "Candidate",
        "type": "integer",
        "jsonPath": ".status.lineage.candidate.base",
        "description": "Base that is verified or rolled out.",
        "priority": 1,
    },
    {
        "name": "Stalled",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Stalled")].status',
        "description": "Whether it waits for a person; the condition says for what.",
        "priority": 1,
    },
)


def structural(schema: Node) -> Node:
    """Turn a JSON schema of pydantic into a structural schema of Kubernetes.

    References are inlined, ``anyOf … null`` becomes optional, titles go, bounds are written as OpenAPI 3.0 does, and
    defaults say only what the defaults further down do not say already.
    """
    return _node(schema, schema.get("$defs", {}))


def _node(raw: Node, definitions: Mapping[str, Node]) -> Node:
    raw = _flatten(raw, definitions)
    node: Node = {}
    for key, value in raw.items():
        if key in {"title", "$defs"} or (key == "additionalProperties" and not _typed(value, definitions)):
            continue
        if key == "properties":
            node[key] = {name: _node(child, definitions) for name, child in value.items()}
        elif key in {"items", "additionalProperties"}:
            node[key] = _node(value, definitions)
        elif key in {"exclusiveMinimum", "exclusiveMaximum"}:
            node[key.removeprefix("exclusive").lower()], node[key] = value, True
        elif key == "description":
            node[key] = _plain(value)
        else:
            node[key] = value
    if "additionalProperties" in raw and "additionalProperties" not in node:
        node["x-kubernetes-preserve-unknown-fields"] = True
    if "default" in node:
        default = _default(node.pop("default"), node)
        if default is not None:
            node["default"] = default
    return node


def _plain(text: str) -> str:
    """Write a docstring as one paragraph without the ids of our own documents, such as (M3)."""
    return re.sub(r" \([A-Z][0-9]\)", "", " ".join(text.split()))


def _flatten(raw: Node, definitions: Mapping[str, Node]) -> Node:
    """Return `raw` with its reference, or its one alternative beside null, put in its place; its own words win."""
    own = {key: value for key, value in raw.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in raw:
        return {**_flatten(definitions[raw["$ref"].removeprefix("#/$defs/")], definitions), **own}
    options = [option for option in raw.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        return {**_flatten(options[0], definitions), **own}
    return {**own, "anyOf": raw["anyOf"]} if "anyOf" in raw else own


def _typed(additional: object, definitions: Mapping[str, Node]) -> bool:
    """Tell whether the values of a map have a type; pydantic's JsonValue is an empty definition."""
    return isinstance(additional, dict) and bool(_flatten(additional, definitions).keys() - {"title", "description"})


def _default(default: Any, node: Node) -> Any:  # noqa: ANN401 - any JSON value
    """Return what of a default has to be said, or None: emptiness and absence are what they are without a word."""
    if default is None or default in ("", [], {}):
        return None
    if not isinstance(default, dict) or "properties" not in node:
        return default
    children: Node = node["properties"]
    said = {}
    for name, value in default.items():
        rest = _default(value, children[name])
        if rest is not None and rest != children[name].get("default"):
            said[name] = rest
    defaulted = any("default" in child for child in children.values())
    return said if said or defaulted else None


def _without_defaults(node: Node) -> Node:
    """Drop defaults: nobody but the operator writes a status, and what it does not know must not look known."""
    children = {name: _without_defaults(child) for name, child in node.get("properties", {}).items()}
    bare = {key: value for key, value in node.items() if key not in {"default", "properties"}}
    if "items" in bare:
        bare["items"] = _without_defaults(bare["items"])
    return {**bare, "properties": children} if children else bare


def crd() -> Node:
    """Return the CustomResourceDefinition of OnlineModel."""
    spec = structural(Spec.model_json_schema(by_alias=True))
    status = _without_defaults(structural(Status.model_json_schema(by_alias=True)))
    root = {
        "description": "One CTR/CVR model that learns from streams and serves what it learned, without a stop.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "x-kubernetes-validations": list(ROOT_RULES),
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": list(COLUMNS),
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": root},
    }
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": SINGULAR,
        "shortNames": list(SHORT_NAMES),
        "categories": list(CATEGORIES),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "tandem"}},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


class _Plain(yaml.SafeDumper):
    """YAML without aliases, which the API server's readers need not know."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's signature
        """Write every value out."""
        return True


def _yaml(document: Node) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def files() -> dict[Path, str]:
    """Return every generated file, by its path from the repository's root."""
    document = crd()
    kept = {**document, "metadata": {**document["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}}}
    return {
        CRD_PATH: HEADER + _yaml(document),
        CHART_PATH: CHART_HEAD + HEADER + _yaml(kept) + CHART_TAIL,
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the CRD, write the generated files, or check them; run at the repository's root."""
    parser = argparse.ArgumentParser(prog="python -m tandem_operator.crd", description=main.__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="write crds/ and the chart's copy")
    what.add_argument("--check", action="store_true", help="exit 1 when they are not current")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        for path, text in files().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    if chosen.check:
        stale = [
            str(path)
            for path, text in files().items()
            if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        if stale:
            sys.stderr.write(f"{', '.join(stale)}: not current. Run python -m tandem_operator.crd --write.\n")
        return 1 if stale else 0
    sys.stdout.write(files()[CRD_PATH])
    return 0


if __name__ == "__main__":
    sys.exit(main())
