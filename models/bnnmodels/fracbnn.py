# SPDX-License-Identifier: MIT
"""FracBNN (arXiv 2012.12206): thermometer input, 2-bit activations whose low bit is used only
where the high bit's convolution exceeds a trained threshold, weights of one bit."""
import torch
import torch.nn.functional as F
from torch import nn

from .quant import Normalise, channels, odd, sign_weight, signs, through

LEVELS = 32  # of the thermometer, per colour


class Thermometer(nn.Module):
    """Bytes to 32 bits per colour: channel 32*colour + b is +1 where b < round(byte/8), else -1.
    Ties go to the even level, as in the authors' code."""

    def forward(self, image):
        level = torch.round(image / 8)
        steps = torch.arange(LEVELS, device=image.device, dtype=image.dtype)
        bits = level[:, :, None] - steps.view(1, 1, -1, 1, 1)
        return signs(bits - 0.5).flatten(1, 2)


class BinaryConv(nn.Module):
    """Convolution of signs with signs. Outside the image a tap contributes 0."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) * 0.1)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x):
        return F.conv2d(x, sign_weight(self.weight), None, self.stride, self.padding)


class GatedConv(BinaryConv):
    """Precision-gated convolution: with H, L the convolutions of the high and low bits,
    2/3*H where 2/3*H <= threshold, else (2*H + L)/3. The gate's gradient is that of
    sigmoid(5*(2/3*H - threshold))."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__(inputs, outputs, kernel, stride)
        self.threshold = nn.Parameter(torch.full((outputs,), 2.0))

    def forward(self, x):
        value, codes = odd(x, 2)
        high = torch.where(codes >= 2, 1.0, -1.0).to(x.dtype)
        low = 2 * codes - 3 - 2 * high
        weight = sign_weight(self.weight)
        high = F.conv2d(through(high, 1.5 * value), weight, None, self.stride, self.padding) * (2 / 3)
        low = F.conv2d(low, weight, None, self.stride, self.padding) / 3
        above = high - channels(self.threshold)
        gate = through((above > 0).to(x.dtype), torch.sigmoid(5 * above))
        return high + gate * low


class RPReLU(nn.Module):
    """PReLU(x + shift_x) + shift_y, all per channel."""

    def __init__(self, count):
        super().__init__()
        self.shift_x = nn.Parameter(torch.zeros(count))
        self.slope = nn.Parameter(torch.full((count,), 0.25))
        self.shift_y = nn.Parameter(torch.zeros(count))

    def forward(self, x):
        return F.prelu(x + channels(self.shift_x), self.slope) + channels(self.shift_y)


class Half(nn.Module):
    """BN2( RPReLU( BN1( gated conv(Q2(x)) ) ) + shortcut(x) ).

    The shortcut has 2x2 averages where the size is halved, its channels repeated where there are
    more, and, with shortcut_bits, is quantised first (ImageNet: 4 bits)."""

    def __init__(self, inputs, outputs, kernel, stride, shortcut_bits=0):
        super().__init__()
        self.conv = GatedConv(inputs, outputs, kernel, stride)
        self.bn1, self.act, self.bn2 = Normalise(outputs), RPReLU(outputs), Normalise(outputs)
        self.stride, self.repeat, self.shortcut_bits = stride, outputs // inputs, shortcut_bits

    def forward(self, x):
        short = odd(x, self.shortcut_bits)[0] if self.shortcut_bits else x
        short = F.avg_pool2d(short, 2) if self.stride == 2 else short
        short = torch.cat([short] * self.repeat, 1)
        return self.bn2(self.act(self.bn1(self.conv(x))) + short)


class FracBNN(nn.Module):
    """Input: bytes as numbers 0..255, n x 3 x size x size. Output: classes."""

    def __init__(self, halves, stem, stem_stride, features, classes):
        super().__init__()
        self.encode = Thermometer()
        self.conv1 = BinaryConv(3 * LEVELS, stem, 3, stem_stride)
        self.bn1 = Normalise(stem)
        self.halves = nn.Sequential(*halves)
        self.fc = nn.Linear(features, classes)

    def forward(self, image):
        x = self.bn1(self.conv1(self.encode(image)))
        return self.fc(self.halves(x).mean((2, 3)))


def cifar(width=16, blocks=3, classes=10):
    """The CIFAR-10 network: three stages of blocks of two 3x3 convolutions, at 32, 16 and 8
    pixels, with width, 2*width and 4*width channels. ResNet-20's shape with three blocks."""
    halves, inputs = [], width
    for stage in range(3):
        for block in range(blocks):
            outputs = width << stage
            halves += [Half(inputs, outputs, 3, 2 if stage and not block else 1),
                       Half(outputs, outputs, 3, 1)]
            inputs = outputs
    return FracBNN(halves, width, 1, inputs, classes)


def imagenet(classes=1000):
    """The ImageNet network, 224x224: MobileNet's shape with full 3x3 convolutions (of stride 1 or
    2) and 1x1 convolutions (which double the channels), shortcuts of 4 bits."""
    sizes = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
    sizes += [(512, 512, 1)] * 5 + [(512, 1024, 2), (1024, 1024, 1)]
    halves = []
    for inputs, outputs, stride in sizes:
        halves += [Half(inputs, inputs, 3, stride, 4), Half(inputs, outputs, 1, 1, 4)]
    return FracBNN(halves, 32, 2, 1024, classes)
