# SPDX-License-Identifier: MIT
"""Tensors as bytes and as integers (docs/arithmetic.md, section 2).

Bytes are uint8 [n, size], n images side by side; integers are int64 [n, H, W, C].
"""

import numpy as np

WHOLE = (8, 16, 32)  # bits of codes that NumPy has integers for


def align(x, n):
    return -(-x // n) * n


def value_of(codes, fmt):
    """The integers that codes of a format stand for."""
    codes = codes.astype(np.int64)
    if fmt.kind == "ODD":
        return 2 * codes - (2**fmt.n - 1)
    if fmt.kind == "SIGNED":
        return codes - ((codes >> (fmt.n - 1)) << fmt.n)
    if fmt.kind == "TERNARY":
        return np.where(codes & 1, np.where(codes & 2, -1, 1), 0)
    return codes


def code_of(values, fmt):
    """The inverse of value_of() for values that a format has, not TERNARY."""
    if fmt.kind == "ODD":
        values = (values + (2**fmt.n - 1)) >> 1
    return values & (2**fmt.n - 1)


def unpack_bits(data, bits, count):
    """`count` codes of `bits` bits each, from bit 0 of the first byte of the last axis on."""
    if bits in WHOLE:
        used = np.ascontiguousarray(data[..., : count * bits // 8])
        return used.view("<u%d" % (bits // 8)).astype(np.int64)
    single = np.unpackbits(np.ascontiguousarray(data), axis=-1, bitorder="little", count=count * bits)
    single = single.reshape(data.shape[:-1] + (count, bits))
    codes = np.zeros(single.shape[:-1], np.int64)
    for i in range(bits):
        codes |= single[..., i].astype(np.int64) << i
    return codes


def pack_bits(codes, bits, size):
    """The inverse: `size` bytes, 0 behind the last code."""
    if bits in WHOLE:
        packed = np.ascontiguousarray(codes.astype("<u%d" % (bits // 8))).view(np.uint8)
    else:
        single = np.stack([((codes >> i) & 1).astype(np.uint8) for i in range(bits)], axis=-1)
        packed = np.packbits(single.reshape(codes.shape[:-1] + (-1,)), axis=-1, bitorder="little")
    padding = [(0, 0)] * (packed.ndim - 1) + [(0, size - packed.shape[-1])]
    return np.pad(packed, padding)


class Layout:
    """Where the pixels of a tensor with natural pixels lie."""

    def __init__(self, fmt, shape):
        rows, columns, channels = shape
        self.fmt, self.shape = fmt, shape
        self.planes = fmt.n if fmt.planes else 1
        self.bits = 1 if fmt.planes else fmt.n
        self.pixel = 2 * align(channels * self.bits, 16) // 16
        self.row = align(columns * self.pixel, 16)
        self.plane = align(self.row * rows, 64)
        self.extent = (self.planes - 1) * self.plane + (rows - 1) * self.row + columns * self.pixel
        self.size = (self.planes - 1) * self.plane + rows * self.row

    def _pixels(self, raw, plane):
        """A view [n, H, W, pixel bytes] of one plane of raw bytes."""
        rows, columns, _ = self.shape
        first = plane * self.plane
        block = raw[:, first : first + rows * self.row].reshape(-1, rows, self.row)
        return block[:, :, : columns * self.pixel].reshape(-1, rows, columns, self.pixel)

    def read(self, raw):
        """The values [n, H, W, C]."""
        # The end of the last row may be missing in a value of another shape.
        raw = np.pad(raw[:, : self.size], [(0, 0), (0, max(0, self.size - raw.shape[1]))])
        codes = 0
        for plane in range(self.planes):
            codes = codes | unpack_bits(self._pixels(raw, plane), self.bits, self.shape[2]) << plane
        return value_of(codes, self.fmt)

    def write(self, codes):
        """The bytes [n, size] of codes [n, H, W, C]; what is not a pixel is 0."""
        rows, columns, _ = self.shape
        raw = np.zeros((codes.shape[0], self.size), np.uint8)
        for plane in range(self.planes):
            pixels = pack_bits((codes >> plane) & (2**self.bits - 1), self.bits, self.pixel)
            block = np.zeros((codes.shape[0], rows, self.row), np.uint8)
            block[:, :, : columns * self.pixel] = pixels.reshape(codes.shape[0], rows, -1)
            raw[:, plane * self.plane : plane * self.plane + rows * self.row] = block.reshape(codes.shape[0], -1)
        return raw
