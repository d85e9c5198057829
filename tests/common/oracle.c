// SPDX-License-Identifier: MIT
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

struct format {
	int code, planes, bits; /* planes 0: element-packed */
	char kind;		/* o: odd, u: unsigned, s: two's complement */
};

static const struct format formats[] = {
	{ 1, 1, 1, 'o' },   { 2, 2, 1, 'o' },  { 3, 4, 1, 'o' },   { 4, 8, 1, 'o' },
	{ 5, 4, 1, 'u' },   { 6, 8, 1, 'u' },  { 7, 4, 1, 's' },   { 8, 8, 1, 's' },
	{ 9, 16, 1, 's' },  { 16, 0, 4, 'o' }, { 17, 0, 4, 'u' },  { 18, 0, 4, 's' },
	{ 19, 0, 8, 'u' },  { 20, 0, 8, 's' }, { 21, 0, 16, 'u' }, { 22, 0, 16, 's' },
	{ 23, 0, 32, 's' },
};

static const struct format *format_of(int code)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].code == code)
			return &formats[i];
	}
	abort();
}

static int code_bits(const struct format *f)
{
	return f->planes ? f->planes : f->bits;
}

struct tensor {
	uint8_t *data;
	const struct format *f;
	long h, w, c;
};

static long up(long x, long n)
{
	return (x + n - 1) / n * n;
}

/* Position, in bits, of bit `bit` of the code of an element. */
static long long bit_position(const struct tensor *t, long y, long x, long c, int bit)
{
	long pixel = 2 * up(t->c * t->f->bits, 16) / 16;
	long pitch = up(t->w * pixel, 16);
	long long byte = (long long)y * pitch + x * pixel;

	if (t->f->planes)
		return 8 * (byte + (long long)bit * up(pitch * t->h, 64)) + c;
	return 8 * byte + c * t->f->bits + bit;
}

static int get_bit(const uint8_t *data, long long position)
{
	return data[position / 8] >> position % 8 & 1;
}

static void put_bit(uint8_t *data, long long position, int bit)
{
	data[position / 8] =
		(uint8_t)((data[position / 8] & ~(1 << position % 8)) | bit << position % 8);
}

static long long value_of(char kind, int n, long long code)
{
	if (kind == 'o')
		return 2 * code - ((1ll << n) - 1);
	if (kind == 's' && code >> (n - 1) & 1)
		return code - (1ll << n);
	return code;
}

static long long element(const struct tensor *t, long y, long x, long c)
{
	int n = code_bits(t->f), i;
	long long code = 0;

	for (i = 0; i < n; i++)
		code |= (long long)get_bit(t->data, bit_position(t, y, x, c, i)) << i;
	return value_of(t->f->kind, n, code);
}

static void put_code(const struct tensor *t, long y, long x, long c, long long code)
{
	int n = code_bits(t->f), i;

	for (i = 0; i < n; i++)
		put_bit(t->data, bit_position(t, y, x, c, i), (int)(code >> i & 1));
	if (c + 1 < t->c)
		return;
	/* The last channel also clears the padding behind it. */
	for (i = 0; i < (t->f->planes ? t->f->planes : 1); i++) {
		long long at = bit_position(t, y, x, t->c, t->f->planes ? i : 0);
		long long spare = up(t->c * t->f->bits, 16) - t->c * t->f->bits;

		for (; spare; spare--)
			put_bit(t->data, at++, 0);
	}
}

/* --- Arithmetic of section 1; clamps count what they change. --- */

static long long divide_down(long long x, long long d)
{
	return x >= 0 ? x / d : -((-x + d - 1) / d);
}

static long long rnd(long long x, int s)
{
	return s ? divide_down(x + (1ll << (s - 1)), 1ll << s) : x;
}

static uint64_t clamps;

static long long clamp(long long x, long long low, long long high)
{
	long long r = x < low ? low : x > high ? high : x;

	clamps += r != x;
	return r;
}

static long long sat(long long x, int n)
{
	return clamp(x, -(1ll << (n - 1)), (1ll << (n - 1)) - 1);
}

/* --- Weights, section 3. --- */

#define CONV(field) ((long)bnn_field_get(words, BNN_F_CONV_##field))

