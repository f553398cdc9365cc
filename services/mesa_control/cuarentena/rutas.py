"""Quarantine over HTTP: its page, for people, and the same for programs (`apoyo paquetes`)."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParam
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from kernel.forms import Form, blank, read_form
from kernel.web import templates
from schemas.actores import VerActores
from schemas.autorizacion import Accion
from schemas.hora import CENTRO
from schemas.tipos import Folio, IdProceso
from services.mesa_control.contrato import Entrada, LlaveIdempotencia, Puerta, Quien, Salida
from services.mesa_control.cuarentena.domain import MOTIVOS, Filtro, motivo
from services.mesa_control.cuarentena.handlers import A_LA_VISTA, POR_ORDEN, Apartado, Cuarentena, Hecho
from services.mesa_control.domain import Rechazo
from services.mesa_control.procesos import al_alcance, pagina_para_elegir
from services.mesa_control.procesos import elegido as el_elegido

Motivo = Annotated[str, Query(pattern=r"^[a-z0-9_]{0,64}$", description="Solo los de este motivo.")]
Llave = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{0,64}$", description="Solo los que esperan esta llave.")]
Dia = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="Día de recepción, hora Centro.")]
SITUACION = {"en_cuarentena": "En cuarentena", "en_espera": "Reintentando", "abierto": "Se abrió"}


class GrupoSalida(Salida):
    """Los registros de un motivo. `en_espera`: cuántos de ellos se están reintentando."""

    motivo: str
    texto: str
    quien: str
    que: str
    registros: int
    en_espera: int


class ApartadoSalida(Salida):
    """Un registro que está o estuvo en cuarentena. `reintentos`: cuántos van; `definitivo`: no se abrirá nunca más."""

    folio: str
    proceso: str
    solicitud: str
    motivo: str
    texto: str
    quien: str
    que: str
    detalle: str
    version: int
    recibido_en: datetime
    reintentos: int
    reintentado_por: str | None
    reintentado_en: datetime | None
    situacion: str
    definitivo: bool


class AvanceSalida(Salida):
    """Qué fue de lo que se reintentó en las últimas 24 horas."""

    en_espera: int
    abiertos: int
    otra_vez_en_cuarentena: int


class CuarentenaSalida(Salida):
    """`registros`: los más antiguos del filtro; `por_reintentar`: cuántos reintentaría una orden con ese filtro."""

    grupos: list[GrupoSalida]
    registros: list[ApartadoSalida]
    por_reintentar: int
    avance: AvanceSalida


class ReintentoEntrada(Entrada):
    """Qué se reintenta: lo que cumpla todo lo que se diga. Días de recepción, hora Centro, ambos incluidos."""

    motivo: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,64}$")] = ""
    llave: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    desde: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    hasta: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    folios: Annotated[list[Folio] | None, Field(max_length=A_LA_VISTA)] = None


class HechoSalida(Salida):
    """`ya_solicitados`: otra persona los pidió antes; `quedan`: los que necesitan otra orden."""

    solicitados: int
    ya_solicitados: int
    quedan: int


def montar(app: FastAPI, cuarentena: Cuarentena, access: Puerta, ver_actores: VerActores, aqui: Path) -> None:
    """Put the routes on the application. `aqui`: the service's folder."""
    _api(app, cuarentena, access)
    _pagina(app, cuarentena, access, ver_actores, aqui)


