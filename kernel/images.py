"""JPEG and PNG as they are written, without decoding them: walk their pieces, show a picture without what it carries
besides, mark its file.

A picture may hide anything beside its pixels: a place, a name, a script, a whole archive behind its end. Stored bytes stay as they
were signed; `shown` is what leaves for a person's screen. Nothing is encoded again: the pixels are the very same.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

MAX_PIECES = 4000
"""Segments or chunks; a camera writes some tens, a PNG of 4 MiB in chunks of 8 KiB some hundreds."""

SOI, EOI, SOS, APP0, APP1, APP14, COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FIRST_MARKER = 0xC0
"""Below, nothing is one: "FF 00" after a scan would be taken for its data once what stood between is gone."""
_APP = range(0xE0, 0xF0)
_NEXT_MARKER = re.compile(rb"\xff(?=[^\x00\xd0-\xd7\xff])", re.DOTALL)
"""In the data of a scan: a stuffed byte, a restart or filler is none."""

_KEPT_CHUNKS = {
    b"IHDR": 13,
    b"PLTE": 768,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"IDAT": 2**31,
}
"""What makes the pixels, and how long it may be at most."""

_IEND = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))

_ORIENTATION = 0x0112
_SHORT = 3


class NotAnImage(ValueError):
    """The bytes do not hold together as a JPEG or PNG."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A marker segment of a JPEG (`code`: its marker) or a chunk of a PNG (`code`: its type as a number).

    `start` to `end` is all of it; `body` is where its content begins. A scan's segment ends where its data ends.
    """

    code: int
    start: int
    body: int
    end: int


def jpeg_pieces(content: bytes) -> Iterator[Piece]:
    """The segments between SOI and EOI. The end of the bytes in the data of a scan counts as EOI. Raises NotAnImage."""
    if not content.startswith(JPEG):
        raise NotAnImage("no SOI")
    at, scanned = 2, False
    for _ in range(MAX_PIECES):
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        if scanned and at >= len(content) - 1:
            return
        if content[at : at + 1] != b"\xff" or at + 1 >= len(content):
            raise NotAnImage("no marker")
        code = content[at + 1]
        if code == EOI:
            return
        if code in _ALONE:
            at += 2
            continue
        if code < _FIRST_MARKER:
            raise NotAnImage("a reserved marker")
        body, end = at + 4, at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if end < body or end > len(content):
            raise NotAnImage("a segment's length")
        if code == SOS:
            found = _NEXT_MARKER.search(content, end)
            end, scanned = found.start() if found else len(content), True
        yield Piece(code, at, body, end)
        at = end
    raise NotAnImage("too many segments")


def png_pieces(content: bytes) -> Iterator[Piece]:
    """The chunks up to IEND. Raises NotAnImage."""
    if not content.startswith(PNG):
        raise NotAnImage("no signature")
    at = len(PNG)
    for _ in range(MAX_PIECES):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if at + 8 > len(content) or end > len(content):
            raise NotAnImage("a chunk's length")
        code = content[at + 4 : at + 8]
        yield Piece(int.from_bytes(code, "big"), at, at + 8, end)
        if code == b"IEND":
            return
        at = end
    raise NotAnImage("too many chunks")


def shown(content: bytes) -> bytes:
    """The same picture, its very pixels, with nothing else: no metadata, comments, previews, nor anything behind its end.

    Of a JPEG's EXIF the orientation alone stays, so that the picture does not turn; colour profiles go, which can carry text, and
    colours are then taken as sRGB. An animated PNG is its first picture. Raises NotAnImage.
    """
    return _png_shown(content) if content.startswith(PNG) else _jpeg_shown(content)


def marked(content: bytes, text: str) -> bytes:
    """The same picture, its very pixels, whose file says that: a COM segment of a JPEG, a tEXt chunk of a PNG.

    `text`: ASCII, up to 1000 characters. Raises NotAnImage.
    """
    said = text.encode("ascii")[:1000]
    if content.startswith(PNG):
        header = next(png_pieces(content))
        body = b"tEXtComment\x00" + said
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return content[: header.end] + chunk + content[header.end :]
    # JFIF wants its own segment first.
    at = next((p.start for p in jpeg_pieces(content) if p.code not in _APP), len(content))
    return content[:at] + _segment(COM, said) + content[at:]


def _jpeg_shown(content: bytes) -> bytes:
    kept: list[bytes] = [b"\xff\xd8"]
    orientation = 1
    for piece in jpeg_pieces(content):
        body = content[piece.body : piece.end]
        if piece.code == APP0 and body.startswith(b"JFIF\x00") and len(body) >= 14:
            # Its thumbnail would be another picture.
            kept.append(_segment(APP0, body[:12] + b"\x00\x00"))
        elif piece.code == APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            kept.append(_segment(APP14, body[:12]))
        elif piece.code == APP1 and body.startswith(b"Exif\x00\x00"):
            orientation = _orientation(body[6:])
        elif piece.code not in _APP and piece.code != COM:
            if piece.code == SOS and orientation != 1:
                kept.append(_segment(APP1, _exif(orientation)))
                orientation = 1
            kept.append(content[piece.start : piece.end])
    return b"".join([*kept, b"\xff\xd9"])


def _png_shown(content: bytes) -> bytes:
    kept = [PNG]
    for piece in png_pieces(content):
        most = _KEPT_CHUNKS.get(piece.code.to_bytes(4, "big"), -1)
        if piece.end - piece.body - 4 <= most:
            kept.append(content[piece.start : piece.end])
    # Its own end may carry content too, against the norm.
    return b"".join([*kept, _IEND])


def _segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body


def _orientation(tiff: bytes) -> int:
    """Of an EXIF block: 1 to 8; 1 when it does not say a valid one."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        [directory] = struct.unpack_from(f"{order}I", tiff, 4)
        [entries] = struct.unpack_from(f"{order}H", tiff, directory)
        for n in range(min(entries, 100)):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * n)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1


def _exif(orientation: int) -> bytes:
    """An EXIF block with the orientation alone."""
    return b"Exif\x00\x00" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
