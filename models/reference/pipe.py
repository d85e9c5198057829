# SPDX-License-Identifier: MIT
"""The pipe of CONV and EW (docs/arithmetic.md, sections 4, 5, 9).

Values are int64 [n, H, W, C]; parameters [n or 1, 1, 1, C].
"""

import numpy as np

import spec
from tensors import Layout, code_of, value_of


def rnd(x, s):
    return (x + (1 << (s - 1))) >> s if s > 0 else x


class Counters:
    """What sections 9 and 10 counters, and the clamps that SATURATED is about."""

    NAMES = ("MACS", "FRAC_ISSUED", "FRAC_SKIPPED", "SATURATED")

    def __init__(self):
        self.totals = dict.fromkeys(self.NAMES, 0)

    def add(self, name, n):
        self.totals[name] += int(n)

    def to(self, x, low, high):
        y = np.clip(x, low, high)
        self.add("SATURATED", np.count_nonzero(y != x))
        return y

    def sat(self, n, x):
        return self.to(x, -(1 << (n - 1)), (1 << (n - 1)) - 1)

    def usat(self, n, x):
        return self.to(x, 0, (1 << n) - 1)

    def fit(self, fmt, x):
        """sat for SIGNED formats, usat for the others."""
        return self.sat(fmt.n, x) if fmt.kind == "SIGNED" else self.usat(fmt.n, x)


def needs_records(c):
    """Whether a command reads parameter records."""
    planes = c.format("OUTP")
    return bool(c.P1 or c.P2 or getattr(c, "FRAC", 0) or (planes and planes.name in ("B1", "O2")))


def records(raw, c):
    """Parameter records of all channels, [n, COUT]."""
    kind = spec.PARAM_NARROW if c.NARROW else spec.PARAM
    return np.ascontiguousarray(raw[:, : c.COUT * kind.itemsize]).view(kind)


def field(record, name, i=None):
    """A field of records [n, C] as int64 [n, 1, 1, C]; i: element of an array."""
    values = record[name] if i is None else record[name][..., i]
    return values.astype(np.int64)[:, None, None, :]


def flag(record, name, i=0):
    """Bit i of a flag."""
    return (field(record, "FLAGS") >> (spec.PARAM_FLAGS[name][0] + i)) & 1


def _slope_pow2(counters, record, stage, piece, x):
    k = np.clip(field(record, "K" + stage, piece), -31, 15)
    s = np.where(flag(record, "NEG" + stage, piece), -x, x)
    left = counters.sat(40, s << np.maximum(k, 0))
    right = s
    for shift in np.unique(-k[k < 0]):
        right = np.where(k == -shift, rnd(s, shift), right)
    return np.where(k >= 0, left, right)


def _two_pieces(counters, c, record, stage, x):
    """P1 or P2 before its counters."""
    use1 = x >= field(record, "TH" + stage)
    shift, offset_shift = getattr(c, "S" + stage), getattr(c, "SB" + stage)
    results = []
    for piece, used in enumerate((~use1, use1)):
        # The piece that is not used sees 0, so that it changes no counters.
        masked = np.where(used, x, 0)
        if getattr(c, "P%s_POW2" % stage):
            product = _slope_pow2(counters, record, stage, piece, masked)
        else:
            product = field(record, "A" + stage, piece) * masked
        results.append(rnd(product + (field(record, "B" + stage, piece) << offset_shift), shift))
    return np.where(use1, results[1], results[0])


def residual(c, name, raw, shape):
    """The values that R1 or R2 adds, [n, OH, OW, COUT]."""
    channels, window, zero, shift = (getattr(c, name + s) for s in ("_C", "_WIN", "_ZERO", "_ALIGN"))
    _, rows, columns, outputs = shape
    if window:
        rows, columns = 2 * rows, 2 * columns
    values = Layout(c.format(name), (rows, columns, channels)).read(raw)
    if window:
        values = values[:, 0::2, 0::2] + values[:, 0::2, 1::2] + values[:, 1::2, 0::2] + values[:, 1::2, 1::2]
    index = np.arange(outputs)
    mapped = values[..., index % channels]
    if zero:
        mapped = np.where(index < channels, mapped, 0)
    return mapped << shift


def run(counters, c, acc, record, residuals):
    """Results of the pipe: name of a reference -> codes [n, OH, OW, COUT]; SUM -> [n, COUT].

    residuals: values to add, in the order R1, R2.
    """
    x = counters.sat(24, rnd(acc, c.PS))
    u = counters.sat(27, _two_pieces(counters, c, record, "1", x)) if c.P1 else x
    for r in residuals:
        u = counters.sat(27, u + r)
    v = counters.sat(32, _two_pieces(counters, c, record, "2", u)) if c.P2 else u
    v16 = counters.sat(16, v)
    plain = not (c.P1 or c.P2 or residuals)

    quantised = {}

    def q3(fmt):
        key = (fmt.n, fmt.kind == "SIGNED")
        if key not in quantised:
            quantised[key] = counters.fit(fmt, rnd(c.signed("A3", 16) * v16 + c.signed("B3", 32), c.S3))
        # Codes of ODD formats are what is clamped, so there is nothing to map.
        return quantised[key] & (2**fmt.n - 1)

    results = {}
    planes, stream = c.format("OUTP"), c.format("OUTS")
    if planes:
        if planes.name == "B1":
            results["OUTP"] = ((x if plain else v16) >= field(record, "TB")) ^ flag(record, "INV")
        elif planes.name == "O2":
            results["OUTP"] = sum((v16 >= field(record, "Q", i)).astype(np.int64) for i in range(3))
        elif planes.name == "S16":
            results["OUTP"] = code_of(v16, planes)
        else:
            results["OUTP"] = q3(planes)
    if stream:
        if stream.name == "E_S16":
            results["OUTS"] = code_of(v16, stream)
        elif stream.name == "E_S32":
            results["OUTS"] = code_of(v, stream)
        elif stream.name == "E_U16":
            results["OUTS"] = counters.to(v, 0, 32768)
        else:
            results["OUTS"] = q3(stream)
    if c.SUM_EN:
        total = v16.sum(axis=(1, 2)) & 0xFFFFFFFF
        results["SUM"] = total
    return results


def gatefold(counters, raw, gates):
    """GATEFOLD: records [n, 64*C] with gates [n, C] folded into P2."""
    record = raw.copy().view(spec.PARAM)
    gates = gates.astype(np.int64)
    for piece in range(2):
        slope = record["A2"][..., piece].astype(np.int64)
        offset = record["B2"][..., piece].astype(np.int64)
        record["A2"][..., piece] = counters.sat(16, rnd(slope * gates, 15))
        record["B2"][..., piece] = counters.sat(32, rnd(offset * gates, 15) + record["BBN"].astype(np.int64))
    return record.view(np.uint8)
