// SPDX-License-Identifier: MIT
/* The public calls, as a program uses them and as it must not. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/random_net.h"
#include "../common/tap.h"
#include "api.h"
#include "file_pack.h"

enum { IMAGES = 5 };

static struct bnn_net *some_net(uint64_t seed)
{
	struct random_net_options o = {
		.nodes = 5, .max_size = 8, .max_channels = 40, .max_work = 100000
	};
	struct bnn_net *net;

	for (;; seed++) {
		net = random_net(seed, &o);
		/* A plain tensor of signed integers, so that results can be looked at. */
		if (net->values[net->output.value].format == BNN_FORMAT_E_S16 &&
		    net->output.count > 3 && net->node_count > 2)
			return net;
		bnn_net_free(net);
	}
}

static void test_run(struct bnnaccel *ctx)
{
	struct bnnaccel_session_options options = { .size = sizeof(options), .backend = "cpu" };
	struct bnn_net *net = some_net(1);
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel_model *model;
	struct bnnaccel_session *session;
	struct bnnaccel_stats stats = { .size = sizeof(stats) };
	uint8_t *in, *out, *want, *data;
	char line[300], tiny[8];
	bool same = true;
	size_t len, i;
	int n;

	bnn_file_pack(net, &data, &len, NULL);
	tap_ok(!bnnaccel_model_parse(ctx, data, len, &model), "a model from memory");
	free(data);
	bnnaccel_model_get_info(model, &info);
	tap_ok(!strcmp(info.name, net->name) && info.nodes == net->node_count &&
		       info.output_bytes == net->values[net->output.value].bytes &&
		       info.input_bytes == (size_t)info.input_h * info.input_w * info.input_c,
	       "its description is right");
	tap_ok(!bnnaccel_session_open(ctx, model, &options, &session) &&
		       !strcmp(bnnaccel_session_backend(session), "cpu"),
	       "a session");
	in = malloc(IMAGES * info.input_bytes);
	out = malloc(IMAGES * info.output_bytes);
	want = malloc(info.output_bytes);
	for (i = 0; i < IMAGES; i++)
		random_input(i, net, in + i * info.input_bytes);
	tap_ok(!bnnaccel_run(session, in, info.input_bytes, out, IMAGES), "images are run");
	for (i = 0; i < IMAGES; i++) {
		bnn_cpu_run_tapped(net, in + i * info.input_bytes, want, NULL, NULL, NULL);
		same &= !memcmp(want, out + i * info.output_bytes, info.output_bytes);
	}
	tap_ok(same, "each result is that of the image alone");
	bnnaccel_session_get_stats(session, &stats);
	tap_ok(stats.counters[BNN_COUNTER_COMMANDS] == IMAGES * info.nodes, "statistics add up");
	memcpy(out, "\x05\x00\xff\xff\x07\x00\x07\x00", 8);
	tap_ok(bnnaccel_output_int(model, out, 1) == -1 &&
		       bnnaccel_output_int(model, out, 99999) == 0,
	       "elements are integers; one that is not there is 0");
	net->output.count = 4;
	n = bnnaccel_model_describe_node(model, 0, line, sizeof(line));
	tap_ok(n > 0 && n < (int)sizeof(line) && (size_t)n == strlen(line) &&
		       bnnaccel_model_describe_node(model, 0, tiny, sizeof(tiny)) == n &&
		       strlen(tiny) == 7 && !strncmp(tiny, line, 7),
	       "node: %s", line);
	tap_ok(bnnaccel_model_describe_node(model, info.nodes, line, sizeof(line)) ==
		       BNNACCEL_ERR_ARGUMENT,
	       "there is no node behind the last");
	tap_ok(!bnnaccel_model_label(model, 0), "no class names, so none is given");
	bnnaccel_model_free(ctx, model);
	tap_ok(!bnnaccel_run(session, in, info.input_bytes, out, 1),
	       "a session survives that its model is freed");
	bnnaccel_session_close(session);
	free(in);
	free(out);
	free(want);
	bnn_net_free(net);
}

