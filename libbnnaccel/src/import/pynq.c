// SPDX-License-Identifier: MIT
/*
 * BNN-PYNQ: CNV (six convolutions, three dense layers) and LFC (four dense layers),
 * all of signs. A layer is rows of packed weights and a popcount threshold per row:
 * bit = popcount of equal bits > T. With K inputs the sum of products is
 * 2*popcount - K, so the bit is +1 where the sum >= 2*T + 2 - K.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "import.h"

#define MAX_LAYERS 16

struct layer {
	uint32_t rows, cols, row_bytes;
	bool thresholds;
};

struct pynq {
	const char *path;
	struct layer layers[MAX_LAYERS];
	unsigned int count;
	char *classes_text;
	const char *labels[1024];
	uint32_t classes; /* 0: no classes.txt */
	struct bnnaccel_graph *g;
	struct bnn_error *error;
};

static int read_manifest(struct pynq *n)
{
	char *text, *line, *save = NULL;
	int code = 0;

	text = bnn_array_read(n->path, "manifest.tsv", 0, NULL, &code, n->error);
	if (!text)
		return code;
	line = strtok_r(text, "\n", &save); /* the heading */
	while (line && (line = strtok_r(NULL, "\n", &save))) {
		struct layer *l = &n->layers[n->count];
		unsigned int index;
		char flag[8];

		if (n->count == MAX_LAYERS ||
		    sscanf(line, "%u %u %u %u %7s", &index, &l->rows, &l->cols, &l->row_bytes,
			   flag) != 5 ||
		    index != n->count || !l->rows || !l->cols || l->rows > 8192 ||
		    l->cols > 32767 || l->row_bytes < (l->cols + 7) / 8 || l->row_bytes > 8192) {
			code = bnn_fail(n->error, BNNACCEL_ERR_BAD_MODEL,
					"%s/manifest.tsv: line '%.60s' is not layer, rows, cols, "
					"row_bytes, has_thresholds",
					n->path, line);
			break;
		}
		l->thresholds = !strcmp(flag, "True");
		n->count++;
	}
	free(text);
	return code;
}

/* One class per line; empty lines at the end do not count. */
static int read_classes(struct pynq *n)
{
	char *line;
	int code = 0;

	if (!bnn_array_exists(n->path, "classes.txt"))
		return 0;
	n->classes_text = bnn_array_read(n->path, "classes.txt", 0, NULL, &code, n->error);
	if (!n->classes_text)
		return code;
	line = n->classes_text;
	while (*line && n->classes < 1024) {
		char *end = line + strcspn(line, "\n");
		char *next = *end ? end + 1 : end;

		while (end > line && (end[-1] == '\r' || end[-1] == ' '))
			end--;
		*end = 0;
		n->labels[n->classes++] = line;
		line = next;
	}
	while (n->classes && !*n->labels[n->classes - 1])
		n->classes--;
	return 0;
}

struct arrays {
	uint8_t *bits;
	float *thresholds;
};

static void free_arrays(struct arrays *a)
{
	free(a->bits);
	free(a->thresholds);
}

/*
 * Reads layer i, `rows` of it, with `k` inputs (columns beyond are padding). The
 * thresholds become those of the sum: shift*T/scale + ... as the caller's formula.
 */
static int read_layer(struct pynq *n, unsigned int i, uint32_t rows, struct arrays *a,
		      int32_t **raw)
{
	const struct layer *l = &n->layers[i];
	char file[32];
	int code = 0;

	*raw = NULL;
	memset(a, 0, sizeof(*a));
	snprintf(file, sizeof(file), "L%u_weights.bits", i);
	a->bits = bnn_array_read(n->path, file, (size_t)l->rows * l->row_bytes, NULL, &code,
				 n->error);
	if (!a->bits || !l->thresholds)
		return code;
	snprintf(file, sizeof(file), "L%u_thresholds.i32", i);
	*raw = bnn_array_read(n->path, file, 4 * (size_t)l->rows, NULL, &code, n->error);
	a->thresholds = malloc(rows * sizeof(float));
	if (*raw && !a->thresholds)
		code = bnn_fail(n->error, BNNACCEL_ERR_MEMORY, "out of memory");
	return code;
}

