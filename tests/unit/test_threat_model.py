"""docs/security/threat-model.md: everybody who could want to is in it, and what stops them is shown by tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([a-z]+/test_\w+\.py)::(test_\w+)`")
WHO = (
    "Auxiliar",
    "Aspirante or promovente",
    "Operator of Mesa de Control",
    "OPL staff: supervisor, administrator, support desk, auditor",
    "INE operations",
    "Subscriber to the topics",
    "The network",
    "Who wants to enter as somebody else",
    "Who steals a device",
    "Who steals a disk or a backup",
    "A malicious service or a container taken over",
    "Who may read the roll",
    "The supply chain",
)


@cache
def _tests(path: str) -> frozenset[str]:
    file = ROOT / "tests" / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def _filas(who: str) -> list[list[str]]:
    section = TEXT.split(f"### {who}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_estan_todos_los_que_podrian_querer() -> None:
    assert tuple(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) == WHO


@pytest.mark.parametrize("who", WHO)
def test_cada_amenaza_dice_que_la_detiene_y_que_prueba_lo_muestra(who: str) -> None:
    rows = _filas(who)
    assert rows
    for row in rows:
        assert len(row) == 3, row
        assert NAMED.findall(row[2]), row[0]
        assert NAMED.sub("", row[2]).strip(", ") == "", f"not a test: {row[2]}"


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(TEXT))), ids=str)
def test_cada_prueba_nombrada_existe(path: str, name: str) -> None:
    assert name in _tests(path)


def test_dice_lo_que_todavia_no_se_detiene() -> None:
    pending = TEXT.split("## Not stopped yet", 1)[1]
    assert len(re.findall(r"^- ", pending, re.MULTILINE)) >= 1
