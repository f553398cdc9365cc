"""The way in, whole, against the real issuer's process: who enters, who does not, and why."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from prometheus_client import REGISTRY

from apoyo import sesion
from apoyo.engines.oidc import app as modulo
from apoyo.engines.oidc.app import create as emisor_app
from apoyo.engines.oidc.store import Store
from kernel.identity import Identity
from kernel.web import Health, create_app
from schemas.actores import Actores
from schemas.autorizacion import Accion, Rol
from schemas.eventos import CuentaRegistrada, ProcesoRegistrado
from tests.support.ejemplos import ejemplo
from tests.support.emisor import CLIENTE, CONTRASENA, SECRETO, EmisorLocal, emisor_local
from tests.support.identidad import Puerta, correo_de, cuenta
from tests.support.mesa import Reloj
from tests.support.servidor import servir, servir_en

firmar = jwt.encode
SERVICIO = "http://127.0.0.1:8199"
PAGINA = {"accept": "text/html"}
PERSONAS = {
    "institucional": {"auditor1": True, "sin_verificar": False, "nadie": True, "ine2": True, "breve": True},
    "publico": {"prom1": True, "auditor1": True, "sin_verificar": False},
}


@pytest.fixture(scope="module")
def emisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmisorLocal]:
    with emisor_local(tmp_path_factory.mktemp("emisor")) as running:
        running.gente(**PERSONAS)
        running.cliente(SERVICIO)
        yield running


@pytest.fixture
def puerta(emisor: EmisorLocal) -> Puerta:
    actores = Actores()
    actores.aplicar(ejemplo(ProcesoRegistrado, proceso="CI26", entidad="10"), 0)
    puerta = Puerta(actores, Reloj(), public_url=SERVICIO, emisores=emisor.emisores())
    puerta.cuenta("auditor1", Rol.AUDITOR)
    puerta.cuenta("sin_verificar", Rol.AUDITOR)
    puerta.cuenta("prom1", Rol.PROMOVENTE, solicitud="CI26-0001", emisor="publico")
    puerta.registra(cuenta("ine2", Rol.INE_ADMIN))
    return puerta


def montar(puerta: Puerta) -> FastAPI:
    app = create_app("prueba", Health())
    puerta.access.mount(app)

    @app.get("/totales/{proceso}")
    async def ver(
        quien: Annotated[Identity[CuentaRegistrada], Depends(puerta.access.require(Accion.VER_TOTALES))],
    ) -> dict[str, str]:
        return {"quien": quien.id}

    return app


@pytest.fixture
def app(puerta: Puerta) -> FastAPI:
    return montar(puerta)


def navegante(app: FastAPI, **cabeceras: str) -> httpx.AsyncClient:
    """A client that reaches the service in this process and everything else by the network."""
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(mounts={SERVICIO: transport}, trust_env=False, headers=cabeceras, timeout=30)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with navegante(app) as client:
        yield client


def entradas(emisor: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("apoyo_logins_total", {"issuer": emisor, "outcome": outcome}) or 0.0


async def hasta_el_regreso(
    http: httpx.AsyncClient, emisor: str, persona: str, *, cambia: dict[str, str] | None = None, a: str = "/"
) -> httpx.URL:
    """Go to the issuer, write the password, and stop at the address by which it sends back. `cambia`: what goes to the issuer."""
    ida = await http.get(f"{SERVICIO}/entrar/{emisor}", params={"a": a})
    destino = httpx.URL(ida.headers["location"]).copy_merge_params(cambia or {})
    vuelta = await http.post(destino, data={"correo": correo_de(persona), "contrasena": CONTRASENA})
    assert vuelta.status_code == 303, vuelta.text
    return httpx.URL(vuelta.headers["location"])


async def rechazo(http: httpx.AsyncClient, regreso: httpx.URL) -> str:
    """The code of a refusal; nobody entered."""
    answer = await http.get(regreso)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (await http.get(f"{SERVICIO}/totales/CI26")).status_code == 401
    return str(answer.json()["code"])


async def test_con_la_contrasena_correcta_se_entra_y_se_llega_a_donde_se_iba(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    antes = entradas("institucional", "entro")
    regreso = await hasta_el_regreso(http, "institucional", "auditor1", a="/totales/CI26?n=1")
    llegada = await http.get(regreso)
    assert (llegada.status_code, llegada.headers["location"]) == (303, "/totales/CI26?n=1")
    assert (await http.get(f"{SERVICIO}/totales/CI26")).json() == {"quien": "auditor1"}
    assert entradas("institucional", "entro") == antes + 1
    (guardada,) = await puerta.sesiones.find({})
    assert "@" not in str(guardada)


def con_dos_solicitudes(puerta: Puerta, **cambios: object) -> None:
    """The promovente `prom1` has an account in another process too, registered later, with the same e-mail."""
    otra = cuenta("prom2", Rol.PROMOVENTE, solicitud="CI27-0009", emisor="publico", **cambios)  # type: ignore[arg-type]
    propia = puerta.actores.cuentas["prom1"]
    nueva = propia.registrada_en + timedelta(days=1)
    puerta.registra(otra.model_copy(update={"acceso": propia.acceso, "registrada_en": nueva}))


async def test_quien_tiene_dos_cuentas_con_un_correo_elige_con_cual_entra_y_cambia_sin_volver_a_entrar(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    con_dos_solicitudes(puerta)
    llegada = await http.get(await hasta_el_regreso(http, "publico", "prom1", a="/totales/CI26"))
    assert llegada.headers["location"] == "/entrar/cuenta?a=%2Ftotales%2FCI26"
    pagina = (await http.get(SERVICIO + llegada.headers["location"])).text
    assert "CI26-0001" in pagina
    assert "CI27-0009" in pagina
    (primera,) = await puerta.sesiones.find({})
    elegida = await http.post(
        f"{SERVICIO}/entrar/cuenta", data={"cuenta": "prom1", "a": "/totales/CI26"}, headers={"origin": SERVICIO}
    )
    assert (elegida.status_code, elegida.headers["location"]) == (303, "/totales/CI26")
    (sesion_nueva,) = await puerta.sesiones.find({})
    assert (sesion_nueva["account"], sesion_nueva["started_at"]) == ("prom1", primera["started_at"])
    assert sesion_nueva["_id"] != primera["_id"]
    assert "Cambiar de cuenta" in (await http.get(f"{SERVICIO}/entrar/cuenta")).text


async def test_una_cuenta_ajena_o_que_ya_no_esta_vigente_no_se_elige(http: httpx.AsyncClient, puerta: Puerta) -> None:
    con_dos_solicitudes(puerta, hasta=datetime(2021, 1, 1, tzinfo=UTC))
    llegada = await http.get(await hasta_el_regreso(http, "publico", "prom1", a="/totales/CI26"))
    assert llegada.headers["location"] == "/totales/CI26"
    for ajena in ("prom2", "auditor1", "nadie"):
        answer = await http.post(f"{SERVICIO}/entrar/cuenta", data={"cuenta": ajena}, headers={"origin": SERVICIO})
        assert (answer.status_code, answer.json()["code"]) == (403, "cuenta_ajena")
    (sigue,) = await puerta.sesiones.find({})
    assert sigue["account"] == "prom1"
    assert "Cambiar de cuenta" not in (await http.get(f"{SERVICIO}/entrar/cuenta")).text


async def test_sin_sesion_no_hay_cuentas_que_elegir(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{SERVICIO}/entrar/cuenta", params={"a": "/totales/CI26"})
    assert answer.headers["location"] == "/entrar?a=%2Ftotales%2FCI26"
    answer = await http.post(f"{SERVICIO}/entrar/cuenta", data={"cuenta": "prom1"}, headers={"origin": SERVICIO})
    assert answer.headers["location"] == "/entrar?a=%2F"
    assert "apoyo" not in http.cookies


async def test_un_programa_entra_como_lo_hace_una_persona(app: FastAPI) -> None:
    async with navegante(app) as http:
        cookies = await sesion.entrar(SERVICIO, "institucional", correo_de("auditor1"), CONTRASENA, http=http)
    async with navegante(app) as http:
        http.cookies.update(cookies)
        assert (await http.get(f"{SERVICIO}/totales/CI26")).json() == {"quien": "auditor1"}


async def test_la_cookie_de_sesion_es_solo_del_servidor_y_no_viaja_a_otros_sitios(http: httpx.AsyncClient) -> None:
    llegada = await http.get(await hasta_el_regreso(http, "institucional", "auditor1"))
    (cookie,) = [c for c in llegada.headers.get_list("set-cookie") if c.startswith("apoyo=")]
    atributos = {a.strip().lower() for a in cookie.split(";")[1:]}
    assert atributos == {"httponly", "path=/", "samesite=lax"}
    (entrada,) = [c for c in llegada.headers.get_list("set-cookie") if c.startswith("apoyo-entrada=")]
    assert "expires=Thu, 01 Jan 1970" in entrada


async def test_con_https_las_cookies_son_seguras_y_de_este_servidor(emisor: EmisorLocal) -> None:
    puerta = Puerta(Actores(), Reloj(), public_url="https://mesa.invalid", emisores=emisor.emisores())
    assert puerta.access.cookie == "__Host-apoyo"
    transport = httpx.ASGITransport(montar(puerta))
    async with httpx.AsyncClient(transport=transport, base_url="https://mesa.invalid") as http:
        ida = await http.get("/entrar/institucional")
        entrada = ida.headers["set-cookie"].lower()
        assert entrada.startswith("__host-apoyo-entrada=")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= {a.strip() for a in entrada.split(";")}
        salida = (await http.post("/salir")).headers["set-cookie"].lower()
        assert salida.startswith('__host-apoyo="";')
        assert "secure" in salida


async def test_la_ida_lleva_estado_nonce_y_reto_de_un_solo_uso(http: httpx.AsyncClient) -> None:
    idas = [(await http.get(f"{SERVICIO}/entrar/institucional")).headers["location"] for _ in range(2)]
    uno, otro = (parse_qs(urlsplit(ida).query) for ida in idas)
    for campo in ("state", "nonce", "code_challenge"):
        assert uno[campo] != otro[campo]
        assert len(uno[campo][0]) >= 20
    assert uno["code_challenge_method"] == ["S256"]
    assert uno["redirect_uri"] == [f"{SERVICIO}/entrar/institucional/regreso"]
    assert "@" not in idas[0]


async def test_cada_entrada_estrena_sesion_y_cierra_la_que_habia_en_el_navegador(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    fichas = []
    for _ in range(2):
        await http.get(await hasta_el_regreso(http, "institucional", "auditor1"))
        fichas.append(http.cookies["apoyo"])
    assert fichas[0] != fichas[1]
    assert len(await puerta.sesiones.find({})) == 1


async def test_una_ficha_puesta_por_otro_no_se_vuelve_sesion(http: httpx.AsyncClient) -> None:
    """Session fixation."""
    puesta = "A" * 43
    http.cookies.set("apoyo", puesta, domain="127.0.0.1", path="/")
    await http.get(await hasta_el_regreso(http, "institucional", "auditor1"))
    assert http.cookies["apoyo"] != puesta


async def test_con_otro_estado_no_se_entra(http: httpx.AsyncClient) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1")
    assert await rechazo(http, regreso.copy_merge_params({"state": "otro"})) == "estado_perdido"


async def test_la_respuesta_que_pidio_otro_navegador_no_da_entrada(http: httpx.AsyncClient, app: FastAPI) -> None:
    """Login CSRF: an attacker's own answer, opened by somebody else."""
    async with navegante(app) as atacante:
        regreso = await hasta_el_regreso(atacante, "institucional", "auditor1")
    assert await rechazo(http, regreso) == "estado_perdido"