static long long weight(const uint32_t *words, const uint8_t *data, long oc, long ky, long kx,
			long ic)
{
	static const int sizes[] = { 1, 2, 2, 4, 8, 4, 8 };
	int n = sizes[CONV(WFORMAT)], i;
	long cg = CONV(CIN) / CONV(GROUPS), kw = CONV(KW), kh = CONV(KH), p = CONV(TILE_P);
	long tap = ky * kw + kx, row_bytes = up(kh * kw * up(cg * n, 16) / 8, 16), tau = CONV(TAU);
	long long at = 0, k = (long long)kh * kw * cg;
	long code = 0;

	switch (CONV(WMODE)) {
	case 0:
		at = 8ll * oc * row_bytes + tap * up(cg * n, 16) + ic * n;
		break;
	case 1:
		at = 8ll * (oc % (CONV(COUT) / p)) * row_bytes + tap * up(cg * n, 16) + ic * n;
		break;
	case 2:
		at = (oc * k + tap * cg + ic) % (CONV(COUT) * k / p) * n;
		break;
	case 3:
		at = 8ll * up(8l << tau, 64) + (oc * cg + ic) * tau;
		for (i = 0; i < tau; i++)
			code |= (long)get_bit(data, at + i) << i;
		return get_bit(data, 64ll * code + tap) ? 1 : -1;
	}
	for (i = 0; i < n; i++)
		code |= (long)get_bit(data, at + i) << i;
	switch (CONV(WFORMAT)) {
	case 1:
		return code & 1 ? code & 2 ? -1 : 1 : 0;
	case 5:
	case 6:
		return value_of('s', n, code);
	default:
		return value_of('o', n, code);
	}
}

/* --- The pipe, section 4. --- */

struct record {
	int32_t th1, b1[2], th2, b2[2], bbn, tb, t;
	int16_t a1[2], a2[2];
	int8_t k1[2], k2[2];
	uint8_t flags, gap0;
	int16_t q[3];
	uint8_t gap1[8];
};

_Static_assert(sizeof(struct record) == BNN_SIZEOF_PARAM, "record");

struct job {
	const uint32_t *words;
	uint8_t *slots[BNN_SLOTS];
	struct tensor in, outp, outs, res1, res2;
	long oh, ow, cout;
	uint64_t *counters;
};

static struct record record_of(const struct job *job, long oc)
{
	const uint32_t *words = job->words;
	const uint8_t *data = job->slots[BNN_SLOT_PARAM];
	struct record r = { 0 };

	if (data && CONV(NARROW)) {
		memcpy(&r.tb, data + 8 * oc, 4);
		r.flags = data[8 * oc + 4] & 1;
	} else if (data) {
		memcpy(&r, data + 64 * oc, 64);
	}
	return r;
}

static long long residual(const struct tensor *t, uint32_t options, long y, long x, long oc)
{
	long channels = options & 0x3fff, c = oc % channels;
	long long value;

	if ((options >> 15 & 1) && oc >= channels)
		return 0;
	if (options >> 14 & 1)
		value = element(t, 2 * y, 2 * x, c) + element(t, 2 * y, 2 * x + 1, c) +
			element(t, 2 * y + 1, 2 * x, c) + element(t, 2 * y + 1, 2 * x + 1, c);
	else
		value = element(t, y, x, c);
	return value * (1ll << (options >> 16 & 15));
}

static long long lin(bool pow2, long long a, long long k, bool negative, long long b, int sb, int s,
		     long long x)
{
	long long p = a * x;

	if (pow2) {
		k = k < -31 ? -31 : k > 15 ? 15 : k;
		x = negative ? -x : x;
		p = k >= 0 ? sat(x * (1ll << k), 40) : rnd(x, (int)-k);
	}
	return rnd(p + b * (1ll << sb), s);
}

static void quantise(const struct tensor *t, long y, long x, long c, long long value)
{
	int n = code_bits(t->f);

	put_code(t, y, x, c, t->f->kind == 's' ? sat(value, n) : clamp(value, 0, (1ll << n) - 1));
}

