"""The part of the class weights that one of several processes holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """The classes [start, stop) of one process; the sizes of the shards differ by at most one."""

    start: int
    stop: int

    @classmethod
    def of(cls, num_identities: int, rank: int, world_size: int) -> "Shard":
        """Return the shard of the process with this rank."""
        size, remainder = divmod(num_identities, world_size)
        start = rank * size + min(rank, remainder)
        return cls(start, start + size + (rank < remainder))

    @property
    def size(self) -> int:
        """Number of classes."""
        return self.stop - self.start
