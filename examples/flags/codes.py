"""The 676 two-letter codes, the 194 of them that have a picture, and the order of asking."""

from __future__ import annotations

import hashlib
import itertools
import string

CODES = tuple(map("".join, itertools.product(string.ascii_lowercase, repeat=2)))

# ISO 3166 codes of the 193 members of the United Nations, and "un", which is reserved for itself:
# the second letters by the first.
_SECOND_LETTERS = {
    "a": "defglmortuz",
    "b": "abdefghijnorstwyz",
    "c": "adfghilmnoruvyz",
    "d": "ejkmoz",
    "e": "cegrst",
    "f": "ijmr",
    "g": "abdehmnqrtwy",
    "h": "nrtu",
    "i": "delnqrst",
    "j": "mop",
    "k": "eghimnprwz",
    "l": "abcikrstuvy",
    "m": "acdeghklmnrtuvwxyz",
    "n": "aegiloprz",
    "o": "m",
    "p": "aeghkltwy",
    "q": "a",
    "r": "osuw",
    "s": "abcdegiklmnorstvyz",
    "t": "dghjlmnortvz",
    "u": "agnsyz",
    "v": "cenu",
    "w": "s",
    "y": "e",
    "z": "amw",
}

PICTURED = frozenset(
    first + second for first, seconds in _SECOND_LETTERS.items() for second in seconds
)

# A client that is cut short has asked a beginning of the order only. With this seed each beginning
# of 12 to 100 codes holds its share of pictures (194 of 676) to within 1.6 pictures, so that the
# pictures a second of a cut run are those of a whole one.
SEED = 1923


def shuffled() -> list[str]:
    """Give all codes in the order that every client asks, the same on every Python."""
    return sorted(CODES, key=_rank)


def path_of(code: str) -> str:
    """Name the picture of ``code`` on the server."""
    return f"/{code}/{code}.gif"


def _rank(code: str) -> bytes:
    return hashlib.blake2b(f"{SEED} {code}".encode(), digest_size=8).digest()