static void pipe(const struct job *job, long y, long xx, long oc, long long acc, uint32_t *sum)
{
	const uint32_t *words = job->words;
	struct record r = record_of(job, oc);
	long long x = sat(rnd(acc, (int)CONV(PS)), 24), u = x, v, v16, z, q3;
	int h;
	uint64_t before;

	if (CONV(P1)) {
		h = x >= r.th1;
		u = sat(lin(CONV(P1_POW2), r.a1[h], r.k1[h], r.flags >> (1 + h) & 1, r.b1[h],
			    (int)CONV(SB1), (int)CONV(S1), x),
			27);
	}
	if (CONV(RES1_FORMAT))
		u = sat(u + residual(&job->res1, words[7], y, xx, oc), 27);
	if (CONV(RES2_FORMAT))
		u = sat(u + residual(&job->res2, words[8], y, xx, oc), 27);
	v = u;
	if (CONV(P2)) {
		h = u >= r.th2;
		v = sat(lin(CONV(P2_POW2), r.a2[h], r.k2[h], r.flags >> (3 + h) & 1, r.b2[h],
			    (int)CONV(SB2), (int)CONV(S2), u),
			32);
	}
	v16 = sat(v, 16);
	*sum += (uint32_t)v16;
	q3 = rnd((long long)(int16_t)CONV(A3) * v16 + (int32_t)words[10], (int)CONV(S3));
	z = !CONV(P1) && !CONV(P2) && !CONV(RES1_FORMAT) && !CONV(RES2_FORMAT) ? x : v16;
	switch (CONV(OUTP_FORMAT)) {
	case BNN_FORMAT_NONE:
		break;
	case BNN_FORMAT_B1:
		put_code(&job->outp, y, xx, oc, (z >= r.tb) != (r.flags & 1));
		break;
	case BNN_FORMAT_O2:
		put_code(&job->outp, y, xx, oc,
			 (v16 >= r.q[0]) + (v16 >= r.q[1]) + (v16 >= r.q[2]));
		break;
	case BNN_FORMAT_S16:
		put_code(&job->outp, y, xx, oc, v16);
		break;
	default:
		quantise(&job->outp, y, xx, oc, q3);
	}
	switch (CONV(OUTS_FORMAT)) {
	case BNN_FORMAT_NONE:
		break;
	case BNN_FORMAT_E_S16:
		put_code(&job->outs, y, xx, oc, v16);
		break;
	case BNN_FORMAT_E_S32:
		put_code(&job->outs, y, xx, oc, v);
		break;
	case BNN_FORMAT_E_U16:
		put_code(&job->outs, y, xx, oc, clamp(v, 0, 32768));
		break;
	default:
		before = clamps;
		quantise(&job->outs, y, xx, oc, q3);
		/* One value for both outputs counts once. */
		switch (CONV(OUTP_FORMAT)) {
		case BNN_FORMAT_O4:
		case BNN_FORMAT_U4:
			if (CONV(OUTS_FORMAT) == BNN_FORMAT_E_O4 ||
			    CONV(OUTS_FORMAT) == BNN_FORMAT_E_U4)
				clamps = before;
			break;
		case BNN_FORMAT_O8:
		case BNN_FORMAT_U8:
			if (CONV(OUTS_FORMAT) == BNN_FORMAT_E_U8)
				clamps = before;
			break;
		case BNN_FORMAT_S4:
			if (CONV(OUTS_FORMAT) == BNN_FORMAT_E_S4)
				clamps = before;
			break;
		case BNN_FORMAT_S8:
			if (CONV(OUTS_FORMAT) == BNN_FORMAT_E_S8)
				clamps = before;
			break;
		}
	}
}

/* --- CONV, section 3. --- */

static long long high_or_low(long long value, bool high)
{
	long long code = (value + 3) / 2;

	return (high ? code >> 1 : code & 1) ? 1 : -1;
}

