"""The sending half of the device kit: a device's key, and a capture sealed into a package (ARCHITECTURE, "The package").

A package is sealed once and sent unchanged. Randomness is an argument (`Azar`) where a simulation wants to repeat itself: device id
and key, record id, salts. HPKE draws its own.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kernel.hpke import Public
from schemas.eventos import LlaveProceso
from schemas.paquete import FIRMA as FIRMA_PAQUETE
from schemas.paquete import (
    MAX_PAQUETE,
    DatosRegistro,
    Encabezado,
    Modalidad,
    Parte,
    Suite,
    codigo_integridad,
    compendio,
    escribir_cuerpo,
    escribir_encabezado,
    escribir_paquete,
    info_hpke,
    leer_paquete,
)
from schemas.tipos import componer_folio, proceso_de

Azar = Callable[[int], bytes]
"""n → n random bytes: `os.urandom`, or `random.Random(seed).randbytes`."""

TIPO_DATOS = "application/json"
_ORDEN_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class PaqueteExcesivo(ValueError):
    """The capture does not fit a package: its images must be smaller. Bytes in `args[0]`."""


@dataclass(frozen=True, slots=True)
class Captura:
    """One apoyo as captured. `imagenes`: part → (bytes, media type)."""

    datos: DatosRegistro
    imagenes: Mapping[Parte, tuple[bytes, str]]
    capturado_en: datetime
    modalidad: Modalidad = Modalidad.AUXILIAR


@dataclass(frozen=True, slots=True)
class PaqueteSellado:
    """A package ready to be sent. `contenido`: its bytes; they are the record, and never change."""

    folio: str
    codigo_integridad: str
    contenido: bytes

    @staticmethod
    def leer(contenido: bytes) -> "PaqueteSellado":
        """A package that was kept. Raises schemas.paquete.PaqueteInvalido."""
        paquete = leer_paquete(contenido)
        return PaqueteSellado(paquete.encabezado.folio, paquete.codigo_integridad, contenido)


@dataclass(frozen=True, slots=True)
class Dispositivo:
    """A device enrolled for one auxiliar of one solicitud."""

    solicitud: str
    auxiliar: str
    id: str
    privada: ec.EllipticCurvePrivateKey

    @staticmethod
    def nuevo(solicitud: str, auxiliar: str, azar: Azar = os.urandom) -> "Dispositivo":
        """A device with a new id (12 hexadecimal digits) and a new P-256 key, both from `azar`."""
        id_ = azar(6).hex()
        # 64 bits more than the order, so that the remainder is as good as uniform (FIPS 186-5, A.2.1).
        secreto = int.from_bytes(azar(40), "big") % (_ORDEN_P256 - 1) + 1
        return Dispositivo(solicitud, auxiliar, id_, ec.derive_private_key(secreto, ec.SECP256R1()))

    @property
    def proceso(self) -> str:
        """Its process."""
        return proceso_de(self.solicitud)

    @property
    def publica(self) -> str:
        """Its public key, as `DispositivoRegistrado.publica` wants it: SubjectPublicKeyInfo, DER, base64."""
        der = self.privada.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def firmar(self, mensaje: bytes) -> bytes:
        """ECDSA P-256 with SHA-256, DER."""
        return self.privada.sign(mensaje, ec.ECDSA(SHA256()))

    def sellar(
        self, captura: Captura, llave: LlaveProceso, *, registro: str | None = None, azar: Azar = os.urandom
    ) -> PaqueteSellado:
        """Encrypt to the process's key and sign. `registro`: record id, 20 hexadecimal digits; drawn from `azar` if None.

        Raises PaqueteExcesivo, and ValueError when `registro` or the key do not fit.
        """
        folio = componer_folio(self.solicitud, self.auxiliar, self.id, registro or azar(10).hex())
        contenidos = {
            **{parte: (tipo_medio, contenido) for parte, (contenido, tipo_medio) in captura.imagenes.items()},
            Parte.DATOS: (TIPO_DATOS, captura.datos.model_dump_json().encode()),
        }
        partes = {parte: (tipo_medio, azar(32), contenido) for parte, (tipo_medio, contenido) in contenidos.items()}
        publica = Public(llave.suite, base64.b64decode(llave.publica))
        cuerpo = publica.seal(escribir_cuerpo(partes), info_hpke(folio))
        encabezado = escribir_encabezado(
            Encabezado(
                formato="apoyo-paquete/1",
                proceso=self.proceso,
                solicitud=self.solicitud,
                auxiliar=self.auxiliar,
                dispositivo=self.id,
                folio=folio,
                modalidad=captura.modalidad,
                capturado_en=captura.capturado_en,
                suite=Suite(llave.suite),
                llave=llave.id,
                cuerpo_sha256=hashlib.sha256(cuerpo).hexdigest(),
                partes={parte: compendio(sal, contenido) for parte, (_, sal, contenido) in partes.items()},
            )
        )
        paquete = escribir_paquete(encabezado, self.firmar(FIRMA_PAQUETE + encabezado), cuerpo)
        if len(paquete) > MAX_PAQUETE:
            raise PaqueteExcesivo(len(paquete))
        return PaqueteSellado(folio, codigo_integridad(encabezado), paquete)
