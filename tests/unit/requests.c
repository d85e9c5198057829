// SPDX-License-Identifier: MIT
/*
 * Requests in the background, memory without copies, nodes and their times, through
 * the public calls; built with ASan and UBSan, and once more with TSan.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/random_net.h"
#include "../common/tap.h"
#include "api.h"

enum { IMAGES = 40 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A model, images and the results they should have. */
struct fixture {
	struct bnnaccel *ctx;
	struct bnnaccel_model *model;
	struct bnn_net *net; /* the model's */
	size_t in, out;
	uint8_t *inputs, *want;
};

static void make_fixture(struct fixture *f, uint64_t seed)
{
	struct random_net_options shape = {
		.nodes = 8, .max_size = 8, .max_channels = 40, .max_work = 60000
	};

	bnnaccel_open(&f->ctx);
	/* More than a few bytes and nodes, so that there is something to mix up. */
	for (;; seed++) {
		f->net = random_net(seed, &shape);
		f->in = f->net->values[f->net->input.value].bytes;
		f->out = f->net->values[f->net->output.value].bytes;
		if (f->net->node_count >= 5 && f->out > 16 && f->in > 16)
			break;
		bnn_net_free(f->net);
	}
	bnn_api_adopt(f->ctx, f->net, &f->model);
	f->inputs = malloc(IMAGES * f->in);
	f->want = malloc(IMAGES * f->out);
	for (size_t i = 0; i < IMAGES; i++) {
		random_input(i, f->net, f->inputs + i * f->in);
		bnn_cpu_run_tapped(f->net, f->inputs + i * f->in, f->want + i * f->out, NULL, NULL,
				   NULL);
	}
}

static void free_fixture(struct fixture *f)
{
	bnnaccel_close(f->ctx);
	free(f->inputs);
	free(f->want);
}

static struct bnnaccel_session *open_session(struct fixture *f,
					     struct bnnaccel_session_options options)
{
	struct bnnaccel_session *session = NULL;

	options.size = sizeof(options);
	if (bnnaccel_session_open(f->ctx, f->model, &options, &session))
		printf("# %s\n", bnnaccel_last_error(f->ctx));
	return session;
}

