# SPDX-License-Identifier: MIT
"""Commands of the host (docs/arithmetic.md, section 12); called like those of commands.py."""

import math

import numpy as np

import spec
from pipe import rnd
from tensors import Layout, code_of


def div(n, d):
    """The rounded quotient, ties up."""
    return (2 * n + d) // (2 * d)


def _input(c, operand):
    return Layout(c.format("IN"), (c.H, c.W, c.C)).read(operand("IN"))


def _output(c, values):
    fmt = c.format("OUT")
    return {"OUT": Layout(fmt, values.shape[1:]).write(code_of(values, fmt))}


def _scale(v):
    """(g, r) of V > 0."""
    g = 0
    while v * 4 ** (g + 1) < 2**62:
        g += 1
    return g, math.isqrt(v * 4**g)


def normalise(counters, c, operand):
    x = _input(c, operand)
    record = np.ascontiguousarray(operand("PARAM")[:, : c.C * spec.NORM.itemsize]).view(spec.NORM)
    gain, offset = (record[name].astype(np.int64)[:, None, None, :] for name in ("GAIN", "OFFSET"))
    s = x.sum(axis=-1, keepdims=True)
    v = c.C * (x * x).sum(axis=-1, keepdims=True) - s * s + (c.EPS_HI << 32) + c.EPS_LO
    scales = np.array([_scale(one) if one else (0, 1) for one in v.ravel().tolist()], np.int64)
    g, r = (scales[:, i].reshape(v.shape) for i in range(2))
    n = np.where(v == 0, 0, div((c.C * x - s) << (g + 12), r))
    return _output(c, counters.sat(16, rnd(gain * n + (offset << c.SB), c.S)))


def _interpolate(table, i, shift):
    """Entries of tables [n or 1, size] at i [n, ...]."""
    image = np.arange(len(table)).reshape((-1,) + (1,) * (i.ndim - 1))
    j, t = i >> shift, i & (2**shift - 1)
    return rnd(table[image, j] * (2**shift - t) + table[image, j + 1] * t, shift)


def _table(c, operand, kind):
    bytes_used = 2 * (2 ** (16 - c.SHIFT) + 1)
    return np.ascontiguousarray(operand("TABLE")[:, :bytes_used]).view(kind).astype(np.int64)


def table(counters, c, operand):
    return _output(c, _interpolate(_table(c, operand, "<i2"), _input(c, operand) + 32768, c.SHIFT))


def softmax(counters, c, operand):
    x = _input(c, operand)
    e = _interpolate(_table(c, operand, "<u2"), x.max(axis=-1, keepdims=True) - x, c.SHIFT)
    total = e.sum(axis=-1, keepdims=True)
    return _output(c, np.where(total == 0, 0, counters.sat(16, div(e << 15, np.maximum(total, 1)))))


def aggregate(counters, c, operand):
    x = _input(c, operand)
    x = x.reshape(len(x), c.H * c.W, c.C)
    nodes = c.OH * c.OW
    graph = operand("GRAPH")[0].tobytes()
    starts = np.frombuffer(graph, "<u4", nodes + 1).astype(np.int64)
    columns = np.frombuffer(graph, "<u4", c.EDGES, 4 * (nodes + 1)).astype(np.int64)
    weights = np.ones(c.EDGES, np.int64)
    if c.WEIGHTED:
        weights = np.frombuffer(graph, "<i2", c.EDGES, 4 * (nodes + 1 + c.EDGES)).astype(np.int64)
    out = np.zeros((len(x), nodes, c.C), np.int64)
    for u in range(nodes):
        edges = slice(starts[u], starts[u + 1])
        values = x[:, columns[edges]]
        if values.shape[1] == 0:
            continue
        if c.MODE == 0:
            out[:, u] = counters.sat(16, rnd((values * weights[edges, None]).sum(axis=1), c.S))
        elif c.MODE == 1:
            out[:, u] = counters.sat(16, div(values.sum(axis=1), values.shape[1]))
        else:
            out[:, u] = values.max(axis=1)
    return _output(c, out.reshape(len(x), c.OH, c.OW, c.C))
