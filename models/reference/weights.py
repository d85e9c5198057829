# SPDX-License-Identifier: MIT
"""Weights of a CONV (docs/arithmetic.md, section 3)."""

import numpy as np

import spec
from tensors import align, unpack_bits, value_of

DENSE, TILED, TILED_FLAT, CODEBOOK = range(4)


def read(raw, c):
    """The weights [COUT, KH, KW, CIN/GROUPS] of command c from the bytes of its WEIGHT operand."""
    fmt = spec.WEIGHT_FORMATS[c.WFORMAT]
    cin = c.CIN // c.GROUPS
    if c.WMODE == CODEBOOK:
        return value_of(_codebook(raw, c, cin), fmt)
    if c.WMODE == TILED_FLAT:
        total = c.COUT * c.KH * c.KW * cin
        tile = unpack_bits(raw, fmt.n, total // c.TILE_P)
        codes = tile[np.arange(total) % (total // c.TILE_P)]
        return value_of(codes.reshape(c.COUT, c.KH, c.KW, cin), fmt)
    rows = c.COUT // c.TILE_P if c.WMODE == TILED else c.COUT
    tap = align(cin * fmt.n, 16) // 8
    row = align(c.KH * c.KW * tap, 16)
    taps = raw[: rows * row].reshape(rows, row)[:, : c.KH * c.KW * tap].reshape(rows, c.KH, c.KW, tap)
    codes = unpack_bits(taps, fmt.n, cin)
    return value_of(codes[np.arange(c.COUT) % rows], fmt)


def _codebook(raw, c, cin):
    entries = unpack_bits(raw[: 8 << c.TAU].reshape(-1, 8), 1, c.KH * c.KW)
    start = align(8 << c.TAU, 64)
    index = unpack_bits(raw[start:], c.TAU, c.COUT * cin).reshape(c.COUT, cin)
    return entries[index].reshape(c.COUT, cin, c.KH, c.KW).transpose(0, 2, 3, 1)