#define FAILS(call, code, text) \
	do { \
		int rc = (call); \
\
		tap_ok(rc == (code) && strstr(bnnaccel_last_error(ctx), text), "%s: %s", \
		       bnnaccel_error_name(rc), bnnaccel_last_error(ctx)); \
	} while (0)

static void test_misuse(struct bnnaccel *ctx)
{
	struct bnnaccel_session_options options = { .size = sizeof(options), .backend = "cpu" };
	struct {
		struct bnnaccel_session_options known;
		int more;
	} later = { .known = { .size = sizeof(later), .backend = "cpu" } };
	struct bnnaccel_session *session = (void *)1;
	struct bnnaccel_device_info device = { .size = sizeof(device) };
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel_model *model = (void *)1;
	uint8_t byte = 0;

	FAILS(bnnaccel_model_load(ctx, NULL, &model), BNNACCEL_ERR_ARGUMENT, "NULL");
	tap_ok(!model, "no model then");
	FAILS(bnnaccel_model_load(ctx, "/nowhere.bnn", &model), BNNACCEL_ERR_NO_FILE,
	      "/nowhere.bnn");
	FAILS(bnnaccel_model_parse(ctx, "rubbish!", 8, &model), BNNACCEL_ERR_BAD_MODEL,
	      "not a .bnn");
	FAILS(bnnaccel_model_parse(ctx, "", 0, &model), BNNACCEL_ERR_BAD_MODEL, "not a .bnn");
	FAILS(bnnaccel_session_open(ctx, NULL, &options, &session), BNNACCEL_ERR_ARGUMENT, "NULL");
	tap_ok(!session, "no session then");
	bnn_api_adopt(ctx, some_net(50), &model);
	FAILS(bnnaccel_model_save(ctx, model, "/nowhere/x.bnn"), BNNACCEL_ERR_NO_FILE,
	      "/nowhere/x");
	options.backend = "gpu";
	FAILS(bnnaccel_session_open(ctx, model, &options, &session), BNNACCEL_ERR_NO_BACKEND,
	      "no backend \"gpu\"");
	options.backend = "cpu";
	options.size = 0;
	FAILS(bnnaccel_session_open(ctx, model, &options, &session), BNNACCEL_ERR_ARGUMENT,
	      "sizeof");
	later.more = 1;
	FAILS(bnnaccel_session_open(ctx, model, &later.known, &session), BNNACCEL_ERR_ARGUMENT,
	      "older");
	later.more = 0;
	tap_ok(!bnnaccel_session_open(ctx, model, &later.known, &session),
	       "options of a later header are taken while nothing new is used");
	FAILS(bnnaccel_run(session, NULL, 1, &byte, 1), BNNACCEL_ERR_ARGUMENT, "NULL");
	bnnaccel_model_get_info(model, &info);
	FAILS(bnnaccel_run(session, &byte, info.input_bytes - 1, &byte, 2), BNNACCEL_ERR_BAD_INPUT,
	      "bytes apart");
	tap_ok(!bnnaccel_run(session, NULL, 0, NULL, 0), "no images are no mistake");
	tap_ok(!*bnnaccel_last_error(ctx), "and the last error is forgotten");
	options.size = sizeof(options);
	tap_ok(!bnnaccel_device_get_info(ctx, &options, &device) &&
		       !strcmp(device.backend, "cpu") && !device.features,
	       "the cpu backend describes itself");
	options.backend = "model";
	tap_ok(!bnnaccel_device_get_info(ctx, &options, &device) &&
		       !strcmp(device.backend, "model") && device.version,
	       "so does the model: %s", bnnaccel_last_error(ctx));
	options.backend = "device";
	options.device = "/nowhere";
	tap_ok(bnnaccel_device_get_info(ctx, &options, &device) == BNNACCEL_ERR_NO_DEVICE &&
		       *bnnaccel_last_error(ctx),
	       "no device: %s", bnnaccel_last_error(ctx));
	/* None of these may crash. */
	bnnaccel_model_free(ctx, NULL);
	bnnaccel_model_free(NULL, model);
	bnnaccel_session_close(NULL);
	bnnaccel_close(NULL);
	tap_ok(bnnaccel_model_get_info(NULL, &info) == BNNACCEL_ERR_ARGUMENT,
	       "no model has no description");
	info.size = 0;
	tap_ok(bnnaccel_model_get_info(model, &info) == BNNACCEL_ERR_ARGUMENT,
	       "a size that is not set is told");
	info.size = offsetof(struct bnnaccel_model_info, description);
	info.description = "mine";
	tap_ok(!bnnaccel_model_get_info(model, &info) && info.name &&
		       !strcmp(info.description, "mine"),
	       "a shorter struct of an older header gets what it has room for");
	bnnaccel_session_get_stats(NULL, NULL);
	bnnaccel_output_class(NULL, NULL);
	tap_ok(bnnaccel_open(NULL) == BNNACCEL_ERR_ARGUMENT &&
		       bnnaccel_model_load(NULL, "x", &model) == BNNACCEL_ERR_ARGUMENT &&
		       bnnaccel_run(NULL, NULL, 0, NULL, 0) == BNNACCEL_ERR_ARGUMENT &&
		       !*bnnaccel_last_error(NULL),
	       "NULL is told, not followed");
	/* The session and the model are left to bnnaccel_close(). */
}

