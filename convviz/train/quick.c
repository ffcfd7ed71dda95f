/* ReLU, batch norm, ReLU and dropout of a training step in two passes over memory each way; see quick_norm.py.

   Every tensor is (rows, channels) with the channels side by side: (N, C), or images in channels-last.
   forward:   v = max(x, low);  y = max((v - mean) * weight / std + bias, high) * keep * scale
   backward:  dx, dweight, dbias from dy, with v and the sign of y worked out again instead of kept.
   low and high are 0 where there is a ReLU and -inf where there is none; keep is 0 or 1, or no pointer at all.

   Sums run over blocks of a fixed size, in doubles from block to block, so that they do not depend on how many threads
   there are. A NaN stays one: max is written so that it passes. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 1024 /* rows whose sums are taken in float */
#define WIDE 4096  /* at most so many channels */
#define TILE 256   /* rows are taken together until they are at least so wide */

typedef uint16_t half; /* bfloat16: the upper half of a float */

static inline float from_half(half h) { uint32_t u = (uint32_t)h << 16; float f; memcpy(&f, &u, 4); return f; }
static inline half to_half(float f) { uint32_t u; memcpy(&u, &f, 4); return (u + 0x7fff + ((u >> 16) & 1)) >> 16; }
static inline float from_single(float f) { return f; }
static inline float to_single(float f) { return f; }
static inline float above(float v, float low) { return v < low ? low : v; }

/* How many rows are handled as one, so that few channels fill wide registers as well. */
static inline long together(long c) { return c >= TILE ? 1 : (TILE + c - 1) / c; }

static void tile(float *to, const float *from, long c, long k) {
    for (long j = 0; j < k; j++) memcpy(to + j * c, from, c * sizeof(float));
}

static void fold(double *to, const float *from, long c, long k) {
    for (long i = 0; i < c; i++) to[i] = 0;
    for (long j = 0; j < k; j++) for (long i = 0; i < c; i++) to[i] += from[j * c + i];
}

/* Sums of all blocks, in their order. parts: (blocks, 2, c). */
static void gather(const double *parts, long blocks, long c, double *first, double *second) {
    for (long i = 0; i < c; i++) first[i] = second[i] = 0;
    for (long b = 0; b < blocks; b++)
        for (long i = 0; i < c; i++) { first[i] += parts[2 * b * c + i]; second[i] += parts[(2 * b + 1) * c + i]; }
}

#define SPAN (2 * TILE > WIDE ? 2 * TILE : WIDE)
#define EACH_BLOCK \
    _Pragma("omp parallel for schedule(static) num_threads(threads)") \
    for (long b = 0; b < blocks; b++)
#define EACH_STRETCH(n) \
    for (long at = b * BLOCK * c, end = (b + 1) * BLOCK < rows ? (b + 1) * BLOCK * c : rows * c, n = 0; \
         n = end - at < wide ? end - at : wide, at < end; at += n)

