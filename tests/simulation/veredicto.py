"""Was everything kept? What the topics say, beside what people were told and the truth; written apart from the services."""

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import TypeVar

from apoyo import verificacion
from apoyo.escenario import PROCESO
from dispositivo.poblacion.oraculo import esperado
from kernel.documents import Document, Documents, MemoryDocuments
from kernel.errors import KeyDestroyed
from kernel.sealing import KeyRing, derive, unseal
from kernel.stream import Handler, Record
from kernel.stream.guard import REASON
from schemas.actores import DATOS, DatosAuxiliar, contexto_de_auxiliar
from schemas.ciclo_de_vida import TOPICS, Ciclo, aplicar, estado
from schemas.envelope import Evento, leer
from schemas.eventos import (
    POR_TIPO,
    AccesoRegistrado,
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    ConsultaRespondida,
    ExpedientesDestruidos,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
)
from schemas.expediente import id_de_llave
from schemas.tipos import proceso_de
from services.compulsa import agent as agente_compulsa
from services.compulsa.domain.consulta import CORTE
from services.compulsa.handlers import Pliegue
from services.descifrado.domain import Motivo
from services.descifrado.handlers import CON_DERECHO
from services.mesa_control import agent as agente_mesa
from services.mesa_control.acceso.handlers import ProyectorDeHistoria
from services.notificaciones import agent as agente_notificaciones
from services.resultados.adapters import MemoryConteo
from services.resultados.domain import sin_sellados, totalizar
from tests.simulation.escenario import CORTES, NUEVA, SOLICITANTE, comun
from tests.simulation.fin import CUBOS, DE_OTRO, LLAVES, OTRO, Fin
from tests.simulation.motores import Bitacora, Lugar, ahora, nombres
from tests.simulation.mundo import DOMINIO, Mundo

E = TypeVar("E", bound=Evento)

_HECHOS = (RegistroRecibido, RegistroDescifrado, RegistroEnCuarentena, RegistroCompulsado, RegistroClasificado)


def revisar(mundo: Mundo) -> Iterator[str]:
    """Everything that is wrong with a run that came to rest."""
    yield from mundo.testigo.fallas
    yield from mundo.bucle.errores
    yield from _cuarentena(mundo)
    yield from _versiones(mundo.bitacora)
    ciclos = plegar(mundo.bitacora)
    yield from _acuses(mundo, ciclos)
    yield from _verdad(mundo, ciclos)
    yield from _decisiones(mundo, ciclos)
    yield from _proyeccion(mundo, ciclos)
    yield from _mesa(mundo, ciclos)
    yield from _accesos(mundo)
    yield from _reconstruibles(mundo)
    yield from _totales(mundo, ciclos)
    yield from _respuestas(mundo)
    yield from _correos(mundo)
    yield from _verificacion(mundo)


def revisar_el_fin(mundo: Mundo, fin: Fin) -> Iterator[str]:
    """Everything that is wrong with a process that came to its end, besides what `revisar` says of it."""
    antes, ciclos = plegar(mundo.bitacora, fin.hasta), plegar(mundo.bitacora)
    yield from _nada_se_abre(mundo, ciclos)
    yield from _nada_queda(mundo)
    yield from _lo_ajeno(mundo, fin, ciclos)
    yield from _lo_dicho(mundo, fin, antes, ciclos)
    yield from _destruido(mundo, antes, ciclos)


