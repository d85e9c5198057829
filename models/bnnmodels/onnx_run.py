# SPDX-License-Identifier: MIT
"""Evaluates the ONNX files that onnx_graph.py writes, in double precision, from docs/onnx.md: what
a file says, independently of the module that it was made of."""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

TOP = {"odd2": 3, "odd4": 15, "odd8": 255, "unsigned4": 15, "unsigned8": 255, "signed4": 7,
       "signed8": 127}


def per_channel(value, x):
    """A parameter [c] (or scalar, or [c, 1, 1]) as it applies to x = [N, c, ...]."""
    value = value.flatten()
    return value if value.numel() == 1 else value.view(1, -1, *[1] * (x.dim() - 2))


def spread(scale, outputs):
    """s values for outputs: output o takes scale[floor(o*s/outputs)]."""
    return scale.flatten().repeat_interleave(outputs // scale.numel())


def unpacked(bits, count):
    """Rows of uint8 to rows of +1, -1."""
    rows = np.unpackbits(bits.numpy().astype(np.uint8), axis=-1, bitorder="little")[..., :count]
    return torch.from_numpy(rows * 2.0 - 1)


def conv(x, weight, a, bias=None):
    top, left, bottom, right = a.get("pads", [0] * 4)
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, a.get("strides", 1), 0, 1,
                    a.get("group", 1))


def binary_weight(x, w, a):
    kh, kw = a["kernel_shape"]
    count = kh * kw * x.shape[1]
    return unpacked(w, count).view(-1, kh, kw, x.shape[1]).permute(0, 3, 1, 2)


def binary_conv(a, x, w, scale=None, bias=None):
    y = conv(x, binary_weight(x, w, a), a)
    y = y if scale is None else y * per_channel(spread(scale, y.shape[1]), y)
    return y if bias is None else y + per_channel(bias, y)


def gated_conv(a, x, w, gates):
    code = torch.floor((x + 1) * 1.5 + 0.5)
    weight = binary_weight(x, w, a)
    high = conv(torch.where(code >= 2, 1.0, -1.0).double(), weight, a)
    low = conv(code % 2 * 2 - 1, weight, a)
    return torch.where(2 / 3 * high <= per_channel(gates, high), 2 * high / 3, (2 * high + low) / 3)


