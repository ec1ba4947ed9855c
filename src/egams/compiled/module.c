/* The Python module egams._compiled: checks what it is given, and picks the code compiled for the
 * instructions of this processor. It uses the stable ABI: one file serves all Pythons. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "aspls.h"
#include "forest.h"

/* aspls.c and forest.c, compiled for the instructions every such processor has, and for more. */
fit_function fit_plain;
add_trees_function add_trees_plain;
#ifdef WITH_AVX
fit_function fit_avx2, fit_avx512;
add_trees_function add_trees_avx2, add_trees_avx512;
#endif

#if defined(__x86_64__)
#define PLAIN "sse2"
#elif defined(__aarch64__)
#define PLAIN "neon"
#else
#define PLAIN "generic"
#endif

typedef struct {
    const char *name;
    fit_function *fit;
    add_trees_function *add_trees;
} kernel;

/* What this processor runs, fastest first; at most 3. */
static int usable(kernel found[3])
{
    int count = 0;
#ifdef WITH_AVX
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        found[count++] = (kernel){"avx512", fit_avx512, add_trees_avx512};
    if (__builtin_cpu_supports("avx2"))
        found[count++] = (kernel){"avx2", fit_avx2, add_trees_avx2};
#endif
    found[count++] = (kernel){PLAIN, fit_plain, add_trees_plain};
    return count;
}

/* Find the kernel of that name; -1 with an exception where it does not run here. */
static int choose(const char *wanted, kernel *chosen)
{
    kernel found[3];
    for (int i = usable(found) - 1; i >= 0; i--)
        if (strcmp(found[i].name, wanted) == 0) {
            *chosen = found[i];
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "no code for '%s' on this processor", wanted);
    return -1;
}

static PyObject *instruction_sets(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    kernel found[3];
    const int count = usable(found);
    PyObject *names = PyTuple_New(count);
    for (int i = 0; names != NULL && i < count; i++) {
        PyObject *text = PyUnicode_FromString(found[i].name);
        if (text == NULL || PyTuple_SetItem(names, i, text) < 0)
            Py_CLEAR(names);
    }
    return names;
}

/* What an argument must be: its name, possible format letters, bytes of an item, axes, and whether
 * it is written to. */
typedef struct {
    const char *name, *formats;
    int itemsize, axes, written;
} expected;

static const expected TRACES[] = {
    {"traces", "d", 8, 2, 0},      {"lengths", "lq", 8, 1, 0},  {"baseline", "d", 8, 2, 1},
    {"iterations", "lq", 8, 1, 1}, {"converged", "?", 1, 1, 1},
};
static const expected FOREST[] = {
    {"leaves", "il", 4, 1, 0}, {"family", "il", 4, 1, 0},   {"feature", "il", 4, 1, 0},
    {"left", "il", 4, 1, 0},   {"right", "il", 4, 1, 0},    {"threshold", "f", 4, 1, 0},
    {"value", "d", 8, 2, 0},   {"table", "f", 4, 2, 0},     {"sums", "d", 8, 2, 1},
};
enum { OF_TRACES = 5, OF_FOREST = 9 };

static void give_back(Py_buffer *view, int count)
{
    while (count > 0)
        PyBuffer_Release(view + --count);
}

/* Lend the memory of arguments; -1 with an exception, and none lent, where one is not what it must
 * be. */
static int lend(PyObject **array, Py_buffer *view, const expected *what, int count)
{
    for (int i = 0; i < count; i++) {
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (what[i].written ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(array[i], view + i, flags) < 0) {
            give_back(view, i);
            return -1;
        }
        if (view[i].ndim != what[i].axes || view[i].itemsize != what[i].itemsize
            || strlen(view[i].format) != 1 || strchr(what[i].formats, *view[i].format) == NULL) {
            PyErr_Format(PyExc_ValueError, "%s: expected %d axes of type %s", what[i].name,
                         what[i].axes, what[i].formats);
            give_back(view, i + 1);
            return -1;
        }
    }
    return 0;
}

/* Whether shapes agree and every trace has between SHORTEST and `bins` bins. */
static int sound(const Py_buffer *view, const settings *set)
{
    const Py_ssize_t count = view[0].shape[0], bins = view[0].shape[1];
    if (view[2].shape[0] != count || view[2].shape[1] != bins || view[1].shape[0] != count
        || view[3].shape[0] != count || view[4].shape[0] != count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        const int64_t length = ((const int64_t *)view[1].buf)[i];
        if (length < SHORTEST || length > bins)
            return 0;
    }
    return set->lam > 0 && set->coef > 0 && set->max_iter >= 0;
}