def _nada_se_abre(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """Of no record received is there a wrap, nor can anybody make it a key any more."""
    llaves = mundo.documentos["llaves"]
    for folio, servicio in product(sorted(ciclos), CON_DERECHO):
        try:
            ahora(KeyRing(llaves, servicio, comun().privadas[servicio], comun().publicas).open(id_de_llave(folio)))
            yield f"{folio}: {servicio} can open it after the end"
        except KeyDestroyed:
            pass
        except LookupError:
            yield f"{folio}: a key can be made after the end"


def _nada_queda(mundo: Mundo) -> Iterator[str]:
    """No hash, object nor package of the process, nor its keys."""
    for nombre in LLAVES[1:]:
        stored = ahora(mundo.documentos[nombre].get(PROCESO))
        if stored is None or "wraps" in stored:
            yield f"{nombre}: the key of the process was not destroyed"
    for huella in _todos(mundo, "descifrado.huellas"):
        if huella.startswith(f"{PROCESO}-"):
            yield f"hashes of {huella} are left"
    for cubo in CUBOS:
        yield from (f"{cubo}/{nombre} is left" for nombre in ahora(nombres(mundo.objetos[cubo], f"{PROCESO}/")))


def _lo_ajeno(mundo: Mundo, fin: Fin, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """What is another process's is as it was, and so is every key of people."""
    propias = {id_de_llave(folio) for folio in ciclos} | {PROCESO}
    for nombre, documentos in fin.documentos.items():
        actuales = _todos(mundo, nombre)
        for documento in ahora(documentos.find({})):
            id_ = documento["_id"]
            propio = id_ in propias or id_.startswith(f"{PROCESO}-")
            if not propio and actuales.get(id_) != documento:
                yield f"{nombre} {id_}: touched, and of another"
    for cubo in CUBOS:
        if ahora(nombres(mundo.objetos[cubo])) != [f"{OTRO}/{DE_OTRO}/x"]:
            yield f"{cubo}: other objects than those of another process"


def _lo_dicho(mundo: Mundo, fin: Fin, antes: dict[str, Ciclo], ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """Nothing that was recorded before changed; what nobody had opened when descifrado learnt of the order stays so."""
    for bandeja, dicho in fin.dicho.items():
        actual = {d["_id"]: bytes(d["value"]) for d in ahora(mundo.documentos[bandeja].find({}))}
        if changed := sorted(id_ for id_, value in dicho.items() if actual.get(id_) != value):
            yield f"{bandeja}: {len(changed)} events changed"
    for folio, ciclo in sorted(antes.items()):
        if ciclos[folio] != ciclo:
            yield f"{folio}: other facts after the end than before"
    for folio in sorted(mundo.testigo.tardios & ciclos.keys()):
        descifrado = ciclos[folio].descifrado
        apartado = isinstance(descifrado, RegistroEnCuarentena) and descifrado.motivo == Motivo.LLAVE_DESTRUIDA
        if fin.detenido and not apartado:
            yield f"{folio}: descifrado opened it after the order"


def _destruido(mundo: Mundo, antes: dict[str, Ciclo], ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """Topic `destruido` ends with the end, and what it says on the way is true: each record counted once, none left out."""
    dichos: dict[int, ExpedientesDestruidos] = {}
    for record in mundo.bitacora.registros(ExpedientesDestruidos.topic):
        evento = leer(POR_TIPO, record.headers, record.value).evento
        assert isinstance(evento, ExpedientesDestruidos)
        dichos.setdefault(evento.version, evento)
    avances = [dichos[version] for version in sorted(dichos)]
    if {a.proceso for a in avances} != {PROCESO} or not avances[-1].terminada:
        yield "destruido: it does not say that this process ended, and no other"
    for avance in avances:
        que = f"destruido v{avance.version}: {avance.registros} of {avance.total} up to {avance.hasta}"
        alcanza = "~" if avance.terminada else avance.hasta or ""
        de_antes, de_hoy = (
            sum(f <= alcanza and c.descifrado is not None for f, c in x.items()) for x in (antes, ciclos)
        )
        if not de_antes <= avance.registros <= de_hoy:
            yield f"{que}, of between {de_antes} and {de_hoy} records"
        if avance.registros > avance.total or (avance.terminada and avance.registros != avance.total):
            yield f"{que}, which contradicts itself"
    if sum(avance.terminada for avance in avances) > 1:
        mundo.azar.vistos.add("se destruye otra vez")


def plegar(bitacora: Bitacora, hasta: dict[Lugar, int] | None = None) -> dict[str, Ciclo]:
    """The lifecycle of each folio, from the topics alone; sealed fields by their hash. `hasta`: where each partition ended."""
    ciclos: dict[str, Ciclo] = {}
    for topic in TOPICS:
        for record in bitacora.registros(topic):
            if hasta is not None and record.offset >= hasta[record.topic, record.partition]:
                continue
            evento = leer(POR_TIPO, record.headers, record.value).evento
            assert isinstance(evento, _HECHOS)
            ciclos[evento.folio] = aplicar(ciclos.get(evento.folio, Ciclo()), sin_sellados(evento), record.offset)
    return ciclos


def _cuarentena(mundo: Mundo) -> Iterator[str]:
    """Nothing is set aside, but what came late to a process's end and nobody may open any more."""
    yield from (f"{r.topic}: {dict(r.headers)}" for r in _apartados(mundo) if not _por_destruido(mundo, r))


def _apartados(mundo: Mundo) -> list[Record]:
    lugares = sorted(mundo.bitacora.lugares.items())
    return [record for (topic, _), records in lugares if topic.endswith(".cuarentena") for record in records]


def _por_destruido(mundo: Mundo, apartado: Record) -> bool:
    return apartado.headers[REASON] == "llave_destruida" and apartado.headers["ce_subject"] in mundo.testigo.tardios


def _versiones(bitacora: Bitacora) -> Iterator[str]:
    """One content per version of a subject, and no hole below it."""
    said: dict[tuple[str, str], dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for (topic, _), records in bitacora.lugares.items():
        for record in records:
            if topic != "actores" and not topic.endswith(".cuarentena"):
                evento = leer(POR_TIPO, record.headers, record.value).evento
                said[(record.topic, evento.asunto)][evento.version].add(record.value)
    for (topic, asunto), versions in sorted(said.items()):
        for version, contents in sorted(versions.items()):
            if len(contents) > 1:
                yield f"{topic} {asunto}: version {version} has {len(contents)} contents"
        # A verdict has the version of its person's group, which other records raise too.
        if topic != "compulsa_veredictos" and sorted(versions) != list(range(1, len(versions) + 1)):
            yield f"{topic} {asunto}: versions {sorted(versions)}"


def _acuses(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """What was acknowledged is there, as it was acknowledged, and nothing else is."""
    acuses = mundo.testigo.acuses
    for folio, (codigo, recibido_en, envio) in sorted(acuses.items()):
        recibido = ciclos[folio].recibido if folio in ciclos else None
        if recibido is None:
            yield f"{folio}: acknowledged and lost"
        elif (recibido.codigo_integridad, recibido.recibido_en, recibido.envio) != (codigo, recibido_en, envio):
            yield f"{folio}: received otherwise than acknowledged"
    for captura in mundo.tirada.capturas:
        if captura.folio not in acuses:
            yield f"{captura.folio}: never acknowledged"
    desconocidos = ciclos.keys() - acuses.keys() - mundo.testigo.tardios
    yield from (f"{folio}: not acknowledged, and there" for folio in sorted(desconocidos))


def _verdad(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """The fold equals the oracle, which knows persons and receptions alone."""
    acuses = mundo.testigo.acuses
    recibido_en = {c.numero: acuses[c.folio][1] for c in mundo.tirada.capturas if c.folio in acuses}
    mundo.azar.vistos |= {f"estado {estado(c)}" for folio, c in ciclos.items() if folio not in mundo.testigo.tardios}
    abiertos = [c.descifrado.version for c in ciclos.values() if isinstance(c.descifrado, RegistroDescifrado)]
    mundo.azar.vistos |= {"abierto al reintentarlo"} if max(abiertos, default=1) > 1 else set()
    mundo.azar.vistos |= {"otra vez en cuarentena"} if max(abiertos, default=1) > 2 else set()
    verdad = esperado(mundo.tirada.capturas, recibido_en, mundo.tirada.perfil.misma_persona)
    for captura in mundo.tirada.capturas:
        actual = estado(ciclos.get(captura.folio, Ciclo()))
        if captura.numero in verdad and actual != verdad[captura.numero]:
            yield f"{captura.folio}: {actual} instead of {verdad[captura.numero]} ({captura.clase})"


def _decisiones(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """The last decision that a reviewer was told stands."""
    for folio, decision in sorted(mundo.testigo.decisiones.items()):
        if ciclos[folio].clasificado != decision:
            yield f"{folio}: the decision told is not the one in force"


def _proyeccion(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """resultados holds exactly the fold of each folio."""
    guardados = _todos(mundo, "resultados.registros")
    if guardados.keys() != ciclos.keys():
        yield f"resultados: other folios: {sorted(guardados.keys() ^ ciclos.keys())}"
    for folio, guardado in sorted(guardados.items()):
        hechos, status = _hechos(ciclos.get(folio, Ciclo())), estado(ciclos.get(folio, Ciclo()))
        if guardado["hechos"] != hechos or guardado["divergentes"]:
            yield f"resultados {folio}: other facts than the topics"
        if guardado["estado"] != status:
            yield f"resultados {folio}: {guardado['estado']} instead of {status}"


def _mesa(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """Mesa de Control's queue is empty, nothing waits for a key or for an answer, and it holds what the topics say."""
    correcciones = {
        (c.folio, c.version): c
        for r in mundo.bitacora.registros(RegistroCorregido.topic)
        if isinstance(c := leer(POR_TIPO, r.headers, r.value).evento, RegistroCorregido)
    }
    for quien, hecha in sorted(mundo.testigo.correcciones.items()):
        if correcciones.get(quien) != hecha:
            yield f"{quien}: the correction told is not the one there"
    for folio, guardado in sorted(_todos(mundo, "mesa.registros").items()):
        if guardado["cola"].endswith("/pendiente") and folio not in mundo.testigo.tardios:
            yield f"mesa {folio}: still in the queue"
        if guardado["motivo"] == "llave_desconocida" or guardado["reintentando"]:
            yield f"mesa {folio}: still in quarantine, {guardado['motivo']} {guardado['reintento']}"
        dichas = sorted(v for (f, v) in correcciones if f == folio)
        if [c["version"] for c in guardado.get("correcciones", [])] != dichas:
            yield f"mesa {folio}: other corrections than the topics"
        if dichas and guardado["cola"].endswith("/esperando"):
            yield f"mesa {folio}: its correction still waits for its lookup"
        vigentes = {topic: (h["hecho"]["version"], h["offset"]) for topic, h in guardado["hechos"].items()}
        ciclo = ciclos.get(folio, Ciclo())
        if vigentes != {topic: (h.evento.version, h.offset) for topic, h in ciclo.hechos.items()}:
            yield f"mesa {folio}: other facts than the topics"


def _accesos(mundo: Mundo) -> Iterator[str]:
    """Whoever was shown a record is in topic `acceso`, and in its history."""
    constan = {
        (evento.folio, evento.quien)
        for record in mundo.bitacora.registros(AccesoRegistrado.topic)
        if isinstance(evento := leer(POR_TIPO, record.headers, record.value).evento, AccesoRegistrado)
    }
    for folio, quien in sorted(mundo.testigo.mostrados - constan):
        yield f"{folio}: shown to {quien}, and nobody wrote it down"


def _reconstruibles(mundo: Mundo) -> Iterator[str]:
    """compulsa, notificaciones and the histories of Mesa de Control hold exactly what a rebuild would make of the topics."""
    folds: dict[str, tuple[tuple[str, ...], Callable[[Documents], Handler]]] = {
        "compulsa.folios": (agente_compulsa.TOPICS_DE_FOLIOS, lambda d: agente_compulsa.solo_folios(Pliegue(d, int))),
        "compulsa.personas": (
            agente_compulsa.TOPICS_DE_PERSONAS,
            lambda d: agente_compulsa.solo_personas(Pliegue(d, int)),
        ),
        "compulsa.consultas": (
            agente_compulsa.TOPICS_DE_CONSULTAS,
            lambda d: agente_compulsa.solo_consultas(Pliegue(d, int)),
        ),
        "mesa.historias": (
            agente_mesa.TOPICS_DE_HISTORIA,
            lambda d: agente_mesa.historia(ProyectorDeHistoria(d)),
        ),
        "notificaciones.envios": (("envios",), agente_notificaciones.solo_envios),
        "notificaciones.desenlaces": (("descifrado",), agente_notificaciones.solo_desenlaces),
    }
    for nombre, (topics, fold) in folds.items():
        documentos = MemoryDocuments()
        handle = fold(documentos)
        for topic in topics:
            for record in mundo.bitacora.registros(topic):
                ahora(handle(record))
        esperados = {d["_id"]: d | {"revision": 0} for d in ahora(documentos.find({}))}
        guardados = {id_: d | {"revision": 0} for id_, d in _todos(mundo, nombre).items()}
        # What compulsa could not look up any more it set aside: it knows nothing of it.
        sin_ver = {r.headers["ce_subject"] for r in _apartados(mundo)} if nombre == "compulsa.folios" else set()
        for id_ in sorted((esperados.keys() | guardados.keys()) - sin_ver):
            if esperados.get(id_) != guardados.get(id_):
                yield f"{nombre} {id_}: other than the topics say"


def _totales(mundo: Mundo, ciclos: dict[str, Ciclo]) -> Iterator[str]:
    """Totals add up and count each received record once."""
    grupos = ahora(MemoryConteo(mundo.documentos["resultados.registros"]).grupos(PROCESO))
    totales = totalizar(PROCESO, [], grupos, mundo.azar.hora(), {})
    recibidos = mundo.testigo.acuses.keys() | (mundo.testigo.tardios & ciclos.keys())
    if not totales.cuadra or totales.cuenta.recibidos != len(recibidos):
        yield f"totals: {totales.cuenta} of {len(recibidos)} received"
    esperados = Counter(estado(c) for c in ciclos.values())
    if {e: n for e, n in totales.cuenta.estados.items() if n} != esperados:
        yield f"totals by status: {totales.cuenta.estados} instead of {esperados}"


def _respuestas(mundo: Mundo) -> Iterator[str]:
    """Each lookup of the portal has one answer, which is what the roll says of that person; nothing else was answered."""
    dichas: dict[str, set[bytes]] = defaultdict(set)
    for record in mundo.bitacora.registros(ConsultaRespondida.topic):
        dichas[record.key].add(record.value)
        if record.headers["ce_causa"].startswith(CORTE):
            mundo.azar.vistos.add("respondida al llegar un corte")
    llavero = mundo.llavero_del_portal()
    for pregunta in mundo.tirada.preguntas:
        respuestas = dichas.pop(pregunta.consulta, set())
        if len(respuestas) != 1:
            yield f"lookup {pregunta.consulta}: {len(respuestas)} answers"
        for respuesta in respuestas:
            evento = ConsultaRespondida.model_validate_json(respuesta)
            abierta = ahora(pregunta.abrir(llavero, evento))
            if abierta != pregunta.verdad() or evento.corte not in CORTES:
                yield f"lookup {pregunta.consulta}: another answer than the roll's"
    yield from (f"an answer to no lookup: {consulta}" for consulta in sorted(dichas))


def _correos(mundo: Mundo) -> Iterator[str]:
    """Every e-mail that is due, always under one Message-ID, to the right address; and no other."""
    por_id = defaultdict(list)
    for mensaje in mundo.buzon.mensajes:
        por_id[mensaje.id].append(mensaje)
    esperados = dict(_acuses_debidos(mundo)) | dict(_avisos_debidos(mundo))
    for id_, (para, folios) in sorted(esperados.items()):
        mensajes = por_id.pop(id_, [])
        if not mensajes:
            yield f"{id_}: no receipt" if folios is not None else f"{id_}: no e-mail"
        for mensaje in mensajes:
            if mensaje.para not in para:
                yield f"{id_}: to {mensaje.para} instead of {sorted(para)}"
            if missing := [f for f in sorted(folios or ()) if f not in mensaje.cuerpo]:
                yield f"{id_}: the receipt lacks {missing}"
        if len(mensajes) > 1 and not mundo.azar.muertes and not mundo.fallas.negativa and not mundo.fallas.lentitud:
            yield f"{id_}: {len(mensajes)} times without a fault"
    yield from (f"an e-mail that nobody is due: {id_}" for id_ in sorted(por_id))


Debido = tuple[str, tuple[set[str], set[str] | None]]
"""Message-ID, the addresses that it may go to, and the folios that must be in it (of a receipt)."""


def _acuses_debidos(mundo: Mundo) -> Iterator[Debido]:
    """Each closed envío has its receipt, with all that was acknowledged in it before its close."""
    correos = _correos_de_auxiliares(mundo)
    for envio, cierre in mundo.testigo.cierres.items():
        para = {correo for _, correo in correos[cierre.solicitud, cierre.auxiliar]}
        yield f"<acuse.{envio}@{DOMINIO}>", (para, mundo.testigo.antes_de_cerrar[envio])


def _avisos_debidos(mundo: Mundo) -> Iterator[Debido]:
    """What actors must have been told, from the topic and the seed alone."""
    correos = _correos_de_auxiliares(mundo)
    for (solicitud, auxiliar), versiones in correos.items():
        quien = f"{solicitud}.{auxiliar}"
        yield f"<alta.{quien}@{DOMINIO}>", ({versiones[0][1]}, None)
        for (_, antes), (version, correo) in pairwise(versiones):
            if correo != antes:
                mundo.azar.vistos.add("cambio de correo")
                yield f"<cambio_de_correo.{quien}.{version}@{DOMINIO}>", ({correo}, None)
    for evento in _de_actores(mundo, AuxiliarDadoDeBaja):
        _, ultimo = correos[evento.solicitud, evento.auxiliar][-1]
        yield f"<baja.{evento.solicitud}.{evento.auxiliar}.1@{DOMINIO}>", ({ultimo}, None)
    if mundo.tirada.con_cedula or mundo.tirada.perfil.confirmacion == "inmediata":
        mundo.azar.vistos.add(f"confirmación {mundo.tirada.perfil.confirmacion}")
        yield f"<confirmacion.{NUEVA}@{DOMINIO}>", ({SOLICITANTE}, None)


def _correos_de_auxiliares(mundo: Mundo) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """Version and e-mail of each version of each auxiliar, in order."""
    found: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    llavero = mundo.llavero_del_portal()
    for evento in _de_actores(mundo, AuxiliarRegistrado):
        llave = derive(ahora(llavero.open(evento.llave)), DATOS)
        contexto = contexto_de_auxiliar(evento.solicitud, evento.auxiliar)
        datos = DatosAuxiliar.model_validate_json(unseal(llave, base64.b64decode(evento.datos_sellados), contexto))
        found[evento.solicitud, evento.auxiliar][evento.version] = datos.correo
    return {quien: sorted(versiones.items()) for quien, versiones in found.items()}


def _de_actores(mundo: Mundo, tipo: type[E]) -> Iterator[E]:
    for record in mundo.bitacora.registros("actores"):
        evento = leer(POR_TIPO, record.headers, record.value).evento
        if isinstance(evento, tipo):
            yield evento


def _verificacion(mundo: Mundo) -> Iterator[str]:
    """What `apoyo verify` checks: the topics, the objects with their hashes, the projection."""
    lugares = mundo.bitacora.lugares
    leidos = verificacion.LEIDOS
    fines = {topic: {p: len(records) for (name, p), records in lugares.items() if name == topic} for topic in leidos}
    hechos = verificacion.Hechos(fines)
    for record in mundo.bitacora.registros("actores"):
        hechos.ordenar(record)
    for topic in leidos:
        for record in mundo.bitacora.registros(topic):
            hechos.leer(record)
    revision = verificacion.Revision({cubo: set(ahora(nombres(o))) for cubo, o in mundo.objetos.items()})
    for objeto in hechos.objetos.values():
        try:
            revision.leer(objeto, ahora(mundo.objetos[objeto.cubo].get(objeto.nombre)))
        except LookupError:
            if proceso_de(objeto.folio) not in hechos.destruidos:
                revision.leer(objeto, None)
    for comprobacion in [*verificacion.de_los_topics(hechos, {}), *verificacion.de_los_objetos(hechos, revision)]:
        if comprobacion.dictamen is not verificacion.Dictamen.AVISO:
            yield from (f"verify {comprobacion.clave}: {h.donde} {h.que}" for h in comprobacion.hallazgos)


def _hechos(ciclo: Ciclo) -> dict[str, Document]:
    return {
        topic: {"tipo": h.evento.ce_type(), "offset": h.offset, "hecho": h.evento.model_dump(mode="json")}
        for topic, h in ciclo.hechos.items()
    }


def _todos(mundo: Mundo, nombre: str) -> dict[str, Document]:
    return {d["_id"]: d for d in ahora(mundo.documentos[nombre].find({}))}
