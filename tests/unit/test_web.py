"""The HTTP edge that every service shares: readiness, problems in Spanish, headers."""

import httpx
import pytest

from kernel.errors import Conflict, Unavailable
from kernel.web import SECURITY_HEADERS, Health, Problem, create_app


@pytest.fixture
def health() -> Health:
    return Health("engines")


@pytest.fixture
def http(health: Health) -> httpx.AsyncClient:
    app = create_app("prueba", health)

    @app.get("/cosa/{que}")
    async def cosa(que: str) -> dict[str, str]:
        errors = {"motor": Unavailable("x"), "otro": Conflict("x"), "problema": Problem(409, "ya_existe", "Ya existe")}
        if que in errors:
            raise errors[que]
        if que == "error":
            raise RuntimeError("GARCIA LOPEZ")
        return {"que": que}

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://prueba")


async def test_mientras_no_esta_listo_solo_responde_de_su_salud(http: httpx.AsyncClient, health: Health) -> None:
    assert (await http.get("/livez")).status_code == 200
    assert (await http.get("/metrics")).status_code == 200
    assert (await http.get("/readyz")).json() == {"engines": False}
    answer = await http.get("/cosa/uno")
    assert (answer.status_code, answer.json()["code"]) == (503, "servicio_no_disponible")
    assert answer.headers["retry-after"] == "5"
    health.set("engines")
    assert (await http.get("/readyz")).status_code == 200
    assert (await http.get("/cosa/uno")).json() == {"que": "uno"}


@pytest.mark.parametrize(
    ("que", "status", "code"),
    [
        ("motor", 503, "servicio_no_disponible"),
        ("otro", 503, "mucha_concurrencia"),
        ("problema", 409, "ya_existe"),
        ("error", 500, "error_inesperado"),
    ],
)
async def test_todo_error_es_un_problema_en_espanol_sin_lo_que_habia_dentro(
    http: httpx.AsyncClient, health: Health, que: str, status: int, code: str
) -> None:
    health.set("engines")
    answer = await http.get(f"/cosa/{que}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "GARCIA" not in answer.text


async def test_toda_respuesta_lleva_las_cabeceras_de_seguridad(http: httpx.AsyncClient, health: Health) -> None:
    for ready in (False, True):
        health.set("engines", ready)
        answer = await http.get("/cosa/uno")
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert (await http.get("/no/existe")).json()["title"] == "No existe"