async def test_con_otro_nonce_no_se_entra(http: httpx.AsyncClient) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1", cambia={"nonce": "otro-nonce-cualquiera"})
    assert await rechazo(http, regreso) == "respuesta_invalida"


async def test_con_otro_reto_el_emisor_no_entrega_nada(http: httpx.AsyncClient) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1", cambia={"code_challenge": "A" * 43})
    assert await rechazo(http, regreso) == "respuesta_invalida"


async def test_un_codigo_inventado_no_da_entrada(http: httpx.AsyncClient) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1")
    assert await rechazo(http, regreso.copy_merge_params({"code": "inventado"})) == "respuesta_invalida"


async def test_la_misma_respuesta_dos_veces_solo_sirve_una(http: httpx.AsyncClient, puerta: Puerta) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1")
    assert (await http.get(regreso)).status_code == 303
    assert (await http.get(regreso)).json()["code"] == "estado_perdido"
    assert len(await puerta.sesiones.find({})) == 1


async def test_la_respuesta_de_un_emisor_no_vale_por_la_de_otro(http: httpx.AsyncClient) -> None:
    regreso = await hasta_el_regreso(http, "institucional", "auditor1")
    otro = regreso.copy_with(path="/entrar/publico/regreso")
    assert await rechazo(http, otro) == "estado_perdido"