def _api(app: FastAPI, cuarentena: Cuarentena, access: Puerta) -> None:
    ve = Annotated[Quien, Depends(access.require(Accion.VER_CUARENTENA, background=True))]
    reintenta = Annotated[Quien, Depends(access.require(Accion.REINTENTAR_APERTURA))]

    @app.get("/api/cuarentena")
    async def ver(
        quien: ve,
        proceso: Annotated[IdProceso, Query()],
        motivo: Motivo = "",
        llave: Llave = "",
        desde: Dia = "",
        hasta: Dia = "",
    ) -> CuarentenaSalida:
        """Lo que está en cuarentena: por motivo, uno por uno, y qué fue de lo reintentado."""
        suyo = _filtro(motivo, llave, desde, hasta)
        avance = await cuarentena.avance(proceso)
        return CuarentenaSalida(
            grupos=await _grupos(cuarentena, proceso, suyo),
            registros=[_apartado(a) for a in await cuarentena.lista(proceso, suyo)],
            por_reintentar=await cuarentena.contar(proceso, suyo),
            avance=AvanceSalida(
                en_espera=avance.en_espera,
                abiertos=avance.abiertos,
                otra_vez_en_cuarentena=avance.otra_vez_en_cuarentena,
            ),
        )

    @app.get("/api/cuarentena/{folio}")
    async def uno(folio: Annotated[Folio, PathParam()], quien: ve) -> ApartadoSalida:
        """Un registro que está o estuvo en cuarentena."""
        return _apartado(await cuarentena.ver(folio))

    @app.post("/api/cuarentena/reintentos")
    async def reintentar(
        entrada: ReintentoEntrada,
        quien: reintenta,
        proceso: Annotated[IdProceso, Query()],
        llave: LlaveIdempotencia,
    ) -> HechoSalida:
        """Pide que se abra otra vez lo que está en cuarentena, hasta 500 registros por orden."""
        suyo = _filtro(entrada.motivo, entrada.llave, entrada.desde, entrada.hasta, entrada.folios)
        hecho = await cuarentena.reintentar(proceso, suyo, quien.id, llave)
        return HechoSalida(solicitados=hecho.solicitados, ya_solicitados=hecho.ya_solicitados, quedan=hecho.quedan)


def _pagina(app: FastAPI, cuarentena: Cuarentena, access: Puerta, ver_actores: VerActores, aqui: Path) -> None:
    pages = templates(aqui / "pagina")
    ve = Annotated[Quien, Depends(access.require(Accion.VER_CUARENTENA))]
    reintenta = Annotated[Quien, Depends(access.require(Accion.REINTENTAR_APERTURA))]

    @app.get("/cuarentena", include_in_schema=False, response_class=HTMLResponse)
    async def page(
        quien: ve,
        proceso: Annotated[IdProceso | None, Query()] = None,
        motivo: Motivo = "",
        llave: Llave = "",
        desde: Dia = "",
        hasta: Dia = "",
        pedidos: Annotated[int | None, Query(ge=0, le=POR_ORDEN)] = None,
    ) -> str:
        actores = ver_actores()
        procesos = al_alcance(access, quien, Accion.VER_CUARENTENA, actores)
        elegido = el_elegido(proceso, procesos, actores)
        if elegido is None:
            return pagina_para_elegir(
                pages, quien, procesos, ruta="/cuarentena", pregunta="¿De qué proceso?", donde="Registros en cuarentena"
            )
        suyo = _filtro(motivo, llave, desde, hasta)
        dicho = {"motivo": motivo, "llave": llave, "desde": desde, "hasta": hasta}
        grupos = await _grupos(cuarentena, elegido.proceso, suyo)
        lugar, destruccion = actores.lugar(proceso=elegido.proceso), actores.destrucciones.get(elegido.proceso)
        return pages.get_template("cuarentena.html").render(
            quien=quien,
            proceso=elegido,
            grupos=grupos,
            total=sum(g.registros for g in grupos),
            registros=[_apartado(a) for a in await cuarentena.lista(elegido.proceso, suyo)],
            por_reintentar=await cuarentena.contar(elegido.proceso, suyo),
            avance=await cuarentena.avance(elegido.proceso),
            destruccion=destruccion,
            puede=destruccion is None and access.allows(quien, Accion.REINTENTAR_APERTURA, lugar),
            f=blank(**{nombre: valor for nombre, valor in dicho.items() if valor}),
            filtrada=any(dicho.values()),
            con=lambda **otros: urlencode({"proceso": elegido.proceso, **dicho, **otros}),
            MOTIVOS=[(clave, m.texto) for clave, m in MOTIVOS.items()],
            SITUACION=SITUACION,
            A_LA_VISTA=A_LA_VISTA,
            POR_ORDEN=POR_ORDEN,
            pedidos=pedidos,
            estilos=["/estatico/cuarentena.css"],
            modulos=["/estatico/cuarentena.js"],
        )

    @app.post("/cuarentena/reintentar", include_in_schema=False, response_class=HTMLResponse)
    async def reintentar(request: Request, quien: reintenta, proceso: Annotated[IdProceso, Query()]) -> Response:
        forma = await read_form(request)
        suyo = _de_la_forma(forma)
        dicho = _dicho(forma)
        if not forma.value("confirmado"):
            cuantos = await cuarentena.contar(proceso, suyo)
            return HTMLResponse(
                pages.get_template("cuarentena_confirmar.html").render(
                    quien=quien,
                    proceso=ver_actores().procesos.get(proceso),
                    f=forma,
                    cuantos=min(cuantos, POR_ORDEN),
                    quedan=max(0, cuantos - POR_ORDEN),
                    vuelta=urlencode({"proceso": proceso, **dicho}),
                )
            )
        hecho: Hecho = await cuarentena.reintentar(proceso, suyo, quien.id, forma.key)
        return RedirectResponse(
            f"/cuarentena?{urlencode({'proceso': proceso, **dicho, 'pedidos': min(hecho.solicitados, POR_ORDEN)})}", 303
        )


