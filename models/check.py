#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests of bnnmodels, as TAP: counts of the papers, arithmetic of the layers, export to ONNX, and
import of the files by the program.

    check.py [BNNACCEL]
"""
import csv
import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np
import onnx
import torch

from bnnmodels import (PAPER, SMALL, abbnn, count, fracbnn, onnx_graph, onnx_run, pokebnn, quant,
                       records, shapes, tbn, to_onnx)

HERE = pathlib.Path(__file__).parent

NETS = {
    **SMALL,
    # halves of ImageNet's network, in small
    "fracbnn with 4-bit shortcuts": lambda: fracbnn.FracBNN(
        [fracbnn.Half(16, 16, 3, 2, 4), fracbnn.Half(16, 32, 1, 1, 4)], 16, 2, 32, 10),
    "tbn-mixer": PAPER["tbn-mixer", 32],
}


def equal(have, want, what=""):
    if have != want:
        raise AssertionError(f"{what} {have}, {want} wanted")


def close(have, want, limit, what=""):
    error = float(abs(have - want).max())
    if not error <= limit:
        raise AssertionError(f"{what}: {error} apart, at most {limit} wanted")


def counted(name, size):
    net = PAPER[name, size]()
    return count.parameters(net), count.layers(net, size, 1 if size == 28 else 3)


def fracbnn_counts():
    parameters, layers = counted("fracbnn", 32)
    equal(count.weights(layers, 1), 281088, "binary weights")
    # and all others: batch norms, RPReLUs, thresholds, the last layer
    equal(parameters - 281088, 6058, "other parameters")
    equal(len(layers), 20, "convolutions and dense layers")


def pokebnn_counts():
    parameters, layers = counted("pokebnn-1.0", 224)
    # the sums of the authors' own test (google/aqt, imagenet/pokebnn)
    equal(count.ace(layers), 4091469824 + 131072000, "ACE")
    equal(count.macs(layers, 1), 3609460736, "binary MACs")
    parameters, layers = counted("pokebnn-0.5", 224)
    equal(round(count.ace(layers) / 1e9, 3), 1.410, "ACE of width 0.5, in 10^9")


def abbnn_counts():
    for name, size, millions in (("abbnn-18", 32, 11.2), ("abbnn-18", 224, 11.7),
                                 ("abbnn-34", 224, 21.8), ("abbnn-a", 32, 28.3)):
        equal(round(counted(name, size)[0] / 1e6, 1), millions, f"million parameters of {name}")


def tbn_counts():
    _, layers = counted("tbn-mlp", 28)
    equal([layer.weights for layer in layers], [25088, 1280], "stored bits")
    _, layers = counted("tbn-resnet18", 224)
    equal(count.macs(layers), 1814073344, "MACs")


def quantisers():
    x = torch.tensor([-2.0, -1.0, -0.6, -0.1, 0.0, -0.0, 0.1, 0.7, 1.0, 5.0])
    equal(quant.signs(x).tolist(), [-1, -1, -1, -1, 1, 1, 1, 1, 1, 1], "signs")
    values, codes = quant.odd(x, 2)
    equal(codes.tolist(), [0, 0, 1, 1, 2, 2, 2, 3, 3, 3], "2-bit codes")
    close(values, (2 * codes - 3) / 3, 0, "2-bit values")
    equal((2 * quant.odd(torch.linspace(-1, 1, 999), 4)[1] - 15).eq(0).sum().item(), 0, "codes of 0")
    scale = quant.power_of_two(torch.tensor([0.3, -0.7, 1.0, 0.011]))
    equal(scale.tolist(), [0.25, -0.5, 1.0, 2.0**-7], "powers of two")
    x = torch.tensor([0.5, 2.0, -0.5], requires_grad=True)
    quant.sign(x).sum().backward()
    equal(x.grad.tolist(), [1, 0, 1], "gradient of sign")


def thermometer():
    bits = fracbnn.Thermometer()(torch.arange(256.0).view(1, 1, 16, 16).repeat(1, 3, 1, 1))
    equal(list(bits.shape), [1, 96, 16, 16], "shape")
    levels = (bits[0, :32].view(32, 256) > 0).sum(0).tolist()
    equal(levels, [(p + 3 + (p >> 3 & 1)) >> 3 for p in range(256)], "levels, half to even")
    equal((bits[0, :31] - bits[0, 1:32]).lt(0).sum().item(), 0, "bits above unset ones")


def gated_convolution():
    torch.manual_seed(5)
    conv, x = fracbnn.GatedConv(8, 6, 3), torch.randn(2, 8, 7, 7)
    have, codes = conv(x), torch.floor((x.clamp(-1, 1) + 1) * 1.5 + 0.5)
    weight = quant.signs(conv.weight)
    high = torch.nn.functional.conv2d(2 * (codes >= 2).float() - 1, weight, padding=1)
    full = torch.nn.functional.conv2d(2 * codes - 3, weight, padding=1) / 3
    gate = 2 * high > 3 * quant.channels(conv.threshold)
    close(have.detach(), torch.where(gate, full, 2 / 3 * high).detach(), 1e-5, "result")
    if not 0.05 < gate.float().mean() < 0.95:
        raise AssertionError("all gates are open or closed")


def shortcuts():
    x = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)
    close(pokebnn.match(x, 1, "zero", 1)[0, 0], x.mean((0, 1)), 0, "means of channels")
    equal(pokebnn.match(x, 4, "zero", 1)[0, 2:].abs().sum().item(), 0.0, "missing channels")
    close(pokebnn.match(x, 4, "repeat", 1)[:, 2:], x, 0, "repeated channels")
    close(pokebnn.match(x, 2, "zero", 2)[0, 0, 1, 1], (10 + 11 + 14 + 15) / torch.tensor(9.0), 1e-6,
          "corner, over 9")


def tiles():
    torch.manual_seed(6)
    conv = tbn.TiledConv(4, 8, 3, 4)
    weight = conv.weight().view(4, -1)
    close(quant.signs(weight), conv.tile().expand(4, -1), 0, "tile")
    close(weight.abs(), conv.segments().abs().mean(1, keepdim=True).expand(4, 72), 1e-7, "scales")


def weights_of_powers_of_two():
    scale = abbnn.SignConv(8, 16, 3, pow2=True).scale()
    close(torch.log2(scale), torch.log2(scale).round(), 0, "log2 of scales")


def drawing():
    images, labels = shapes.make(100, 3)
    equal(np.bincount(labels).tolist(), [10] * 10, "images per class")
    kept = HERE / "shapes" / "test.bin"
    if kept.exists():
        have, truth = records.read(kept)
        equal(truth.tolist(), labels.tolist(), f"labels of {kept}")
        # another processor's sine may differ in its last bit
        close((have.astype(int) != images).mean(), 0, 1e-3, f"share of bytes of {kept} that differ")


def random_net(name):
    """An untrained net in which every parameter matters."""
    torch.manual_seed(7)
    net = NETS[name]()
    for parameter in net.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    net(torch.from_numpy(shapes.make(20, 4)[0]).float())
    return net


def export(name, standard):
    net, images = random_net(name), shapes.make(4, 5)[0]
    model = to_onnx.convert(net, name, images.shape[1:], 10, shapes.CLASSES, standard=standard)
    with torch.no_grad():
        want = net(torch.from_numpy(images).double()).numpy()
    close(onnx_run.run(model, images), want, 1e-5, "the file's logits and the network's")


def not_standard():
    try:
        to_onnx.convert(random_net("fracbnn"), "x", (3, 32, 32), 10, standard=True)
    except onnx_graph.NotStandard:
        return
    raise AssertionError("FracBNN was written with standard operators")


def imported(net, name, standard, folder):
    """Rows of logits that the program gives on records.bin in @p folder."""
    path = folder / f"{name}-{standard}"
    onnx.save(to_onnx.convert(net, name, (3, 32, 32), 10, standard=standard), f"{path}.onnx")
    return results(path, folder)


def results(path, folder):
    """Of PATH.onnx."""
    images = folder / "records.bin"
    for command in (["import", f"{path}.onnx", "-o", f"{path}.bnn", "--calibrate", images],
                    ["run", "--backend", "cpu", "--csv", f"{path}.csv", f"{path}.bnn", images]):
        done = subprocess.run([sys.argv[1], *command], capture_output=True, text=True, check=False)
        equal(done.returncode, 0, f"{done.stderr} exit code")
    with open(f"{path}.csv", encoding="ascii") as file:
        return np.array([[float(v) for v in row[3:]] for row in list(csv.reader(file))[1:]])


def program(name):
    """Both ways to write a network give the same integers, near the float network's results."""
    net, (images, labels) = random_net(name), shapes.make(12, 6)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        records.write(folder / "records.bin", images, labels)
        have = imported(net, name, False, folder)
        if not name.startswith("fracbnn"):
            close(have, imported(net, name, True, folder), 0, "own and standard operators")
    with torch.no_grad():
        want = net(torch.from_numpy(images).double()).numpy()
    # signs flip where a value is within a rounding of 0: near, not equal
    equal(np.corrcoef(have.ravel(), want.ravel())[0, 1] > 0.98, True, "logits go with float's")


