# SPDX-License-Identifier: MIT
BUILD ?= build
CC ?= gcc
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 -Wall -Wextra -Werror
include hw/spec/spec.mk
