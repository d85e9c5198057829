// SPDX-License-Identifier: MIT
#include "target.h"

#include <stdio.h>

#include <bnnaccel/bnnaccel.h>

#include "../error.h"
#include "refs.h"

static const struct {
	uint64_t bit;
	const char *name, *meaning;
} feature_names[] = {
	{ BNN_FEATURES_BINARY, "BINARY", "binary convolutions" },
	{ BNN_FEATURES_POST, "POST", "post-processing: P1, P2, residuals, sums, full parameters" },
	{ BNN_FEATURES_FRAC, "FRAC", "fractional activations" },
	{ BNN_FEATURES_PLANES, "PLANES", "activations or weights of more than one bit" },
	{ BNN_FEATURES_STREAM, "STREAM", "element-packed tensors" },
	{ BNN_FEATURES_TILED, "TILED", "tiled weights" },
	{ BNN_FEATURES_CODEBOOK, "CODEBOOK", "codebook weights" },
	{ BNN_FEATURES_GROUPS, "GROUPS", "grouped or dilated convolution" },
};

static uint64_t tensor_features(unsigned int format)
{
	if (!bnn_format_is_planes(format))
		return BNN_FEATURES_STREAM;
	return bnn_format_planes(format) > 1 ? BNN_FEATURES_PLANES : 0;
}

static uint64_t conv_features(const uint32_t *words)
{
	uint64_t features = 0;

	if (bnn_field_get(words, BNN_F_CONV_WFORMAT) != BNN_WFORMAT_B1)
		features |= BNN_FEATURES_PLANES;
	if (bnn_field_get(words, BNN_F_CONV_FRAC))
		features |= BNN_FEATURES_FRAC;
	switch (bnn_field_get(words, BNN_F_CONV_WMODE)) {
	case BNN_WMODE_TILED:
	case BNN_WMODE_TILED_FLAT:
		features |= BNN_FEATURES_TILED;
		break;
	case BNN_WMODE_CODEBOOK:
		features |= BNN_FEATURES_CODEBOOK;
		break;
	}
	if (bnn_field_get(words, BNN_F_CONV_GROUPS) > 1 ||
	    bnn_field_get(words, BNN_F_CONV_DH) > 1 || bnn_field_get(words, BNN_F_CONV_DW) > 1)
		features |= BNN_FEATURES_GROUPS;
	return features;
}

static uint64_t pipe_features(const uint32_t *words)
{
	uint64_t features = 0;

	if (bnn_pipe_get(words, BNN_F_CONV_P1) || bnn_pipe_get(words, BNN_F_CONV_P2) ||
	    bnn_pipe_get(words, BNN_F_CONV_SUM_EN))
		features |= BNN_FEATURES_POST;
	if (bnn_command_needs_param(words) && !bnn_pipe_get(words, BNN_F_CONV_NARROW))
		features |= BNN_FEATURES_POST;
	return features;
}

uint64_t bnn_command_features(const uint32_t *words)
{
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = bnn_command_refs(words, refs);
	uint64_t features = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (refs[i].tensor)
			features |= tensor_features(refs[i].format);
		if (refs[i].slot == BNN_SLOT_RES1 || refs[i].slot == BNN_SLOT_RES2)
			features |= BNN_FEATURES_POST;
	}
	switch (bnn_opcode(words)) {
	case BNN_CMD_CONV:
		features |= conv_features(words) | pipe_features(words);
		break;
	case BNN_CMD_EW:
		features |= BNN_FEATURES_STREAM | pipe_features(words);
		break;
	case BNN_CMD_TRANSPOSE:
		features |= BNN_FEATURES_STREAM;
		break;
	case BNN_CMD_GATEFOLD:
		features |= BNN_FEATURES_POST;
		break;
	}
	return features | BNN_FEATURES_BINARY;
}

/* A core without multiplier takes linear pieces only as powers of two. */
static bool needs_multiplier(const uint32_t *words)
{
	if (bnn_opcode(words) != BNN_CMD_CONV && bnn_opcode(words) != BNN_CMD_EW)
		return false;
	return (bnn_pipe_get(words, BNN_F_CONV_P1) && !bnn_pipe_get(words, BNN_F_CONV_P1_POW2)) ||
	       (bnn_pipe_get(words, BNN_F_CONV_P2) && !bnn_pipe_get(words, BNN_F_CONV_P2_POW2));
}

/* Why the registers of a target exclude a command; false if they do not. */
static bool lacks_feature(const struct bnn_target *target, const uint32_t *words, char *why,
			  size_t len)
{
	uint64_t missing = bnn_command_features(words) & ~target->features;

	for (size_t i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++) {
		if (!(missing & feature_names[i].bit))
			continue;
		snprintf(why, len, "needs feature %s (%s), which %s does not have",
			 feature_names[i].name, feature_names[i].meaning, target->name);
		return true;
	}
	if (!(target->features & BNN_FEATURES_SHIFT_ONLY) || !needs_multiplier(words))
		return false;
	snprintf(why, len,
		 "multiplies in P1 or P2, but %s has feature SHIFT_ONLY: slopes must be powers of "
		 "two",
		 target->name);
	return true;
}

/* Rows longer than a reference can say. */
static bool too_wide(const uint32_t *words, char *why, size_t len)
{
	struct bnn_ref refs[BNN_SLOTS];
	unsigned int count = bnn_command_refs(words, refs);

	for (unsigned int i = 0; i < count; i++) {
		if (refs[i].pitch / BNN_ROW_ALIGN <= BNN_REF_PITCH_MAX)
			continue;
		snprintf(why, len, "has a row of %llu bytes, the hardware takes at most %llu",
			 (unsigned long long)refs[i].pitch, BNN_REF_PITCH_MAX * BNN_ROW_ALIGN);
		return true;
	}
	return false;
}

bool bnn_target_runs(const struct bnn_target *target, const uint32_t *words, char *why, size_t len)
{
	if (bnn_command_is_host(words)) {
		snprintf(why, len, "is a command of the CPU engine, no device knows it");
		return false;
	}
	return !lacks_feature(target, words, why, len) && !too_wide(words, why, len);
}

int bnn_target_check(const struct bnn_target *target, const struct bnn_node *node,
		     struct bnn_error *error)
{
	const struct bnn_command *command = bnn_command_find(node->words);
	char why[BNN_TARGET_WHY];

	if (bnn_target_runs(target, node->words, why, sizeof(why)))
		return 0;
	return bnn_fail(error, BNNACCEL_ERR_UNSUPPORTED,
			"node '%.100s' (%s) %s; use backend auto, or allow the CPU to help "
			"(option fallback), or use backend cpu",
			node->name, command ? command->name : "?", why);
}
