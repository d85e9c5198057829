/* SPDX-License-Identifier: MIT */
/* Commands as text, from the field tables of hw/spec. */
#ifndef BNN_COMPILE_DISASM_H
#define BNN_COMPILE_DISASM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bnn_net;
struct bnn_program;

/*
 * One line without newline, as snprintf(): the fields of any 32 words, those that
 * are 0 left out, references as NAME=region:offset/FORMAT(pitch); reserved bits
 * that are set appear as "w<word>?=0x...".
 */
size_t bnn_disasm(const uint32_t *words, char *text, size_t len);

/* The names of the fields in one word of a command, for error texts: "IN_REGION, IN_FORMAT". */
size_t bnn_disasm_word(const uint32_t *words, unsigned int word, char *text, size_t len);

const char *bnn_format_name(unsigned int format);

/* The whole list, one command per line, with the names of the nodes (net may be NULL). */
void bnn_program_print(FILE *file, const struct bnn_program *program, const struct bnn_net *net);

#endif /* BNN_COMPILE_DISASM_H */