static long long convolve(const struct job *job, long y, long x, long oc)
{
	const uint32_t *words = job->words;
	long cg = CONV(CIN) / CONV(GROUPS), g = oc / (CONV(COUT) / CONV(GROUPS));
	long long acc = 0, m = 0, l = 0, w, a, present = 0, bits;
	long ky, kx, ic;
	bool frac = CONV(FRAC), gate;
	static const int sizes[] = { 1, 2, 2, 4, 8, 4, 8 };

	for (ky = 0; ky < CONV(KH); ky++) {
		for (kx = 0; kx < CONV(KW); kx++) {
			long iy = y * CONV(SH) + ky * CONV(DH) - CONV(PAD_T);
			long ix = x * CONV(SW) + kx * CONV(DW) - CONV(PAD_L);
			bool inside = iy >= 0 && iy < CONV(H) && ix >= 0 && ix < CONV(W);
			long sign = CONV(PAD_MODE) == 0 ? 0 : CONV(PAD_MODE) == 1 ? 1 : -1;

			present += inside;
			for (ic = 0; ic < cg; ic++) {
				w = weight(words, job->slots[BNN_SLOT_WEIGHT], oc, ky, kx, ic);
				if (!inside) {
					acc += sign * w;
					m += sign * w;
					l += sign * w;
					continue;
				}
				a = element(&job->in, iy, ix, g * cg + ic);
				acc += a * w;
				if (frac) {
					m += high_or_low(a, true) * w;
					l += high_or_low(a, false) * w;
				}
			}
		}
	}
	/* Repeated rows of a tile are computed once. */
	bits = code_bits(job->in.f) * sizes[CONV(WFORMAT)];
	if (CONV(WMODE) == BNN_WMODE_TILED && oc >= CONV(COUT) / CONV(TILE_P))
		bits = 0;
	if (frac)
		bits = bits > 0;
	job->counters[BNN_COUNTER_MACS] += (uint64_t)(present * cg * bits);
	if (!frac)
		return acc;
	gate = m >= record_of(job, oc).t;
	job->counters[gate ? BNN_COUNTER_FRAC_ISSUED : BNN_COUNTER_FRAC_SKIPPED]++;
	job->counters[BNN_COUNTER_MACS] += gate ? (uint64_t)(present * cg) : 0;
	return 2 * m + (gate ? l : 0);
}

static void conv_or_ew(struct job *job)
{
	bool conv = (job->words[0] & 0xff) == BNN_CMD_CONV;
	const uint32_t *words = job->words;
	uint32_t *sums = calloc((size_t)job->cout, sizeof(*sums));
	long long *acc = calloc((size_t)job->cout, sizeof(*acc));
	long y, x, c;

	for (y = 0; y < job->oh; y++) {
		for (x = 0; x < job->ow; x++) {
			/* All channels of a pixel are read before any is written: in place. */
			for (c = 0; c < job->cout; c++)
				acc[c] = conv ? convolve(job, y, x, c) : element(&job->in, y, x, c);
			for (c = 0; c < job->cout; c++)
				pipe(job, y, x, c, acc[c], &sums[c]);
		}
	}
	for (c = 0; CONV(SUM_EN) && c < job->cout; c++)
		memcpy(job->slots[BNN_SLOT_SUM] + 4 * c, &sums[c], 4);
	free(sums);
	free(acc);
}

/* --- Section 6. --- */

#define POOL(field) ((long)bnn_field_get(words, BNN_F_POOL_##field))

static void enc(struct job *job)
{
	const uint32_t *words = job->words;
	long h = bnn_field_get(words, BNN_F_ENC_H), w = bnn_field_get(words, BNN_F_ENC_W);
	long colours = bnn_field_get(words, BNN_F_ENC_COLOURS), y, x, c, k, b;
	long levels = bnn_field_get(words, BNN_F_ENC_LEVELS);

	for (y = 0; y < h; y++) {
		for (x = 0; x < w; x++) {
			for (c = 0; c < job->outp.c; c++) {
				int mode = (int)bnn_field_get(words, BNN_F_ENC_MODE), t;

				k = mode == 0 ? c : mode == 1 ? c / levels : c / 8;
				b = mode == 0 ? 0 : mode == 1 ? c % levels : c % 8;
				t = job->slots[BNN_SLOT_IN][bnn_field_get(words, BNN_F_ENC_PLANAR)
								    ? (k * h + y) * w + x
								    : (y * w + x) * colours + k];
				t = job->slots[BNN_SLOT_WEIGHT]
					      [bnn_field_get(words, BNN_F_ENC_SHARED)
						       ? t
						       : 256 * k + t];
				put_code(&job->outp, y, x, c,
					 mode == 0   ? t
					 : mode == 1 ? b < t
						     : t >> b & 1);
			}
		}
	}
}