/* floor(T/2) for the first layer of CNV, whose bit is 2*sum > T; integers stay exact in float */
static float sum_threshold(int32_t t)
{
	int64_t first = ((int64_t)t >> 1) + 1;

	return (float)(first > 1 << 23 ? 1 << 23 : first < -(1 << 23) ? -(1 << 23) : first);
}

static float popcount_threshold(int32_t t, uint32_t k)
{
	int64_t first = 2 * (int64_t)t + 2 - k;

	return (float)(first > 1 << 23 ? 1 << 23 : first < -(1 << 23) ? -(1 << 23) : first);
}

struct shape {
	uint32_t kernel, k; /* k: inputs per row */
	bool sum;	    /* threshold of a sum of codes, not of a popcount */
	uint32_t rows;	    /* 0: all */
};

/* Convolution (kernel 0: dense) and, if there are thresholds, signs. */
static int layer(struct pynq *n, unsigned int i, int x, const struct shape *s, int *out)
{
	uint32_t rows = s->rows ? s->rows : n->layers[i].rows;
	struct bnnaccel_conv conv = {
		.outputs = rows,
		.kernel_h = s->kernel,
		.kernel_w = s->kernel,
		.kind = BNNACCEL_WEIGHTS_BITS,
		.row_bytes = n->layers[i].row_bytes,
	};
	struct arrays a;
	int32_t *raw;
	char name[24];
	int rc = read_layer(n, i, rows, &a, &raw);

	if (!rc) {
		conv.weights = a.bits;
		x = s->kernel ? bnnaccel_graph_conv(n->g, x, &conv)
			      : bnnaccel_graph_dense(n->g, x, &conv);
		snprintf(name, sizeof(name), "L%u", i);
		x = bnnaccel_graph_name(n->g, x, name);
		if (raw) {
			for (uint32_t r = 0; r < rows; r++)
				a.thresholds[r] = s->sum ? sum_threshold(raw[r])
							 : popcount_threshold(raw[r], s->k);
			x = bnnaccel_graph_sign(n->g, x, a.thresholds);
			snprintf(name, sizeof(name), "L%u.bits", i);
			x = bnnaccel_graph_name(n->g, x, name);
		}
		*out = x;
	}
	free_arrays(&a);
	free(raw);
	return rc;
}

static int expect(struct pynq *n, unsigned int i, uint32_t rows, uint32_t cols)
{
	const struct layer *l = &n->layers[i];

	if ((rows && l->rows != rows) || l->cols != cols ||
	    l->thresholds != (i + 1 < n->count || rows))
		return bnn_fail(n->error, BNNACCEL_ERR_BAD_MODEL,
				"%s/manifest.tsv: layer %u is %ux%u, which does not follow from "
				"the layers before",
				n->path, i, l->rows, l->cols);
	return 0;
}

/* Padded with zero bits from 784 to 832; the padded weights are +1 and never match. */
static int build_lfc(struct pynq *n)
{
	uint8_t table[256];
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_VALUE,
					      .codes = BNNACCEL_CODES_SIGN,
					      .table = table };
	uint32_t classes = n->classes ? n->classes : 10, k = 784;
	struct bnnaccel_output output = {
		.kind = BNNACCEL_OUTPUT_BITS,
		.rule = BNNACCEL_CLASS_HIGH_BIT,
		.count = classes,
		.column = "outbits_bit0first",
		.labels = n->classes ? n->labels : NULL,
	};
	int x, rc = 0;

	for (int i = 0; i < 256; i++)
		table[i] = i >= 128;
	x = bnnaccel_graph_image(n->g, 28, 28, 1, 0);
	x = bnnaccel_graph_name(n->g, bnnaccel_graph_flatten(n->g, x), "pixels");
	x = bnnaccel_graph_name(n->g, bnnaccel_graph_encode(n->g, x, &encoding), "input");
	for (unsigned int i = 0; i < n->count && !rc; i++) {
		struct shape s = { .k = k, .rows = i + 1 == n->count ? classes : 0 };

		if (n->layers[i].rows < classes || !n->layers[i].thresholds ||
		    n->layers[i].cols != (i ? k : 832))
			return bnn_fail(n->error, BNNACCEL_ERR_BAD_MODEL,
					"%s/manifest.tsv: layer %u is %ux%u, which does not fit an "
					"LFC network of %u classes",
					n->path, i, n->layers[i].rows, n->layers[i].cols, classes);
		rc = layer(n, i, x, &s, &x);
		k = n->layers[i].rows;
	}
	if (!rc)
		rc = bnnaccel_graph_output(n->g, x, &output);
	return rc;
}

