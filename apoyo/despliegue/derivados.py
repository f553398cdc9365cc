"""The derived files of `deploy/`: written whole, compared whole."""

from pathlib import Path

from apoyo.despliegue import dependencias, k8s
from apoyo.despliegue.dependencias import ROOT

DEPLOY = ROOT / "deploy"


def documentos() -> dict[str, str]:
    """Path within deploy/ → content."""
    return {
        **{f"images/requirements/{nombre}": contenido for nombre, contenido in dependencias.archivos().items()},
        **{f"k8s/base/{nombre}": contenido for nombre, contenido in k8s.archivos().items()},
    }


def diferentes() -> list[str]:
    """Derived files that are missing or stale, and files that stand among them without being derived."""
    esperados = documentos()
    presentes = {path.relative_to(DEPLOY).as_posix(): path.read_text(encoding="utf-8") for path in _presentes()}
    return sorted(n for n in esperados.keys() | presentes.keys() if esperados.get(n) != presentes.get(n))


def escribir() -> None:
    """Write all of them, and remove what nothing derives any more."""
    esperados = documentos()
    for path in _presentes():
        if path.relative_to(DEPLOY).as_posix() not in esperados:
            path.unlink()
    for nombre, contenido in esperados.items():
        (DEPLOY / nombre).parent.mkdir(parents=True, exist_ok=True)
        (DEPLOY / nombre).write_text(contenido, encoding="utf-8")


def _presentes() -> list[Path]:
    return [*(DEPLOY / "images" / "requirements").glob("*.in"), *(DEPLOY / "k8s").rglob("*.generado.yaml")]
