/* The Python module egams.preprocess._aspls: checks what it is given, and picks the code compiled
 * for the instructions of this processor. It uses the stable ABI: one file serves all Pythons. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "aspls.h"

/* aspls.c, compiled for the instructions every such processor has, and for more. */
fit_function fit_plain;
#ifdef WITH_AVX
fit_function fit_avx2, fit_avx512;
#endif

#if defined(__x86_64__)
#define PLAIN "sse2"
#elif defined(__aarch64__)
#define PLAIN "neon"
#else
#define PLAIN "generic"
#endif

/* What this processor runs, fastest first; at most 3. */
static int usable(const char *name[3], fit_function *fit[3])
{
    int count = 0;
#ifdef WITH_AVX
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        name[count] = "avx512", fit[count++] = fit_avx512;
    if (__builtin_cpu_supports("avx2"))
        name[count] = "avx2", fit[count++] = fit_avx2;
#endif
    name[count] = PLAIN, fit[count++] = fit_plain;
    return count;
}

static PyObject *instruction_sets(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    const char *name[3];
    fit_function *fit[3];
    const int count = usable(name, fit);
    PyObject *names = PyTuple_New(count);
    for (int i = 0; names != NULL && i < count; i++) {
        PyObject *text = PyUnicode_FromString(name[i]);
        if (text == NULL || PyTuple_SetItem(names, i, text) < 0)
            Py_CLEAR(names);
    }
    return names;
}

/* What an argument must be: its name, possible format letters, axes, whether it is written to. */
static const struct {
    const char *name, *formats;
    int axes, written;
} ARRAY[] = {
    {"traces", "d", 2, 0},      {"lengths", "lq", 1, 0},   {"baseline", "d", 2, 1},
    {"iterations", "lq", 1, 1}, {"converged", "?", 1, 1},
};
enum { ARRAYS = 5 };

/* Lend the memory of argument `i`; -1 with an exception where it is not what it must be. */
static int lend(PyObject *array, Py_buffer *view, int i)
{
    const char *formats = ARRAY[i].formats;
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (ARRAY[i].written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array, view, flags) < 0)
        return -1;
    const Py_ssize_t itemsize = *formats == '?' ? 1 : 8;
    if (view->ndim == ARRAY[i].axes && view->itemsize == itemsize && strlen(view->format) == 1
        && strchr(formats, *view->format) != NULL)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: expected %d axes of type %s", ARRAY[i].name,
                 ARRAY[i].axes, formats);
    PyBuffer_Release(view);
    return -1;
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
    PyObject *array[ARRAYS], *done = NULL;
    Py_buffer view[ARRAYS];
    settings set;
    const char *wanted, *name[3];
    fit_function *fits[3], *chosen = NULL;
    long long max_iter;
    int lent = 0;

    if (!PyArg_ParseTuple(arguments, "sOOOOOdLdd", &wanted, array, array + 1, array + 2, array + 3,
                          array + 4, &set.lam, &max_iter, &set.tol, &set.coef))
        return NULL;
    set.max_iter = max_iter;
    for (int i = usable(name, fits) - 1; i >= 0; i--)
        if (strcmp(name[i], wanted) == 0)
            chosen = fits[i];
    if (chosen == NULL)
        return PyErr_Format(PyExc_ValueError, "no code for '%s' on this processor", wanted);

    while (lent < ARRAYS && lend(array[lent], view + lent, lent) == 0)
        lent++;
    if (lent == ARRAYS) {
        if (sound(view, &set)) {
            const batch traces = {view[0].shape[0], view[0].shape[1], view[0].buf, view[1].buf,
                                  view[2].buf,      view[3].buf,      view[4].buf};
            int failed;
            Py_BEGIN_ALLOW_THREADS
            failed = chosen(&traces, &set);
            Py_END_ALLOW_THREADS
            done = failed ? PyErr_NoMemory() : Py_NewRef(Py_None);
        } else {
            PyErr_SetString(PyExc_ValueError, "shapes, lengths or settings that cannot be fitted");
        }
    }
    while (lent > 0)
        PyBuffer_Release(view + --lent);
    return done;
}

static PyMethodDef functions[] = {
    {"fit", fit, METH_VARARGS,
     "fit(instruction_set, traces, lengths, baseline, iterations, converged, lam, max_iter, tol, "
     "coef)\n--\n\nFit traces [trace, temperature] into the three arrays after them."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "instruction_sets()\n--\n\nNames of what this processor runs, fastest first."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_aspls", .m_doc = "asPLS, compiled.", .m_size = 0,
    .m_methods = functions, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__aspls(void)
{
    return PyModuleDef_Init(&definition);
}
