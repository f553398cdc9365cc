"""Auxiliares: registered, dismissed, their FURA recorded, their e-mail changed (P 7.3-7.7, 9.17; D 3, 6.7).

An e-mail is one auxiliar in force within a solicitud, whoever issues it. The insert of the registration is the claim on issuer and
e-mail; what another issuer vouches for is compared on the fold. The number of an auxiliar is the next one: if somebody else took it
meanwhile, the one after.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kernel.outbox import ClaimTaken, Emitted, Outbox, VersionTaken, Wanted
from schemas.actores import (
    CON_DERECHO_A_AUXILIAR,
    Actores,
    DatosAuxiliar,
    DetalleBaja,
    acceso_en,
    contexto_de_auxiliar,
    contexto_de_baja,
)
from schemas.autorizacion import Rol
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarRegistrado, FuraRegistrada
from schemas.hora import CENTRO
from schemas.perfil import PerfilReglas
from schemas.tipos import proceso_de
from services.portal import metrics
from services.portal.domain.auxiliares import (
    CAMPOS,
    Revision,
    id_auxiliar,
    leer_correo,
    motivos_de,
    quien_da_de_baja,
    revisar,
)
from services.portal.domain.captura import Captura
from services.portal.domain.lotes import ya_registrado
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.consultas import Consultas
from services.portal.handlers.escritura import Escritor, Orden, Vista
from services.portal.handlers.personas import Personas, id_de_llave, sellado

Valores = Mapping[str, Sequence[str]]

_TAMBIEN = {servicio: parte for servicio, parte in CON_DERECHO_A_AUXILIAR.items() if parte is not None}
_MAX_DETALLE = 1000


@dataclass(frozen=True, slots=True)
class Alta:
    """Somebody to register. `causa`: the same for the same order, or for the same row of a batch."""

    causa: str
    datos: DatosAuxiliar


@dataclass(frozen=True, slots=True)
class YaRegistrado:
    """The e-mail is that of an auxiliar in force of the solicitud."""

    auxiliar: str


class Correos:
    """E-mails of the auxiliares of one solicitud, as the topic knows them (hashes)."""

    def __init__(self, vista: Vista, solicitud: str, llave: bytes, emisores: Collection[str]) -> None:
        self._llave = llave
        self._emisores = emisores
        self._solicitud = solicitud
        self._proceso = proceso_de(solicitud)
        self._en_vigor: dict[str, str] = {}
        self._bajas: dict[str, int] = {}
        for auxiliar in vista.nomina.de(solicitud, vista.actores):
            if auxiliar.acceso is None:
                continue
            if (solicitud, auxiliar.auxiliar) in vista.actores.bajas:
                self._bajas[auxiliar.acceso] = self._bajas.get(auxiliar.acceso, 0) + 1
            else:
                self._en_vigor[auxiliar.acceso] = auxiliar.auxiliar

    def acceso(self, datos: DatosAuxiliar) -> str:
        """Of the issuer and e-mail with which they enter."""
        return acceso_en(self._llave, self._proceso, datos.emisor, datos.correo)

    def con_ese_correo(self, datos: DatosAuxiliar, *, salvo: str = "") -> str | None:
        """Id of the auxiliar in force who has that e-mail, whoever issues it."""
        for emisor in {*self._emisores, datos.emisor}:
            acceso = acceso_en(self._llave, self._proceso, emisor, datos.correo)
            found = self._en_vigor.get(acceso)
            if found is not None and found != salvo:
                return found
        return None

    def reclamo(self, acceso: str) -> str:
        """What a registration claims. Who was dismissed leaves the e-mail free: each time it is another word."""
        return f"auxiliar/{self._solicitud}/{acceso}/{self._bajas.get(acceso, 0)}"


@dataclass(frozen=True, slots=True)
class Auxiliares:
    """`emisores`: id → name of the issuers that vouch for the public; `llave_de_identidad`: see `schemas.actores.acceso_de`."""

    escritor: Escritor
    outbox: Outbox
    personas: Personas
    consultas: Consultas
    vista: Vista
    emisores: Mapping[str, str]
    llave_de_identidad: bytes

    # Registration ------------------------------------------------------------------------------------------------------

    def hoy(self) -> date:
        """Today, hora Centro."""
        return self.escritor.clock.now().astimezone(CENTRO).date()

    def perfil(self, solicitud: str) -> PerfilReglas:
        """The profile in force for a solicitud. Raises Rechazo."""
        if solicitud not in self.vista.actores.solicitudes:
            raise Rechazo(Codigo.NO_EXISTE)
        return self.vista.actores.perfil_de(proceso_de(solicitud))

    def correos(self, solicitud: str) -> Correos:
        """The e-mails of its auxiliares."""
        return Correos(self.vista, solicitud, self.llave_de_identidad, self.emisores)

    def revisar(self, solicitud: str, valores: Valores) -> Revision:
        """Look at what was typed. Raises Rechazo."""
        crudos = {campo.id: next(iter(valores.get(campo.id, ())), "") for campo in CAMPOS}
        return revisar(crudos, self.perfil(solicitud), self.hoy(), self.emisores)

    async def abierta(self, solicitud: str) -> Actores:
        """Actors in force, read to their end, if the solicitud may register auxiliares now. Raises Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        if solicitud not in actores.solicitudes:
            raise Rechazo(Codigo.NO_EXISTE)
        proceso = actores.procesos[proceso_de(solicitud)]
        if not proceso.activo or self.escritor.clock.now() >= proceso.fin:
            raise Rechazo(Codigo.PROCESO_CERRADO)
        return actores

    async def registrar(self, orden: Orden, solicitud: str, valores: Valores) -> AuxiliarRegistrado:
        """Register one (P 7.3, D 3). What looks odd must be confirmed in `confirmo`. Raises Invalida, Rechazo, Unavailable."""
        await self.abierta(solicitud)
        revision = self.revisar(solicitud, valores)
        if revision.observaciones:
            errores = {o.campo: o.texto for o in revision.observaciones}
            if revision.datos is not None:
                errores["confirmo"] = "Revise lo señalado; si así es, confírmelo y regístrelo de nuevo."
            if revision.datos is None or not Captura(valores).casilla("confirmo"):
                raise Invalida(errores)
        assert revision.datos is not None  # noqa: S101 - for mypy: nothing to mend is left
        (dado,) = await self.dar_de_alta(solicitud, [Alta(orden.causa, revision.datos)], orden.por)
        if isinstance(dado, YaRegistrado):
            raise Invalida({"correo": ya_registrado(dado.auxiliar)})
        return dado

    async def dar_de_alta(
        self, solicitud: str, altas: Sequence[Alta], por: str
    ) -> list[AuxiliarRegistrado | YaRegistrado]:
        """Register several, in order, and ask about them; what becomes of each. The same again is done once.

        Ask after `Escritor.al_dia`: otherwise numbers that are taken are tried in vain. Raises Unavailable.
        """
        hechas: dict[str, AuxiliarRegistrado | YaRegistrado] = dict(await self._escritas(altas))
        correos = self.correos(solicitud)
        faltan: list[Alta] = []
        for alta in altas:
            if alta.causa not in hechas:
                if (auxiliar := correos.con_ese_correo(alta.datos)) is not None:
                    hechas[alta.causa] = YaRegistrado(auxiliar)
                else:
                    faltan.append(alta)
        ultimo = self.vista.nomina.ultimos.get(solicitud, 0)
        while faltan:
            eventos = await self._registros(solicitud, faltan, ultimo, por, correos)
            ultimo += len(faltan)
            dados = await self.outbox.emit_many(
                [
                    Wanted(evento, alta.causa, alta.causa, correos.reclamo(evento.acceso or ""))
                    for evento, alta in zip(eventos, faltan, strict=True)
                ]
            )
            tomados: list[Alta] = []
            for alta, dado in zip(faltan, dados, strict=True):
                if isinstance(dado, VersionTaken):
                    tomados.append(alta)  # somebody else took that number
                elif isinstance(dado, ClaimTaken) and dado.stored.get("correlation") != alta.causa:
                    hechas[alta.causa] = YaRegistrado(_leer(dado.stored["value"]).auxiliar)
                else:
                    hechas[alta.causa] = _leer(dado.stored["value"])
                    metrics.REGISTRADOS.inc(isinstance(dado, Emitted) and dado.new)
            faltan = tomados
        dadas = [hechas[alta.causa] for alta in altas]
        await self.consultas.pedir([d for d in dadas if isinstance(d, AuxiliarRegistrado)])
        return dadas

    async def _escritas(self, altas: Sequence[Alta]) -> dict[str, AuxiliarRegistrado]:
        """What these orders wrote already; published for sure."""
        escritas: dict[str, AuxiliarRegistrado] = {}
        for stored in await self.outbox.caused(*(alta.causa for alta in altas)):
            await self.outbox.ensure_published(stored)
            escritas[stored["correlation"]] = _leer(stored["value"])
        return escritas

    async def _registros(
        self, solicitud: str, altas: Sequence[Alta], ultimo: int, por: str, correos: Correos
    ) -> list[AuxiliarRegistrado]:
        ids = [id_auxiliar(ultimo + n) for n in range(1, len(altas) + 1)]
        asuntos = [f"auxiliar/{solicitud}/{auxiliar}" for auxiliar in ids]
        raices = await self.personas.raices(asuntos, _TAMBIEN)
        ahora = self.escritor.clock.now()
        return [
            AuxiliarRegistrado(
                version=1,
                solicitud=solicitud,
                auxiliar=auxiliar,
                llave=id_de_llave(asunto),
                datos_sellados=sellado(raiz, alta.datos, contexto_de_auxiliar(solicitud, auxiliar)),
                acceso=correos.acceso(alta.datos),
                por=por,
                registrado_en=ahora,
            )
            for auxiliar, asunto, raiz, alta in zip(ids, asuntos, raices, altas, strict=True)
        ]

    # What follows ------------------------------------------------------------------------------------------------------

    def uno(self, solicitud: str, auxiliar: str) -> AuxiliarRegistrado:
        """An auxiliar, in force or not. Raises Rechazo."""
        registrado = self.vista.actores.auxiliares.get((solicitud, auxiliar))
        if registrado is None:
            raise Rechazo(Codigo.NO_EXISTE)
        return registrado

    async def dar_de_baja(
        self, orden: Orden, rol: Rol, solicitud: str, auxiliar: str, valores: Valores
    ) -> AuxiliarDadoDeBaja:
        """Dismiss one, from now on by the server's clock (P 7.7, 8.6; D 3.4, 3.8, 4.5). Raises Invalida, Rechazo, Unavailable."""
        await self.escritor.al_dia()
        registrado = self.uno(solicitud, auxiliar)
        quien = quien_da_de_baja(rol, self.perfil(solicitud))
        if quien is None:
            raise Rechazo(Codigo.NO_DA_DE_BAJA)
        captura = Captura(valores)
        motivos = {m.clave: m.texto for m in motivos_de(quien)}
        motivo = captura.opcion("motivo", motivos)
        detalle = captura.texto("detalle", maximo=_MAX_DETALLE, opcional=motivo != "otro", renglones=True)
        captura.terminar()
        if not await self.escritor.escritos(orden):
            self._en_vigor(solicitud, auxiliar)
        baja = AuxiliarDadoDeBaja(
            version=1,
            solicitud=solicitud,
            auxiliar=auxiliar,
            desde=self.escritor.clock.now(),
            por=quien,
            motivo=motivos[motivo],
            cuenta=orden.por,
            detalle_sellado=await self._detalle(registrado, detalle),
        )
        return await self.escritor.emitir(baja, orden)

    async def _detalle(self, registrado: AuxiliarRegistrado, detalle: str) -> str | None:
        if not detalle:
            return None
        raiz = (await self.personas.abrir_para_el_sistema([registrado.llave])).get(registrado.llave)
        if raiz is None:
            return None
        return sellado(raiz, DetalleBaja(detalle=detalle), contexto_de_baja(registrado.solicitud, registrado.auxiliar))

    async def asentar_fura(
        self, orden: Orden, solicitud: str, auxiliar: str, version: int, valores: Valores
    ) -> FuraRegistrada:
        """Record that the signed FURA is held (P 7.5). `version`: of the one before, 0 for none.

        Raises Invalida, Rechazo, Unavailable.
        """
        await self.escritor.al_dia()
        self.uno(solicitud, auxiliar)
        captura = Captura(valores)
        firmada_en = captura.dia("firmada_en")
        if firmada_en is not None and firmada_en > self.hoy():
            captura.error("firmada_en", "No puede ser posterior al día de hoy.")
        captura.terminar()
        assert firmada_en is not None  # noqa: S101 - for mypy: `terminar` has seen it
        fura = FuraRegistrada(
            version=version + 1,
            solicitud=solicitud,
            auxiliar=auxiliar,
            firmada_en=firmada_en.isoformat(),
            por=orden.por,
            registrada_en=self.escritor.clock.now(),
        )
        return await self.escritor.emitir(fura, orden)

    async def cambiar_correo(
        self, orden: Orden, solicitud: str, auxiliar: str, version: int, valores: Valores
    ) -> AuxiliarRegistrado:
        """Another e-mail, or another issuer; id, devices and history stay (P 9.17, D 6.7).

        Raises Invalida, Rechazo, Unavailable.
        """
        await self.escritor.al_dia()
        actual = self.uno(solicitud, auxiliar)
        captura = Captura(valores)
        correo, emisor = leer_correo(captura.crudo("correo"), captura.crudo("emisor"), self.emisores)
        if not await self.escritor.escritos(orden):
            self._en_vigor(solicitud, auxiliar)
        datos = await self.datos(orden.por, [actual])
        if auxiliar not in datos:
            raise Rechazo(Codigo.AUXILIAR_DE_BAJA)
        nuevos = datos[auxiliar].model_copy(update={"correo": correo, "emisor": emisor})
        correos = self.correos(solicitud)
        if (otro := correos.con_ese_correo(nuevos, salvo=auxiliar)) is not None:
            raise Invalida({"correo": ya_registrado(otro)})
        llave, sellados = await self.personas.sellar(
            actual.asunto,
            nuevos,
            contexto_de_auxiliar(solicitud, auxiliar),
            _TAMBIEN,
            antes=actual.datos_sellados,
        )
        acceso = correos.acceso(nuevos)
        evento = actual.model_copy(
            update={
                "version": version + 1,
                "llave": llave,
                "datos_sellados": sellados,
                "acceso": acceso,
                "por": orden.por,
                "registrado_en": self.escritor.clock.now(),
            }
        )
        try:
            return await self.escritor.emitir(evento, orden, reclamo=correos.reclamo(acceso))
        except ClaimTaken as error:
            raise Invalida({"correo": ya_registrado(_leer(error.stored["value"]).auxiliar)}) from error

    def _en_vigor(self, solicitud: str, auxiliar: str) -> None:
        if (solicitud, auxiliar) in self.vista.actores.bajas:
            raise Rechazo(Codigo.AUXILIAR_DE_BAJA)

    # For pages ---------------------------------------------------------------------------------------------------------

    async def datos(self, quien: str, auxiliares: Sequence[AuxiliarRegistrado]) -> dict[str, DatosAuxiliar]:
        """Personal data of auxiliares of one solicitud, for somebody who may see it; Id Auxiliar → data."""
        sellados = {
            a.auxiliar: (a.llave, a.datos_sellados, contexto_de_auxiliar(a.solicitud, a.auxiliar)) for a in auxiliares
        }
        return await self.personas.abrir_varios(quien, sellados, DatosAuxiliar)

    async def detalle_de_baja(self, quien: str, registrado: AuxiliarRegistrado, baja: AuxiliarDadoDeBaja) -> str:
        """What its author said besides the reason, for somebody who may see it; empty when nothing, or no longer."""
        if baja.detalle_sellado is None:
            return ""
        contexto = contexto_de_baja(baja.solicitud, baja.auxiliar)
        detalle = await self.personas.abrir(quien, registrado.llave, baja.detalle_sellado, DetalleBaja, contexto)
        return detalle.detalle if detalle else ""


def _leer(valor: bytes) -> AuxiliarRegistrado:
    return AuxiliarRegistrado.model_validate_json(bytes(valor))