/* One model, many threads, each with a context of its own. */
static struct bnnaccel_model *shared;

static void *run_thread(void *result)
{
	struct bnnaccel_session_options options = { .size = sizeof(options), .backend = "cpu" };
	struct bnnaccel_session *session;
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	struct bnnaccel *ctx;
	uint8_t *in;
	int i;

	bnnaccel_open(&ctx);
	bnnaccel_model_get_info(shared, &info);
	in = malloc(info.input_bytes);
	random_input(7, shared->net, in);
	for (i = 0; i < 20; i++) {
		bnnaccel_session_open(ctx, shared, &options, &session);
		bnnaccel_run(session, in, info.input_bytes, result, 1);
		bnnaccel_session_close(session);
	}
	free(in);
	bnnaccel_close(ctx);
	return NULL;
}

static void test_figures(struct bnnaccel *ctx)
{
	struct bnnaccel_figures figures = { .size = sizeof(figures) };
	struct bnn_net *net = some_net(5);
	struct bnnaccel_model *model;
	char *text = NULL;
	uint8_t *data;
	size_t len;

	bnn_file_pack(net, &data, &len, NULL);
	bnnaccel_model_parse(ctx, data, len, &model);
	free(data);
	tap_ok(!bnnaccel_model_get_figures(ctx, model, &figures) && !figures.parameters &&
		       figures.executed_ace <= figures.ace && figures.format_count,
	       "figures of a network whose origin is not known");
	tap_ok(!bnnaccel_model_list_commands(ctx, model, &text) && text &&
		       strstr(text, net->nodes[0].name) && strstr(text, "END\n"),
	       "its commands end with END");
	free(text);
	tap_ok(bnnaccel_model_get_figures(ctx, NULL, &figures) == BNNACCEL_ERR_ARGUMENT &&
		       bnnaccel_model_get_figures(ctx, model, NULL) == BNNACCEL_ERR_ARGUMENT &&
		       bnnaccel_model_list_commands(ctx, model, NULL) == BNNACCEL_ERR_ARGUMENT &&
		       strstr(bnnaccel_last_error(ctx), "bnnaccel_model_list_commands"),
	       "both name a missing argument");
	bnnaccel_model_free(ctx, model);
	bnn_net_free(net);
}