@pytest.mark.parametrize(
    ("emisor_id", "persona", "code"),
    [
        ("institucional", "sin_verificar", "correo_sin_verificar"),
        ("sin-oidc", "sin_verificar", "correo_sin_verificar"),
        ("institucional", "nadie", "sin_cuenta"),
        ("institucional", "ine2", "cuenta_sin_declaracion"),
        ("publico", "auditor1", "sin_cuenta"),
    ],
)
async def test_quien_no_debe_entrar_no_entra_y_sabe_por_que(
    http: httpx.AsyncClient, puerta: Puerta, emisor_id: str, persona: str, code: str
) -> None:
    antes = entradas(emisor_id, code)
    regreso = await hasta_el_regreso(http, emisor_id, persona)
    assert await rechazo(http, regreso) == code
    assert entradas(emisor_id, code) == antes + 1
    assert await puerta.sesiones.find({}) == []
    pagina = await http.get(await hasta_el_regreso(http, emisor_id, persona), headers=PAGINA)
    assert pagina.headers["content-type"].startswith("text/html")
    assert "@" not in pagina.text
    assert "Entrar con otra cuenta" in pagina.text


@pytest.mark.parametrize(
    ("cambios", "code"),
    [
        ({"hasta": datetime(2026, 11, 1, tzinfo=UTC)}, "cuenta_vencida"),
        ({"desde": datetime(2027, 1, 1, tzinfo=UTC)}, "cuenta_aun_no"),
        ({"activa": False}, "cuenta_inactiva"),
    ],
)
async def test_una_cuenta_que_no_esta_vigente_no_entra(
    http: httpx.AsyncClient, puerta: Puerta, cambios: dict[str, object], code: str
) -> None:
    puerta.cuenta("breve", Rol.AUDITOR, **cambios)
    assert await rechazo(http, await hasta_el_regreso(http, "institucional", "breve")) == code


