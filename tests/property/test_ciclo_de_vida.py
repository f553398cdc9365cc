"""Any interleaving across topics and any repetition of a folio's events folds to the same status."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.ciclo_de_vida import TOPICS, Ciclo, aplicar, estado
from schemas.envelope import Evento
from schemas.eventos import (
    Fase,
    Inconsistencia,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
)
from tests.support.ejemplos import ejemplo

_RECIBIDO = ejemplo(RegistroRecibido)
_DUPLICADO_DE = ejemplo(RegistroCompulsado).duplicado_de
Log = dict[str, list[Evento]]


@st.composite
def vidas(draw: st.DrawFn) -> Log:
    """Some life of a folio: what each topic's partition holds, in order, with versions that may even diverge."""

    def versions(topic_max: int) -> list[int]:
        return sorted(draw(st.lists(st.integers(1, topic_max), max_size=4)))

    descifrado: list[Evento] = []
    for version in versions(2):
        kind = draw(st.sampled_from([RegistroDescifrado, RegistroEnCuarentena]))
        descifrado.append(ejemplo(kind, version=version))
    compulsado: list[Evento] = [
        ejemplo(
            RegistroCompulsado,
            version=version,
            fase=draw(st.sampled_from(Fase)),
            situacion=draw(st.sampled_from(SituacionRegistral)),
            clasificado_version=draw(st.integers(0, 3)),
            duplicado_de=draw(st.sampled_from([None, _DUPLICADO_DE])),
        )
        for version in versions(4)
    ]
    clasificado: list[Evento] = [
        ejemplo(
            RegistroClasificado,
            version=version,
            inconsistencias=draw(st.sampled_from([[], [Inconsistencia(clave="e", origen="revision")]])),
        )
        for version in versions(3)
    ]
    recibido: list[Evento] = [_RECIBIDO] * draw(st.integers(0, 2))
    return dict(zip(TOPICS, (recibido, descifrado, compulsado, clasificado), strict=True))


def fold(deliveries: list[tuple[int, Evento]]) -> Ciclo:
    ciclo = Ciclo()
    for offset, evento in deliveries:
        ciclo = aplicar(ciclo, evento, offset)
    return ciclo


@given(vidas(), st.data())
def test_ningun_orden_entre_topics_ni_repeticion_cambia_los_hechos_ni_el_estado(vida: Log, data: st.DataObject) -> None:
    in_order = [(offset, evento) for log in vida.values() for offset, evento in enumerate(log)]
    reference = fold(in_order)
    repeated = in_order + data.draw(st.lists(st.sampled_from(in_order), max_size=6) if in_order else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    assert fold(shuffled) == reference
    assert estado(fold(shuffled)) is estado(reference)


@given(vidas())
def test_todo_recibido_esta_exactamente_en_un_estado_y_lo_no_recibido_en_ninguno(vida: Log) -> None:
    ciclo = fold([(offset, evento) for log in vida.values() for offset, evento in enumerate(log)])
    assert (estado(ciclo) is None) == (not vida["registro_recibido"])
