"""ECDSA verification of devices' signatures."""

import base64
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def verificar(publica: str, firma: bytes, mensaje: bytes) -> bool:
    """Whether `firma` (DER) is that P-256 key's over `mensaje`. `publica`: SubjectPublicKeyInfo, DER, base64.

    Raises ValueError when `publica` is not a P-256 key: `actores` must never hold such a device.
    """
    try:
        _llave(publica).verify(firma, mensaje, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4096)
def _llave(publica: str) -> ec.EllipticCurvePublicKey:
    llave = load_der_public_key(base64.b64decode(publica))
    if not isinstance(llave, ec.EllipticCurvePublicKey) or not isinstance(llave.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")
    return llave
