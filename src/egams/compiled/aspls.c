/* asPLS: a smooth baseline under every trace, many traces at once.
 *
 * The method and its source (Zhang et al. 2020) are described in egams/preprocess/aspls.py. This is
 * the arithmetic of the NumPy code beside it (reweighting.py, pentadiagonal.py), step by
 * step and in the same order, so that both give the same bits.
 *
 * Layout. A batch is [trace, temperature]. Here each trace is folded in its middle, side 0 counting
 * bins from its start and side 1 from its end, and a few traces lie side by side, each in a lane:
 * [row, side, lane]. Shorter traces are padded at row 0; all meet in the last row. A register holds
 * neighbouring lanes, and no operation mixes lanes. So a fit depends neither on the width of the
 * registers nor on what the other lanes hold. A lane whose trace is done takes the next one.
 *
 * This file is compiled once for each instruction set, under another name FIT. It must not be
 * contracted (-ffp-contract=off): a fused multiply-add rounds once where a machine without it
 * rounds twice, and the iteration amplifies the difference. For the same reason it calls nothing of
 * libm but the square root, which IEEE 754 rounds correctly.
 */

#include "aspls.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0 || defined(__FAST_MATH__)
#error "arithmetic must round every operation to double"
#endif

#if defined(__AVX512F__)
#define REGISTER 64
#elif defined(__AVX__)
#define REGISTER 32
#else
#define REGISTER 16
#endif

#define LANES 8
#define ROW (2 * LANES)                                /* doubles of a row */
#define COLUMNS (ROW * (int)sizeof(double) / REGISTER) /* registers of a row, side after side */
#define OTHER_SIDE(c) ((c) ^ (COLUMNS / 2))
#define EACH(c) for (int c = 0; c < COLUMNS; c++)

typedef double vec __attribute__((vector_size(REGISTER), may_alias));
typedef uint64_t bits __attribute__((vector_size(REGISTER), may_alias));

static const double LEAST = DBL_EPSILON;  /* what pybaselines divides by in place of 0 */
static const double STEEPEST = 300.0;     /* w < 1e-130 is nothing, its square would be subnormal */
static const double ALPHA_FLOOR = 1e-150; /* stands for alpha = 0, whose row reads x = y */

/* The lanes at work. Arrays are [row, side, lane]. */
typedef struct {
    ptrdiff_t rows;
    ptrdiff_t first;                           /* row in which the longest loaded trace begins */
    vec *trace, *weight, *v;                   /* data y, weights w, v = w / (lam alpha) */
    vec *diagonal, *off_diagonal;              /* of D'D; infinite on padding, which becomes 0 */
    vec *p, *q;                                /* factors of the system */
    vec *baseline;                             /* first the data carried along, then the solution */
    ptrdiff_t who[LANES];                      /* the trace in each lane, -1: none */
    int64_t age[LANES];                        /* iterations of that trace */
    double weight_norm[LANES];
} lanes;

static vec all(double value)
{
    return value - (vec){0};
}

static vec choose(bits mask, vec yes, vec no)
{
    return (vec)(((bits)yes & mask) | ((bits)no & ~mask));
}

static vec magnitude(vec x)
{
    return (vec)((bits)x & (UINT64_MAX >> 1));
}

/* 1 / (1 + exp(x)) for |x| <= STEEPEST; NaN stays NaN.
 *
 * exp(x) = 2^n exp(r), |r| <= ln 2 / 2, and exp(r) = (even + odd) / (even - odd) is the diagonal
 * Pade approximant of order 6, whose coefficients are integers and whose truncation error is below
 * 2e-19; with rounding, the result is within 4 units in the last place. ln 2 comes in two parts, as
 * in fdlibm's e_exp.c, the first short enough for its product with n to be exact. */
static vec falling(vec x)
{
    const double whole = 0x1.8p52; /* added, it leaves n in the low bits */
    vec shifted = x * 0x1.71547652b82fep0 + whole;
    vec n = shifted - whole;
    vec r = x - n * 0x1.62e42feep-1 - n * 0x1.a39ef35793c76p-33;
    vec square = r * r;
    vec even = ((square + 840.0) * square + 75600.0) * square + 665280.0;
    vec odd = ((square * 42.0 + 10080.0) * square + 332640.0) * r;
    vec power = (vec)(((bits)shifted << 52) + (bits)all(1.0));
    vec below = even - odd;
    return below / (power * (even + odd) + below);
}

