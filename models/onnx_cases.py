#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Small ONNX models for tests. onnx_cases.py FOLDER [MODEL.onnx]... writes FOLDER/good/NAME.onnx,
which must be imported, the same as FOLDER/again/NAME.onnx, checked and written another way, and
FOLDER/bad/NAME.onnx, which must be refused with the text in NAME.txt. The trained models named go
to FOLDER/trained and, written another way, to FOLDER/trained-again."""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 4


def signs(rng, *shape):
    return np.where(rng.standard_normal(shape) >= 0, 1, -1).astype(np.float32)


def packed(weights):
    rows = weights.transpose(0, 2, 3, 1) if weights.ndim == 4 else weights
    return np.packbits(rows.reshape(len(rows), -1) > 0, axis=1, bitorder="little")


class Graph:
    """Nodes in order; arrays become initializers."""

    def __init__(self, shape=("N", 3, 6, 6), opset=13, kind=TensorProto.FLOAT):
        self.rng = np.random.default_rng(7)
        self.shape, self.opset, self.kind = shape, opset, kind
        self.nodes, self.constants, self.x = [], [], "image"
        self.own, self.properties, self.outputs = False, {}, None

    def array(self, value, dtype=np.float32):
        value = np.asarray(value)
        value = value.astype(dtype) if value.dtype == np.float64 else value
        name = f"c{len(self.constants)}"
        value = np.ascontiguousarray(value).reshape(value.shape)  # that of a number is ()
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, op, *inputs, domain=None, **attributes):
        """A node; None is the tensor of the last one. Its result is the next None."""
        names = [self.x if i is None else i if isinstance(i, str) else self.array(i) for i in inputs]
        self.x = f"t{len(self.nodes)}"
        self.own |= domain is not None
        node = helper.make_node(op, names, [self.x], f"{op}{len(self.nodes)}", domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items()
                              if value is not None)
        self.nodes.append(node)
        return self.x

    def our(self, op, *inputs, **attributes):
        return self.add(op, *inputs, domain="bnnaccel", **attributes)

    def conv(self, outputs=CHANNELS, inputs=3, kernel=3, **attributes):
        attributes.setdefault("pads", [kernel // 2] * 4)
        weights = self.rng.standard_normal((outputs, inputs, kernel, kernel)).astype(np.float32)
        return self.add("Conv", None, attributes.pop("weights", weights), **attributes)

    def start(self):
        """A real tensor of 4 channels, 6x6."""
        self.add("Sub", None, np.float32(128))
        return self.conv()

    def end(self, channels=CHANNELS, classes=2):
        self.add("GlobalAveragePool", None)
        self.add("Flatten", None)
        weights = self.rng.standard_normal((classes, channels)).astype(np.float32)
        self.add("Gemm", None, weights, np.zeros(classes, np.float32), transB=1)
        return self

    def model(self):
        image = helper.make_tensor_value_info("image", self.kind, self.shape)
        last = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "K"])
                for name in self.outputs or [self.x]]
        graph = helper.make_graph(self.nodes, "g", [image], last, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid("bnnaccel", 1)] if self.own else []
        model = helper.make_model(graph, opset_imports=opsets, ir_version=7, producer_name="test")
        for key, value in self.properties.items():
            model.metadata_props.add(key=key, value=value)
        return model


GOOD, BAD = {}, {}


def good(function):
    GOOD[function.__name__] = function
    return function


def bad(text):
    def keep(function):
        BAD[function.__name__] = (function, text)
        return function
    return keep


# --- what must work ---


@good
def plain():
    g = Graph()
    g.start()
    return g.end().model()


def sign_case(build):
    def case():
        g = Graph()
        x = g.start()
        build(g, x)
        g.conv(weights=signs(g.rng, CHANNELS, CHANNELS, 3, 3))
        return g.end().model()
    return case


T = np.linspace(-9, 9, CHANNELS).astype(np.float32).reshape(-1, 1, 1)
F = np.float32
GOOD["sign"] = sign_case(lambda g, x: g.add("Sign", None))
GOOD["sign_own"] = sign_case(lambda g, x: g.our("Sign", None, T.reshape(-1)))
GOOD["sign_where"] = sign_case(lambda g, x: g.add("Where", g.add("GreaterOrEqual", None, T), F(1), F(-1)))
GOOD["sign_greater"] = sign_case(lambda g, x: g.add("Where", g.add("Greater", None, T), F(1), F(-1)))
GOOD["sign_less"] = sign_case(lambda g, x: g.add("Where", g.add("Less", None, F(0)), F(-1), F(1)))
GOOD["sign_not"] = sign_case(
    lambda g, x: g.add("Where", g.add("Not", g.add("LessOrEqual", None, F(0))), F(1), F(-1)))
GOOD["sign_left"] = sign_case(lambda g, x: g.add("Where", g.add("LessOrEqual", F(0), None), F(1), F(-1)))
GOOD["sign_inverted"] = sign_case(lambda g, x: g.add("Where", g.add("Greater", None, T), F(-1), F(1)))
GOOD["sign_scaled"] = sign_case(lambda g, x: g.add("Mul", g.add("Sign", None), F(0.25)))


@good
def sign_cast():
    g = Graph()
    g.start()
    g.add("GreaterOrEqual", None, F(0))
    g.add("Cast", None, to=TensorProto.FLOAT)
    g.add("Mul", None, F(2))
    g.add("Sub", None, F(1))
    g.add("Pad", None, np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), F(-1))
    g.conv(weights=signs(g.rng, CHANNELS, CHANNELS, 3, 3), pads=[0] * 4)
    return g.end().model()


def weights_case(build, **attributes):
    def case():
        g = Graph()
        g.add("Sign", g.start())
        g.add("Conv", g.x, build(g), **{"pads": [1] * 4, **attributes})
        return g.end().model()
    return case


GOOD["weights_sign"] = weights_case(lambda g: g.add("Sign", g.rng.standard_normal((4, 4, 3, 3)).astype(F)))
GOOD["weights_scaled"] = weights_case(
    lambda g: signs(g.rng, 4, 4, 3, 3) * np.array([0.5, 0.3, 1.7, 2], F).reshape(-1, 1, 1, 1))
GOOD["weights_ternary"] = weights_case(lambda g: signs(g.rng, 4, 4, 3, 3) * (g.rng.random((4, 4, 3, 3)) > 0.5))
GOOD["weights_int8"] = weights_case(
    lambda g: g.add("Cast", g.rng.integers(-128, 128, (4, 4, 3, 3)).astype(np.int8), to=TensorProto.FLOAT))


@good
def weights_reactnet():
    """Latent weights made binary by the graph: mean magnitude times sign."""
    g = Graph()
    x = g.add("Sign", g.start())
    w = g.array(g.rng.standard_normal((4, 4, 3, 3)).astype(F))
    scale = g.add("ReduceMean", g.add("Abs", w), axes=[1, 2, 3], keepdims=1)
    g.add("Conv", x, g.add("Mul", scale, g.add("Sign", w)), pads=[1] * 4)
    return g.end().model()


@good
def geometry():
    g = Graph(("N", 4, 9, 9))
    g.add("Sub", None, F(128))
    g.conv(weights=signs(g.rng, 4, 4, 3, 3), auto_pad="SAME_UPPER", pads=None, strides=[2, 2])
    g.add("Sign", None)
    g.conv(weights=signs(g.rng, 4, 4, 3, 3), dilations=[2, 2], pads=[2, 2, 2, 2])
    g.add("Sign", None)
    g.conv(weights=signs(g.rng, 4, 2, 1, 3), group=2, pads=[0, 1, 0, 1])
    g.add("Sign", None)
    g.conv(weights=signs(g.rng, 4, 4, 2, 2), auto_pad="SAME_LOWER", pads=None)
    return g.end().model()


@good
def batch_norm():
    g = Graph()
    g.start()
    g.add("BatchNormalization", None, *(np.linspace(a, 2, 4).astype(F) for a in (-1, 0, 1, 0.5)))
    g.add("Div", None, T.reshape(1, 4, 1, 1))
    g.add("Sub", F(3), None)
    g.add("Neg", None)
    return g.end().model()


@good
def bends():
    g = Graph()
    g.start()
    g.add("PRelu", None, np.linspace(-0.5, 0.5, 4).astype(F).reshape(-1, 1, 1))
    g.conv(inputs=4)
    g.add("LeakyRelu", None, alpha=0.125)
    g.conv(inputs=4)
    x = g.x
    g.add("Where", g.add("Less", x, F(0)), g.add("Mul", x, F(0.25)), g.add("Mul", x, F(2)))
    g.conv(inputs=4)
    g.add("Max", None, F(0))
    g.conv(inputs=4)
    g.add("Clip", None, F(-2), F(2))
    return g.end().model()


def codes_case(build):
    def case():
        g = Graph()
        g.start()
        build(g)
        g.conv(inputs=4)
        return g.end().model()
    return case


def signed(g, bound, m, op="Floor", after=None):
    g.add("Clip", None, F(-bound), F(bound))
    g.add("Mul", None, F(m / bound))
    if op == "Floor":
        g.add("Add", None, F(0.5))
    g.add(op, None)
    if after:
        g.add("Mul", None, F(after))


def unsigned(g, bound, top):
    g.add("Relu", None)
    g.add("Clip", None, F(0), F(bound))
    g.add("Mul", None, F((top + 1) / bound))
    g.add("Floor", None)
    g.add("Clip", None, F(0), F(top))


GOOD["codes_signed8"] = codes_case(lambda g: signed(g, 700, 127))
GOOD["codes_signed4"] = codes_case(lambda g: signed(g, 700, 7, "Round", 100))
GOOD["codes_unsigned4"] = codes_case(lambda g: unsigned(g, 700, 15))
GOOD["codes_unsigned8"] = codes_case(lambda g: unsigned(g, 700, 255))
for kind in ("odd2", "odd4", "odd8", "unsigned4", "unsigned8", "signed4", "signed8"):
    GOOD[f"quantise_{kind}"] = codes_case(lambda g, k=kind: g.our("Quantise", None, codes=k, range=500.0))
GOOD["quantise_down"] = codes_case(
    lambda g: g.our("Quantise", g.add("Relu", None), codes="unsigned4", range=500.0, rounding="down"))
GOOD["quantise_codes"] = codes_case(
    lambda g: g.our("Quantise", None, codes="signed8", range=500.0, symmetric=1, output="codes"))


@good
def shortcuts():
    g = Graph(("N", 3, 8, 8))
    x = g.start()
    g.conv(inputs=4, outputs=8, strides=[2, 2])
    y = g.x
    pool = g.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = g.add("Add", y, g.add("Concat", pool, pool, axis=1))
    g.conv(inputs=8, outputs=16)
    y2 = g.x
    y2 = g.add("Add", y2, g.add("Pad", y, np.array([0, 0, 0, 0, 0, 8, 0, 0], np.int64)))
    g.add("Sub", y2, g.add("Relu", g.x))
    return g.end(16).model()


@good
def shortcut_of_codes():
    """FracBNN for ImageNet: shortcuts of 4 bits, halved in size and repeated."""
    g = Graph(("N", 3, 8, 8))
    x = g.our("Quantise", g.start(), codes="odd4", range=500.0)
    g.x = g.nodes[1].output[0]
    y = g.add("Add", g.conv(inputs=4), x)
    z = g.our("Quantise", y, codes="odd4", range=500.0)
    half = g.add("AveragePool", z, kernel_shape=[2, 2], strides=[2, 2])
    double = g.add("Concat", half, half, axis=1)
    g.x = y
    g.add("Add", g.conv(8, 4, strides=[2, 2]), double)
    return g.end(8).model()


@good
def groups_of_channels():
    g = Graph()
    g.conv(8)
    x = g.x
    parts = [g.add("Slice", x, np.array([i]), np.array([2**31 - 1]), np.array([1]), np.array([2]))
             for i in range(2)]
    mean = g.add("Div", g.add("Add", *parts), F(2))
    g.x = x
    y = g.conv(4, 8)
    y = g.add("Add", y, mean)
    g.x = x
    z = g.conv(2, 8)
    g.add("Reshape", x, np.array([-1, 2, 4, 6, 6]))
    other = g.add("ReduceMean", None, axes=[2], keepdims=0)
    other = g.add("Add", z, other)
    g.add("Add", y, g.add("Concat", other, other, axis=1))
    return g.end().model()


@good
def pools():
    g = Graph(("N", 3, 14, 14))
    g.start()
    g.add("MaxPool", None, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    g.add("AveragePool", None, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=1)
    g.add("Sign", None)
    g.add("MaxPool", None, kernel_shape=[2, 2], strides=[2, 2])
    g.conv(weights=signs(g.rng, 4, 4, 1, 1), pads=[0] * 4)
    g.add("Slice", None, np.array([0, 0]), np.array([9, 9]), np.array([2, 3]), np.array([2, 2]))
    g.add("AveragePool", None, kernel_shape=[2, 2], ceil_mode=0)
    g.add("Reshape", None, np.array([0, -1]))
    return g.model()


def gate_case(build):
    def case():
        g = Graph()
        x = g.start()
        s = g.add("GlobalAveragePool", x)
        g.conv(4, 4, 1)
        s = build(g)
        g.add("Mul", x, s)
        return g.end().model()
    return case


GOOD["gate_hard"] = gate_case(lambda g: g.add("HardSigmoid", None, alpha=1 / 6, beta=0.5))
GOOD["gate_clip"] = gate_case(
    lambda g: g.add("Div", g.add("Clip", g.add("Add", None, F(3)), F(0), F(6)), F(6)))
GOOD["gate_own"] = lambda: own_gate()


def own_gate():
    g = Graph()
    x = g.start()
    s = g.add("ReduceMean", x, axes=[2, 3], keepdims=0)
    w = g.rng.standard_normal((4, 4)).astype(F)
    s = g.add("MatMul", s, w)
    g.our("Gate", x, s)
    return g.end().model()


@good
def dynamic_reshape():
    """What PyTorch writes for x.view(x.size(0), -1)."""
    g = Graph(("N", 3, 4, 4))
    x = g.start()
    n = g.add("Gather", g.add("Shape", x), np.array(0), axis=0)
    shape = g.add("Concat", g.add("Unsqueeze", n, np.array([0])), np.array([-1]), axis=0)
    g.add("Reshape", x, shape)
    g.add("Gemm", None, g.rng.standard_normal((2, 64)).astype(F), transB=1)
    g.add("Softmax", None, axis=-1)
    g.properties = {"bnnaccel.labels": "no,yes", "bnnaccel.column": "p", "bnnaccel.about": "a test"}
    return g.model()


@good
def constants_of_nodes():
    g = Graph(opset=12)
    g.add("Sub", "image", g.add("Constant", value_float=128.0))
    g.conv()
    shape = g.add("ConstantOfShape", np.array([4, 1, 1]),
                  value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5]))
    g.add("Mul", g.nodes[2].output[0], g.add("Expand", shape, np.array([4, 1, 1])))
    y = g.x
    g.add("Range", np.array(0), np.array(4), np.array(1))
    bias = g.add("Reshape", g.add("Cast", None, to=TensorProto.FLOAT), np.array([4, 1, 1]))
    g.add("Add", y, bias)
    g.add("Clip", None, F(-500), F(500))
    return g.end().model()


@good
def old_opset():
    g = Graph(opset=9)
    g.start()
    g.add("Clip", None, min=0.0, max=6.0)
    g.add("Pad", None, pads=[0, 0, 1, 1, 0, 0, 1, 1])
    g.conv(inputs=4, pads=[0] * 4)
    g.add("Squeeze", g.add("GlobalAveragePool", None), axes=[2, 3])
    g.add("Dropout", None)
    g.add("Identity", None)
    g.add("Gemm", None, np.ones((4, 2), F), np.zeros(2, F))
    return g.model()


@good
def normalised():
    g = Graph()
    g.add("Div", None, F(255))
    g.add("Sub", None, np.array([0.4, 0.5, 0.6], F).reshape(1, 3, 1, 1))
    g.add("Div", None, np.array([0.2, 0.21, 0.22], F).reshape(1, 3, 1, 1))
    g.conv()
    return g.end().model()


@good
def normalised_outside():
    g = Graph()
    g.properties = {"bnnaccel.mean": "0.4,0.5,0.6", "bnnaccel.std": "0.2,0.21,0.22"}
    g.conv()
    return g.end().model()


@good
def odd_input():
    g = Graph(kind=TensorProto.UINT8)
    g.add("Cast", None, to=TensorProto.FLOAT)
    g.add("Div", None, F(127.5))
    g.add("Sub", None, F(1))
    g.conv()
    return g.end().model()


@good
def sign_input():
    g = Graph()
    g.add("Where", g.add("GreaterOrEqual", None, F(128)), F(1), F(-1))
    g.conv(weights=signs(g.rng, 4, 3, 3, 3))
    return g.end().model()


@good
def channels_last():
    g = Graph(("N", 6, 6, 3))
    g.add("Div", None, F(255))
    g.add("Transpose", None, perm=[0, 3, 1, 2])
    g.conv()
    return g.end().model()


@good
def dense():
    g = Graph((1, 64))
    g.add("Div", None, F(255))
    g.add("MatMul", None, signs(g.rng, 64, 8) * F(0.5))
    g.add("Add", None, np.arange(8, dtype=F))
    g.add("Relu", None)
    g.our("BinaryGemm", None, packed(signs(g.rng, 4, 8)), np.array([0.5, 2], F), np.arange(4, dtype=F))
    return g.model()


def tokens():
    """[N, 36 pixels, 4 channels]; opset 17 has LayerNormalization."""
    g = Graph(opset=17)
    g.start()
    g.add("Reshape", None, np.array([0, CHANNELS, -1]))
    g.add("Transpose", None, perm=[0, 2, 1])
    return g


def normalise(g):
    return g.add("LayerNormalization", None, np.linspace(0.5, 1, CHANNELS, dtype=F), np.zeros(CHANNELS, F),
                 axis=-1)


def dense_of(g, x, inputs, outputs):
    g.x = x
    g.add("MatMul", None, g.rng.standard_normal((inputs, outputs)).astype(F))
    return g.add("Add", np.linspace(-1, 1, outputs, dtype=F), None)


@good
def mixer():
    """Pixels, then channels are mixed; GELU in both orders of its factors, and x*Sigmoid(x)."""
    g = tokens()
    x, y = g.x, normalise(g)
    y = dense_of(g, g.add("Transpose", y, perm=[0, 2, 1]), 36, 10)
    e = g.add("Add", g.add("Erf", g.add("Div", y, F(2**0.5))), F(1))
    y = dense_of(g, g.add("Mul", g.add("Mul", y, F(0.5)), e), 10, 36)
    x = g.add("Add", x, g.add("Transpose", y, perm=[0, 2, 1]))
    y = dense_of(g, normalise(g), CHANNELS, 6)
    e = g.add("Add", g.add("Erf", g.add("Mul", y, F(0.5**0.5))), F(1))
    y = dense_of(g, g.add("Mul", g.add("Mul", e, y), F(0.5)), 6, CHANNELS)
    y = g.add("Mul", y, g.add("Sigmoid", y))
    g.add("Add", g.add("Tanh", y), x)
    g.add("ReduceMean", None, axes=[1], keepdims=0)
    g.add("MatMul", None, g.rng.standard_normal((CHANNELS, 2)).astype(F))
    return g.model()


@good
def mixer_of_convolutions():
    """The same exchange by Reshape: pixels are the channels of [N, 36, 4, 1]."""
    g = tokens()
    x, y = g.x, normalise(g)
    g.add("Reshape", None, np.array([-1, 36, CHANNELS, 1]))
    g.conv(weights=g.rng.standard_normal((36, 36, 1, 1)).astype(F), kernel=1)
    y = g.add("Reshape", None, np.array([-1, 36, CHANNELS]))
    g.add("Sub", x, y)
    g.add("Transpose", None, perm=[0, 2, 1])
    g.add("Reshape", None, np.array([-1, CHANNELS, 6, 6]))
    return g.end().model()


@good
def dense_of_pixels():
    g = Graph(("N", 3, 4, 4))
    g.add("Sign", g.start())
    g.add("Flatten", None)
    g.our("BinaryGemm", None, signs(g.rng, 5, 64))
    return g.model()


@good
def tiled_dense():
    g = Graph(("N", 1, 8, 8))
    g.add("Flatten", None)
    g.our("TiledGemm", None, np.packbits(g.rng.random(128) > 0.5, bitorder="little"),
          np.array([0.5, 1, 2, 0.1], F), p=4, outputs=8)
    g.add("Relu", None)
    g.our("TiledGemm", None, np.packbits(g.rng.random(16) > 0.5, bitorder="little"), np.array([0.5], F),
          p=1, outputs=2)
    return g.model()


@good
def tiled_conv():
    g = Graph()
    g.start()
    for outputs, p, order in ((4, 2, "OIHW"), (4, 4, "OHWI"), (4, 8, "OIHW")):
        g.add("Relu", None)
        tile = np.packbits(g.rng.random(outputs * 36 // p) > 0.5, bitorder="little")
        scale = np.full(1 if p == 8 else p, 0.5, F)
        g.our("TiledConv", None, tile, scale, p=p, outputs=outputs, order=order, kernel_shape=[3, 3],
              pads=[1] * 4)
    return g.end().model()


@good
def fractional():
    g = Graph(("N", 3, 6, 6))
    g.our("Thermometer", None, levels=4, resolution=64)
    g.our("BinaryConv", None, packed(signs(g.rng, 4, 12, 3, 3)), kernel_shape=[3, 3], pads=[1] * 4)
    g.add("Mul", None, F(0.125))
    for weights in (signs(g.rng, 4, 4, 3, 3), packed(signs(g.rng, 4, 4, 3, 3))):
        x = g.x
        g.our("Quantise", None, codes="odd2", range=1.0)
        g.our("PrecisionGatedConv", None, weights, np.linspace(0.5, 3, 4).astype(F), kernel_shape=[3, 3],
              pads=[1] * 4)
        g.our("RPReLU", None, T.reshape(-1), np.full(4, 0.25, F), F(0.5))
        g.add("Add", None, x)
    return g.end().model()


@good
def bit_planes():
    g = Graph(("N", 1, 6, 6))
    g.our("BitPlanes", None)
    g.our("BinaryConv", None, signs(g.rng, 4, 8, 3, 3), np.array([0.5], F), pads=[1] * 4, pad_value=-1)
    g.our("DPReLU", None, F(1), np.full(4, 0.25, F), F(2), T.reshape(-1))
    return g.end().model()


@good
def codebook():
    g = Graph()
    g.our("Sign", g.start())
    g.our("CodebookConv", None, g.rng.integers(0, 512, 8).astype(np.uint16),
          g.rng.integers(0, 8, (4, 4)).astype(np.uint8), kernel_shape=[3, 3], pads=[1] * 4)
    return g.end().model()


@good
def matched():
    g = Graph(("N", 3, 8, 8))
    x = g.start()
    y = g.conv(2, 4, strides=[2, 2])
    y = g.add("Add", y, g.our("MatchChannels", x, channels=2, mode="zero", stride=2))
    z = g.conv(8, 2, 1)
    z = g.add("Add", z, g.our("MatchChannels", y, channels=8, mode="repeat", stride=1))
    g.add("Add", z, g.our("MatchChannels", y, channels=8, mode="zero", stride=1))
    return g.end(8).model()


# --- what must be refused ---


def raw(change):
    """A good model, changed as bytes or message."""
    g = Graph()
    g.start()
    model = g.end().model()
    return change(model) or model


@bad("has 0 graphs, not 1, so this is no ONNX model")
def empty():
    return b""


@bad("the model is damaged or this is no ONNX file")
def text():
    return b"this is no model at all"


@bad("is damaged or this is no ONNX file")
def cut():
    return raw(lambda m: m.SerializeToString()[:-5])


@bad("has 2 graphs, not 1")
def two_graphs():
    return raw(lambda m: m.SerializeToString() * 2)


@bad("has IR version 99; 3 to 10 are possible")
def ir_version():
    return raw(lambda m: setattr(m, "ir_version", 99))


@bad("uses operator set 5; 7 to 20 are possible")
def opset_old():
    return raw(lambda m: setattr(m.opset_import[0], "version", 5))


@bad("is of domain \"\", which the model does not import")
def opset_missing():
    return raw(lambda m: m.ClearField("opset_import"))


@bad("is of domain \"com.microsoft\"; known are the standard operators and the domain bnnaccel")
def domain_unknown():
    return raw(lambda m: setattr(m.graph.node[1], "domain", "com.microsoft"))


@bad("node 1 \"Conv1\" (Einsum) is no operator this importer knows; docs/onnx.md lists them")
def operator_unknown():
    return raw(lambda m: setattr(m.graph.node[1], "op_type", "Einsum"))


@bad("is of domain \"bnnaccel\", which the model does not import")
def domain_not_imported():
    return raw(lambda m: setattr(m.graph.node[1], "domain", "bnnaccel"))


@bad("uses version 2 of the operators of domain bnnaccel; 1 is known")
def own_version():
    return raw(lambda m: m.opset_import.add(domain="bnnaccel", version=2) and None)


@bad("reads \"c1\", which is neither input nor initializer nor made by a node")
def initializer_missing():
    return raw(lambda m: m.graph.initializer.pop(1) and None)


@bad("reads \"t3\", which node 3 makes only later: the graph has a cycle or its nodes are not sorted")
def cycle():
    return raw(lambda m: m.graph.node[1].input.__setitem__(0, "t3"))


@bad("makes \"t1\" (its result), which exists already; names must be unique")
def output_twice():
    return raw(lambda m: m.graph.node[2].output.__setitem__(0, "t1"))


@bad("the output \"nothing\" is made by no node")
def output_unknown():
    return raw(lambda m: setattr(m.graph.output[0], "name", "nothing"))


@bad("has 1 inputs and 2 outputs; one of each is possible")
def outputs_two():
    return raw(lambda m: m.graph.output.append(m.graph.output[0]))


@bad("the output \"t1\" has 6 rows and 6 columns; one pixel is possible")
def output_of_pixels():
    return raw(lambda m: setattr(m.graph.output[0], "name", "t1"))


@bad("initializer \"c1\", which has 108 elements of data for a shape of 144")
def data_short():
    return raw(lambda m: m.graph.initializer[1].dims.__setitem__(0, 5) or
               m.graph.initializer[1].dims.__setitem__(0, 4) or
               m.graph.initializer[1].dims.__setitem__(1, 4))


@bad("which dimension 0 is -4, which is negative")
def dimension_negative():
    return raw(lambda m: m.graph.initializer[1].dims.__setitem__(0, -4))


@bad("which has dimensions whose product is beyond 2^40")
def dimension_overflow():
    return raw(lambda m: [m.graph.initializer[1].dims.__setitem__(i, 2**62) for i in range(4)] and None)


@bad("has its data in another file; save the model with its data inside")
def data_external():
    return raw(lambda m: setattr(m.graph.initializer[1], "data_location", 1))


@bad("has element type 14 (undefined); float, double, float16, bool and integers are possible")
def type_complex():
    return raw(lambda m: setattr(m.graph.initializer[1], "data_type", 14))


def with_value(value):
    def change(m):
        array = numpy_helper.to_array(m.graph.initializer[1]).copy()
        array[2, 1, 0, 2] = value
        m.graph.initializer[1].CopyFrom(numpy_helper.from_array(array, "c1"))
    return raw(change)


@bad("node 1 \"Conv1\" (Conv) has a parameter whose element 65 is not a number; train it again or repair it")
def not_a_number():
    return with_value(np.nan)


@bad("node 1 \"Conv1\" (Conv) has a parameter whose element 65 is infinite; train it again or repair it")
def infinite():
    return with_value(np.inf)


@bad("has weights for 4 outputs and 3 channels in 1 groups, but its input has 5 channels")
def channels_wrong():
    g = Graph(("N", 5, 6, 6))
    g.start()
    return g.end().model()


@bad("has -1 channels, 6 rows and 6 columns; they must be numbers")
def channels_unknown():
    g = Graph(("N", "C", 6, 6))
    g.start()
    return g.end().model()


@bad("columns; they must be numbers, 1 to 8192 and 1 to 65535")
def rows_huge():
    g = Graph(("N", 3, 2**40, 6))
    g.start()
    return g.end().model()


@bad("the input \"image\" is of type int64; a tensor of float or uint8 is possible")
def input_type():
    g = Graph(kind=TensorProto.INT64)
    g.start()
    return g.end().model()


@bad("has attribute \"surprise\"; known are: kernel_shape strides pads dilations group auto_pad")
def attribute_unknown():
    g = Graph()
    g.conv(surprise=1)
    return g.end().model()


@bad("has attribute \"group\" of type 1; it must be of type 2")
def attribute_type():
    g = Graph()
    g.conv(group=1.5)
    return g.end().model()


@bad("has 3 pads; four are possible")
def pads_three():
    g = Graph()
    g.conv(pads=[1, 1, 1])
    return g.end().model()


@bad("has strides whose number 0 of 2 is 0; two numbers from 1 to 64 are possible")
def stride_zero():
    g = Graph()
    g.conv(strides=[0, 1])
    return g.end().model()


@bad("has a kernel of 3x3, which does not fit its input of 2x2")
def kernel_large():
    g = Graph(("N", 3, 2, 2))
    g.conv(pads=[0] * 4)
    return g.end().model()


@bad("adds tensors of different shapes: 6x6x4 and 3x3x4")
def shapes_differ():
    g = Graph()
    x = g.start()
    g.conv(inputs=4, strides=[2, 2])
    g.add("Add", x, None)
    return g.end().model()


@bad("has a constant whose dimension 1 is 5; possible are one number, or one for each of the 4 channels")
def broadcast_wrong():
    g = Graph()
    g.start()
    g.add("Mul", None, np.ones((1, 5, 1, 1), F))
    return g.end().model()


@bad("divides by 0 (element 2)")
def divides_by_zero():
    g = Graph()
    g.start()
    g.add("Div", None, np.array([1, 2, 0, 4], F).reshape(4, 1, 1))
    return g.end().model()


@bad("has a variance whose element 1 is -3; it must be positive")
def variance_negative():
    g = Graph()
    g.start()
    g.add("BatchNormalization", None, *(np.array(a, F) for a in ([1] * 4, [0] * 4, [0] * 4, [1, -3, 1, 1])))
    return g.end().model()


@bad("has 2 inputs; 5 to 5 are possible")
def batch_norm_short():
    g = Graph()
    g.start()
    g.add("BatchNormalization", None, np.ones(4, F))
    return g.end().model()


@bad("has count_include_pad 0, so divides by other numbers at the border; use count_include_pad 1 or no pads")
def average_of_border():
    g = Graph()
    g.start()
    g.add("AveragePool", None, kernel_shape=[3, 3], pads=[1] * 4)
    return g.end().model()


BAD["average_of_border"] = (BAD["average_of_border"][0],
                            "has pads with count_include_pad 0, so divides by other numbers at the border")


@bad("clips from 6 to -6")
def clip_wrong():
    g = Graph()
    g.start()
    g.add("Clip", None, F(6), F(-6))
    return g.end().model()


@bad("multiplies two tensors; possible are constants and the gate of a squeeze-and-excite")
def product():
    g = Graph()
    x = g.start()
    g.add("Mul", x, x)
    return g.end().model()


@bad("reads a tensor of values 0 and 1; make them -1 and +1 (or -s and +s)")
def zero_and_one():
    g = Graph()
    g.start()
    g.add("Cast", g.add("Greater", None, F(0)), to=TensorProto.FLOAT)
    g.conv(inputs=4)
    return g.end().model()


@bad("has two values only; only a convolution or a dense layer can read it")
def sign_added():
    g = Graph()
    x = g.start()
    g.add("Add", x, g.add("Sign", x))
    return g.end().model()


@bad("is padded with 0.5; possible are 0 and, of signs, their two values")
def pad_half():
    g = Graph()
    g.add("Sign", g.start())
    g.add("Pad", None, np.array([0, 0, 1, 1, 0, 0, 1, 1]), F(0.5))
    g.conv(inputs=4, pads=[0] * 4)
    return g.end().model()


@bad("makes codes 0 to 9 as floor(x*0.01 + 0)")
def codes_odd():
    g = Graph()
    g.start()
    g.add("Clip", g.add("Floor", g.add("Mul", None, F(0.01))), F(0), F(9))
    g.conv(inputs=4)
    return g.end().model()


@bad("exchanges axes; possible are (0, 3, 1, 2)")
def transposed():
    g = Graph()
    g.start()
    g.add("Transpose", None, perm=[0, 2, 1, 3])
    return g.end().model()


@bad("makes [1, 9, 16] of a tensor of 4 channels, 6 rows and 6 columns")
def reshaped():
    g = Graph()
    g.start()
    g.add("Reshape", None, np.array([1, 9, 16]))
    return g.end().model()


@bad("has weights for 5 inputs and 2 outputs, but its input has 4")
def dense_wrong():
    g = Graph()
    g.start()
    return g.end(5).model()


@bad("has codes \"odd3\"; odd2, odd4, odd8, unsigned4, unsigned8, signed4 and signed8 are possible")
def codes_unknown():
    g = Graph()
    g.start()
    g.our("Quantise", None, codes="odd3", range=1.0)
    g.conv(inputs=4)
    return g.end().model()


@bad("has a range of -1; it must be positive")
def range_negative():
    g = Graph()
    g.start()
    g.our("Quantise", None, codes="odd2", range=-1.0)
    g.conv(inputs=4)
    return g.end().model()


@bad("has packed weights of 2 dimensions, 4 bytes a row; 36 weights are 5 bytes")
def packed_short():
    g = Graph()
    g.add("Sign", g.start())
    g.our("BinaryConv", None, np.zeros((4, 4), np.uint8), kernel_shape=[3, 3], pads=[1] * 4)
    return g.end().model()


@bad("has p 5; 1 to 255 is possible, and it must divide the 144 weights")
def tile_wrong():
    g = Graph()
    g.start()
    g.our("TiledConv", None, np.zeros(4, np.uint8), np.ones(5, F), p=5, outputs=4, kernel_shape=[3, 3])
    return g.end().model()


@bad("has index 9 (element 3) into a codebook of 8 entries")
def codebook_index():
    g = Graph()
    g.add("Sign", g.start())
    index = np.zeros((4, 4), np.uint8)
    index[0, 3] = 9
    g.our("CodebookConv", None, np.zeros(8, np.uint16), index, kernel_shape=[3, 3], pads=[1] * 4)
    return g.end().model()


@bad("a gated convolution needs ODD2 codes and weights of +-1")
def gated_real():
    g = Graph()
    g.start()
    g.our("PrecisionGatedConv", None, signs(g.rng, 4, 4, 3, 3), np.ones(4, F), pads=[1] * 4)
    return g.end().model()


@bad("does not read the input itself; give it the bytes of the image")
def thermometer_late():
    g = Graph()
    g.start()
    g.our("Thermometer", None, levels=4, resolution=64)
    return g.end(16).model()


@bad("has 2 outputs, but 3 labels")
def labels_wrong():
    g = Graph()
    g.start()
    g.properties = {"bnnaccel.labels": "a,b,c"}
    return g.end().model()


@bad("has metadata bnnaccel.mean that are not 1 to 64 numbers")
def mean_wrong():
    g = Graph()
    g.start()
    g.properties = {"bnnaccel.mean": "0.5,x"}
    return g.end().model()


@bad("takes a mean over the channels of each pixel; if it is part of a layer normalisation")
def mean_of_channels():
    g = tokens()
    g.add("ReduceMean", None, axes=[-1], keepdims=1)
    return g.model()


@bad("is Erf, which is possible in a GELU x*(1 + Erf(x/sqrt 2)) only")
def erf_alone():
    g = Graph()
    g.start()
    g.add("Erf", None)
    return g.end().model()


@bad("normalises axis 2 of 3; the last one is possible, if it has the channels")
def layer_norm_of_pixels():
    g = Graph(opset=17)
    g.start()
    g.add("Reshape", None, np.array([0, CHANNELS, -1]))
    g.add("LayerNormalization", None, np.ones(1, F), axis=-1)
    return g.model()


@bad("with a kernel of 3x1; 1x1 without strides is possible")
def pixels_convolved():
    g = tokens()
    g.add("Reshape", None, np.array([-1, 36, CHANNELS, 1]))
    g.add("Conv", None, g.rng.standard_normal((4, 36, 3, 1)).astype(F), pads=[1, 0, 1, 0])
    return g.end().model()


@bad("is possible as the last operator, over axis 1; it is left out there")
def softmax_inside():
    g = Graph()
    g.start()
    g.add("Softmax", None, axis=1)
    return g.end().model()


@bad("a gate of 6x6x4")
def gate_of_pixels():
    g = Graph()
    x = g.start()
    g.our("Gate", x, x)
    return g.end().model()


def again(model):
    """The same model: checked, initializers in another order and in typed fields."""
    onnx.checker.check_model(model)
    copy = onnx.load_model_from_string(model.SerializeToString())
    del copy.graph.initializer[:]
    for tensor in reversed(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        copy.graph.initializer.append(
            helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.reshape(-1).tolist()))
    for node in copy.graph.node:
        node.doc_string = "read by nobody"
    return copy


def main(folder, trained):
    for name in ("good", "again", "bad", "trained", "trained-again"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, build in GOOD.items():
        model = build()
        onnx.save(model, folder / "good" / f"{name}.onnx")
        onnx.save(again(model), folder / "again" / f"{name}.onnx")
    for name, (build, message) in BAD.items():
        model = build()
        data = model if isinstance(model, bytes) else model.SerializeToString()
        (folder / "bad" / f"{name}.onnx").write_bytes(data)
        (folder / "bad" / f"{name}.txt").write_text(message + "\n", encoding="ascii")
    for number, path in enumerate(trained):
        name = f"{number}-{pathlib.Path(path).parent.name}.onnx"
        onnx.save(onnx.load(path), folder / "trained" / name)
        onnx.save(again(onnx.load(path)), folder / "trained-again" / name)
    print(f"{len(GOOD)} good and {len(BAD)} bad models")


main(pathlib.Path(sys.argv[1]), sys.argv[2:])
