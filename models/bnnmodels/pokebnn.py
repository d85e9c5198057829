# SPDX-License-Identifier: MIT
"""PokeBNN (arXiv 2112.00133): bottlenecks of three PokeConvs, each a binary convolution with up to
two shortcuts, DPReLU, a squeeze-and-excite of 4 bits and two batch norms. First convolutions and
last layer have 8 bits."""
import torch
import torch.nn.functional as F
from torch import nn

from .quant import Bound, Normalise, channels, sign, signs, symmetric_weight, through

BOUND = 3.0  # clipping bound of binary activations
SQUEEZE = 8  # channels for one unit of a squeeze-and-excite


def same(x, kernel, stride):
    """SAME padding on a size that the stride divides: the odd row and column behind."""
    total = kernel - stride
    return F.pad(x, (total // 2, total - total // 2) * 2) if total > 0 else x


def match(x, outputs, mode, stride):
    """Shortcut to another size: groups of channels are averaged; missing channels are 0 ("zero")
    or repeated ("repeat"); with stride 2, 3x3 sums over 9."""
    n, c, h, w = x.shape
    if c > outputs:
        x = x.view(n, outputs, c // outputs, h, w).mean(2)
    elif mode == "zero":
        x = F.pad(x, (0, 0, 0, 0, 0, outputs - c))
    else:
        x = x.repeat(1, outputs // c, 1, 1)
    return F.avg_pool2d(same(x, 3, 2), 3, 2) if stride == 2 else x


class DPReLU(nn.Module):
    """u = x - shift_x; (u >= 0 ? above : below)*u - shift_y, all per channel."""

    def __init__(self, count):
        super().__init__()
        self.shift_x = nn.Parameter(torch.zeros(count))
        self.below = nn.Parameter(torch.full((count,), 0.25))
        self.above = nn.Parameter(torch.ones(count))
        self.shift_y = nn.Parameter(torch.zeros(count))

    def forward(self, x):
        u = x - channels(self.shift_x)
        slope = torch.where(u >= 0, channels(self.above), channels(self.below))
        return slope * u - channels(self.shift_y)


class IntegerConv(nn.Module):
    """Convolution of codes with weights of 4 or 8 bits; codes times one step per output."""

    def __init__(self, inputs, outputs, kernel, bits, stride=1, groups=1, bias=False):
        super().__init__()
        fan = inputs // groups * kernel * kernel
        self.latent = nn.Parameter(torch.randn(outputs, inputs // groups, kernel, kernel) / fan**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.bits, self.stride, self.groups = bits, stride, groups

    def weight(self):
        return symmetric_weight(self.latent, self.bits)

    def forward(self, codes, step):
        """Input codes and their step; the result is real."""
        weight, steps = self.weight()
        x = F.conv2d(same(codes, self.latent.shape[2], self.stride), weight, None, self.stride, 0, 1,
                     self.groups)
        x = x * channels(steps * step)
        return x if self.bias is None else x + channels(self.bias)


class BinConv(nn.Module):
    """Convolution of signs of half steps: activations +-BOUND/2, weights +-max|w|/2."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.latent = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) * 0.1)
        self.kernel, self.stride = kernel, stride

    def scale(self):
        """Of one count of the sum of signs."""
        return self.latent.detach().abs().amax((1, 2, 3)) * (BOUND / 4)

    def forward(self, x):
        half = self.latent.detach().abs().amax((1, 2, 3), keepdim=True) / 2
        weight = through(signs(self.latent) * half, self.latent)
        bits = sign(x, BOUND) * (BOUND / 2)
        return F.conv2d(same(bits, self.kernel, self.stride), weight, None, self.stride)


class SqueezeExcite(nn.Module):
    """What a hard sigmoid makes the gate of: from the means of the input, codes and weights of
    4 bits in both layers."""

    def __init__(self, inputs, outputs):
        super().__init__()
        units = inputs // SQUEEZE
        self.q1, self.fc1 = Bound(4), IntegerConv(inputs, units, 1, 4, bias=True)
        self.q2, self.fc2 = Bound(4, unsigned=True), IntegerConv(units, outputs, 1, 4, bias=True)

    def forward(self, x):
        hidden = F.relu(self.fc1(*self.q1(x.mean((2, 3), keepdim=True))))
        return self.fc2(*self.q2(hidden))


class PokeConv(nn.Module):
    """BN2( DPReLU( BN(conv(sign(x))) + match(x) [+ match(r1)] ) * gate(x) )."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.conv, self.bn = BinConv(inputs, outputs, kernel, stride), Normalise(outputs)
        self.act, self.se, self.bn2 = DPReLU(outputs), SqueezeExcite(inputs, outputs), Normalise(outputs)
        self.outputs, self.stride = outputs, stride

    def forward(self, x, r1=None):
        y = self.bn(self.conv(x)) + match(x, self.outputs, "zero", self.stride)
        if r1 is not None:
            y = y + match(r1, self.outputs, "repeat", r1.shape[2] // y.shape[2])
        gate = (self.se(x) + 3).clamp(0, 6) / 6
        return self.bn2(self.act(y) * gate)


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.c1, self.c2 = PokeConv(inputs, width, 1), PokeConv(width, width, 3, stride)
        self.c3 = PokeConv(width, 4 * width, 1)

    def forward(self, x):
        return self.c3(self.c2(self.c1(x)), x)


class Stem(nn.Module):
    """Two convolutions of 8 bits, each with batch norm and DPReLU; the second has one input
    channel per group. The input's codes are byte - 128, of step 1/64."""

    def __init__(self, outputs, kernel, strides):
        super().__init__()
        middle = outputs // 2
        self.conv1 = IntegerConv(3, middle, kernel, 8, strides[0])
        self.bn1, self.act1 = Normalise(middle), DPReLU(middle)
        self.q = Bound(8)
        self.conv2 = IntegerConv(middle, outputs, 3, 8, strides[1], middle)
        self.bn2, self.act2 = Normalise(outputs), DPReLU(outputs)

    def forward(self, image):
        x = self.act1(self.bn1(self.conv1(image - 128, 1 / 64)))
        return self.act2(self.bn2(self.conv2(*self.q(x))))


class PokeBNN(nn.Module):
    """Input: bytes as numbers 0..255, n x 3 x size x size. Output: classes."""

    def __init__(self, stem, inputs, blocks, classes):
        super().__init__()
        self.stem, body = stem, []
        for width, stride in blocks:
            body.append(Bottleneck(inputs, width, stride))
            inputs = 4 * width
        self.blocks = nn.Sequential(*body)
        self.q, self.fc = Bound(8), IntegerConv(inputs, classes, 1, 8, bias=True)

    def forward(self, image):
        x = self.blocks(self.stem(image)).mean((2, 3), keepdim=True)
        return self.fc(*self.q(x)).flatten(1)


def imagenet(width=1.0, classes=1000):
    """The paper's network for 224x224 pixels; width 0.5, 0.75, 1.0, 1.25, 1.5, 2.0."""
    blocks = []
    for stage, (base, count) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3))):
        blocks += [(int(base * width), 2 if stage and not i else 1) for i in range(count)]
    return PokeBNN(Stem(64, 4, (4, 1)), 64, blocks, classes)


def cifar(blocks=((32, 1), (64, 2), (64, 1), (64, 1), (128, 2), (128, 1)), stem=64, classes=10):
    """A small one for 32x32 pixels: stem 3x3 and, with stride 2, 3x3; bottlenecks (width, stride)."""
    return PokeBNN(Stem(stem, 3, (1, 2)), stem, blocks, classes)
