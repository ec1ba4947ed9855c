/* What the compiled fit of asPLS takes, see aspls.c. */

#ifndef EGAMS_ASPLS_H
#define EGAMS_ASPLS_H

#include <stddef.h>
#include <stdint.h>

#define SHORTEST 4 /* bins a trace needs at least: two in the middle and one at either end */

/* Settings as in egams.preprocess.aspls.aspls. */
typedef struct {
    double lam;
    int64_t max_iter;
    double tol;
    double coef;
} settings;

/* Traces, row after row, and where their fits go. */
typedef struct {
    ptrdiff_t count;       /* traces */
    ptrdiff_t bins;        /* width of the arrays [trace, temperature] */
    const double *trace;   /* [trace, temperature] */
    const int64_t *length; /* bins of each trace, SHORTEST to `bins`: [trace] */
    double *baseline;      /* [trace, temperature], real bins only */
    int64_t *iterations;   /* [trace] */
    uint8_t *converged;    /* [trace], 0 or 1 */
} batch;

/* Fit every trace; 0, or -1 where memory is short. One function an instruction set. */
typedef int fit_function(const batch *, const settings *);

#endif
