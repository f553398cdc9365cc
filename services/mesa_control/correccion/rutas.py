"""Corrections over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from fastapi import Path as PathParam
from pydantic import Field, StringConstraints

from schemas.autorizacion import Accion
from schemas.eventos import CampoCorregible, RegistroCorregido
from schemas.paquete import DatosRegistro
from schemas.tipos import Folio, IdAcceso
from services.mesa_control.contrato import Entrada, LlaveIdempotencia, Puerta, Quien, Salida
from services.mesa_control.correccion.domain import ETIQUETA, Motivo, OrdenDeCorreccion, procede
from services.mesa_control.correccion.handlers import Correcciones
from services.mesa_control.domain import en_consulta
from services.mesa_control.handlers import Registro

Escrito = Annotated[str, StringConstraints(max_length=300)] | None


class DatosEntrada(Entrada):
    """Lo que dice la credencial, solo de los campos que se corrigen; nulo o vacío: la credencial no lo lleva."""

    modelo: Escrito = None
    clave_elector: Escrito = None
    numero_emision: Escrito = None
    cic: Escrito = None
    ocr: Escrito = None
    nombre: Escrito = None
    primer_apellido: Escrito = None
    segundo_apellido: Escrito = None
    curp: Escrito = None

    def cambios(self) -> dict[CampoCorregible, str | None]:
        """The fields that were sent."""
        return {campo: getattr(self, campo) for campo in ETIQUETA if campo in self.model_fields_set}


class RevisionEntrada(Entrada):
    """Un formulario por revisar."""

    datos: DatosEntrada


class CorreccionEntrada(Entrada):
    """Una corrección. `compulsado_version`: la consulta que se vio; `corrige`: la corrección que se vio, 0 si ninguna."""

    datos: DatosEntrada
    compulsado_version: Annotated[int, Field(ge=1)]
    corrige: Annotated[int, Field(ge=0)] = 0


class AvisoSalida(Salida):
    """Algo que no cuadra en el formulario; avisa y no impide corregir."""

    codigo: str
    texto: str
    campos: list[CampoCorregible]


class RevisionSalida(Salida):
    """Qué sería de una corrección. `errores`: lo que ningún formulario puede llevar, por campo."""

    campos: list[CampoCorregible]
    errores: dict[CampoCorregible, str]
    avisos: list[AvisoSalida]


class CorreccionSalida(Salida):
    """Una corrección hecha; su consulta al padrón viene en camino."""

    folio: str
    version: int
    campos: list[CampoCorregible]
    operador: str
    corregido_en: datetime
    compulsado_version: int


class CambioSalida(Salida):
    """Un campo, antes y después."""

    clave: CampoCorregible
    etiqueta: str
    antes: str | None
    despues: str | None


class HechaSalida(Salida):
    """Una corrección de la historia: quién, cuándo y qué."""

    version: int
    operador: str
    corregido_en: datetime
    cambios: list[CambioSalida]


class CampoEditableSalida(Salida):
    """Un campo que se puede corregir, con lo que dice ahora."""

    clave: CampoCorregible
    etiqueta: str
    valor: str | None


class CorregibleSalida(Salida):
    """Si el formulario se puede corregir y por qué, y lo que se corrigió. `version`: correcciones que lleva; `en_consulta`: la
    última todavía no se consulta en el padrón; `revision`: dónde se revisa un formulario antes de corregirlo."""

    procede: Motivo | None
    version: int
    en_consulta: bool
    formulario: list[CampoEditableSalida]
    historia: list[HechaSalida]
    revision: str


def salida(registro: Registro) -> CorregibleSalida:
    """What a record opened says of its corrections."""
    version = registro.correcciones[-1].version if registro.correcciones else 0
    return CorregibleSalida(
        procede=procede(registro.ciclo, registro.datos),
        version=version,
        en_consulta=en_consulta(registro.ciclo, version),
        formulario=[
            CampoEditableSalida(clave=clave, etiqueta=etiqueta, valor=getattr(registro.datos, clave))
            for clave, etiqueta in ETIQUETA.items()
        ],
        historia=[
            _hecha(correccion, registro.formularios[n], registro.formularios[n + 1])
            for n, correccion in enumerate(registro.correcciones)
        ],
        revision=f"/api/registros/{registro.folio}/correccion/revision?acceso={registro.acceso}",
    )


def montar(app: FastAPI, correcciones: Correcciones, access: Puerta) -> None:
    """The routes."""
    revisa = Annotated[Quien, Depends(access.require(Accion.REVISAR_REGISTRO))]
    folio_en_ruta = Annotated[Folio, PathParam()]

    @app.post("/api/registros/{folio}/correccion")
    async def corregir(
        folio: folio_en_ruta, entrada: CorreccionEntrada, quien: revisa, llave: LlaveIdempotencia
    ) -> CorreccionSalida:
        """Corrige el formulario desde la imagen (D 5.8, 10.3): se consulta otra vez en el padrón y el registro vuelve a la cola."""
        orden = OrdenDeCorreccion(entrada.datos.cambios(), entrada.compulsado_version, entrada.corrige)
        hecha = await correcciones.corregir(folio, quien.id, orden, llave)
        return CorreccionSalida(
            folio=hecha.folio,
            version=hecha.version,
            campos=list(hecha.campos),
            operador=hecha.operador,
            corregido_en=hecha.corregido_en,
            compulsado_version=hecha.compulsado_version,
        )

    @app.post("/api/registros/{folio}/correccion/revision")
    async def revisar(
        folio: folio_en_ruta,
        entrada: RevisionEntrada,
        quien: revisa,
        acceso: Annotated[
            IdAcceso | None, Query(description="Aquel con que se abrió el registro: sin él, queda asentado otro.")
        ] = None,
    ) -> RevisionSalida:
        """Revisa un formulario antes de corregirlo: qué cambia, qué no puede ir y qué no cuadra. No guarda nada."""
        revision = await correcciones.revisar(folio, quien.id, entrada.datos.cambios(), acceso)
        return RevisionSalida(
            campos=revision.campos,
            errores=revision.errores,
            avisos=[AvisoSalida(codigo=a.codigo, texto=a.texto, campos=list(a.campos)) for a in revision.avisos],
        )


def _hecha(correccion: RegistroCorregido, antes: DatosRegistro, despues: DatosRegistro) -> HechaSalida:
    return HechaSalida(
        version=correccion.version,
        operador=correccion.operador,
        corregido_en=correccion.corregido_en,
        cambios=[
            CambioSalida(clave=c, etiqueta=ETIQUETA[c], antes=getattr(antes, c), despues=getattr(despues, c))
            for c in correccion.campos
        ],
    )
