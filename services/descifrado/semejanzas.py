"""The hashes of a process's images, kept so that the same picture is found again, and what is found (SPEC 6).

A document per record: words of its bands, keyed, by which others find it, and its hashes, sealed. A record first writes its own and
then looks for others', so that of two in hand at the same moment one at least sees the other.
"""

from collections.abc import Iterator, Mapping, Sequence

import structlog

from kernel.documents import Document, Documents
from kernel.errors import KeyDestroyed
from kernel.sealing import CannotUnseal, KeyRing, derive, seal, unseal
from schemas.eventos import MAX_FOLIOS_DE_ALERTA, Alerta
from schemas.expediente import contexto
from schemas.paquete import IMAGENES, Parte
from services.descifrado.huellas import Compendio, Huella, ficha

log = structlog.get_logger()

CANDIDATOS = 64
"""Other records that a record is compared with, at most."""

INCISO = {Parte.ANVERSO: "n", Parte.REVERSO: "n", Parte.FOTO: "h", Parte.FIRMA: "l"}
"""What a picture that is another record's, too, may be: a simulation; not taken of the person; not of this hand."""

_HUELLAS = "huellas"
_FICHAS = "fichas"
_DEL_INDICE = "indice_de_huellas"

Parecidos = dict[Parte, list[tuple[bool, float, str]]]
"""By part, of each record compared: whether its image is the same bytes, how like it is (0-1), and its folio."""


class Semejanzas:
    """Keeps and finds. `procesos`: this service's own keys of processes; `umbral`: from which likeness, or None for never."""

    def __init__(self, documents: Documents, procesos: KeyRing, umbral: float | None) -> None:
        self._documents = documents
        self._procesos = procesos
        self._umbral = umbral
        self._llaves: dict[str, bytes] = {}

    async def buscar(self, proceso: str, folio: str, huellas: Mapping[Parte, Huella]) -> list[Alerta]:
        """Keep the hashes of a record, and say in which others the same pictures are. Raises Unavailable.

        Repeated, it keeps what is kept, and may find others that came in between. Without the process's key, destroyed for good, it
        does nothing.
        """
        if self._umbral is None or not huellas:
            return []
        try:
            llave = await self._llave_de(proceso)
        except KeyDestroyed:
            log.warning("process_key_destroyed", process=proceso)
            return []
        del_indice = derive(llave, _DEL_INDICE)
        propias, buscadas = [], dict[int, Parte]()
        for parte, huella in huellas.items():
            for banda in huella.bandas:
                fichas = [ficha(del_indice, parte, banda.numero, bits) for bits in banda.variantes]
                propias.append(fichas[0])
                buscadas |= dict.fromkeys(fichas, parte)
        sellado = seal(derive(llave, _HUELLAS), _escribir(huellas), contexto(folio, _HUELLAS))
        await self._documents.put_if_absent({"_id": folio, _FICHAS: propias, _HUELLAS: sellado})
        found = await self._documents.find({_FICHAS: {"$in": list(buscadas)}}, limit=CANDIDATOS + 1)
        otros = [d for d in found if d["_id"] != folio][:CANDIDATOS]
        return _alertas(
            self._comparar(derive(llave, _HUELLAS), huellas, buscadas, otros), self._umbral, len(otros) >= CANDIDATOS
        )

    async def _llave_de(self, proceso: str) -> bytes:
        """The process's key, made at its first record. Raises KeyDestroyed, Unavailable."""
        if proceso not in self._llaves:
            try:
                self._llaves[proceso] = await self._procesos.open(proceso)
            except LookupError:
                self._llaves[proceso] = await self._procesos.create(proceso, {"descifrado": None})
        return self._llaves[proceso]

    def _comparar(
        self, llave: bytes, huellas: Mapping[Parte, Huella], buscadas: Mapping[int, Parte], otros: Sequence[Document]
    ) -> Parecidos:
        """Of the parts of which a band is the same."""
        parecidos: Parecidos = {}
        for otro in otros:
            try:
                suyas = _leer(unseal(llave, otro[_HUELLAS], contexto(otro["_id"], _HUELLAS)))
            except CannotUnseal:
                log.error("hashes_unreadable", folio=otro["_id"])
                continue
            for parte in {buscadas[f] for f in otro[_FICHAS] if f in buscadas}:
                esta, aquella = huellas[parte].compendio, suyas[parte]
                comparado = esta.sha256 == aquella.sha256, esta.parecido(aquella), otro["_id"]
                parecidos.setdefault(parte, []).append(comparado)
        return parecidos


def _alertas(parecidos: Parecidos, umbral: float, hay_mas: bool) -> list[Alerta]:
    """One for each part and kind: `imagen_identica`, the same bytes; `imagen_repetida`, the same picture or most of it."""
    alertas = []
    for parte in IMAGENES:
        de_la_parte = sorted(parecidos.get(parte, []), key=lambda comparado: (-comparado[1], comparado[2]))
        for codigo, los_mismos_bytes, desde in (("imagen_identica", True, 1.0), ("imagen_repetida", False, umbral)):
            otros = [(like, folio) for same, like, folio in de_la_parte if same is los_mismos_bytes and like >= desde]
            if otros:
                cuantos = f"{'al menos ' if hay_mas else ''}{len(otros)}"
                alertas.append(
                    Alerta(
                        codigo=codigo,
                        inciso=INCISO[parte],
                        parte=parte,
                        medida=round(otros[0][0], 4),
                        umbral=desde,
                        severidad="alerta",
                        detalle=f"en {cuantos} registro{'' if len(otros) == 1 else 's'} más",
                        folios=[folio for _, folio in otros[:MAX_FOLIOS_DE_ALERTA]],
                    )
                )
    return alertas


def _escribir(huellas: Mapping[Parte, Huella]) -> bytes:
    """The hashes one after the other, each behind the number of its part."""
    return b"".join(bytes([IMAGENES.index(parte)]) + bytes(h.compendio) for parte, h in huellas.items())


def _leer(contenido: bytes) -> dict[Parte, Compendio]:
    """What `_escribir` wrote."""

    def uno_por_uno() -> Iterator[tuple[Parte, Compendio]]:
        largo = 1 + Compendio.LARGO
        for inicio in range(0, len(contenido), largo):
            yield IMAGENES[contenido[inicio]], Compendio.de(contenido[inicio + 1 : inicio + largo])

    return dict(uno_por_uno())
