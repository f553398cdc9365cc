"""Writes the test vectors of the package format, for whoever writes another kit or another reader.

    python -m dispositivo.vectores

HPKE draws its own randomness, so each run writes other packages: what is published stays, and tests/unit/test_paquete.py reads it.
The keys are in clear because they protect nothing; the parts are not images because the format does not look into them.
"""

import base64
import json
import random
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import schemas
from dispositivo.kit import Captura, Dispositivo
from kernel.hpke import Private
from schemas.eventos import LlaveProceso
from schemas.paquete import IMAGENES, DatosRegistro, Suite, Ubicacion, info_hpke, leer_cuerpo, leer_paquete

CARPETA = Path(schemas.__file__).with_name("vectores")

_DATOS = DatosRegistro(
    modelo="G",
    clave_elector="ZZESPE90010109H000",
    numero_emision="01",
    cic="000000001",
    ocr="0001000000001",
    nombre="ESPÉCIMEN",
    primer_apellido="PRUEBA",
    original_mostrado=True,
    solicitante_mostrado="Solicitante de prueba",
    manifestacion="Manifiesto mi apoyo. Ejemplo sin valor.",
    ubicacion=Ubicacion(latitud=19.4326, longitud=-99.1332, precision_m=12.5),
)


def vector(suite: Suite) -> dict[str, object]:
    """One package, with all that it takes to check it by hand. Bytes in base64."""
    azar = random.Random(f"apoyo/{suite}").randbytes
    privada = Private.generate(suite)
    llave = LlaveProceso(id="vector-1", suite=suite, publica=_b64(privada.public().raw))
    dispositivo = Dispositivo.nuevo("VECTOR-0001", "A001", azar)
    imagenes = {parte: (f"bytes de ejemplo: {parte}".encode(), "image/jpeg") for parte in IMAGENES}
    captura = Captura(_DATOS, imagenes, datetime(2026, 1, 15, 18, 30, tzinfo=UTC))
    sellado = dispositivo.sellar(captura, llave, azar=azar)
    paquete = leer_paquete(sellado.contenido)
    info = info_hpke(sellado.folio)
    claro = privada.open(paquete.cuerpo, info)
    return {
        "descripcion": "Vector de prueba del paquete de apoyo. Todo es sintético; las llaves no protegen nada.",
        "suite": suite,
        "llave": {"id": llave.id, "publica": llave.publica, "privada": _b64(privada.raw)},
        "dispositivo": {
            "id": dispositivo.id,
            "publica_spki_der": dispositivo.publica,
            "privada_pkcs8_der": _b64(
                dispositivo.privada.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            ),
        },
        "folio": sellado.folio,
        "encabezado": _b64(paquete.encabezado_bytes),
        "codigo_integridad": sellado.codigo_integridad,
        "firmado": _b64(paquete.firmado),
        "firma": _b64(paquete.firma),
        "info_hpke": _b64(info),
        "cuerpo_claro": _b64(claro),
        "partes": [
            {
                "nombre": parte.nombre,
                "tipo_medio": parte.tipo_medio,
                "sal": _b64(parte.sal),
                "contenido": _b64(parte.contenido),
                "compendio": paquete.encabezado.partes[parte.nombre],
            }
            for parte in leer_cuerpo(claro)
        ],
        "paquete": _b64(sellado.contenido),
    }


def _b64(contenido: bytes) -> str:
    return base64.b64encode(contenido).decode()


if __name__ == "__main__":
    CARPETA.mkdir(exist_ok=True)
    for suite in Suite:
        content = json.dumps(vector(suite), ensure_ascii=False, indent=2) + "\n"
        (CARPETA / f"paquete.{suite.name.lower()}.json").write_text(content, encoding="utf-8")