static PyObject *fit(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *array[OF_TRACES], *done = NULL;
    Py_buffer view[OF_TRACES];
    settings set;
    const char *wanted;
    kernel chosen;
    long long max_iter;

    if (!PyArg_ParseTuple(arguments, "sOOOOOdLdd", &wanted, array, array + 1, array + 2, array + 3,
                          array + 4, &set.lam, &max_iter, &set.tol, &set.coef)
        || choose(wanted, &chosen) < 0 || lend(array, view, TRACES, OF_TRACES) < 0)
        return NULL;
    set.max_iter = max_iter;
    if (sound(view, &set)) {
        const batch traces = {view[0].shape[0], view[0].shape[1], view[0].buf, view[1].buf,
                              view[2].buf,      view[3].buf,      view[4].buf};
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = chosen.fit(&traces, &set);
        Py_END_ALLOW_THREADS
        done = failed ? PyErr_NoMemory() : Py_NewRef(Py_None);
    } else {
        PyErr_SetString(PyExc_ValueError, "shapes, lengths or settings that cannot be fitted");
    }
    give_back(view, OF_TRACES);
    return done;
}

/* Whether a child of a node is a later node or a leaf of the same tree. */
static int leads_on(int32_t child, Py_ssize_t node, Py_ssize_t leaves)
{
    return child < 0 ? ~child < leaves : child > node && child < leaves - 1;
}

/* Whether no index leads out of a table of so many features and families, nor back. */
static int sound_forest(const forest *f, Py_ssize_t features, Py_ssize_t families)
{
    Py_ssize_t node = 0, leaf = 0;
    for (Py_ssize_t tree = 0; tree < f->trees; tree++) {
        const Py_ssize_t leaves = f->leaves[tree], family = f->family[tree];
        if (leaves < 1 || leaves - 1 > f->nodes - node || leaves > f->all_leaves - leaf
            || family < 0 || f->outputs > families - family)
            return 0;
        for (Py_ssize_t own = 0; own < leaves - 1; own++, node++)
            if (f->feature[node] < 0 || f->feature[node] >= features
                || !leads_on(f->left[node], own, leaves) || !leads_on(f->right[node], own, leaves))
                return 0;
        leaf += leaves;
    }
    return node == f->nodes && leaf == f->all_leaves;
}

static PyObject *sum_leaves(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *array[OF_FOREST], *done = NULL;
    Py_buffer view[OF_FOREST];
    const char *wanted;
    kernel chosen;

    if (!PyArg_ParseTuple(arguments, "sOOOOOOOOO", &wanted, array, array + 1, array + 2, array + 3,
                          array + 4, array + 5, array + 6, array + 7, array + 8)
        || choose(wanted, &chosen) < 0 || lend(array, view, FOREST, OF_FOREST) < 0)
        return NULL;
    const Py_ssize_t rows = view[7].shape[0], features = view[7].shape[1];
    const Py_ssize_t trees = view[0].shape[0], nodes = view[2].shape[0];
    const Py_ssize_t families = view[8].shape[1];
    const forest f = {
        .trees = trees, .nodes = nodes, .all_leaves = view[6].shape[0],
        .outputs = view[6].shape[1], .leaves = view[0].buf, .family = view[1].buf,
        .feature = view[2].buf, .left = view[3].buf, .right = view[4].buf,
        .threshold = view[5].buf, .value = view[6].buf,
    };
    if (view[1].shape[0] == trees && view[3].shape[0] == nodes && view[4].shape[0] == nodes
        && view[5].shape[0] == nodes && view[8].shape[0] == rows
        && sound_forest(&f, features, families)) {
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = chosen.add_trees(&f, view[7].buf, rows, features, view[8].buf, families);
        Py_END_ALLOW_THREADS
        done = failed ? PyErr_NoMemory() : Py_NewRef(Py_None);
    } else {
        PyErr_SetString(PyExc_ValueError, "shapes or indices that cannot be walked");
    }
    give_back(view, OF_FOREST);
    return done;
}

static PyMethodDef functions[] = {
    {"fit", fit, METH_VARARGS,
     "fit(instruction_set, traces, lengths, baseline, iterations, converged, lam, max_iter, tol, "
     "coef)\n--\n\nFit traces [trace, temperature] into the three arrays after them."},
    {"sum_leaves", sum_leaves, METH_VARARGS,
     "sum_leaves(instruction_set, leaves, family, feature, left, right, threshold, value, "
     "table, sums)\n--\n\nAdd what rows of a table reach in trees to sums [row, family]."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "instruction_sets()\n--\n\nNames of what this processor runs, fastest first."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_compiled", .m_doc = "asPLS and trees, compiled.", .m_size = 0,
    .m_methods = functions, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__compiled(void)
{
    return PyModuleDef_Init(&definition);
}
