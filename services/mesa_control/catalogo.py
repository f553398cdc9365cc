"""The catalogue of a process: that of the norms, and what its OPL added to it (P 13.8). Pure."""

from credencial.inconsistencias import CATALOGO_VERSION, Inconsistencia, de_revision
from schemas.paquete import Modalidad
from schemas.perfil import PerfilReglas


def version_de(perfil: PerfilReglas) -> str:
    """The version that a decision names: of the norms' catalogue, and of the profile whose additions stand beside it, if any."""
    return f"{CATALOGO_VERSION}+{perfil.version}" if perfil.inconsistencias_propias else CATALOGO_VERSION


def ofrecidas(modalidad: Modalidad, perfil: PerfilReglas) -> tuple[Inconsistencia, ...]:
    """What can be chosen for a record of that modality, under that profile."""
    propias = tuple(
        Inconsistencia(
            clave=p.clave,
            tipo=p.tipo,
            descripcion=p.descripcion,
            pide_detalle=p.pide_detalle,
            fundamento=p.fundamento,
            modalidades=tuple(m.value for m in p.modalidades),
        )
        for p in perfil.inconsistencias_propias
        if modalidad in p.modalidades
    )
    return (*de_revision(modalidad.value), *propias)