static long long pool_element(const struct job *job, long oy, long ox, long c)
{
	const uint32_t *words = job->words;
	long long best = 0, sum = 0, v;
	bool any = false;
	long ky, kx, i;
	int n = code_bits(job->in.f);

	for (ky = 0; ky < POOL(KH); ky++) {
		for (kx = 0; kx < POOL(KW); kx++) {
			for (i = 0; i < POOL(GROUP); i++) {
				long y = oy * POOL(SH) + ky - POOL(PAD_T);
				long x = ox * POOL(SW) + kx - POOL(PAD_L);

				if (y < 0 || y >= job->in.h || x < 0 || x >= job->in.w)
					continue;
				v = element(&job->in, y, x, c * POOL(GROUP) + i);
				sum += v;
				if (!any || (POOL(MODE) == 1 ? v > best : v < best))
					best = v;
				any = true;
			}
		}
	}
	if (POOL(MODE) != 0)
		return best;
	v = divide_down(2 * sum + POOL(DIV), 2 * POOL(DIV));
	return job->in.f->kind == 'u' ? clamp(v, 0, (1ll << n) - 1) : sat(v, n);
}

static void pool(struct job *job)
{
	long y, x, c;
	long long v;

	for (y = 0; y < job->outp.h; y++) {
		for (x = 0; x < job->outp.w; x++) {
			for (c = 0; c < job->outp.c; c++) {
				v = pool_element(job, y, x, c);
				put_code(&job->outp, y, x, c,
					 job->outp.f->kind == 'o' ? v == 1 : v);
			}
		}
	}
}

static void gatefold(struct job *job)
{
	long channels = bnn_field_get(job->words, BNN_F_GATEFOLD_C), c;
	struct record r;
	uint16_t g;
	int h;

	for (c = 0; c < channels; c++) {
		memcpy(&g, job->slots[BNN_SLOT_IN] + 2 * c, 2);
		memcpy(&r, job->slots[BNN_SLOT_PARAM] + 64 * c, 64);
		for (h = 0; h < 2; h++) {
			r.a2[h] = (int16_t)sat(rnd((long long)r.a2[h] * g, 15), 16);
			r.b2[h] = (int32_t)sat(rnd((long long)r.b2[h] * g, 15) + r.bbn, 32);
		}
		memcpy(job->slots[BNN_SLOT_OUTP] + 64 * c, &r, 64);
	}
}

static void transpose(struct job *job)
{
	long y, x, c;

	for (c = 0; c < job->in.c; c++) {
		for (y = 0; y < job->in.h; y++) {
			for (x = 0; x < job->in.w; x++)
				put_code(&job->outp, 0, c, y * job->in.w + x,
					 element(&job->in, y, x, c));
		}
	}
}

static struct tensor tensor_at(const struct job *job, int word, int slot, long h, long w, long c)
{
	int code = (int)(job->words[word] >> 6 & 31);

	return (struct tensor){ job->slots[slot], code ? format_of(code) : NULL, h, w, c };
}

/* --- Section 12. --- */

typedef __int128 wide;

static long long div_round(wide n, wide d)
{
	wide a = 2 * n + d, b = 2 * d;

	return (long long)(a >= 0 ? a / b : -((-a + b - 1) / b));
}

