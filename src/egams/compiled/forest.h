/* What the compiled trees take, see forest.c and egams/models/forest.py. */

#ifndef EGAMS_FOREST_H
#define EGAMS_FOREST_H

#include <stddef.h>
#include <stdint.h>

/* Trees one after the other; a tree of n leaves has n - 1 nodes, of which the first is its root. */
typedef struct {
    ptrdiff_t trees, nodes, all_leaves;
    ptrdiff_t outputs;           /* families that a tree adds to, from its first one on */
    const int32_t *leaves;       /* of each tree, 1 or more: [tree] */
    const int32_t *family;       /* first that each tree adds to: [tree] */
    const int32_t *feature;      /* [node] */
    const float *threshold;      /* [node] */
    const int32_t *left, *right; /* where x <= threshold, and where not: a later node of the tree,
                                    or ~ its leaf: [node] */
    const double *value;         /* [leaf, output] */
} forest;

/* Add the values of all trees, in their order, to the sums [row, family] of a table [row, feature];
 * 0, or -1 where memory is short. One function an instruction set. */
typedef int add_trees_function(const forest *, const float *table, ptrdiff_t rows,
                               ptrdiff_t features, double *sums, ptrdiff_t families);

#endif