/* Bytes to codes in units of 1/128: round half up of (2*p/255 - 1)*128, at most 127. */
static void cnv_table(uint8_t *table)
{
	for (int p = 0; p < 256; p++) {
		int code = (512 * p + 255) / 510 - 128;

		table[p] = (uint8_t)(code > 127 ? 127 : code);
	}
}

static int cnv_classes(struct pynq *n, int x, const char *name)
{
	uint32_t classes = n->classes ? n->classes : 10;
	bool cifar = !n->classes && strstr(name, "cifar10");
	struct shape s = { .rows = classes };
	struct bnnaccel_output output = {
		.kind = BNNACCEL_OUTPUT_INT,
		.column = "popcount",
		.labels = cifar	       ? bnn_cifar10_labels
			  : n->classes ? n->labels
				       : NULL,
	};
	float *half = malloc(2 * classes * sizeof(float));
	int rc;

	if (!half)
		return bnn_fail(n->error, BNNACCEL_ERR_MEMORY, "out of memory");
	if (classes > n->layers[8].rows) {
		free(half);
		return bnn_fail(n->error, BNNACCEL_ERR_BAD_MODEL,
				"%s/classes.txt: %u classes for %u outputs", n->path, classes,
				n->layers[8].rows);
	}
	for (uint32_t i = 0; i < classes; i++) {
		half[i] = 0.5f;
		half[classes + i] = (float)n->layers[8].cols / 2;
	}
	rc = layer(n, 8, x, &s, &x);
	if (!rc) {
		/* popcount = (sum + K) / 2 */
		x = bnnaccel_graph_affine(n->g, x, half, half + classes);
		x = bnnaccel_graph_name(n->g, x, "L8.popcount");
		rc = bnnaccel_graph_output(n->g, x, &output);
	}
	free(half);
	return rc;
}

static int build_cnv(struct pynq *n, const char *name)
{
	static const uint32_t rows[8] = { 64, 64, 128, 128, 256, 256, 512, 512 };
	static const uint32_t cols[8] = { 27, 576, 576, 1152, 1152, 2304, 256, 512 };
	struct bnnaccel_pool pool = { .mode = BNNACCEL_POOL_MAX, .kernel_h = 2, .kernel_w = 2 };
	struct bnnaccel_encoding encoding = { .mode = BNNACCEL_ENCODE_VALUE,
					      .codes = BNNACCEL_CODES_SIGNED8 };
	uint8_t table[256];
	int x, rc = 0;

	cnv_table(table);
	encoding.table = table;
	x = bnnaccel_graph_image(n->g, 32, 32, 3, 1);
	x = bnnaccel_graph_name(n->g, bnnaccel_graph_encode(n->g, x, &encoding), "input");
	for (unsigned int i = 0; i < 8 && !rc; i++) {
		struct shape s = { .kernel = i < 6 ? 3 : 0, .k = cols[i], .sum = i == 0 };

		rc = expect(n, i, rows[i], cols[i]);
		if (!rc)
			rc = layer(n, i, x, &s, &x);
		if (!rc && (i == 1 || i == 3))
			x = bnnaccel_graph_pool(n->g, x, &pool);
	}
	if (!rc)
		rc = expect(n, 8, 0, 512);
	return rc ? rc : cnv_classes(n, x, name);
}

int bnn_import_pynq(const char *path, const char *name, struct bnnaccel_graph **graph,
		    struct bnn_error *error)
{
	struct pynq n = { .path = path, .error = error };
	int rc = read_manifest(&n);

	if (!rc)
		rc = read_classes(&n);
	if (!rc)
		rc = bnnaccel_graph_new(name, &n.g);
	if (!rc) {
		bnnaccel_graph_describe(n.g,
					"Fully binary network, arrays in the layout of BNN-PYNQ");
		if (n.count == 4)
			rc = build_lfc(&n);
		else if (n.count == 9)
			rc = build_cnv(&n, name);
		else
			rc = bnn_fail(error, BNNACCEL_ERR_BAD_MODEL,
				      "%s/manifest.tsv lists %u layers; LFC has 4, CNV has 9", path,
				      n.count);
	}
	free(n.classes_text);
	return bnn_import_end(path, n.g, rc, n.g && !*bnnaccel_graph_error(n.g), graph, error);
}