static struct bnnaccel_request request(const struct fixture *f, size_t first, size_t count,
				       uint8_t *outputs)
{
	return (struct bnnaccel_request){
		.size = sizeof(struct bnnaccel_request),
		.inputs = f->inputs + first * f->in,
		.outputs = outputs + first * f->out,
		.count = count,
	};
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Many in flight, collected in the order they were submitted, and one by its number. */
static void test_order(struct fixture *f, const char *backend)
{
	struct bnnaccel_session *session = open_session(
		f, (struct bnnaccel_session_options){ .backend = backend, .batch = 3 });
	uint8_t *got = calloc(IMAGES, f->out);
	uint64_t tickets[IMAGES], ticket;
	int fd = bnnaccel_session_fd(session), n = 0, wrong = 0;

	wrong += fd < 0 || readable(fd);
	for (size_t at = 0; at < IMAGES; n++) {
		size_t count = (size_t)n % 7 + 1 < IMAGES - at ? (size_t)n % 7 + 1 : IMAGES - at;
		struct bnnaccel_request r = request(f, at, count, got);

		wrong += bnnaccel_submit(session, &r, &tickets[n]) != 0;
		at += count;
	}
	/* The fifth first: those before it have ended then, too. */
	wrong += bnnaccel_wait(session, tickets[4], -1) != 0;
	for (int i = 0; i < 4; i++)
		wrong += bnnaccel_wait(session, tickets[i], 0) != 0;
	for (int i = 5; i < n; i++)
		wrong += bnnaccel_next(session, &ticket, 60000) || ticket != tickets[i];
	wrong += readable(fd);
	tap_ok(!wrong && !memcmp(got, f->want, IMAGES * f->out),
	       "%s: %d requests in flight, collected in order", backend, n);
	tap_ok(bnnaccel_wait(session, tickets[0], 0) == BNNACCEL_ERR_ARGUMENT &&
		       strstr(bnnaccel_last_error(f->ctx), "no request") &&
		       bnnaccel_next(session, &ticket, 0) == BNNACCEL_ERR_ARGUMENT && !ticket,
	       "%s: none is left to collect", backend);
	/* Ended requests wait for their collection; run() does not disturb them. */
	memset(got, 0, IMAGES * f->out);
	wrong = 0;
	for (int i = 0; i < 4; i++) {
		struct bnnaccel_request r = request(f, (size_t)i * 5, 5, got);

		wrong += bnnaccel_submit(session, &r, &tickets[i]) != 0;
	}
	wrong += bnnaccel_run(session, f->inputs + 20 * f->in, f->in, got + 20 * f->out, 20) != 0;
	wrong += !readable(fd);
	for (int i = 0; i < 4; i++)
		wrong += bnnaccel_wait(session, tickets[i], 0) != 0;
	tap_ok(!wrong && !readable(fd) && !memcmp(got, f->want, IMAGES * f->out),
	       "%s: a call that waits goes behind them", backend);
	bnnaccel_session_close(session);
	free(got);
}

static void test_mistakes(struct fixture *f)
{
	struct bnnaccel_session *session =
		open_session(f, (struct bnnaccel_session_options){ .backend = "cpu" });
	uint8_t *got = calloc(IMAGES, f->out);
	struct bnnaccel_request r = request(f, 0, 1, got), bad;
	uint64_t ticket;
	int wrong = 0;

	wrong += bnnaccel_submit(session, NULL, &ticket) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_submit(NULL, &r, &ticket) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_submit(session, &r, NULL) != BNNACCEL_ERR_ARGUMENT;
	bad = r, bad.size = 0;
	wrong += bnnaccel_submit(session, &bad, &ticket) != BNNACCEL_ERR_ARGUMENT;
	bad = r, bad.count = 0;
	wrong += bnnaccel_submit(session, &bad, &ticket) != BNNACCEL_ERR_ARGUMENT;
	bad = r, bad.input_stride = f->in - 1;
	wrong += bnnaccel_submit(session, &bad, &ticket) != BNNACCEL_ERR_BAD_INPUT;
	bad = r, bad.output_stride = f->out - 1;
	wrong += bnnaccel_submit(session, &bad, &ticket) != BNNACCEL_ERR_ARGUMENT;
	bad = r, bad.count = SIZE_MAX / 2;
	wrong += bnnaccel_submit(session, &bad, &ticket) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_wait(session, 1, 0) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_wait(NULL, 1, 0) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_cancel(session, 1) != BNNACCEL_ERR_ARGUMENT;
	wrong += bnnaccel_session_fd(NULL) != BNNACCEL_ERR_ARGUMENT;
	tap_ok(!wrong, "mistakes in requests are told (%d not)", wrong);
	for (int i = 0; i < BNNACCEL_REQUESTS_MAX; i++)
		wrong += bnnaccel_submit(session, &r, &ticket) != 0;
	tap_ok(!wrong && bnnaccel_submit(session, &r, &ticket) == BNNACCEL_ERR_BUSY &&
		       strstr(bnnaccel_last_error(f->ctx), "bnnaccel_next"),
	       "too many: %s", bnnaccel_last_error(f->ctx));
	bnnaccel_session_close(session);
	free(got);
}

/* A session whose requests take long. */
struct slow {
	struct fixture f;
	struct bnnaccel_session *session;
	uint8_t *images, *got;
	uint64_t tickets[3];
};

enum { SLOW = 200000 };

static void start_slow(struct slow *s, const char *backend)
{
	struct bnnaccel_request r = { .size = sizeof(r), .count = SLOW };

	make_fixture(&s->f, 5);
	s->session = open_session(
		&s->f, (struct bnnaccel_session_options){ .backend = backend, .batch = 16 });
	s->images = calloc(SLOW, s->f.in);
	s->got = calloc(SLOW, s->f.out);
	r.inputs = s->images;
	r.outputs = s->got;
	for (int i = 0; i < 3; i++)
		bnnaccel_submit(s->session, &r, &s->tickets[i]);
}

static void end_slow(struct slow *s)
{
	free(s->images);
	free(s->got);
	free_fixture(&s->f);
}

static void test_giving_up(const char *backend)
{
	struct slow s = { 0 };
	double start;
	int wrong = 0;

	start_slow(&s, backend);
	wrong += bnnaccel_wait(s.session, s.tickets[0], 5) != BNNACCEL_ERR_TIMEOUT;
	wrong += bnnaccel_wait(s.session, s.tickets[2], 0) != BNNACCEL_ERR_TIMEOUT;
	/* The second one has not begun; it ends in its turn, behind the first. */
	wrong += bnnaccel_cancel(s.session, s.tickets[1]) != 0;
	wrong += bnnaccel_wait(s.session, s.tickets[1], 0) != BNNACCEL_ERR_TIMEOUT;
	start = now();
	wrong += bnnaccel_cancel(s.session, s.tickets[0]) != 0;
	wrong += bnnaccel_wait(s.session, s.tickets[0], -1) != BNNACCEL_ERR_CANCELLED;
	wrong += bnnaccel_wait(s.session, s.tickets[1], -1) != BNNACCEL_ERR_CANCELLED;
	wrong += now() - start > 20;
	tap_ok(!wrong, "%s: a cancelled request ends after what runs (%.3f s)", backend,
	       now() - start);
	start = now();
	bnnaccel_session_close(s.session);
	tap_ok(now() - start < 20, "%s: a session with one in flight closes at once (%.3f s)",
	       backend, now() - start);
	end_slow(&s);
}

/* A request that fails tells why, and does not spoil those behind it. */
static void test_failure(struct fixture *f)
{
	struct bnnaccel_session *session = open_session(
		f, (struct bnnaccel_session_options){ .backend = "model", .budget = 1 });
	uint8_t *got = calloc(IMAGES, f->out);
	struct bnnaccel_request r = request(f, 0, IMAGES, got), one = request(f, 0, 1, got);
	uint64_t tickets[3];
	int wrong = 0, first;

	/* 1,024 cycles: enough for one image of this network at most. */
	wrong += bnnaccel_submit(session, &r, &tickets[0]) != 0;
	wrong += bnnaccel_submit(session, &one, &tickets[1]) != 0;
	first = bnnaccel_wait(session, tickets[0], -1);
	tap_ok(!wrong && first == BNNACCEL_ERR_DEVICE &&
		       strstr(bnnaccel_last_error(f->ctx), "TIMEOUT"),
	       "a request that fails: %s", bnnaccel_last_error(f->ctx));
	wrong += bnnaccel_wait(session, tickets[1], -1) == BNNACCEL_ERR_TIMEOUT;
	tap_ok(!wrong && bnnaccel_next(session, &tickets[2], 0) == BNNACCEL_ERR_ARGUMENT,
	       "and the one behind it ends on its own");
	bnnaccel_session_close(session);
	free(got);
}

static uint64_t copied(struct bnnaccel_session *session)
{
	struct bnnaccel_stats stats = { .size = sizeof(stats) };

	bnnaccel_session_get_stats(session, &stats);
	return stats.copied;
}

static bool run_strided(struct fixture *f, struct bnnaccel_session *session, uint8_t *in,
			size_t in_stride, uint8_t *out, size_t out_stride)
{
	struct bnnaccel_request r = {
		.size = sizeof(r),
		.inputs = in,
		.input_stride = in_stride,
		.outputs = out,
		.output_stride = out_stride,
		.count = IMAGES,
	};
	uint64_t ticket;
	bool same = true;

	for (size_t i = 0; i < IMAGES; i++) {
		memcpy(in + i * in_stride, f->inputs + i * f->in, f->in);
		memset(out + i * out_stride, 0xee, f->out);
	}
	if (bnnaccel_submit(session, &r, &ticket) || bnnaccel_wait(session, ticket, -1))
		return false;
	for (size_t i = 0; i < IMAGES; i++)
		same &= !memcmp(out + i * out_stride, f->want + i * f->out, f->out);
	return same;
}

static void test_buffers(struct fixture *f, const char *backend, bool cut)
{
	const uint32_t nodes[] = { 1, 3 };
	struct bnnaccel_session *session = open_session(f, (struct bnnaccel_session_options){
								   .backend = backend,
								   .batch = 7,
								   .cpu_nodes = nodes,
								   .cpu_node_count = cut ? 2 : 0,
							   });
	size_t in = (f->in + 63) / 64 * 64, out = (f->out + 63) / 64 * 64;
	struct bnnaccel_buffer *a, *b, *c;
	struct bnnaccel_request r;
	uint64_t ticket, before;
	bool ok;

	ok = !bnnaccel_buffer_alloc(session, IMAGES * in, &a) &&
	     !bnnaccel_buffer_alloc(session, IMAGES * out, &b) &&
	     run_strided(f, session, bnnaccel_buffer_data(a), in, bnnaccel_buffer_data(b), out);
	tap_ok(ok && !copied(session), "%s%s: images and results in place, nothing copied", backend,
	       cut ? ", with help" : "");
	before = copied(session);
	ok = !bnnaccel_buffer_alloc(session, IMAGES * (in + out) + 128, &c) &&
	     run_strided(f, session, (uint8_t *)bnnaccel_buffer_data(c) + 1, f->in,
			 (uint8_t *)bnnaccel_buffer_data(b), out) &&
	     run_strided(f, session, bnnaccel_buffer_data(a), in,
			 (uint8_t *)bnnaccel_buffer_data(c) + 2, f->out);
	tap_ok(ok && (!strcmp(backend, "cpu") || copied(session) > before),
	       "%s%s: what is not aligned is copied, with the same results", backend,
	       cut ? ", with help" : "");
	r = (struct bnnaccel_request){
		.size = sizeof(r),
		.inputs = bnnaccel_buffer_data(a),
		.input_stride = in,
		.outputs = bnnaccel_buffer_data(b),
		.output_stride = out,
		.count = IMAGES,
	};
	/* Busy until it has ended, which may be at once. */
	ok = !bnnaccel_submit(session, &r, &ticket);
	for (int i = 0; i < 3 && ok; i++)
		ok = !bnnaccel_buffer_free(c) && !bnnaccel_buffer_alloc(session, 100, &c);
	if (ok && bnnaccel_buffer_free(a) == BNNACCEL_ERR_BUSY)
		ok = !bnnaccel_wait(session, ticket, -1) && !bnnaccel_buffer_free(a);
	tap_ok(ok && !bnnaccel_buffer_free(b) && !bnnaccel_buffer_free(NULL),
	       "%s%s: buffers come and go while requests run", backend, cut ? ", with help" : "");
	bnnaccel_session_close(session); /* frees c */
}

static void test_nodes(struct fixture *f)
{
	const uint32_t nodes[] = { 0, 2 }, none[] = { 999 };
	struct bnnaccel_session_options o = {
		.backend = "model", .cpu_nodes = nodes, .cpu_node_count = 2, .profile = 1
	};
	struct bnnaccel_node_info info = { .size = sizeof(info) };
	struct bnnaccel_session *session = open_session(f, o);
	uint8_t *got = calloc(IMAGES, f->out);
	int wrong = 0;

	wrong += bnnaccel_run(session, f->inputs, f->in, got, IMAGES) != 0;
	for (uint32_t i = 0; i < f->net->node_count; i++) {
		bool cpu = i == 0 || i == 2;

		wrong += bnnaccel_session_get_node(session, i, &info) || info.on_cpu != cpu ||
			 info.runs != IMAGES || strcmp(info.name, f->net->nodes[i].name) ||
			 !info.command || (cpu ? !*info.reason || info.cycles : *info.reason != 0);
	}
	wrong += bnnaccel_session_get_node(session, (uint32_t)f->net->node_count, &info) !=
		 BNNACCEL_ERR_ARGUMENT;
	tap_ok(!wrong && !memcmp(got, f->want, IMAGES * f->out),
	       "every node says where it runs, and is measured (%d wrong)", wrong);
	bnnaccel_session_close(session);
	o.cpu_nodes = none;
	o.cpu_node_count = 1;
	tap_ok(!open_session(f, o) && strstr(bnnaccel_last_error(f->ctx), "no node 999"),
	       "a node that is not there: %s", bnnaccel_last_error(f->ctx));
	o.cpu_nodes = NULL;
	tap_ok(!open_session(f, o) && strstr(bnnaccel_last_error(f->ctx), "cpu_nodes is NULL"),
	       "a list that is not there");
	o = (struct bnnaccel_session_options){ .backend = "cpu", .fallback = 77 };
	tap_ok(!open_session(f, o) && strstr(bnnaccel_last_error(f->ctx), "fallback is 77"),
	       "a fallback that is not there");
	free(got);
}

static void test_isa(struct fixture *f)
{
	struct bnnaccel_session_options o = { .backend = "cpu", .isa = "portable" };
	struct bnnaccel_session *session = open_session(f, o);
	uint8_t *got = calloc(IMAGES, f->out);

	tap_ok(!bnnaccel_run(session, f->inputs, f->in, got, IMAGES) &&
		       !memcmp(got, f->want, IMAGES * f->out),
	       "the portable engine gives the same");
	bnnaccel_session_close(session);
	o.isa = "mmx";
	tap_ok(!open_session(f, o) && strstr(bnnaccel_last_error(f->ctx), "\"mmx\"") &&
		       strstr(bnnaccel_last_error(f->ctx), "portable"),
	       "%s", bnnaccel_last_error(f->ctx));
	o.isa = NULL;
	setenv("BNNACCEL_ISA", "nonsense", 1);
	tap_ok(!open_session(f, o) && strstr(bnnaccel_last_error(f->ctx), "\"nonsense\""),
	       "BNNACCEL_ISA is taken at its word");
	unsetenv("BNNACCEL_ISA");
	free(got);
}

/* One model, threads with a context, a session and requests of their own. */
static struct fixture shared;

static void *use_shared(void *opaque)
{
	bool *right = opaque;
	const uint32_t nodes[] = { 2 };
	struct bnnaccel_session_options o = {
		.size = sizeof(o),
		.backend = *right ? "model" : "cpu",
		.batch = 4,
		.cpu_nodes = nodes,
		.cpu_node_count = 1,
	};
	struct bnnaccel_session *session;
	uint8_t *got = calloc(IMAGES, shared.out);
	struct bnnaccel *ctx;
	uint64_t ticket;
	int wrong = 0;

	bnnaccel_open(&ctx);
	wrong += bnnaccel_session_open(ctx, shared.model, &o, &session) != 0;
	for (int round = 0; round < 3 && !wrong; round++) {
		for (size_t i = 0; i < IMAGES; i += 8) {
			struct bnnaccel_request r = request(&shared, i, 8, got);

			wrong += bnnaccel_submit(session, &r, &ticket) != 0;
		}
		for (size_t i = 0; i < IMAGES; i += 8)
			wrong += bnnaccel_next(session, &ticket, -1) != 0;
		wrong += memcmp(got, shared.want, IMAGES * shared.out) != 0;
	}
	bnnaccel_close(ctx);
	free(got);
	*right = !wrong;
	return NULL;
}

static void test_threads(void)
{
	bool right[4] = { true, false, true, false };
	pthread_t threads[4];

	make_fixture(&shared, 50);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, use_shared, &right[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	tap_ok(right[0] && right[1] && right[2] && right[3],
	       "four threads with requests share a model");
	free_fixture(&shared);
}

int main(void)
{
	struct fixture f;

	make_fixture(&f, 1);
	test_order(&f, "cpu");
	test_order(&f, "model");
	test_mistakes(&f);
	test_failure(&f);
	test_buffers(&f, "cpu", false);
	test_buffers(&f, "model", false);
	test_buffers(&f, "model", true);
	test_nodes(&f);
	test_isa(&f);
	free_fixture(&f);
	test_giving_up("cpu");
	test_giving_up("model");
	test_threads();
	return tap_done();
}
