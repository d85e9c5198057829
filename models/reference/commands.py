# SPDX-License-Identifier: MIT
"""What each command computes (docs/arithmetic.md).

A command takes counters, its fields, and a function that gives the bytes [n, size] of an operand (weights, records,
tables, residuals may have one row for all images); it returns the bytes of its results by the name of the reference.
"""

import numpy as np

import host
import pipe
import spec
import weights
from tensors import Layout, code_of


def output_size(c, dh=1, dw=1):
    rows = (c.H + c.PAD_T + c.PAD_B - (dh * (c.KH - 1) + 1)) // c.SH + 1
    columns = (c.W + c.PAD_L + c.PAD_R - (dw * (c.KW - 1) + 1)) // c.SW + 1
    return rows, columns


def _reach(tap, pad, stride, dilation, size, outputs):
    """Outputs for which a tap lies inside the input, and the inputs it reads: two slices."""
    first = tap * dilation - pad
    inside = [y for y in range(outputs) if 0 <= y * stride + first < size]
    if not inside:
        return slice(0, 0), slice(0, 0)
    return (
        slice(inside[0], inside[-1] + 1),
        slice(inside[0] * stride + first, inside[-1] * stride + first + 1, stride),
    )


def convolve(c, a, w):
    """Accumulators [n, OH, OW, COUT] of values a [n, H, W, CIN] and weights w [COUT, KH, KW, CIN/GROUPS].

    Products are summed in float64, which is exact: section 3 bounds every partial sum by 2^31.
    """
    rows, columns = output_size(c, c.DH, c.DW)
    a = a.astype(np.float64)
    w = np.ascontiguousarray(w.transpose(1, 2, 3, 0), np.float64)  # [KH, KW, CIN/GROUPS, COUT]
    cin, cout = c.CIN // c.GROUPS, c.COUT // c.GROUPS
    acc = np.zeros((len(a), rows, columns, c.COUT))
    for ky in range(c.KH):
        out_y, in_y = _reach(ky, c.PAD_T, c.SH, c.DH, c.H, rows)
        for kx in range(c.KW):
            out_x, in_x = _reach(kx, c.PAD_L, c.SW, c.DW, c.W, columns)
            for g in range(c.GROUPS):
                outs = slice(g * cout, (g + 1) * cout)
                taps = a[:, in_y, in_x, g * cin : (g + 1) * cin]
                acc[:, out_y, out_x, outs] += taps @ w[ky, kx, :, outs]
            if c.PAD_MODE:
                absent = np.ones((rows, columns, 1))
                absent[out_y, out_x] = 0
                sums = w[ky, kx].sum(axis=0)
                acc += absent * (sums if c.PAD_MODE == 1 else -sums)
    return acc.astype(np.int64)


def present_taps(c):
    """How many taps lie inside the input, per output pixel."""
    rows, columns = output_size(c, c.DH, c.DW)
    return np.outer(_present(c.KH, c.PAD_T, c.SH, c.DH, c.H, rows), _present(c.KW, c.PAD_L, c.SW, c.DW, c.W, columns))


def _present(taps, pad, stride, dilation, size, outputs):
    """Of each output row (or column), how many taps lie inside."""
    at = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - pad
    return ((at >= 0) & (at < size)).sum(axis=1)


def _count_macs(counters, c, images, gate):
    taps = present_taps(c)
    per_tap = c.CIN // c.GROUPS
    rows = c.COUT // c.TILE_P if c.WMODE == weights.TILED else c.COUT
    planes = 1 if c.FRAC else c.format("IN").n
    counters.add("MACS", images * taps.sum() * per_tap * rows * planes * spec.WEIGHT_FORMATS[c.WFORMAT].n)
    if c.FRAC:
        counters.add("MACS", (gate * taps[:, :, None]).sum() * per_tap)
        counters.add("FRAC_ISSUED", gate.sum())
        counters.add("FRAC_SKIPPED", (~gate).sum())


def _each_weights(c, operand, a):
    """convolve() with weights that are a constant or differ from image to image."""
    raw = operand("WEIGHT")
    if len(raw) == 1:
        return convolve(c, a, weights.read(raw[0], c))
    a = np.broadcast_to(a, (len(raw),) + a.shape[1:])
    return np.concatenate([convolve(c, a[i : i + 1], weights.read(raw[i], c)) for i in range(len(raw))])


def _finish(counters, c, operand, acc, record):
    """The pipe behind an accumulator."""
    residuals = [
        pipe.residual(c, name, operand(name), acc.shape) for name in ("RES1", "RES2") if c.format(name)
    ]
    results = pipe.run(counters, c, acc, record, residuals)
    for name, codes in results.items():
        if name == "SUM":
            results[name] = codes.astype("<u4").view(np.uint8)
        else:
            results[name] = Layout(c.format(name), codes.shape[1:]).write(codes)
    return results


