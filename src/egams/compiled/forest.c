/* Sums of the leaves that rows of a table reach in decision trees.
 *
 * This file is compiled once for each instruction set, under another name ADD_TREES. */

#include "forest.h"

#include <stdlib.h>

#define ROWS 16 /* of the table at once: they stay in the cache, and a few fill a register */

typedef float of_rows __attribute__((vector_size(ROWS * sizeof(float)), aligned(16)));
typedef int32_t each_row __attribute__((vector_size(ROWS * sizeof(int32_t)), aligned(16)));

/* Lead rows down one tree: `at` is the node of each, the root first, and at the end ~ its leaf.
 * Children come after their parents, so one pass through all nodes suffices, and no branch depends
 * on the data: which way a row goes cannot be predicted. */
static void lead(each_row *at, const of_rows *column, int32_t nodes, const int32_t *feature,
                 const float *threshold, const int32_t *left, const int32_t *right)
{
    each_row now = *at;
    for (int32_t node = 0; node < nodes; node++) {
        const each_row goes_left = column[feature[node]] <= threshold[node];
        const each_row next = (left[node] & goes_left) | (right[node] & ~goes_left);
        const each_row here = now == node;
        now = (next & here) | (now & ~here);
    }
    *at = now;
}

int ADD_TREES(const forest *f, const float *table, ptrdiff_t rows, ptrdiff_t features,
              double *sums, ptrdiff_t families)
{
    of_rows *column = calloc((size_t)features, sizeof *column); /* [feature] */
    if (column == NULL)
        return -1;
    for (ptrdiff_t first = 0; first < rows; first += ROWS) {
        const ptrdiff_t count = rows - first < ROWS ? rows - first : ROWS;
        for (ptrdiff_t feature = 0; feature < features; feature++)
            for (ptrdiff_t row = 0; row < count; row++)
                column[feature][row] = table[(first + row) * features + feature];

        ptrdiff_t node = 0, leaf = 0;
        for (ptrdiff_t tree = 0; tree < f->trees; tree++) {
            const int32_t leaves = f->leaves[tree];
            each_row at = leaves > 1 ? (each_row){0} : ~(each_row){0};
            lead(&at, column, leaves - 1, f->feature + node, f->threshold + node, f->left + node,
                 f->right + node);
            for (ptrdiff_t row = 0; row < count; row++) {
                const double *value = f->value + (leaf + ~at[row]) * f->outputs;
                double *sum = sums + (first + row) * families + f->family[tree];
                for (ptrdiff_t output = 0; output < f->outputs; output++)
                    sum[output] += value[output];
            }
            node += leaves - 1;
            leaf += leaves;
        }
    }
    free(column);
    return 0;
}