async def test_el_personal_entra_solo_con_el_emisor_institucional(http: httpx.AsyncClient, puerta: Puerta) -> None:
    """Even where somebody registered staff with an issuer of the public."""
    puerta.registra(cuenta("auditor1", Rol.AUDITOR, emisor="publico", version=2))
    assert await rechazo(http, await hasta_el_regreso(http, "publico", "auditor1")) == "emisor_no_corresponde"


@pytest.mark.parametrize("emisor_id", ["publico", "sin-oidc"])
async def test_un_promovente_entra_con_el_emisor_con_que_se_le_registro(
    http: httpx.AsyncClient, puerta: Puerta, emisor_id: str
) -> None:
    """Two issuers: with OpenID Connect, and without it."""
    puerta.registra(cuenta("prom1", Rol.PROMOVENTE, solicitud="CI26-0001", emisor=emisor_id, version=2))
    llegada = await http.get(await hasta_el_regreso(http, emisor_id, "prom1"))
    assert llegada.status_code == 303
    assert (await http.get(f"{SERVICIO}/totales/CI26")).json() == {"quien": "prom1"}


async def test_con_varios_emisores_se_elige_y_con_uno_se_sigue_de_largo(
    http: httpx.AsyncClient, emisor: EmisorLocal
) -> None:
    eleccion = await http.get(f"{SERVICIO}/entrar", params={"a": "/totales/CI26"})
    for nombre in ("Cuenta institucional", "Cuenta pública", "Red social"):
        assert nombre in eleccion.text
    assert "/entrar/publico?a=%2Ftotales%2FCI26" in eleccion.text
    uno = Puerta(Actores(), Reloj(), public_url=SERVICIO, emisores=emisor.emisores()[:1])
    async with navegante(montar(uno)) as otro:
        ida = await otro.get(f"{SERVICIO}/entrar")
    assert ida.headers["location"] == "/entrar/institucional?a=%2F"
    assert (await http.get(f"{SERVICIO}/entrar/ninguno")).status_code == 404


