"""Random words that depend on the seed, table, column and block alone, on every machine.

Each column reads its own SHAKE-128 stream: adding a column, a table or a row leaves every
other value where it was. The version is part of each key and grows when output changes.
"""

import hashlib
import struct
from dataclasses import dataclass

GENERATOR_VERSION = 2
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Stream:
    """The random words of one column, addressed by block."""

    seed: int
    table: str
    column: str

    def octets(self, block: int, count: int = BLOCK) -> bytes:
        """Bytes of a block; a shorter read is a prefix of a longer one."""
        parts = (str(GENERATOR_VERSION), str(self.seed), self.table, self.column, str(block))
        # A length before each part keeps two different lists of names from one key.
        key = b"".join(b"%d:" % len(part.encode()) + part.encode() for part in parts)
        return hashlib.shake_128(key).digest(count)

    def words(self, block: int, count: int = BLOCK) -> tuple[int, ...]:
        """Unsigned 32-bit words of a block, one per row."""
        return struct.unpack(f"<{count}I", self.octets(block, 4 * count))

    def halves(self, block: int, count: int = BLOCK) -> tuple[int, ...]:
        """The upper 16 bits of each of the words."""
        return struct.unpack("<" + "2xH" * count, self.octets(block, 4 * count))

    def word(self, block: int) -> int:
        """One 64-bit word for the block as a whole."""
        return int.from_bytes(self.octets(block, 8), "little")

    def beside(self, purpose: str) -> "Stream":
        """An independent stream of the same column."""
        return Stream(self.seed, self.table, f"{self.column}/{purpose}")


def consistent_pick(word: int, choices: int) -> int:
    """One of `choices`; one more choice moves only one pick in `choices`.

    Lamping and Veach's jump consistent hash, in integers so that it is exact everywhere.
    """
    chosen, next_jump = 0, 0
    while next_jump < choices:
        chosen = next_jump
        word = (word * 2862933555777941757 + 1) & 0xFFFFFFFFFFFFFFFF
        next_jump = ((chosen + 1) << 31) // ((word >> 33) + 1)
    return chosen
