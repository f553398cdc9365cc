"""The hashes of a process's images, kept so that the same picture is found again, and what is found (SPEC 6).

A document per record: words of its bands, keyed, by which others find it, and its hashes, sealed. A record first writes its own and
then looks for others', so that of two in hand at the same moment one at least sees the other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import numpy as np
import structlog

from kernel.documents import Document, Documents
from kernel.errors import KeyDestroyed
from kernel.sealing import CannotUnseal, KeyRing, derive, seal, unseal
from schemas.eventos import MAX_FOLIOS_DE_ALERTA, Alerta
from schemas.expediente import contexto
from schemas.paquete import IMAGENES, Parte
from services.descifrado.hilos import EnHilo, juntos
from services.descifrado.huellas import Compendio, Huella, fichas

log = structlog.get_logger()

HALLADOS = 1000
"""Other records that are asked for, at most: of all parts, and of each when that is not enough. 136 come of a million by chance."""
CANDIDATOS = 128
"""Of these, how many are compared, for each part: those that share most."""

INCISO = {Parte.ANVERSO: "n", Parte.REVERSO: "n", Parte.FOTO: "h", Parte.FIRMA: "l"}
"""What a picture that is another record's, too, may be: a simulation; not taken of the person; not of this hand."""

DE_MAS = {Parte.ANVERSO: 0.1, Parte.REVERSO: 0.1}
"""How much more of a side of the card has to agree: two cards of one model, in one place and cropped as is best, agree in half."""

_HUELLAS = "huellas"
_FICHAS = "fichas"
_DEL_INDICE = "indice_de_huellas"


class Semejanzas:
    """Keeps and finds. `procesos`: this service's own keys of processes; `umbral`: see `umbral_de`, or None for never."""

    def __init__(self, documents: Documents, procesos: KeyRing, umbral: float | None, en_hilo: EnHilo) -> None:
        self._documents = documents
        self._procesos = procesos
        self._umbral = umbral
        self._en_hilo = en_hilo
        self._preparar = juntos(en_hilo, _preparar)
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
        documento, buscadas = await self._preparar((llave, folio, huellas))
        await self._documents.put_if_absent(documento)
        otros, hay_mas = await self._candidatos(folio, buscadas)
        if not otros:
            return []
        return await self._en_hilo(_alertas, derive(llave, _HUELLAS), huellas, buscadas, otros, self._umbral, hay_mas)

    def olvidar(self, proceso: str) -> None:
        """Drop a process's key from memory: its destruction is ordered."""
        self._llaves.pop(proceso, None)

    async def _llave_de(self, proceso: str) -> bytes:
        """The process's key, made at its first record. Raises KeyDestroyed, Unavailable."""
        if proceso not in self._llaves:
            try:
                self._llaves[proceso] = await self._procesos.open(proceso)
            except LookupError:
                self._llaves[proceso] = await self._procesos.create(proceso, {"descifrado": None})
        return self._llaves[proceso]

    async def _candidatos(self, folio: str, buscadas: Mapping[bytes, Parte]) -> tuple[list[Document], bool]:
        """Other records with one of these words, each once, and whether there are more than were asked for.

        A picture in thousands of records would crowd out those that share another part: then each part is asked for by itself.
        """
        found = await self._con_alguna(buscadas)
        if hay_mas := len(found) > HALLADOS:
            for parte in dict.fromkeys(buscadas.values()):
                found += await self._con_alguna(palabra for palabra, de in buscadas.items() if de is parte)
        return list({d["_id"]: d for d in found if d["_id"] != folio}.values()), hay_mas

    async def _con_alguna(self, palabras: Iterable[bytes]) -> list[Document]:
        # In order: the compiled engine goes through its index once, for a third less.
        return await self._documents.find({_FICHAS: {"$in": sorted(palabras)}}, limit=HALLADOS + 1)


def umbral_de(parte: Parte, umbral: float) -> float:
    """From which likeness (0-1) a picture of that part is another's, too. `umbral`: that of photos and signatures."""
    return umbral + DE_MAS.get(parte, 0.0)


