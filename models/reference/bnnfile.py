# SPDX-License-Identifier: MIT
"""Reads a .bnn file (docs/file-format.md)."""

import struct
import zlib
from typing import NamedTuple

import numpy as np

MAGIC = b"\x89BNN\r\n\x1a\n"
INPUT, OUTPUT, TEMPORARY, CONSTANT = range(4)


class FormatError(Exception):
    pass


class Value(NamedTuple):
    name: str
    role: int
    format: int  # of hardware.md, 0: plain bytes
    point: int  # f: code * 2^-f
    shape: tuple  # rows, columns, channels
    size: int  # bytes
    data: bytes  # of a constant, else None


class Node(NamedTuple):
    name: str
    words: tuple  # the command
    operands: tuple  # value of each reference, -1: none


class Network(NamedTuple):
    name: str
    values: list
    nodes: list
    input: int
    image: tuple  # rows, columns, bytes per pixel
    planar: bool  # order of the image
    output: int
    classes: int  # elements shown
    column: str
    class_names: list
    kind: int  # 0 integers, 1 bits, 2 real numbers
    last_one: bool  # class: the highest element that is 1, else the first maximum


def _demand(condition, text):
    if not condition:
        raise FormatError(text)


def _sections(blob):
    _demand(len(blob) >= 64 and blob[:8] == MAGIC, "not a .bnn file")
    major, _, count, size, table_sum = struct.unpack_from("<HHIQI", blob, 8)
    _demand(major == 1, "version %d" % major)
    _demand(size == len(blob), "%d bytes, the header says %d" % (len(blob), size))
    _demand(zlib.crc32(blob[:60]) == struct.unpack_from("<I", blob, 60)[0], "checksum of the header")
    _demand(zlib.crc32(blob[64 : 64 + 32 * count]) == table_sum, "checksum of the section table")
    sections = {}
    for i in range(count):
        name, _, offset, size, checksum = struct.unpack_from("<4sIQQI", blob, 64 + 32 * i)
        data = blob[offset : offset + size]
        _demand(len(data) == size and zlib.crc32(data) == checksum, "checksum of section %s" % name.decode())
        sections[name.decode()] = data
    return sections


def read(path):
    """The Network of a file. FormatError says what is wrong with it."""
    with open(path, "rb") as f:
        sections = _sections(f.read())
    strings, info, values, nodes, data = (sections[s] for s in ("STRS", "NETW", "VALU", "NODE", "DATA"))

    def string(offset):
        return strings[offset : strings.index(b"\0", offset)].decode()

    def value(at):
        name, role, code, point, rows, columns, channels, size, offset = struct.unpack_from("<IBBbxIII4xQQ", values, at)
        constant = data[offset : offset + size] if role == CONSTANT else None
        _demand(constant is None or len(constant) == size, "constant %s lies outside DATA" % string(name))
        return Value(string(name), role, code, point, (rows, columns, channels), size, constant)

    def node(at):
        fields = struct.unpack_from("<32I8iI", nodes, at)
        return Node(string(fields[40]), fields[:32], fields[32:40])

    (name, _, inp, rows, columns, colours, out, classes, column, names) = struct.unpack_from("<10I", info, 0)
    order, kind, last_one = info[40:43]
    return Network(
        name=string(name),
        values=[value(at) for at in range(0, len(values), 48)],
        nodes=[node(at) for at in range(0, len(nodes), 192)],
        input=inp,
        image=(rows, columns, colours),
        planar=bool(order),
        output=out,
        classes=classes,
        column=string(column),
        class_names=[string(s) for s in struct.unpack_from("<%dI" % names, info, 48)],
        kind=kind,
        last_one=bool(last_one),
    )


def constant(value):
    """The bytes of a constant as an array [1, size]."""
    return np.frombuffer(value.data, np.uint8)[None]