#define KERNELS(T, NAME, LOAD, STORE) \
static void sums_##NAME(const T *x, long rows, long c, float low, const float *shift, double *parts, long threads) { \
    long k = together(c), wide = k * c, blocks = (rows + BLOCK - 1) / BLOCK; \
    EACH_BLOCK { \
        float s[SPAN], q[SPAN], off[SPAN]; \
        memset(s, 0, wide * sizeof(float)); memset(q, 0, wide * sizeof(float)); tile(off, shift, c, k); \
        EACH_STRETCH(n) { \
            const T *p = x + at; \
            for (long i = 0; i < n; i++) { float v = above(LOAD(p[i]), low) - off[i]; s[i] += v; q[i] += v * v; } \
        } \
        fold(parts + 2 * b * c, s, c, k); fold(parts + (2 * b + 1) * c, q, c, k); \
    } \
} \
int forward_##NAME(const T *x, T *y, const uint8_t *keep, long rows, long c, float low, float high, float scale, \
                   double eps, double momentum, const float *weight, const float *bias, float *running_mean, \
                   float *running_var, float *mean, float *rstd, double *parts, long threads) { \
    long k = together(c), wide = k * c, blocks = (rows + BLOCK - 1) / BLOCK; \
    if (c > WIDE) return 1; \
    /* Squares are taken from the mean of a few rows, so that a large mean costs no digits. */ \
    float shift[WIDE], gain[WIDE], add[WIDE]; double first[WIDE], second[WIDE]; \
    long some = rows < 64 ? rows : 64; \
    for (long i = 0; i < c; i++) first[i] = 0; \
    for (long r = 0; r < some; r++) for (long i = 0; i < c; i++) \
        first[i] += above(LOAD(x[r * (rows / some) * c + i]), low); \
    for (long i = 0; i < c; i++) shift[i] = isfinite(first[i]) ? first[i] / some : 0; \
    sums_##NAME(x, rows, c, low, shift, parts, threads); \
    gather(parts, blocks, c, first, second); \
    for (long i = 0; i < c; i++) { \
        double away = first[i] / rows, var = second[i] / rows - away * away; \
        if (var < 0) var = 0; \
        mean[i] = shift[i] + away; rstd[i] = 1 / sqrt(var + eps); \
        gain[i] = (weight ? weight[i] : 1) * rstd[i] * scale; add[i] = bias ? bias[i] * scale : 0; \
        if (running_mean) { \
            running_mean[i] += momentum * (shift[i] + away - running_mean[i]); \
            running_var[i] += momentum * (var * rows / (rows - 1) - running_var[i]); \
        } \
    } \
    EACH_BLOCK { \
        float m[SPAN], g[SPAN], a[SPAN]; \
        tile(m, mean, c, k); tile(g, gain, c, k); tile(a, add, c, k); \
        EACH_STRETCH(n) { \
            const T *p = x + at; T *out = y + at; \
            if (keep) { \
                const uint8_t *on = keep + at; \
                for (long i = 0; i < n; i++) \
                    out[i] = STORE(above((above(LOAD(p[i]), low) - m[i]) * g[i] + a[i], high) * (float)on[i]); \
            } else \
                for (long i = 0; i < n; i++) \
                    out[i] = STORE(above((above(LOAD(p[i]), low) - m[i]) * g[i] + a[i], high)); \
        } \
    } \
    return 0; \
} \
static inline float back_##NAME(T dy, float v, float g, float a, float high, float on) { \
    return v * g + a <= high ? 0 : LOAD(dy) * on; \
} \
int backward_##NAME(const T *dy, const T *x, T *dx, const uint8_t *keep, long rows, long c, float low, float high, \
                    float scale, const float *weight, const float *bias, const float *mean, const float *rstd, \
                    float *dweight, float *dbias, double *parts, long threads) { \
    long k = together(c), wide = k * c, blocks = (rows + BLOCK - 1) / BLOCK; \
    if (c > WIDE) return 1; \
    float gain[WIDE], add[WIDE], turn[WIDE], away[WIDE]; double first[WIDE], second[WIDE]; \
    for (long i = 0; i < c; i++) { \
        gain[i] = (weight ? weight[i] : 1) * rstd[i] * scale; add[i] = bias ? bias[i] * scale : 0; \
    } \
    EACH_BLOCK { \
        float s[SPAN], q[SPAN], m[SPAN], g[SPAN], a[SPAN]; \
        memset(s, 0, wide * sizeof(float)); memset(q, 0, wide * sizeof(float)); \
        tile(m, mean, c, k); tile(g, gain, c, k); tile(a, add, c, k); \
        EACH_STRETCH(n) { \
            const T *p = x + at, *d = dy + at; const uint8_t *on = keep + at; \
            if (keep) for (long i = 0; i < n; i++) { \
                float v = above(LOAD(p[i]), low) - m[i], e = back_##NAME(d[i], v, g[i], a[i], high, on[i]); \
                s[i] += e; q[i] += e * v; \
            } else for (long i = 0; i < n; i++) { \
                float v = above(LOAD(p[i]), low) - m[i], e = back_##NAME(d[i], v, g[i], a[i], high, 1); \
                s[i] += e; q[i] += e * v; \
            } \
        } \
        fold(parts + 2 * b * c, s, c, k); fold(parts + (2 * b + 1) * c, q, c, k); \
    } \
    gather(parts, blocks, c, first, second); \
    for (long i = 0; i < c; i++) { \
        dbias[i] = first[i] * scale; dweight[i] = second[i] * scale * rstd[i]; \
        turn[i] = gain[i] * second[i] * rstd[i] * rstd[i] / rows; away[i] = gain[i] * first[i] / rows; \
    } \
    EACH_BLOCK { \
        float m[SPAN], g[SPAN], a[SPAN], t[SPAN], w[SPAN]; \
        tile(m, mean, c, k); tile(g, gain, c, k); tile(a, add, c, k); tile(t, turn, c, k); tile(w, away, c, k); \
        EACH_STRETCH(n) { \
            const T *p = x + at, *d = dy + at; T *out = dx + at; const uint8_t *on = keep + at; \
            if (keep) for (long i = 0; i < n; i++) { \
                float u = LOAD(p[i]), v = above(u, low) - m[i], e = back_##NAME(d[i], v, g[i], a[i], high, on[i]); \
                out[i] = STORE(u <= low ? 0 : g[i] * e - t[i] * v - w[i]); \
            } else for (long i = 0; i < n; i++) { \
                float u = LOAD(p[i]), v = above(u, low) - m[i], e = back_##NAME(d[i], v, g[i], a[i], high, 1); \
                out[i] = STORE(u <= low ? 0 : g[i] * e - t[i] * v - w[i]); \
            } \
        } \
    } \
    return 0; \
}

KERNELS(float, float32, from_single, to_single)
KERNELS(half, bfloat16, from_half, to_half)