class Mixer(torch.nn.Module):
    """One block with real weights, written as one would in PyTorch; 512 hidden channels, so that
    the last dense layer of the block is a wide one (docs/networks.md)."""

    def __init__(self, width=32, tokens=24, hidden=512):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, width, 4, 4)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(3))
        self.token, self.channel = (torch.nn.Sequential(
            torch.nn.Linear(n, inner), torch.nn.GELU(), torch.nn.Linear(inner, n))
            for n, inner in ((64, tokens), (width, hidden)))
        self.fc = torch.nn.Linear(width, 10)

    def forward(self, image):
        x = self.stem((image - 128) / 64).flatten(2).transpose(1, 2)
        x = x + self.token(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channel(self.norms[1](x))
        return self.fc(self.norms[2](x).mean(1))


def exported():
    torch.manual_seed(8)
    net, (images, labels) = Mixer().eval(), shapes.make(12, 6)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = pathlib.Path(folder)
        records.write(folder / "records.bin", images, labels)
        torch.onnx.export(net, torch.zeros(1, 3, 32, 32), f"{folder}/net.onnx", opset_version=17)
        have = results(folder / "net", folder)
        want = net(torch.from_numpy(images).float()).numpy()
    # real weights have 8 bits
    close(have, want, 0.02 * abs(want).max(), "logits of the program and of PyTorch")


def main():
    torch.set_num_threads(1)
    tests = [fracbnn_counts, pokebnn_counts, abbnn_counts, tbn_counts, quantisers, thermometer,
             gated_convolution, shortcuts, tiles, weights_of_powers_of_two, drawing, not_standard]
    cases = [(test.__name__.replace("_", " "), test, ()) for test in tests]
    cases += [(f"{name} in ONNX, {'standard' if standard else 'own'} operators", export, (name, standard))
              for name in NETS for standard in (False, True)
              if not (name.startswith("fracbnn") and standard)]
    if len(sys.argv) > 1:
        cases += [(f"{name} through the program", program, (name,)) for name in NETS]
        cases += [("an MLP-Mixer as PyTorch exports it", exported, ())]
    for number, (name, test, arguments) in enumerate(cases, 1):
        try:
            test(*arguments)
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            print(f"not ok {number} - {name}")
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    print(f"1..{len(cases)}")


if __name__ == "__main__":
    main()
