"""Which texts say almost the same: MinHash and locality-sensitive hashing find the likely pairs, true overlap decides.

Source: Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman, Ullman, "Mining of
Massive Datasets", chapter 3. Signatures by rensa (Rust).
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse

PERMUTATIONS = 128  # length of a signature: the estimate of the overlap is off by 0.035 (one standard deviation)
SURE = 0.995  # chance at least with which a pair as similar as asked for becomes a candidate
SHORT = 5  # words; of characters that are words by themselves (Chinese, Japanese, Korean) two count as one word
LATIN_SHINGLE, HAN_SHINGLE = 5, 2  # characters
AT_ENDS = ".,!;:…。、~\"'“”‘’()[]《》「」"  # marks around a word that do not change what it says; not "?", "+", "-", "#"
CHUNK = 20_000  # texts, or ten times as many pairs, in memory at once
WIDTH = 2**31 - 1  # columns of the matrix of shingles: the most that 32-bit indices allow
NEIGHBOURS = 4  # in a bucket each text is compared with the first one and this many before it


def near_duplicates(
    texts: Sequence[str], similarity: float = 0.8, progress: Callable[[float], None] | None = None
) -> np.ndarray:  # fmt: skip
    """The int64 group number of each text; equal numbers: the same group, numbered in the order of first sight.

    A group is a text and the later ones that are like it: equal but for case, width, blanks and marks around words, or
    at least ``similarity`` of their character shingles in common (Jaccard, computed exactly). Texts under 5 words (about
    8 Chinese characters) are grouped only in the first way, as one letter more can turn their meaning.
    ``progress`` is called with the share done (0 to 1); what it raises ends the search.
    """
    tell = progress or (lambda share: None)
    known: dict[str, int] = {}
    of_text = np.fromiter((known.setdefault(plain(text), len(known)) for text in texts), np.int64, len(texts))
    different = list(known)
    tell(0.1)
    shingles, offsets, units = _shingle_all(different)
    searched = np.flatnonzero((units >= SHORT) & (np.diff(offsets) > 0))
    leader = np.arange(len(different))
    if len(searched) > 1:
        matrix = _set_matrix(shingles, offsets, searched)
        signatures = _signatures(shingles, offsets, searched, lambda share: tell(0.2 + 0.3 * share))
        pairs = _likely_pairs(signatures, similarity, lambda share: tell(0.5 + 0.3 * share))
        pairs = _verified(matrix, pairs, similarity, lambda share: tell(0.8 + 0.2 * share))
        leader[searched] = searched[_leaders(len(searched), pairs)]
    tell(1.0)
    _, first, group = np.unique(leader[of_text], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[group]


def plain(text: str) -> str:
    """``text`` in small letters and one width (NFKC), one blank between words, no marks around words."""
    words = unicodedata.normalize("NFKC", text).casefold().split()
    bare = " ".join(filter(None, (word.strip(AT_ENDS) for word in words)))
    return bare or " ".join(words)


def _shingle_all(texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(hashes of all shingles one text after the other (uint64), where each text's begin (one more than texts), words of each)."""
    hashes, counts, units = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        letters = np.frombuffer("".join(chunk).encode("utf-32-le", "surrogatepass"), np.uint32)
        ends = np.cumsum([len(text) for text in chunk])
        owner = np.repeat(np.arange(len(chunk)), np.diff(ends, prepend=0))
        han = (letters >= 0x3040) & (letters <= 0x30FF) | (letters >= 0x3400) & (letters <= 0x9FFF)
        han |= (letters >= 0xAC00) & (letters <= 0xD7A3) | (letters >= 0x20000) & (letters <= 0x3FFFF)
        whole = np.arange(len(letters)) + np.where(han, HAN_SHINGLE, LATIN_SHINGLE) <= ends[owner]  # ends inside its text
        hashed = np.where(han, _rolling(letters, HAN_SHINGLE), _rolling(letters, LATIN_SHINGLE))
        hashes.append(hashed[whole])
        counts.append(np.bincount(owner[whole], minlength=len(chunk)))
        blanks = np.bincount(owner[letters == 32], minlength=len(chunk))
        units.append(1 + blanks + np.bincount(owner[han], minlength=len(chunk)) / 2)
    return np.concatenate(hashes), np.r_[0, np.cumsum(np.concatenate(counts))], np.concatenate(units)


def _rolling(letters: np.ndarray, width: int) -> np.ndarray:
    """A 64-bit hash of the ``width`` letters from each place on (what runs over the end is not meant to be used)."""
    padded = np.r_[letters.astype(np.uint64), np.zeros(width, np.uint64)]
    value = np.full(len(letters), width, np.uint64)
    for place in range(width):
        value = value * np.uint64(0x9E3779B97F4A7C15) + padded[place : place + len(letters)]
    value ^= value >> np.uint64(31)  # the mixing of splitmix64: polynomial hashes of near texts are near
    value *= np.uint64(0xBF58476D1CE4E5B9)
    return value ^ (value >> np.uint64(29))