def tiled(tile, scale, a, k):
    """Weights [outputs, k]: number n is tile[n mod q] * scale[floor(n/q)]."""
    count = a["outputs"] * k
    q = count // a["p"]
    n = torch.arange(count)
    signs = unpacked(tile, q)
    return (signs[n % q] * spread(scale, a["p"])[n // q]).view(a["outputs"], k)


def tiled_conv(a, x, tile, scale):
    kh, kw = a["kernel_shape"]
    return conv(x, tiled(tile, scale, a, x.shape[1] * kh * kw).view(-1, x.shape[1], kh, kw), a)


def tiled_gemm(a, x, tile, scale, bias=None):
    y = x @ tiled(tile, scale, a, x.shape[1]).T
    return y if bias is None else y + bias


def quantise(a, x):
    kind, top = a["codes"].decode(), TOP[a["codes"].decode()]
    unit, inside = a["range"] / top, None
    if kind.startswith("odd"):
        inside = 2 * torch.floor((x / a["range"] + 1) * (top / 2) + 0.5).clamp(0, top) - top
    elif a.get("rounding") == b"down":
        unit = a["range"] / (top + 1)
        inside = torch.floor(x / unit).clamp(0, top)
    else:
        low = 0 if kind.startswith("unsigned") else -top if a.get("symmetric") else -top - 1
        inside = torch.floor(x / unit + 0.5).clamp(low, top)
    return inside if a.get("output") == b"codes" else inside * unit


def thermometer(a, x):
    level = torch.round(x / a["resolution"])[:, :, None]
    b = torch.arange(a["levels"]).view(1, 1, -1, 1, 1)
    return torch.where(b < level, 1.0, -1.0).double().flatten(1, 2)


def match(a, x):
    n, c, h, w = x.shape
    wanted = a["channels"]
    if c > wanted:
        x = x.view(n, wanted, -1, h, w).mean(2)
    elif a["mode"] == b"zero":
        x = F.pad(x, (0, 0, 0, 0, 0, wanted - c))
    else:
        x = x.repeat(1, wanted // c, 1, 1)
    if a.get("stride", 1) == 2:
        x = sum(F.pad(x, (0, 1, 0, 1))[:, :, i:i + h:2, j:j + w:2] for i in range(3) for j in range(3)) / 9
    return x


def bend(x, above, below):
    return torch.where(x >= 0, x * above, x * below)


def pool(a, x):
    top, left, bottom, right = a["pads"]
    return F.avg_pool2d(F.pad(x, (left, right, top, bottom)), a["kernel_shape"], a["strides"])


def rows(a, x, first, last, axis, step):
    return x[:, int(first)::int(step)]


OPERATORS = {
    "Sign": lambda a, x, t=None: torch.where(x >= (0 if t is None else per_channel(t, x)), 1.0, -1.0).double(),
    "Quantise": quantise,
    "RPReLU": lambda a, x, sx, slope, sy: bend(x + per_channel(sx, x), 1, per_channel(slope, x)) + per_channel(sy, x),
    "DPReLU": lambda a, x, sx, below, above, sy: bend(x - per_channel(sx, x), per_channel(above, x), per_channel(below, x)) - per_channel(sy, x),
    "BinaryConv": binary_conv, "PrecisionGatedConv": gated_conv, "TiledConv": tiled_conv, "TiledGemm": tiled_gemm,
    "Thermometer": thermometer, "MatchChannels": match,
    "Gate": lambda a, x, g: x * ((g + 3).clamp(0, 6) / 6).view(*g.shape[:2], 1, 1),
    "Add": lambda a, x, y: x + y, "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y, "Div": lambda a, x, y: x / y,
    "Cast": lambda a, x: x.double(), "Relu": lambda a, x: x.clamp_min(0), "Floor": lambda a, x: torch.floor(x),
    "Clip": lambda a, x, low, high: x.clamp(low, high),
    "GreaterOrEqual": lambda a, x, y: x >= y, "Where": lambda a, c, x, y: torch.where(c, x, y),
    "PRelu": lambda a, x, slope: bend(x, 1, per_channel(slope, x)),
    "HardSigmoid": lambda a, x: (x * a["alpha"] + a["beta"]).clamp(0, 1),
    "Conv": lambda a, x, w, bias=None: conv(x, w, a, bias),
    "Gemm": lambda a, x, w, bias: x @ w.T + bias,
    "AveragePool": pool, "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "MaxPool": lambda a, x: F.max_pool2d(x, a["kernel_shape"], a["strides"], a["pads"][0]),
    "Concat": lambda a, *x: torch.cat(x, a["axis"]), "Flatten": lambda a, x: x.flatten(a["axis"]),
    "Reshape": lambda a, x, shape: x.reshape(shape.tolist()), "Transpose": lambda a, x: x.permute(a["perm"]),
    "ReduceMean": lambda a, x: x.mean(a["axes"]), "Erf": lambda a, x: torch.erf(x),
    "LayerNormalization": lambda a, x, w, b: F.layer_norm(x, w.shape, w, b, a["epsilon"]),
    "Pad": lambda a, x, pads: F.pad(x, (0, 0, 0, 0, 0, int(pads[5]))), "Slice": rows,
}


def run(model, images):
    """Logits [n, classes] of uint8 images [n, colours, rows, columns]."""
    values = {}
    for constant in model.graph.initializer:
        value = torch.from_numpy(numpy_helper.to_array(constant).copy())
        values[constant.name] = value.double() if value.is_floating_point() else value
    values[model.graph.input[0].name] = torch.from_numpy(images).double()
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] if name else None for name in node.input]
        values[node.output[0]] = OPERATORS[node.op_type](attributes, *inputs)
    return values[model.graph.output[0].name].numpy()