/* Solve (diag(v) + D'D) x = diag(v) y from both ends to the middle and back. */
static void solve(lanes *at)
{
    const ptrdiff_t last = at->rows - 1;
    vec t[COLUMNS], p[COLUMNS], q[COLUMNS], q_before[COLUMNS], z[COLUMNS], z_before[COLUMNS];
    EACH(c) t[c] = p[c] = q[c] = q_before[c] = z[c] = z_before[c] = all(0.0);

    for (ptrdiff_t row = at->first; row < last; row++) {
        const ptrdiff_t here = row * COLUMNS;
        EACH(c) {
            vec v = at->v[here + c];
            vec d = v + at->diagonal[here + c] - q_before[c] - t[c] * p[c];
            vec data = v * at->trace[here + c] - z_before[c] - t[c] * z[c];
            q_before[c] = q[c];
            z_before[c] = z[c];
            t[c] = at->off_diagonal[here + c] - p[c];
            at->q[here + c] = q[c] = 1.0 / d;
            at->p[here + c] = p[c] = t[c] * q[c];
            at->baseline[here + c] = z[c] = data * q[c];
        }
    }

    /* The two bins in the middle: one equation from each side. */
    vec d[COLUMNS], data[COLUMNS], x[COLUMNS], x_inner[COLUMNS];
    EACH(c) {
        vec v = at->v[last * COLUMNS + c];
        d[c] = v + at->diagonal[last * COLUMNS + c] - q_before[c] - t[c] * p[c]
            - q[OTHER_SIDE(c)];
        data[c] = v * at->trace[last * COLUMNS + c] - z_before[c] - t[c] * z[c]
            - z[OTHER_SIDE(c)];
    }
    for (int c = 0; c < COLUMNS / 2; c++) {
        const int o = OTHER_SIDE(c);
        vec off_diagonal = -4.0 - p[c] - p[o];
        vec ratio = off_diagonal / d[c];
        x[o] = (data[o] - ratio * data[c]) / (d[o] - ratio * off_diagonal);
        x[c] = (data[c] - off_diagonal * x[o]) / d[c];
        x_inner[c] = x[o];
        x_inner[o] = x[c];
    }
    EACH(c) at->baseline[last * COLUMNS + c] = x[c];

    for (ptrdiff_t row = last - 1; row >= at->first; row--) {
        const ptrdiff_t here = row * COLUMNS;
        EACH(c) {
            vec next = at->baseline[here + c] - at->p[here + c] * x[c]
                - at->q[here + c] * x_inner[c];
            x_inner[c] = x[c];
            at->baseline[here + c] = x[c] = next;
        }
    }
}

/* Add up the two sides of each trace: [side, lane] to [lane], the same on both sides. */
static void join_sides(vec *sum)
{
    for (int c = 0; c < COLUMNS / 2; c++)
        sum[c] = sum[OTHER_SIDE(c)] = sum[c] + sum[OTHER_SIDE(c)];
}

static void square_root(vec *x)
{
    double *value = (double *)x;
    for (int k = 0; k < ROW; k++)
        value[k] = sqrt(value[k]);
}

/* Of the residuals r = y - x of each trace: how many are negative (NaN where one is NaN), the
 * standard deviation (n - 1) of those, and the largest |r|. */
