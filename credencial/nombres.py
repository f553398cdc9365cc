"""Names as the identifiers read them: upper case, without accents, Ñ kept until each code decides what to do with it."""

import unicodedata

_PARTICULAS = "DA DAS DE DEL DER DI DIE DD EL LA LOS LAS LE LES MAC MC VAN VON Y"
PARTICULAS = frozenset(_PARTICULAS.split())
"""Words that the CURP drops from names."""
NOMBRES_COMUNES = frozenset({"JOSE", "J", "MARIA", "MA", "M"})
"""Given names that the CURP skips when another one follows."""

_VOCALES = frozenset("AEIOU")


def normalizar(texto: str) -> str:
    """Upper case, single spaces, no accents or diaereses; Ñ stays."""
    if texto.isascii():
        return " ".join(texto.upper().split())
    upper = unicodedata.normalize("NFC", texto).upper()
    plain = (c if c == "Ñ" else unicodedata.normalize("NFD", c)[0] for c in upper)
    return " ".join("".join(plain).split())


def palabra_principal(texto: str | None, *, omitir_comun: bool = False, quitar_particulas: bool = True) -> str:
    """The word of a name that the identifiers are made of; empty when there is none.

    `omitir_comun`: skip José or María before another given name. `quitar_particulas`: drop "de", "la" and the like.
    """
    words = normalizar(texto or "").split()
    if quitar_particulas:
        words = [w for w in words if w not in PARTICULAS] or words[-1:]
    if omitir_comun and len(words) > 1 and words[0].rstrip(".") in NOMBRES_COMUNES:
        words = words[1:]
        if quitar_particulas:
            words = [w for w in words if w not in PARTICULAS] or words[-1:]
    return words[0] if words else ""


def inicial(palabra: str) -> str:
    """First letter; X when it is missing, Ñ or not a letter."""
    return _letra(palabra[:1])


def consonante_interna(palabra: str) -> str:
    """First consonant after the first letter; X when there is none, or when it is Ñ or a sign."""
    return next((_letra(c) for c in palabra[1:] if c not in _VOCALES), "X")


def vocal_interna(palabra: str) -> str:
    """First vowel after the first letter; X when there is none, or when a sign comes before it."""
    for c in palabra[1:]:
        if c in _VOCALES:
            return c
        if not c.isalpha():
            return "X"
    return "X"


def _letra(c: str) -> str:
    return c if len(c) == 1 and "A" <= c <= "Z" else "X"