def conv(counters, c, operand):
    fmt = c.format("IN")
    a = Layout(fmt, (c.H, c.W, c.CIN)).read(operand("IN"))
    record = pipe.records(operand("PARAM"), c) if pipe.needs_records(c) else None
    if c.FRAC:
        codes = code_of(a, fmt)
        high = _each_weights(c, operand, 2 * (codes >> 1) - 1)
        low = _each_weights(c, operand, 2 * (codes & 1) - 1)
        gate = high >= pipe.field(record, "T")
        acc = 2 * high + np.where(gate, low, 0)
    else:
        gate = None
        acc = _each_weights(c, operand, a)
    _count_macs(counters, c, len(acc), gate)
    return _finish(counters, c, operand, acc, record)


def ew(counters, c, operand):
    acc = Layout(c.format("IN"), (c.H, c.W, c.COUT)).read(operand("IN"))
    record = pipe.records(operand("PARAM"), c) if pipe.needs_records(c) else None
    return _finish(counters, c, operand, acc, record)


def enc(counters, c, operand):
    pixels = operand("IN")[:, : c.H * c.W * c.COLOURS]
    if c.PLANAR:
        pixels = pixels.reshape(-1, c.COLOURS, c.H, c.W).transpose(0, 2, 3, 1)
    else:
        pixels = pixels.reshape(-1, c.H, c.W, c.COLOURS)
    table = operand("TABLE")[:, : 256 * (1 if c.SHARED else c.COLOURS)].astype(np.int64)
    colour = 0 if c.SHARED else 256 * np.arange(c.COLOURS)
    table = np.broadcast_to(table, (len(pixels), table.shape[1]))
    image = np.arange(len(pixels))[:, None, None, None]
    t = table[image, colour + pixels.astype(np.int64)]
    if c.MODE == 0:
        codes = t & (2 ** c.format("OUT").n - 1)
    else:
        if c.MODE == 1:
            bits = np.arange(c.LEVELS) < t[..., None]
        else:
            bits = (t[..., None] >> np.arange(8)) & 1
        codes = bits.astype(np.int64).reshape(t.shape[:3] + (-1,))
    return {"OUT": Layout(c.format("OUT"), codes.shape[1:]).write(codes)}


def pool(counters, c, operand):
    fmt = c.format("IN")
    a = Layout(fmt, (c.H, c.W, c.CIN)).read(operand("IN"))
    rows, columns = output_size(c)
    # The channels of a group become taps of their own.
    a = a.reshape(a.shape[:3] + (c.CIN // c.GROUP, c.GROUP))
    shape = (len(a), rows, columns, c.CIN // c.GROUP)
    best = {0: 0, 1: np.iinfo(np.int64).min, 2: np.iinfo(np.int64).max}[c.MODE]
    result = np.full(shape, best, np.int64)
    combine = (np.add, np.maximum, np.minimum)[c.MODE]
    for ky in range(c.KH):
        out_y, in_y = _reach(ky, c.PAD_T, c.SH, 1, c.H, rows)
        for kx in range(c.KW):
            out_x, in_x = _reach(kx, c.PAD_L, c.SW, 1, c.W, columns)
            for member in range(c.GROUP):
                part = result[:, out_y, out_x]
                combine(part, a[:, in_y, in_x, :, member], out=part)
    if c.MODE == 0:
        result = counters.fit(fmt, (2 * result + c.DIV) // (2 * c.DIV))
    return {"OUT": Layout(c.format("OUT"), shape[1:]).write(code_of(result, fmt))}


def transpose(counters, c, operand):
    fmt = c.format("IN")
    a = Layout(fmt, (c.H, c.W, c.C)).read(operand("IN"))
    turned = a.reshape(len(a), 1, c.H * c.W, c.C).transpose(0, 1, 3, 2)
    return {"OUT": Layout(fmt, turned.shape[1:]).write(code_of(turned, fmt))}


def gatefold(counters, c, operand):
    gates = np.ascontiguousarray(operand("GATE")[:, : 2 * c.C]).view("<u2")
    return {"OUT": pipe.gatefold(counters, operand("IN")[:, : 64 * c.C], gates)}


def nothing(counters, c, operand):
    return {}


BY_NAME = {
    "NOP": nothing,
    "PREFETCH": nothing,
    "ENC": enc,
    "CONV": conv,
    "EW": ew,
    "POOL": pool,
    "TRANSPOSE": transpose,
    "GATEFOLD": gatefold,
    "NORMALISE": host.normalise,
    "TABLE": host.table,
    "SOFTMAX": host.softmax,
    "AGGREGATE": host.aggregate,
}