@pytest.mark.parametrize(
    "destino",
    [
        "https://otro.invalid/",
        "//otro.invalid",
        "/\\otro.invalid",
        "\\\\otro.invalid",
        "javascript:alert(1)",
        "",
        "/x\r\nSet-Cookie: a=b",
        "/entrar",
        "/salir",
    ],
)
async def test_la_entrada_solo_lleva_a_paginas_propias(http: httpx.AsyncClient, destino: str) -> None:
    llegada = await http.get(await hasta_el_regreso(http, "institucional", "auditor1", a=destino))
    assert llegada.headers["location"] == "/"


async def test_cancelar_en_el_emisor_se_dice_y_no_da_entrada(http: httpx.AsyncClient) -> None:
    await http.get(f"{SERVICIO}/entrar/institucional")
    regreso = httpx.URL(
        f"{SERVICIO}/entrar/institucional/regreso?{urlencode({'error': 'access_denied', 'state': 'x'})}"
    )
    assert await rechazo(http, regreso) == "cancelada"


async def test_si_el_emisor_no_responde_se_dice_que_nada_se_perdio(emisor: EmisorLocal) -> None:
    caido = emisor.emisores()[0].model_copy(
        update={"discovery": "http://127.0.0.1:9/institucional/.well-known/openid-configuration"}
    )
    puerta = Puerta(Actores(), Reloj(), public_url=SERVICIO, emisores=[caido])
    async with navegante(montar(puerta), accept="text/html") as http:
        pagina = await http.get(f"{SERVICIO}/entrar/institucional")
    assert pagina.status_code == 503
    assert "no responde" in pagina.text
    assert "No se perdió nada" in pagina.text


async def test_un_emisor_que_dice_ser_otro_no_da_entrada(emisor: EmisorLocal) -> None:
    """Its discovery names another issuer than the one that was configured (Discovery 4.3)."""
    async with servir(emisor_app(Store(emisor.folder), "http://127.0.0.1:1")) as url:
        falso = emisor.emisores()[0].model_copy(
            update={"discovery": f"{url}/institucional/.well-known/openid-configuration"}
        )
        puerta = Puerta(Actores(), Reloj(), public_url=SERVICIO, emisores=[falso])
        async with navegante(montar(puerta)) as http:
            assert (await http.get(f"{SERVICIO}/entrar/institucional")).json()["code"] == "respuesta_invalida"


OTRA_LLAVE = RSAKey.generate_key(2048, {"kid": "otra"})
COMPARTIDO = OctKey.import_key(SECRETO.ljust(32, "."))


def sin_firma(claims: dict[str, Any]) -> str:
    """A token that nobody signed."""
    partes = ({"alg": "none"}, claims)
    crudas = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in partes]
    return ".".join([*crudas, ""])


CASOS = [
    "bien",
    "aud",
    "azp",
    "iss",
    "vencida",
    "sin-exp",
    "sin-nonce",
    "at_hash",
    "otra-llave",
    "compartida",
    "sin-firma",
    "alterada",
    "ninguna",
]


@pytest.mark.parametrize(
    ("mal_hecha", "entra"),
    [
        (lambda firma, claims: firma(claims), True),
        (lambda firma, claims: firma(claims | {"aud": "otro-cliente"}), False),
        (lambda firma, claims: firma(claims | {"aud": ["otro-cliente"], "azp": CLIENTE}), False),
        (lambda firma, claims: firma(claims | {"iss": "https://otro.invalid"}), False),
        (lambda firma, claims: firma(claims | {"exp": 1}), False),
        (lambda firma, claims: firma({k: v for k, v in claims.items() if k != "exp"}), False),
        (lambda firma, claims: firma({k: v for k, v in claims.items() if k != "nonce"}), False),
        (lambda firma, claims: firma(claims | {"at_hash": "de-otra-ficha"}), False),
        (lambda firma, claims: firmar({"alg": "RS256", "kid": "otra"}, claims, OTRA_LLAVE), False),
        (lambda firma, claims: firmar({"alg": "HS256"}, claims, COMPARTIDO), False),
        (lambda firma, claims: sin_firma(claims), False),
        (lambda firma, claims: firma(claims)[:-8] + "AAAAAAAA", False),
        (lambda firma, claims: None, False),
    ],
    ids=CASOS,
)
async def test_una_prueba_de_identidad_mal_hecha_no_da_entrada(
    emisor: EmisorLocal, monkeypatch: pytest.MonkeyPatch, mal_hecha: Any, entra: bool
) -> None:
    """The issuer itself, but for what it signs (OpenID Connect Core 3.1.3.7), even where it would allow weak signatures."""
    metadata = modulo._Issuer.discovery

    async def discovery(self: modulo._Issuer, request: Request) -> Response:
        dicho = json.loads((await metadata(self, request)).body)
        return JSONResponse(dicho | {"id_token_signing_alg_values_supported": ["RS256", "HS256", "none"]})

    monkeypatch.setattr(modulo._Issuer, "discovery", discovery)

    def encode(header: dict[str, Any], claims: dict[str, Any], key: Any) -> Any:
        return mal_hecha(lambda otros: firmar(header, otros, key), claims)

    monkeypatch.setattr(jwt, "encode", encode)
    async with servir_en(lambda url: emisor_app(Store(emisor.folder), url)) as url:
        este = emisor.emisores()[0].model_copy(
            update={"discovery": f"{url}/institucional/.well-known/openid-configuration"}
        )
        puerta = Puerta(Actores(), Reloj(), public_url=SERVICIO, emisores=[este])
        puerta.cuenta("auditor1", Rol.AUDITOR)
        async with navegante(montar(puerta)) as http:
            regreso = await hasta_el_regreso(http, "institucional", "auditor1")
            if entra:
                assert (await http.get(regreso)).status_code == 303
            else:
                assert await rechazo(http, regreso) == "respuesta_invalida"