def _dicho(forma: Form) -> dict[str, str]:
    """The filter of a form, where `llave` is the idempotency key."""
    campos = {"motivo": "motivo", "llave": "llave_que_falta", "desde": "desde", "hasta": "hasta"}
    return {nombre: forma.value(campo)[:64] for nombre, campo in campos.items()}


def _de_la_forma(forma: Form) -> Filtro:
    """What the form means: the records that were marked, or all of the filter. Raises Rechazo."""
    if forma.value("alcance") == "filtro":
        dicho = _dicho(forma)
        return _filtro(dicho["motivo"], dicho["llave"], dicho["desde"], dicho["hasta"])
    folios = forma.values.get("folio", ())
    if not folios or len(folios) > A_LA_VISTA:
        raise Rechazo("ninguno_elegido")
    return Filtro(folios=tuple(folios))


def _filtro(motivo: str, llave: str, desde: str, hasta: str, folios: list[str] | None = None) -> Filtro:
    try:
        primero = _inicio(date.fromisoformat(desde)) if desde else None
        ultimo = _inicio(date.fromisoformat(hasta) + timedelta(days=1)) if hasta else None
    except (ValueError, OverflowError) as error:
        raise Rechazo("fecha_invalida") from error
    return Filtro(motivo or None, llave or None, primero, ultimo, None if folios is None else tuple(folios))


def _inicio(dia: date) -> datetime:
    return datetime.combine(dia, time.min, CENTRO)


async def _grupos(cuarentena: Cuarentena, proceso: str, filtro: Filtro) -> list[GrupoSalida]:
    return [
        GrupoSalida(motivo=g.motivo, **_palabras(g.motivo), registros=g.registros, en_espera=g.en_espera)
        for g in await cuarentena.grupos(proceso, filtro)
    ]


def _apartado(a: Apartado) -> ApartadoSalida:
    return ApartadoSalida(
        folio=a.folio,
        proceso=a.proceso,
        solicitud=a.solicitud,
        motivo=a.motivo,
        **_palabras(a.motivo),
        detalle=a.detalle,
        version=a.version,
        recibido_en=a.recibido_en,
        reintentos=a.reintentos,
        reintentado_por=a.reintentado_por,
        reintentado_en=a.reintentado_en,
        situacion=a.situacion,
        definitivo=motivo(a.motivo).definitivo,
    )


def _palabras(clave: str) -> Mapping[str, Any]:
    if not clave:
        return {"texto": "", "quien": "", "que": ""}
    dicho = motivo(clave)
    return {"texto": dicho.texto, "quien": dicho.quien, "que": dicho.que}