static void normalise(struct job *job)
{
	long channels = job->in.c, y, x, c;
	wide eps = (wide)job->words[8] << 32 | job->words[7];
	int s = (int)(job->words[6] >> 4 & 31), sb = (int)(job->words[6] >> 9 & 31);

	for (y = 0; y < job->in.h; y++) {
		for (x = 0; x < job->in.w; x++) {
			wide sum = 0, squares = 0, v, low = 0, high = (wide)1 << 32;
			int g = 0;

			for (c = 0; c < channels; c++) {
				sum += element(&job->in, y, x, c);
				squares += (wide)element(&job->in, y, x, c) *
					   element(&job->in, y, x, c);
			}
			v = channels * squares - sum * sum + eps;
			while (v && v * ((wide)4 << 2 * g) < (wide)1 << 62)
				g++;
			/* low^2 <= v * 4^g < high^2 */
			while (high - low > 1) {
				wide mid = (low + high) / 2;

				if (mid * mid <= v * ((wide)1 << 2 * g))
					low = mid;
				else
					high = mid;
			}
			for (c = 0; c < channels; c++) {
				const uint8_t *r = job->slots[BNN_SLOT_PARAM] + 8 * c;
				long long n = 0;
				int16_t gain;
				int32_t offset;

				memcpy(&gain, r, 2);
				memcpy(&offset, r + 4, 4);
				if (v)
					n = div_round((channels * (wide)element(&job->in, y, x, c) -
						       sum) * ((wide)1 << (g + 12)),
						      low);
				put_code(&job->outp, y, x, c,
					 sat(rnd(gain * n + offset * (1ll << sb), s), 16));
			}
		}
	}
}

/* Entry-to-entry line; entries are read as int16 or uint16. */
static long long line(const struct job *job, long long at, bool is_signed)
{
	int shift = (int)(job->words[6] & 15);
	long long step = 1ll << shift, part = at % step, ends[2];
	int i;

	for (i = 0; i < 2; i++) {
		uint16_t entry;

		memcpy(&entry, job->slots[BNN_SLOT_WEIGHT] + 2 * (at / step + i), 2);
		ends[i] = is_signed ? (int16_t)entry : entry;
	}
	return rnd(ends[0] * (step - part) + ends[1] * part, shift);
}

static void table(struct job *job)
{
	long y, x, c;

	for (y = 0; y < job->in.h; y++) {
		for (x = 0; x < job->in.w; x++) {
			for (c = 0; c < job->in.c; c++)
				put_code(&job->outp, y, x, c,
					 line(job, element(&job->in, y, x, c) + 32768, true));
		}
	}
}

static void softmax(struct job *job)
{
	long y, x, c;

	for (y = 0; y < job->in.h; y++) {
		for (x = 0; x < job->in.w; x++) {
			long long largest = -32768, total = 0;

			for (c = 0; c < job->in.c; c++)
				if (element(&job->in, y, x, c) > largest)
					largest = element(&job->in, y, x, c);
			for (c = 0; c < job->in.c; c++)
				total += line(job, largest - element(&job->in, y, x, c), false);
			for (c = 0; c < job->in.c; c++) {
				long long e =
					line(job, largest - element(&job->in, y, x, c), false);

				put_code(&job->outp, y, x, c,
					 sat(total ? div_round((wide)e << 15, total) : 0, 16));
			}
		}
	}
}

static void aggregate(struct job *job)
{
	long nodes = job->outp.h * job->outp.w, u, c;
	uint32_t mode = job->words[0] >> 8 & 3, weighted = job->words[0] >> 10 & 1;
	uint32_t edges = job->words[5] & 0xffffff;
	const uint8_t *graph = job->slots[BNN_SLOT_WEIGHT];

	for (u = 0; u < nodes; u++) {
		for (c = 0; c < job->in.c; c++) {
			uint32_t p[2], e, q;
			long long total = 0, largest = -40000;
			int16_t w = 1;

			memcpy(p, graph + 4 * u, 8);
			for (e = p[0]; e < p[1]; e++) {
				long long x;

				memcpy(&q, graph + 4 * (nodes + 1 + e), 4);
				if (weighted)
					memcpy(&w, graph + 4 * (nodes + 1 + edges) + 2ull * e, 2);
				x = element(&job->in, q / job->in.w, q % job->in.w, c);
				total += w * x;
				largest = x > largest ? x : largest;
			}
			if (p[0] == p[1])
				largest = 0;
			else if (mode == 1)
				total = div_round(total, p[1] - p[0]);
			put_code(&job->outp, u / job->outp.w, u % job->outp.w, c,
				 mode == 2 ? largest
					   : sat(rnd(total, (int)(job->words[6] >> 4 & 31)), 16));
		}
	}
}