async def test_salir_cierra_tambien_la_sesion_del_emisor(http: httpx.AsyncClient) -> None:
    await http.get(await hasta_el_regreso(http, "institucional", "auditor1"))
    ida = await http.get(f"{SERVICIO}/entrar/institucional")
    assert (await http.get(ida.headers["location"])).status_code == 303  # the issuer knows who it is
    salida = await http.post(f"{SERVICIO}/salir")
    direccion = salida.text.split('content="0; url=')[1].split('"')[0].replace("&amp;", "&")
    assert "id_token_hint" not in direccion
    assert "@" not in direccion
    fin = await http.get(direccion)
    assert (fin.status_code, fin.headers["location"]) == (303, f"{SERVICIO}/salir")
    assert "Su sesión terminó" in (await http.get(fin.headers["location"])).text
    ida = await http.get(f"{SERVICIO}/entrar/institucional")
    assert "Contraseña" in (await http.get(ida.headers["location"])).text


async def test_entrar_con_otra_cuenta_hace_que_el_emisor_pregunte_quien_es(http: httpx.AsyncClient) -> None:
    await http.get(await hasta_el_regreso(http, "institucional", "auditor1"))
    ida = await http.get(f"{SERVICIO}/entrar/institucional", params={"otra": "1"})
    assert "Contraseña" in (await http.get(ida.headers["location"])).text


# The issuer itself ----------------------------------------------------------------------------------------------------


async def canje(http: httpx.AsyncClient, emisor: str, code: str, verifier: str, **cambia: str) -> httpx.Response:
    """Change a code for tokens as the service does."""
    datos = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": f"{SERVICIO}/entrar/institucional/regreso",
        "code_verifier": verifier,
    }
    secreto = cambia.pop("secreto", SECRETO)
    return await http.post(f"{emisor}/token", data=datos | cambia, auth=(CLIENTE, secreto))


