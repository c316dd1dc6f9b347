"""The pictures: 194 small GIFs, each drawn from its code alone.

Server and clients draw them on their own, so contents are compared to the byte and no binary file
lies in the repository. A picture is a flag of three stripes in a coarse weave: the weave makes
every picture different and about 1 KiB large.
"""

from __future__ import annotations

import functools
import hashlib
import struct

import codes

WIDTH, HEIGHT = 60, 40
STRIPES = 3
SHADES = 4  # of each stripe's colour: 12 entries of the palette's 16
PALETTE_BITS = 4


@functools.cache
def all_pictures() -> dict[str, bytes]:
    """Draw every picture, once in a process."""
    return {code: draw(code) for code in sorted(codes.PICTURED)}


def draw(code: str) -> bytes:
    """Draw the picture of one code as a GIF file."""
    size = STRIPES * 3 + WIDTH * HEIGHT
    material = hashlib.shake_256(f"picture of {code}".encode()).digest(size)
    palette = _palette(material[: STRIPES * 3])
    upright = material[0] % 2 == 1
    pixels = bytes(
        _stripe(index, upright) * SHADES + grain % SHADES
        for index, grain in enumerate(material[STRIPES * 3 :])
    )
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0xF0 | (PALETTE_BITS - 1), 0, 0)
    frame = struct.pack("<cHHHHB", b",", 0, 0, WIDTH, HEIGHT, 0)
    data = compress(pixels, PALETTE_BITS)
    blocks = b"".join(
        bytes([len(block)]) + block
        for block in (data[start : start + 255] for start in range(0, len(data), 255))
    )
    return b"".join((b"GIF89a", screen, palette, frame, bytes([PALETTE_BITS]), blocks, b"\0", b";"))


def compress(pixels: bytes, bits: int) -> bytes:
    """Pack pixels of ``bits`` bits as GIF does: LZW with codes that grow from ``bits + 1`` bits.

    There are at most ``WIDTH * HEIGHT`` codes, so GIF's table of 4096 never fills up.
    """
    clear, end = 1 << bits, (1 << bits) + 1
    width = bits + 1
    table = {bytes([pixel]): pixel for pixel in range(clear)}
    following = end + 1
    packed, filled = clear, width
    known = b""
    for pixel in pixels:
        longer = known + bytes([pixel])
        if longer in table:
            known = longer
            continue
        packed |= table[known] << filled
        filled += width
        known = longer[-1:]
        table[longer] = following
        if following == 1 << width:
            width += 1
        following += 1
    if known:
        packed |= table[known] << filled
        filled += width
    packed |= end << filled
    filled += width
    return packed.to_bytes((filled + 7) // 8, "little")


def _palette(colours: bytes) -> bytes:
    """Make ``SHADES`` shades of each stripe's colour, then fill the table with white."""
    shades = bytearray()
    for stripe in range(STRIPES):
        for shade in range(SHADES):
            for channel in colours[stripe * 3 : stripe * 3 + 3]:
                shades.append(channel * (SHADES + shade) // (2 * SHADES))
    return bytes(shades).ljust(3 << PALETTE_BITS, b"\xff")


def _stripe(index: int, upright: bool) -> int:
    """Tell the stripe of a pixel: side by side when ``upright``, else one above the other."""
    row, column = divmod(index, WIDTH)
    return column * STRIPES // WIDTH if upright else row * STRIPES // HEIGHT
