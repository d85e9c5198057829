# SPDX-License-Identifier: MIT
"""Formats, structures and commands, read from the tables of docs/hardware.md."""

import pathlib
import re
from typing import NamedTuple

import numpy as np

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "hardware.md"


class Format(NamedTuple):
    """A tensor or weight format; `n` bits per code."""

    name: str
    planes: bool
    n: int
    kind: str  # ODD, UNSIGNED, SIGNED, TERNARY


class Field(NamedTuple):
    name: str
    word: int
    lsb: int
    width: int
    low: int
    high: int


class Command(NamedTuple):
    name: str
    fields: dict  # name -> Field


def _rows(page):
    """(section, subsection, cells) of every table row of the page."""
    section = subsection = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section, subsection = line[3:], ""
        elif line.startswith("### "):
            subsection = line[4:]
        elif line.startswith("|") and not line.startswith("|---"):
            yield section, subsection, [c.strip() for c in line.strip("|\n").split("|")]


def _formats(rows, title):
    formats = {}
    for section, _, cells in rows:
        if section == title and cells[0].isdigit():
            code, name, planes, bits, kind = cells[:5]
            formats[int(code)] = Format(name.strip("`"), planes not in ("", "0"), int(planes or 1) * int(bits), kind)
    return formats


def _bits(text):
    """'12:0' -> (0, 13), '9' -> (9, 1)."""
    high, _, low = text.partition(":")
    return int(low or high), int(high) - int(low or high) + 1


def _commands(rows):
    commands = {}
    for section, subsection, cells in rows:
        heading = re.fullmatch(r"(\w+), opcode (0x\w+)", subsection)
        if section != "Commands" or not heading or not cells[0].isdigit():
            continue
        command = commands.setdefault(int(heading[2], 16), Command(heading[1], {}))
        word, bits, name, allowed = cells[:4]
        lsb, width = _bits(bits)
        low, high = (0, 2**width - 1) if allowed == "any" else map(int, allowed.split(".."))
        name = name.strip("`")
        command.fields[name] = Field(name, int(word), lsb, width, low, high)
    return commands


def _empty_commands(page):
    """Commands without fields have a heading and no table."""
    return {int(m[2], 16): Command(m[1], {}) for m in re.finditer(r"^### (\w+), opcode (0x\w+)$", page, re.M)}


def _structure(rows, title):
    """A NumPy record type, and the bits of its flags: name -> (lsb, width)."""
    names, types, offsets, flags, size = [], [], [], {}, 0
    for _, subsection, cells in rows:
        heading = re.fullmatch(title + r", (\d+) bytes", subsection)
        if not heading:
            continue
        size = int(heading[1])
        if cells[0].startswith("0x"):
            meaning = re.match(r"(u?)int(\d+)(?:\[(\d)\])?:", cells[4])
            sign, bits, count = meaning.groups() if meaning else ("u", "8", None)
            element = "<%s%d" % ("u" if sign else "i", int(bits) // 8)
            names.append(cells[3].strip("`"))
            types.append((element, int(count)) if count else element)
            offsets.append(int(cells[0], 16))
        elif cells[0] == "" and cells[2]:
            flags[cells[3].strip("`")] = _bits(cells[2])
    record = np.dtype({"names": names, "formats": types, "offsets": offsets, "itemsize": size})
    return record, flags


_page = PAGE.read_text(encoding="utf-8")
_all_rows = list(_rows(_page))

FORMATS = _formats(_all_rows, "Tensor formats")
WEIGHT_FORMATS = _formats(_all_rows, "Weight formats")
COMMANDS = {**_empty_commands(_page), **_commands(_all_rows)}
PARAM, PARAM_FLAGS = _structure(_all_rows, "PARAM")
PARAM_NARROW, _ = _structure(_all_rows, "PARAM_NARROW")
NORM, _ = _structure(_all_rows, "NORM")

# Words of a command at which a reference begins, in the order of a node's operands (docs/file-format.md, NODE).
REFERENCE_WORDS = (11, 14, 16, 18, 21, 24, 27, 30)


class Fields:
    """The fields of one command as attributes: `c.KH`, `c.OUT_FORMAT`."""

    def __init__(self, words):
        opcode = words[0] & 0xFF
        if opcode not in COMMANDS:
            raise ValueError("unknown opcode 0x%02x" % opcode)
        self.command, self.fields = COMMANDS[opcode]
        rest = list(words)
        rest[0] &= ~0xFF
        for f in self.fields.values():
            value = (words[f.word] >> f.lsb) & (2**f.width - 1)
            if not f.low <= value <= f.high:
                raise ValueError("%s: %s is %d, not in %d..%d" % (self.command, f.name, value, f.low, f.high))
            setattr(self, f.name, value)
            rest[f.word] &= ~((2**f.width - 1) << f.lsb)
        if any(rest):
            raise ValueError("%s: reserved bits are set in word %d" % (self.command, [r != 0 for r in rest].index(True)))
        # Which of a node's operands a reference is: IN -> 0, ...
        self.references = {
            name[: -len("_OFFSET")]: REFERENCE_WORDS.index(f.word)
            for name, f in self.fields.items()
            if name.endswith("_OFFSET")
        }

    def format(self, reference):
        """The Format of a tensor reference, None if it is NONE."""
        f = FORMATS[getattr(self, reference + "_FORMAT")]
        return None if f.name == "NONE" else f

    def signed(self, name, bits):
        """A field as two's complement."""
        value = getattr(self, name)
        return value - 2**bits if value >= 2 ** (bits - 1) else value