static long out_size(long in, long pads, long extent, long stride)
{
	return (in + pads - extent) / stride + 1;
}

void oracle_run_node(const struct bnn_net *net, size_t index, uint8_t *const *buffers,
		     uint64_t counters[BNN_COUNTERS])
{
	const struct bnn_node *node = &net->nodes[index];
	const uint32_t *words = node->words;
	struct job job = { .words = words, .counters = counters };
	long h = words[1] & 0x1fff, w = words[1] >> 16 & 0x1fff, c = words[2] & 0x3fff;
	int slot;

	for (slot = 0; slot < BNN_SLOTS; slot++) {
		if (node->ref[slot] != BNN_NO_VALUE)
			job.slots[slot] = buffers[node->ref[slot]]
						  ? buffers[node->ref[slot]]
						  : net->values[node->ref[slot]].data;
	}
	clamps = 0;
	switch (words[0] & 0xff) {
	case BNN_CMD_ENC:
		slot = (int)bnn_field_get(words, BNN_F_ENC_MODE);
		c *= slot == 0 ? 1 : slot == 1 ? bnn_field_get(words, BNN_F_ENC_LEVELS) : 8;
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, h, w, c);
		enc(&job);
		break;
	case BNN_CMD_CONV:
	case BNN_CMD_EW:
		job.cout = CONV(COUT);
		job.oh = h;
		job.ow = w;
		if ((words[0] & 0xff) == BNN_CMD_CONV) {
			job.oh = out_size(h, CONV(PAD_T) + CONV(PAD_B),
					  CONV(DH) * (CONV(KH) - 1) + 1, CONV(SH));
			job.ow = out_size(w, CONV(PAD_L) + CONV(PAD_R),
					  CONV(DW) * (CONV(KW) - 1) + 1, CONV(SW));
		} else {
			c = job.cout;
		}
		job.in = tensor_at(&job, 12, BNN_SLOT_IN, h, w, c);
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, job.oh, job.ow, job.cout);
		job.outs = tensor_at(&job, 22, BNN_SLOT_OUTS, job.oh, job.ow, job.cout);
		job.res1 = tensor_at(&job, 25, BNN_SLOT_RES1, job.oh << CONV(RES1_WIN),
				     job.ow << CONV(RES1_WIN), CONV(RES1_C));
		job.res2 = tensor_at(&job, 28, BNN_SLOT_RES2, job.oh << CONV(RES2_WIN),
				     job.ow << CONV(RES2_WIN), CONV(RES2_C));
		conv_or_ew(&job);
		break;
	case BNN_CMD_POOL:
		job.in = tensor_at(&job, 12, BNN_SLOT_IN, h, w, c);
		job.oh = out_size(h, POOL(PAD_T) + POOL(PAD_B), POOL(KH), POOL(SH));
		job.ow = out_size(w, POOL(PAD_L) + POOL(PAD_R), POOL(KW), POOL(SW));
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, job.oh, job.ow, c / POOL(GROUP));
		pool(&job);
		break;
	case BNN_CMD_GATEFOLD:
		gatefold(&job);
		break;
	case BNN_CMD_TRANSPOSE:
		job.in = tensor_at(&job, 12, BNN_SLOT_IN, h, w, c);
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, 1, c, h * w);
		transpose(&job);
		break;
	case BNN_CMD_NORMALISE:
	case BNN_CMD_TABLE:
	case BNN_CMD_SOFTMAX:
		job.in = tensor_at(&job, 12, BNN_SLOT_IN, h, w, c);
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, h, w, c);
		((words[0] & 0xff) == BNN_CMD_NORMALISE ? normalise
		 : (words[0] & 0xff) == BNN_CMD_TABLE	? table
							: softmax)(&job);
		break;
	case BNN_CMD_AGGREGATE:
		job.in = tensor_at(&job, 12, BNN_SLOT_IN, h, w, c);
		job.outp = tensor_at(&job, 19, BNN_SLOT_OUTP, words[3] & 0x1fff,
				     words[3] >> 16 & 0x1fff, c);
		aggregate(&job);
		break;
	}
	counters[BNN_COUNTER_SATURATED] += clamps;
}