static void measure_residuals(const lanes *at, vec *count, vec *deviation, vec *largest)
{
    vec twice_sum[COLUMNS], mean[COLUMNS];
    EACH(c) count[c] = twice_sum[c] = largest[c] = deviation[c] = all(0.0);

    for (ptrdiff_t row = at->first; row < at->rows; row++)
        EACH(c) {
            vec r = at->trace[row * COLUMNS + c] - at->baseline[row * COLUMNS + c];
            vec size = magnitude(r);
            vec twice = r - size; /* 2 r or 0, exactly */
            count[c] -= choose((bits)(twice < 0.0), all(-1.0), twice);
            twice_sum[c] += twice;
            largest[c] = choose((bits)(size > largest[c]) | (bits)(size != size), size, largest[c]);
        }
    join_sides(count);
    join_sides(twice_sum);
    EACH(c) {
        vec there = largest[OTHER_SIDE(c)];
        largest[c] = choose((bits)(there > largest[c]) | (bits)(there != there), there, largest[c]);
        mean[c] = twice_sum[c] / count[c];
    }

    for (ptrdiff_t row = at->first; row < at->rows; row++)
        EACH(c) {
            vec r = at->trace[row * COLUMNS + c] - at->baseline[row * COLUMNS + c];
            vec twice = r - magnitude(r);
            vec apart = choose((bits)(twice < 0.0), twice - mean[c], all(0.0));
            deviation[c] += apart * apart;
        }
    join_sides(deviation);
    EACH(c) deviation[c] /= count[c] - 1.0;
    square_root(deviation);
    EACH(c) {
        deviation[c] *= 0.5;
        deviation[c] = choose((bits)(deviation[c] == 0.0), all(LEAST), deviation[c]);
    }
}

/* Renew w and v, and return the Euclidean norms of the change of w and of w. */
static void reweight(lanes *at, const settings *set, const vec *deviation, const vec *largest,
                     vec *change, vec *norm)
{
    vec steepness[COLUMNS], floor[COLUMNS], scale[COLUMNS];
    EACH(c) {
        steepness[c] = set->coef / deviation[c];
        floor[c] = largest[c] * ALPHA_FLOOR;
        floor[c] = choose((bits)(floor[c] < DBL_MIN), all(DBL_MIN), floor[c]);
        scale[c] = largest[c] / set->lam;
        change[c] = norm[c] = all(0.0);
    }
    for (ptrdiff_t row = at->first; row < at->rows; row++)
        EACH(c) {
            const ptrdiff_t i = row * COLUMNS + c;
            vec r = at->trace[i] - at->baseline[i];
            vec size = magnitude(r);
            vec x = (r - deviation[c]) * steepness[c];
            x = choose((bits)(x > STEEPEST), all(STEEPEST), x);
            x = choose((bits)(x < -STEEPEST), all(-STEEPEST), x);
            vec weight = (vec)((bits)falling(x) & (bits)(at->diagonal[i] < DBL_MAX));
            vec step = weight - at->weight[i];
            change[c] += step * step;
            norm[c] += weight * weight;
            at->weight[i] = weight;
            at->v[i] = weight / choose((bits)(size > floor[c]), size, floor[c]) * scale[c];
        }
    join_sides(change);
    join_sides(norm);
    square_root(change);
    square_root(norm);
}

/* Load trace `who` into a lane before its first iteration, all weights and all alpha being 1; -1
 * leaves the lane empty, that is, all padding. */
static void load(lanes *at, int lane, ptrdiff_t who, const batch *traces, const settings *set)
{
    const ptrdiff_t length = who < 0 ? 0 : (ptrdiff_t)traces->length[who];
    const double *y = who < 0 ? NULL : traces->trace + who * traces->bins;
    /* 6 and v are added on the diagonal: begin with a v of which no digit is cut there. */
    const double v = (6.0 + 1.0 / set->lam) - 6.0;
    const double end[] = {1.0, 5.0}; /* the diagonal of D'D, which is 6 further in */
    for (int side = 0; side < 2; side++) {
        const ptrdiff_t padding = at->rows - (side ? length / 2 : (length + 1) / 2);
        for (ptrdiff_t row = 0; row < at->rows; row++) {
            const ptrdiff_t bin = row - padding, i = row * ROW + side * LANES + lane;
            const int inside = bin >= 0;
            ((double *)at->trace)[i] = inside ? y[side ? length - 1 - bin : bin] : 0.0;
            ((double *)at->weight)[i] = inside;
            ((double *)at->v)[i] = inside ? v : 0.0;
            ((double *)at->diagonal)[i] = !inside ? INFINITY : bin < 2 ? end[bin] : 6.0;
            ((double *)at->off_diagonal)[i] = bin == 0 ? -2.0 : -4.0;
        }
    }
    at->who[lane] = who;
    at->age[lane] = 0;
    at->weight_norm[lane] = sqrt((double)length);
}

