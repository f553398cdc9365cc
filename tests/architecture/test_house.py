"""The house rules that no linter knows: what derived files, READMEs and folders must keep true."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if (path / "__main__.py").exists())
PACKAGES = ("apoyo", "credencial", "dispositivo", "kernel", "schemas", "services")
PURE = {
    "schemas",
    "credencial",
    "enum",
    "dataclasses",
    "datetime",
    "collections",
    "typing",
    "hashlib",
    "hmac",
    "zoneinfo",
}


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_estan_los_siete_servicios() -> None:
    assert SERVICES == ["compulsa", "descifrado", "ingesta", "mesa_control", "notificaciones", "portal", "resultados"]


@pytest.mark.parametrize("service", SERVICES)
def test_el_readme_de_un_servicio_es_su_especificacion(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text(encoding="utf-8").lower()
    for word in ("topics", "invariants", "privileges", "dies"):
        assert word in text, f"services/{service}/README.md does not say: {word}"


@pytest.mark.parametrize("service", SERVICES)
def test_el_dominio_solo_conoce_lenguaje_publicado_y_biblioteca_estandar(service: str) -> None:
    folder = ROOT / "services" / service
    paths = [*folder.glob("domain.py"), *(folder / "domain").glob("*.py")]
    assert paths
    for path in paths:
        _es_puro(service, ast.parse(path.read_text(encoding="utf-8")))


def _es_puro(service: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            if name.startswith(f"services.{service}.domain"):
                continue
            assert not name.startswith(("kernel", "apoyo", "dispositivo", "services")), (
                f"{service}/domain.py imports {name}"
            )
            assert name.split(".")[0] not in {"os", "random", "secrets", "time", "asyncio", "socket", "pathlib"}
    source = ast.unparse(tree)
    assert "datetime.now(" not in source
    assert "uuid4(" not in source


@pytest.mark.parametrize("service", SERVICES)
def test_solo_bootstrap_construye_adaptadores(service: str) -> None:
    for path in (ROOT / "services" / service).rglob("*.py"):
        if path.name == "bootstrap.py" or "adapters" in path.parts or path.name == "adapters.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"from services\.{service}(\.adapters| import .*adapters)", text), path.name


def test_un_digito_es_del_0_al_9() -> None:
    """`\\d` takes the digits of every script: a CIC in Devanagari would pass for one, and be found nowhere."""
    comparador = ROOT / "schemas" / "compat.py"  # knows that older versions said it
    con_otros = [path for path in _modules() if re.search(r"\\[dD](?![a-z])", path.read_text(encoding="utf-8"))]
    assert con_otros == [comparador]


def test_importar_un_modulo_no_conecta_con_nada() -> None:
    """No call at module level builds an engine's client."""
    clients = {"AsyncMongoClient", "Minio", "AIOKafkaProducer", "AIOKafkaConsumer", "connect", "App", "Engines"}
    for path in _modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call):
                        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                        assert name not in clients, f"{path.relative_to(ROOT)} builds {name} at import"


def test_los_enlaces_de_los_documentos_existen() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").rglob("README.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} → {target}"


def test_cada_metrica_se_declara_una_vez() -> None:
    seen: dict[str, Path] = {}
    for path in _modules():
        for name in re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(apoyo_[a-z_]+)"', path.read_text(encoding="utf-8")):
            assert name not in seen, f"{name} in {path} and {seen[name]}"
            seen[name] = path
    assert seen


def test_los_requisitos_van_con_hash_y_sin_direcciones() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_la_ayuda_del_comando_en_el_readme_es_la_del_programa() -> None:
    from apoyo import ayuda

    assert ayuda.current() == ayuda.render()