def _preparar(llave: bytes, folio: str, huellas: Mapping[Parte, Huella]) -> tuple[Document, dict[bytes, Parte]]:
    """What is kept of a record, and the words that others are looked for by."""
    del_indice = derive(llave, _DEL_INDICE)
    propias = fichas(del_indice, np.concatenate([huella.bandas for huella in huellas.values()]))
    buscadas = {palabra: parte for parte, huella in huellas.items() for palabra in fichas(del_indice, huella.buscadas)}
    sellado = seal(derive(llave, _HUELLAS), _escribir(huellas), contexto(folio, _HUELLAS))
    return {"_id": folio, _FICHAS: propias, _HUELLAS: sellado}, buscadas


def _alertas(
    llave: bytes,
    huellas: Mapping[Parte, Huella],
    buscadas: Mapping[bytes, Parte],
    otros: Sequence[Document],
    umbral: float,
    hay_mas: bool,
) -> list[Alerta]:
    """One for each part and kind: `imagen_identica`, the same bytes; `imagen_repetida`, the same picture or most of it."""
    alertas = []
    leidas: dict[str, dict[Parte, Compendio]] = {}
    for parte, cercanos in _por_parte(buscadas, otros).items():
        aquellas = dict[str, Compendio]()
        for otro in cercanos[:CANDIDATOS]:
            if otro["_id"] not in leidas:
                leidas[otro["_id"]] = _abrir(llave, otro)
            if aquella := leidas[otro["_id"]].get(parte):
                aquellas[otro["_id"]] = aquella
        if not aquellas:
            continue
        esta = huellas[parte]
        medidos = zip(aquellas.items(), esta.parecidos([*aquellas.values()]), strict=True)
        parecidos = [(esta.compendio.sha256 == aquella.sha256, like, folio) for (folio, aquella), like in medidos]
        parecidos.sort(key=lambda comparado: (-comparado[1], comparado[2]))
        repetida = umbral_de(parte, umbral)
        for codigo, los_mismos_bytes, desde in (("imagen_identica", True, 1.0), ("imagen_repetida", False, repetida)):
            suyos = [(like, folio) for same, like, folio in parecidos if same is los_mismos_bytes and like >= desde]
            if suyos:
                cuantos = f"{'al menos ' if hay_mas or len(cercanos) > CANDIDATOS else ''}{len(suyos)}"
                alertas.append(
                    Alerta(
                        codigo=codigo,
                        inciso=INCISO[parte],
                        parte=parte,
                        medida=round(suyos[0][0], 4),
                        umbral=desde,
                        severidad="alerta",
                        detalle=f"en {cuantos} registro{'' if len(suyos) == 1 else 's'} más",
                        folios=[folio for _, folio in suyos[:MAX_FOLIOS_DE_ALERTA]],
                    )
                )
    return alertas


def _por_parte(buscadas: Mapping[bytes, Parte], otros: Sequence[Document]) -> dict[Parte, list[Document]]:
    """In the order of `IMAGENES`, who shares words of that part: first who shares most, whatever the order they came in.

    Cards of one model share a word by chance, and hardly ever two; the same picture shares nearly all.
    """
    comunes: dict[Parte, list[tuple[int, str, Document]]] = {parte: [] for parte in IMAGENES}
    for otro in otros:
        for parte, cuantas in Counter(buscadas[f] for f in otro[_FICHAS] if f in buscadas).items():
            comunes[parte].append((-cuantas, otro["_id"], otro))
    return {parte: [otro for *_, otro in sorted(suyos, key=itemgetter(0, 1))] for parte, suyos in comunes.items()}


def _abrir(llave: bytes, otro: Document) -> dict[Parte, Compendio]:
    """The hashes of a record; none when they cannot be read, which is logged."""
    try:
        return _leer(unseal(llave, otro[_HUELLAS], contexto(otro["_id"], _HUELLAS)))
    except CannotUnseal:
        log.error("hashes_unreadable", folio=otro["_id"])
        return {}


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