static void test_threads(struct bnnaccel *ctx)
{
	struct bnnaccel_model_info info = { .size = sizeof(info) };
	pthread_t threads[4];
	uint8_t *results[4];
	bool same = true;
	int i;

	bnn_api_adopt(ctx, some_net(99), &shared);
	bnnaccel_model_get_info(shared, &info);
	for (i = 0; i < 4; i++) {
		results[i] = calloc(1, info.output_bytes);
		pthread_create(&threads[i], NULL, run_thread, results[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		same &= !memcmp(results[i], results[0], info.output_bytes);
	}
	for (i = 0; i < 4; i++)
		free(results[i]);
	tap_ok(same, "threads share a model");
}

/* Results of every format are read as docs/arithmetic.md section 2 says. */
static void test_elements(void)
{
	static const struct {
		uint8_t format;
		const char *bytes;
		size_t len;
		int64_t want;
	} cases[] = {
		{ BNN_FORMAT_B1, "\x02\0", 2, 1 },
		{ BNN_FORMAT_E_O4, "\xf0\0", 2, 15 },
		{ BNN_FORMAT_E_U4, "\xf0\0", 2, 15 },
		{ BNN_FORMAT_E_S4, "\x80\0", 2, -8 },
		{ BNN_FORMAT_E_U8, "\0\xff", 2, 255 },
		{ BNN_FORMAT_E_S8, "\0\xff", 2, -1 },
		{ BNN_FORMAT_E_U16, "\0\0\0\x80", 4, 32768 },
		{ BNN_FORMAT_E_S16, "\0\0\0\x80", 4, -32768 },
		{ BNN_FORMAT_E_S32, "\0\0\0\0\0\0\0\x80", 8, INT32_MIN },
	};
	struct bnn_value v = { .h = 1, .w = 1, .c = 2 };
	struct bnn_net net = { .values = &v, .output = { .count = 2 } };
	uint8_t planes[1024] = { 0 };
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		v.format = cases[i].format;
		if (bnn_api_element(&net, (const uint8_t *)cases[i].bytes, 1) != cases[i].want) {
			printf("# format %u\n", v.format);
			ok = false;
		}
	}
	v.format = BNN_FORMAT_O2;
	planes[64] = 2; /* plane 1, channel 1 */
	ok &= bnn_api_element(&net, planes, 1) == 1 && bnn_api_element(&net, planes, 0) == -3;
	v.format = BNN_FORMAT_S4;
	planes[3 * 64] = 1;
	ok &= bnn_api_element(&net, planes, 0) == -8 && bnn_api_element(&net, planes, 1) == 2;
	v.format = BNN_FORMAT_B1;
	net.output.kind = BNN_OUTPUT_BITS;
	ok &= bnn_api_element(&net, planes, 0) == 0;
	tap_ok(ok, "elements of results of every kind of format");
}

static void test_class(struct bnnaccel *ctx)
{
	struct bnn_net *net = some_net(7);
	struct bnnaccel_model *model;

	net->output.count = 4;
	net->output.kind = BNN_OUTPUT_FLOAT;
	net->values[net->output.value].f = 1;
	bnn_api_adopt(ctx, net, &model);
	tap_ok(bnnaccel_output_class(model, "\x05\0\xff\xff\x07\0\x07\0") == 2,
	       "the first maximum");
	tap_ok(bnnaccel_output_value(model, "\x05\0\xff\xff\x07\0\x07\0", 2) == 3.5,
	       "a real number");
	net->output.rule = BNN_CLASS_HIGH_BIT;
	tap_ok(bnnaccel_output_class(model, "\x01\0\x01\0\0\0\0\0") == 1 &&
		       bnnaccel_output_class(model, "\0\0\0\0\0\0\0\0") == 0,
	       "the highest bit");
}

int main(void)
{
	struct bnnaccel *ctx;

	tap_ok(!bnnaccel_open(&ctx) && !*bnnaccel_last_error(ctx), "a context");
	test_run(ctx);
	test_misuse(ctx);
	test_figures(ctx);
	test_threads(ctx);
	test_elements();
	test_class(ctx);
	bnnaccel_close(ctx);
	return tap_done();
}
