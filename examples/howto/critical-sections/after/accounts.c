/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

#include <stdio.h>

typedef struct {
    PyObject_HEAD
    long balance;
    char entry[40]; /* the last one */
} Account;

static PyObject *pay(PyObject *self, PyObject *other)
{
    if (Py_TYPE(other) != Py_TYPE(self)) {
        return PyErr_Format(PyExc_TypeError, "pay() needs an Account");
    }
    if (other == self) {
        return PyErr_Format(PyExc_ValueError, "an Account cannot pay itself");
    }
    Account *from = (Account *)self, *to = (Account *)other;
    MBFT_BEGIN_CRITICAL_SECTION2(self, other);
    long left = from->balance - 1, there = to->balance + 1;
    snprintf(from->entry, sizeof(from->entry), "paid 1, %ld left", left);
    snprintf(to->entry, sizeof(to->entry), "received 1, %ld now", there);
    from->balance = left;
    to->balance = there;
    MBFT_END_CRITICAL_SECTION2();
    Py_RETURN_NONE;
}

static PyObject *balance(PyObject *self, PyObject *ignored)
{
    long result = 0;
    (void)ignored;
    MBFT_BEGIN_CRITICAL_SECTION(self);
    result = ((Account *)self)->balance;
    MBFT_END_CRITICAL_SECTION();
    return PyLong_FromLong(result);
}

static PyMethodDef account_methods[] = {
    {"pay", pay, METH_O, PyDoc_STR("pay(other): move 1 to another account.")},
    {"balance", balance, METH_NOARGS, PyDoc_STR("balance(): what is there.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot account_slots[] = {{Py_tp_methods, account_methods}, {0, NULL}};

static PyType_Spec account = {
    .name = "accounts.Account", .basicsize = sizeof(Account), .flags = Py_TPFLAGS_DEFAULT, .slots = account_slots,
};

static int execute(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &account, NULL);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, "Account", type);
    Py_XDECREF(type);
    return status;
}

static MBFT_Slot slots[] = {MBFT_EXEC(execute), MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(accounts, "Accounts.", MBFT_NO_METHODS, MBFT_NO_STATE, slots);
