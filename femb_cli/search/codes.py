"""Short codes of a gallery's embeddings, through which FAISS finds the entries that may be near.

A code has 4 bits for every 4 numbers of an embedding: the nearest of 16 typical groups of 4 numbers. FAISS adds up the
products of a query with the groups, 32 entries at a time, in the processor's registers. Product quantisation:
H. Jégou, M. Douze and C. Schmid, IEEE TPAMI 33(1), 2011; the scan: F. André, A.-M. Kermarrec and N. Le Scouarnec,
"Cache locality is not enough", VLDB 2015.

Shape suffixes: Q queries, N rows of the gallery, D embedding dimension, M groups of 4 numbers, B bytes of a code,
C candidates.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.search.cosines import fast_rows

if TYPE_CHECKING:
    from types import ModuleType

GROUP = 4
"""Numbers of an embedding that share 4 bits."""
NUM_TYPICAL = 16
_MULTIPLE = 2 * GROUP
"""Zeros fill embeddings up to a multiple of this, so that a code is whole bytes."""
_NUM_TRAINED_ON = 1 << 15
_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of a gallery's rows.

    Attributes:
        typical_M16G: 16 typical groups of 4 numbers for each place, float32.
        codes_NB: the code of each row, uint8.
    """

    typical_M16G: NDArray[np.float32]
    codes_NB: NDArray[np.uint8]

    @cached_property
    def _index(self) -> Any:
        """FAISS's index, which holds the codes in another order."""
        faiss = load_faiss()
        index = _product_quantizer(len(self.typical_M16G))
        faiss.copy_array_to_vector(self.typical_M16G.ravel(), index.pq.centroids)
        faiss.copy_array_to_vector(self.codes_NB.ravel(), index.codes)
        index.ntotal, index.is_trained = len(self.codes_NB), True
        return faiss.IndexPQFastScan(index)

    def candidates(self, units_QD: NDArray[np.float32], number: int) -> NDArray[np.int64]:
        """Return the rows, (Q, C), whose codes are the most similar to each query; all rows if there are fewer.

        FAISS may leave out the least similar rows and returns -1 in their places.

        Args:
            units_QD: queries of length 1.
            number: C.
        """
        if number >= len(self.codes_NB):
            return np.tile(np.arange(len(self.codes_NB)), (len(units_QD), 1))
        rows_QC: NDArray[np.int64] = self._index.search(_filled(units_QD), number)[1]
        return rows_QC


def make_codes(rows_ND: NDArray[np.number]) -> Codes:
    """Compute the codes of embeddings; equal embeddings give equal codes.

    Args:
        rows_ND: at least one embedding, none of them zero or not finite; may be a memory map.

    Raises:
        FembError: FAISS cannot be imported.
    """
    faiss = load_faiss()
    row_S = np.sort(np.random.default_rng(0).permutation(len(rows_ND))[:_NUM_TRAINED_ON])
    row_S = np.resize(row_S, max(len(row_S), NUM_TYPICAL))  # FAISS wants as many rows as typical groups
    sample_SD = _filled(fast_rows(np.asarray(rows_ND[row_S])).units_ND)
    index = _product_quantizer(sample_SD.shape[1] // GROUP)
    index.train(sample_SD)
    blocks = range(0, len(rows_ND), _ROWS_AT_ONCE)
    codes = [
        index.pq.compute_codes(_filled(fast_rows(rows_ND[start : start + _ROWS_AT_ONCE]).units_ND)) for start in blocks
    ]
    typical_M16G = faiss.vector_to_array(index.pq.centroids).reshape(-1, NUM_TYPICAL, GROUP)
    return Codes(typical_M16G, np.concatenate(codes))


def code_shape(num_rows: int, embedding_dim: int) -> tuple[int, int]:
    """Return the shape of the codes of a gallery, (N, B)."""
    return num_rows, -(-embedding_dim // _MULTIPLE)


def load_faiss() -> "ModuleType":
    """Import FAISS.

    Raises:
        FembError: it cannot be imported.
    """
    try:
        import faiss
    except ImportError as error:
        raise FembError(f"an index needs FAISS: {error}", hint="pip install faiss-cpu") from error
    return faiss


def _product_quantizer(num_groups: int) -> Any:
    """Return FAISS's index of codes, without rows."""
    faiss = load_faiss()
    index = faiss.IndexPQ(num_groups * GROUP, num_groups, 4, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # else FAISS prints a warning of small galleries
    return index


def _filled(units_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add zeros up to the length that the codes have; they change no cosine."""
    return np.ascontiguousarray(np.pad(units_ND, ((0, 0), (0, -units_ND.shape[1] % _MULTIPLE))))
