/* Many datagrams with one system call: recvmmsg and sendmmsg, which only Linux has.

   What asyncio does for each that comes - a call, a buffer, the address as text - costs more than
   refusing a call does; and of many that go out together only the first has to wake its reader.
   See datagrams.py, which does without this where it was not built. */

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <sys/socket.h>

#define MOST 32
#define MAX_BYTES 65536 /* no datagram is larger */

typedef union {
    struct sockaddr any;
    struct sockaddr_storage storage;
} Address;

/* In the capsule that is `self`. The GIL is held all the time, so one is enough for all sockets;
   pages of the buffer that no datagram has reached are never made. */
typedef struct {
    struct mmsghdr headers[MOST];
    struct iovec places[MOST];
    Address addresses[MOST];
    char *buffer;
} Room;

static PyObject *
make_pair(const Room *room, int i)
{
    const struct mmsghdr *header = &room->headers[i];
    PyObject *raw = PyBytes_FromStringAndSize(room->places[i].iov_base,
                                              (Py_ssize_t)header->msg_len);
    PyObject *address = PyBytes_FromStringAndSize((const char *)&room->addresses[i],
                                                  (Py_ssize_t)header->msg_hdr.msg_namelen);
    PyObject *pair = raw == NULL || address == NULL ? NULL : PyTuple_Pack(2, raw, address);
    Py_XDECREF(raw);
    Py_XDECREF(address);
    return pair;
}

static PyObject *
receive(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Room *room = PyCapsule_GetPointer(self, NULL);
    if (room == NULL) {
        return NULL;
    }
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "a descriptor and a number are needed");
        return NULL;
    }
    long descriptor = PyLong_AsLong(args[0]);
    long most = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (most > MOST) {
        most = MOST;
    }
    for (long i = 0; i < most; i++) {
        room->headers[i].msg_hdr.msg_namelen = sizeof room->addresses[i];
    }
    int found;
    do {
        found = recvmmsg((int)descriptor, room->headers, most > 0 ? (unsigned int)most : 0,
                         MSG_DONTWAIT, NULL);
    } while (found < 0 && errno == EINTR);
    if (found < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            return PyErr_SetFromErrno(PyExc_OSError);
        }
        found = 0;
    }
    PyObject *pairs = PyList_New(found);
    for (int i = 0; pairs != NULL && i < found; i++) {
        PyObject *pair = make_pair(room, i);
        if (pair == NULL) {
            Py_CLEAR(pairs);
        } else {
            PyList_SET_ITEM(pairs, i, pair);
        }
    }
    return pairs;
}

/* Lays out up to MOST messages from `start` on; how many, or -1 and an exception. */
static int
lay_out(PyObject *messages, Py_ssize_t start, struct mmsghdr *headers, struct iovec *places)
{
    Py_ssize_t left = PyList_GET_SIZE(messages) - start;
    int count = left < MOST ? (int)left : MOST;
    for (int i = 0; i < count; i++) {
        PyObject *message = PyList_GET_ITEM(messages, start + i);
        if (!PyTuple_Check(message) || PyTuple_GET_SIZE(message) < 2
            || !PyBytes_Check(PyTuple_GET_ITEM(message, 0))
            || !PyBytes_Check(PyTuple_GET_ITEM(message, 1))) {
            PyErr_SetString(PyExc_TypeError, "tuples of a datagram and an address are needed");
            return -1;
        }
        PyObject *raw = PyTuple_GET_ITEM(message, 0);
        PyObject *address = PyTuple_GET_ITEM(message, 1);
        places[i].iov_base = PyBytes_AS_STRING(raw);
        places[i].iov_len = (size_t)PyBytes_GET_SIZE(raw);
        headers[i] = (struct mmsghdr){0};
        headers[i].msg_hdr.msg_iov = &places[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_name = PyBytes_AS_STRING(address);
        headers[i].msg_hdr.msg_namelen = (socklen_t)PyBytes_GET_SIZE(address);
    }
    return count;
}

static PyObject *
send_all(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct mmsghdr headers[MOST];
    struct iovec places[MOST];
    PyObject *messages;
    Py_ssize_t start;
    int descriptor, error = 0;
    if (!PyArg_ParseTuple(args, "iO!n:send_all", &descriptor, &PyList_Type, &messages, &start)) {
        return NULL;
    }
    if (start < 0 || start > PyList_GET_SIZE(messages)) {
        PyErr_SetString(PyExc_ValueError, "there is no such message");
        return NULL;
    }
    while (error == 0 && start < PyList_GET_SIZE(messages)) {
        int count = lay_out(messages, start, headers, places);
        if (count < 0) {
            return NULL;
        }
        int sent = sendmmsg(descriptor, headers, (unsigned)count, MSG_DONTWAIT);
        if (sent >= 0) {
            start += sent;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    return Py_BuildValue("ni", start, error);
}

static void
free_room(PyObject *capsule)
{
    Room *room = PyCapsule_GetPointer(capsule, NULL);
    if (room != NULL) {
        PyMem_RawFree(room->buffer);
        PyMem_RawFree(room);
    }
}

static PyMethodDef receive_method = {
    "receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL,
    "receive(descriptor, most)\n\n"
    "Up to `most` pairs of a datagram and its sender's packed address; [] when none waits.\n"
    "Never waits. OSError is what the kernel has to tell of an earlier one.",
};

static PyObject *
build_receive(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    Room *room = PyMem_RawCalloc(1, sizeof *room);
    if (room != NULL) {
        room->buffer = PyMem_RawMalloc((size_t)MOST * MAX_BYTES);
    }
    if (room == NULL || room->buffer == NULL) {
        PyMem_RawFree(room);
        return PyErr_NoMemory();
    }
    for (int i = 0; i < MOST; i++) {
        room->places[i].iov_base = room->buffer + (size_t)i * MAX_BYTES;
        room->places[i].iov_len = MAX_BYTES;
        room->headers[i].msg_hdr.msg_iov = &room->places[i];
        room->headers[i].msg_hdr.msg_iovlen = 1;
        room->headers[i].msg_hdr.msg_name = &room->addresses[i];
    }
    PyObject *capsule = PyCapsule_New(room, NULL, free_room);
    if (capsule == NULL) {
        PyMem_RawFree(room->buffer);
        PyMem_RawFree(room);
        return NULL;
    }
    PyObject *function = PyCFunction_New(&receive_method, capsule);
    Py_DECREF(capsule);
    return function;
}

static PyMethodDef methods[] = {
    {"build_receive", build_receive, METH_NOARGS,
     "build_receive()\n\nA function that reads datagrams, with room of its own for them."},
    {"send_all", send_all, METH_VARARGS,
     "send_all(descriptor, messages, start)\n\n"
     "Send tuples of a datagram, a packed address and perhaps more, from `start` on. Gives the\n"
     "place of the first that could not leave and its errno, or the end and 0. Never waits."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_datagrams",
    .m_doc = "Many datagrams with one system call; see datagrams.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__datagrams(void)
{
    return PyModuleDef_Init(&module);
}
