"""The operators' schemas that deploy/k8s is checked against: from their CRDs, without what does not decide validity.

`python -m apoyo.despliegue.esquemas <crd.yaml>…` writes them; deploy/k8s/esquemas/README.md says from which versions.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from apoyo.despliegue.dependencias import ROOT

CARPETA = ROOT / "deploy" / "k8s" / "esquemas"
_PROSA = frozenset({"description", "example", "externalDocs", "default"})


def de_crd(crd: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name of the kind, and the JSON Schema of each version by its apiVersion; a field that the CRD does not know is refused."""
    spec = crd["spec"]
    grupo = spec["group"]
    return spec["names"]["kind"], {
        f"{grupo}/{version['name']}": _estricto(version["schema"]["openAPIV3Schema"], raiz=True)
        for version in spec["versions"]
        if version["served"]
    }


def _estricto(esquema: Any, *, raiz: bool = False, nombres: bool = False) -> Any:
    """`nombres`: a mapping of field names, in which `description` is a field."""
    if isinstance(esquema, list):
        return [_estricto(parte) for parte in esquema]
    if not isinstance(esquema, dict):
        return esquema
    if nombres:
        return {nombre: _estricto(parte) for nombre, parte in esquema.items()}
    limpio = {
        clave: _estricto(valor, nombres=clave == "properties")
        for clave, valor in esquema.items()
        if clave not in _PROSA and not clave.startswith("x-kubernetes-") and clave not in {"nullable", "format"}
    }
    if esquema.get("x-kubernetes-int-or-string"):
        limpio.pop("type", None)
        limpio.pop("anyOf", None)
        return {**limpio, "type": ["integer", "string"]}
    if esquema.get("nullable") and "type" in limpio:
        limpio["type"] = [limpio["type"], "null"]
    abierto = esquema.get("x-kubernetes-preserve-unknown-fields") or esquema.get("x-kubernetes-embedded-resource")
    if "properties" in limpio and "additionalProperties" not in limpio and not abierto:
        limpio["additionalProperties"] = False
    if raiz:
        limpio["properties"] |= {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        }
    return limpio


if __name__ == "__main__":
    for argumento in sys.argv[1:]:
        clase, versiones = de_crd(yaml.safe_load(Path(argumento).read_text(encoding="utf-8")))
        (CARPETA / f"{clase}.json").write_text(json.dumps(versiones, separators=(",", ":"), sort_keys=True) + "\n")