def _signatures(shingles: np.ndarray, offsets: np.ndarray, rows: np.ndarray, tell: Callable[[float], None]) -> np.ndarray:
    """uint32 [rows, PERMUTATIONS]: the MinHash signature of each text."""
    from rensa import RMinHash

    found = np.empty((len(rows), PERMUTATIONS), np.uint32)
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        flat, begins = _gather(shingles, offsets, chunk)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, begins, PERMUTATIONS, 1)
        found[start : start + len(chunk)] = matrix.to_rows()
        tell((start + len(chunk)) / len(rows))
    return found


def _gather(shingles: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shingles of some texts alone: (hashes, where each text's begin)."""
    counts = offsets[rows + 1] - offsets[rows]
    begins = np.r_[0, np.cumsum(counts)]
    return shingles[np.repeat(offsets[rows] - begins[:-1], counts) + np.arange(begins[-1])], begins


def _bands(similarity: float) -> tuple[int, int]:
    """(bands, signature entries in each): the longest bands with which a pair this similar is still found."""
    for width in range(12, 1, -1):
        if 1 - (1 - similarity**width) ** (PERMUTATIONS // width) >= SURE:
            return PERMUTATIONS // width, width
    return PERMUTATIONS, 1


def _likely_pairs(signatures: np.ndarray, similarity: float, tell: Callable[[float], None]) -> np.ndarray:
    """int64 [pairs, 2], first < second: texts that agree on a band, and whose signatures agree nearly as much as asked."""
    bands, width = _bands(similarity)
    slack = 4 * np.sqrt(similarity * (1 - similarity) / PERMUTATIONS)
    rows = len(signatures)
    found = [np.zeros(0, np.int64)]
    for band in range(bands):
        key = np.zeros(rows, np.uint64)
        for column in range(band * width, (band + 1) * width):
            key = (key ^ signatures[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(32)
        for pairs in _bucket_pairs(key):
            for start in range(0, len(pairs), 10 * CHUNK):
                chunk = pairs[start : start + 10 * CHUNK]
                alike = (signatures[chunk[:, 0]] == signatures[chunk[:, 1]]).mean(axis=1)
                found.append(chunk[alike >= similarity - slack] @ np.array([rows, 1]))
        tell((band + 1) / bands)
    return np.stack(np.divmod(np.unique(np.concatenate(found)), rows), axis=1)


def _bucket_pairs(key: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of places with equal keys: each with the first of its bucket and with the few before it."""
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.maximum.accumulate(np.where(np.r_[True, key[1:] != key[:-1]], np.arange(len(key)), 0))
    depth = np.arange(len(key)) - first
    for back in range(1, NEIGHBOURS + 1):
        at = np.flatnonzero(depth >= back)
        yield np.stack([order[at - back], order[at]], axis=1)
    at = np.flatnonzero(depth > NEIGHBOURS)
    yield np.stack([order[first[at]], order[at]], axis=1)


def _set_matrix(shingles: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> "scipy.sparse.csr_matrix":
    """[rows, WIDTH]: 1 where a text has the shingle; two of a text share a column by chance in one text of 100,000."""
    import scipy.sparse

    flat, begins = _gather(shingles, offsets, rows)
    columns = (flat % np.uint64(WIDTH)).astype(np.int32)
    matrix = scipy.sparse.csr_matrix((np.ones(len(columns), np.float32), columns, begins), shape=(len(rows), WIDTH))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _verified(matrix: "scipy.sparse.csr_matrix", pairs: np.ndarray, similarity: float, tell: Callable[[float], None]) -> np.ndarray:
    """The pairs whose sets of shingles have at least ``similarity`` in common (Jaccard)."""
    sizes = np.diff(matrix.indptr)
    kept = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        shared = np.asarray(matrix[chunk[:, 0]].multiply(matrix[chunk[:, 1]]).sum(axis=1)).ravel()
        union = sizes[chunk[:, 0]] + sizes[chunk[:, 1]] - shared
        kept.append(chunk[shared >= similarity * union])
        tell((start + len(chunk)) / len(pairs))
    return np.concatenate(kept)


def _leaders(count: int, pairs: np.ndarray) -> np.ndarray:
    """Whom each text follows: the first leader it is like, or itself, which makes it a leader.

    Not connected components: those chain texts of a template together whose ends have little in common.
    """
    leader = np.arange(count)
    for earlier, later in sorted(pairs.tolist(), key=lambda pair: (pair[1], pair[0])):
        if leader[later] == later and leader[earlier] == earlier:
            leader[later] = earlier
    return leader