def ida(**cambia: str) -> tuple[str, str]:
    """Query of an authorization request, and its verifier."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pedido = {
        "response_type": "code",
        "client_id": CLIENTE,
        "redirect_uri": f"{SERVICIO}/entrar/institucional/regreso",
        "scope": "openid email",
        "state": "s",
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return urlencode(pedido | cambia), verifier


async def codigo(http: httpx.AsyncClient, emisor: str, query: str) -> str:
    """Write the password and take the code."""
    answer = await http.post(
        f"{emisor}/authorize?{query}", data={"correo": correo_de("auditor1"), "contrasena": CONTRASENA}
    )
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


async def test_el_emisor_entrega_una_vez_por_codigo_y_la_segunda_retira_lo_entregado(
    http: httpx.AsyncClient, emisor: EmisorLocal
) -> None:
    base = f"{emisor.url}/institucional"
    query, verifier = ida()
    code = await codigo(http, base, query)
    primera = await canje(http, base, code, verifier)
    portador = {"authorization": f"Bearer {primera.json()['access_token']}"}
    dicho = (await http.get(f"{base}/userinfo", headers=portador)).json()
    assert (dicho["email"], dicho["email_verified"]) == (correo_de("auditor1"), True)
    segunda = await canje(http, base, code, verifier)
    assert (segunda.status_code, segunda.json()) == (400, {"error": "invalid_grant"})
    assert (await http.get(f"{base}/userinfo", headers=portador)).status_code == 401


@pytest.mark.parametrize(
    ("cambia", "error"),
    [
        ({"secreto": "otro"}, "invalid_client"),
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": f"{SERVICIO}/entrar/publico/regreso"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_el_emisor_no_entrega_nada_a_quien_no_prueba_que_lo_pidio(
    http: httpx.AsyncClient, emisor: EmisorLocal, cambia: dict[str, str], error: str
) -> None:
    base = f"{emisor.url}/institucional"
    query, verifier = ida()
    code = await codigo(http, base, query)
    assert (await canje(http, base, code, verifier, **cambia)).json() == {"error": error}


async def test_un_codigo_de_un_emisor_no_vale_en_el_otro(http: httpx.AsyncClient, emisor: EmisorLocal) -> None:
    query, verifier = ida()
    code = await codigo(http, f"{emisor.url}/institucional", query)
    assert (await canje(http, f"{emisor.url}/publico", code, verifier)).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "cambia",
    [{"client_id": "otro"}, {"redirect_uri": "https://otro.invalid/"}, {"redirect_uri": f"{SERVICIO}/entrar"}],
)
async def test_el_emisor_no_manda_a_nadie_a_una_direccion_que_no_conoce(
    http: httpx.AsyncClient, emisor: EmisorLocal, cambia: dict[str, str]
) -> None:
    answer = await http.get(f"{emisor.url}/institucional/authorize?{ida(**cambia)[0]}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("cambia", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_lo_que_el_emisor_no_da_lo_dice_a_quien_lo_pidio(
    http: httpx.AsyncClient, emisor: EmisorLocal, cambia: dict[str, str], error: str
) -> None:
    answer = await http.get(f"{emisor.url}/institucional/authorize?{ida(**cambia)[0]}")
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {"error": [error], "state": ["s"]}


@pytest.mark.parametrize(
    ("persona", "contrasena"), [("auditor1", "otra"), ("no_existe", CONTRASENA), ("prom1", CONTRASENA)]
)
async def test_sin_la_contrasena_el_emisor_no_da_codigo(
    http: httpx.AsyncClient, emisor: EmisorLocal, persona: str, contrasena: str
) -> None:
    answer = await http.post(
        f"{emisor.url}/institucional/authorize?{ida()[0]}",
        data={"correo": correo_de(persona), "contrasena": contrasena},
    )
    assert answer.status_code == 401
    assert "no son correctos" in answer.text


async def test_otro_sitio_no_puede_escribir_la_contrasena_por_alguien(
    http: httpx.AsyncClient, emisor: EmisorLocal
) -> None:
    answer = await http.post(
        f"{emisor.url}/institucional/authorize?{ida()[0]}",
        data={"correo": correo_de("auditor1"), "contrasena": CONTRASENA},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403


async def test_un_codigo_dura_un_minuto_y_lo_firmado_cinco(emisor: EmisorLocal) -> None:
    """The issuer with a clock of its own: what it signed an hour ago opens nothing now."""
    hace = timedelta(0)

    def ahora() -> float:
        return (datetime.now(UTC) - hace).timestamp()

    async with servir_en(lambda url: emisor_app(Store(emisor.folder), url, ahora)) as url:
        base = f"{url}/institucional"
        query, verifier = ida()
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            code = await codigo(http, base, query)
            hace = timedelta(seconds=-60)
            assert (await canje(http, base, code, verifier)).json() == {"error": "invalid_grant"}
        hace = timedelta(hours=1)
        atrasado = emisor.emisores()[0].model_copy(update={"discovery": f"{base}/.well-known/openid-configuration"})
        puerta = Puerta(Actores(), Reloj(), public_url=SERVICIO, emisores=[atrasado])
        puerta.cuenta("auditor1", Rol.AUDITOR)
        async with navegante(montar(puerta)) as http:
            regreso = await hasta_el_regreso(http, "institucional", "auditor1")
            assert await rechazo(http, regreso) == "respuesta_invalida"