/* Copy the baseline of a lane to its place. */
static void unfold(const lanes *at, int lane, const batch *traces)
{
    const double *baseline = (const double *)at->baseline + lane;
    const ptrdiff_t who = at->who[lane], length = (ptrdiff_t)traces->length[who];
    double *to = traces->baseline + who * traces->bins;
    for (ptrdiff_t bin = 0; bin < (length + 1) / 2; bin++)
        to[bin] = baseline[(at->rows - (length + 1) / 2 + bin) * ROW];
    for (ptrdiff_t bin = 0; bin < length / 2; bin++)
        to[length - 1 - bin] = baseline[(at->rows - length / 2 + bin) * ROW + LANES];
}

/* Row in which the longest loaded trace begins; -1 where all lanes are empty. */
static ptrdiff_t first_row(const lanes *at, const batch *traces)
{
    ptrdiff_t longest = 0;
    for (int lane = 0; lane < LANES; lane++)
        if (at->who[lane] >= 0 && traces->length[at->who[lane]] > longest)
            longest = (ptrdiff_t)traces->length[at->who[lane]];
    return longest ? at->rows - (longest + 1) / 2 : -1;
}

/* One iteration of all lanes. A lane that is done gives its fit away and takes trace `next`. */
static void iterate(lanes *at, ptrdiff_t *next, const batch *traces, const settings *set)
{
    vec count[COLUMNS], deviation[COLUMNS], largest[COLUMNS], change[COLUMNS], norm[COLUMNS];
    solve(at);
    measure_residuals(at, count, deviation, largest);
    reweight(at, set, deviation, largest, change, norm);
    for (int lane = 0; lane < LANES; lane++) {
        const ptrdiff_t who = at->who[lane];
        if (who < 0)
            continue;
        const double before = at->weight_norm[lane];
        const int early = !(((double *)count)[lane] >= 2.0); /* no noise to learn weights from */
        const int stable = ((double *)change)[lane] / (before > LEAST ? before : LEAST) < set->tol;
        at->weight_norm[lane] = ((double *)norm)[lane];
        at->age[lane]++;
        if (early || stable || at->age[lane] > set->max_iter) {
            unfold(at, lane, traces);
            traces->iterations[who] = at->age[lane] - early;
            traces->converged[who] = stable && !early;
            load(at, lane, *next < traces->count ? (*next)++ : -1, traces, set);
        }
    }
}

int FIT(const batch *traces, const settings *set)
{
    enum { ARRAYS = 8 };
    lanes at = {.rows = 0};
    for (ptrdiff_t who = 0; who < traces->count; who++)
        if ((traces->length[who] + 1) / 2 > at.rows)
            at.rows = (ptrdiff_t)(traces->length[who] + 1) / 2;
    if (at.rows == 0)
        return 0;
    const size_t size = (size_t)at.rows * ROW * sizeof(double);
    if (size > PTRDIFF_MAX / ARRAYS || size / sizeof(double) / ROW != (size_t)at.rows)
        return -1;
    char *memory = aligned_alloc(REGISTER, ARRAYS * size);
    if (memory == NULL)
        return -1;
    memset(memory, 0, ARRAYS * size);
    vec **arrays[ARRAYS] = {&at.trace, &at.weight, &at.v, &at.diagonal,
                            &at.off_diagonal, &at.p, &at.q, &at.baseline};
    for (int i = 0; i < ARRAYS; i++)
        *arrays[i] = (vec *)(memory + (size_t)i * size);

    ptrdiff_t next = 0;
    for (int lane = 0; lane < LANES; lane++)
        load(&at, lane, next < traces->count ? next++ : -1, traces, set);
    while ((at.first = first_row(&at, traces)) >= 0)
        iterate(&at, &next, traces, set);
    free(memory);
    return 0;
}
