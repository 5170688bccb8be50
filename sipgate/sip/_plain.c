/* Reading a message in its plain form: what nearly every peer sends.

   It gives what `_parse` in message.py gives, or None, and then `_parse` decides: so each rule
   here may be stricter than the one there, never looser. All that is written differently (folds,
   spaces where none are needed, quotes with escapes) and all that is wrong ends in None.

   First the whole message is looked at, without making any object and each byte a fixed number
   of times; only then objects are made, and only want of memory can fail. Nothing relies on a
   NUL behind the bytes. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <structmember.h>

#define MAX_LINES 257          /* more go to `_parse`; the default limit is 256 headers */
#define MAX_NAME 63            /* of a header */
#define MAX_DIGITS 10          /* as in grammar.read_number */
#define MAX_CSEQ 4294967295u   /* these three as in message.py */
#define MAX_FORWARDS 255
#define MAX_LENGTH 2147483648u
#define MAX_PORT 65535
#define DEFAULT_PORT 5060      /* over UDP; RFC 3261 §18.2.2 */
#define COOKIE "z9hG4bK"       /* RFC 3261 §8.1.1.7 */

/* Byte sets; their bytes come from grammar.py. */
enum { TOKEN = 1, URI = 2, WORD = 4, HOST = 8, IPV6 = 16, VISIBLE = 32 };
#define SETS 6

/* Headers that are read; each but Via may stand there once (RFC 3261 §7.3.1). */
enum { OTHER, VIA, FROM, TO, CALL_ID, CSEQ, MAX_FORWARDS_LINE, CONTENT_LENGTH, ROLES };
static const char *const role_keys[ROLES] = {
    NULL, "via", "from", "to", "call-id", "cseq", "max-forwards", "content-length",
};

enum { UDP, TCP, TLS, WS, WSS, TRANSPORTS };
static const char *const transport_names[TRANSPORTS] = {"UDP", "TCP", "TLS", "WS", "WSS"};

enum {
    RAW, LINES, BODY, CALL_ID_SLOT, CSEQ_NUMBER, CSEQ_METHOD, FROM_TAG, TO_TAG, VIA_SLOT,
    VIA_INDEX, POSITIONS, REPEATED, FIRST, SECOND, THIRD, MESSAGE_SLOTS,
};
enum {
    VIA_RAW, TRANSPORT, SENT_BY, VIA_HOST, PORT, BRANCH, HAS_RPORT, RPORT, RECEIVED, MADDR,
    VIA_SLOTS,
};
#define MAX_SLOTS MESSAGE_SLOTS
#define COMMON_SLOTS \
    "raw", "lines", "body", "call_id", "cseq_number", "cseq_method", "from_tag", "to_tag", \
    "via", "via_index", "_positions", "_repeated"

static const char *const request_slots[] = {COMMON_SLOTS, "method", "uri", "max_forwards", NULL};
static const char *const response_slots[] = {COMMON_SLOTS, "status", "phrase", NULL};
static const char *const via_slots[] = {
    "raw", "transport", "sent_by", "host", "port", "branch", "has_rport", "rport", "received",
    "maddr", NULL,
};

typedef struct {
    const unsigned char *at;
    Py_ssize_t size;
} Span;

typedef struct {
    PyObject *spelling; /* NULL: a free place of the table */
    PyObject *key;
    int role;
} Name;

/* A class to make objects of: by writing into its slots if it has such, else by its attributes. */
typedef struct {
    PyTypeObject *type;
    PyObject *names[MAX_SLOTS];
    Py_ssize_t offsets[MAX_SLOTS];
    int is_direct;
} Class;

/* What one reader knows; in the capsule that is `self` of its function. */
typedef struct {
    Class request, response, via;
    PyObject *transports[TRANSPORTS];
    unsigned char sets[256];
    Name *names; /* hashed, `mask` + 1 places, three of four free */
    size_t mask;
} Reader;

typedef struct {
    Py_ssize_t message_bytes, headers, header_bytes, vias;
} Limits;

/* What was found in one message. */
typedef struct {
    Py_ssize_t line_count;
    int is_request;
    int status;
    int has_rport;
    int transport;
    uint64_t cseq_number;
    uint64_t max_forwards; /* if values[MAX_FORWARDS_LINE] is there */
    uint64_t port, rport;  /* 0: none */
    Py_ssize_t via_index, via_count;
    Span method, uri, phrase, body, cseq_method, from_tag, to_tag;
    Span sent_by, host, branch, received, maddr;
    Span rport_param; /* `at` is NULL: there is none */
    Span values[ROLES]; /* `at` is NULL: no such header; Via's is the topmost */
    /* Not cleared; `line_count` of each are filled, names from 1. */
    Span lines[MAX_LINES];
    const Name *names[MAX_LINES]; /* NULL: not in the table */
    unsigned char name_sizes[MAX_LINES];
} Plain;

/* ---- Looking: 1 is yes, 0 is "not plain" ---- */

static int
consists_of(const Reader *reader, Span span, unsigned char set)
{
    for (Py_ssize_t i = 0; i < span.size; i++) {
        if (!(reader->sets[span.at[i]] & set)) {
            return 0;
        }
    }
    return 1;
}

static int
is_token(const Reader *reader, Span span)
{
    return span.size > 0 && consists_of(reader, span, TOKEN);
}

static int
equals(Span span, const char *word)
{
    size_t size = strlen(word);
    return (size_t)span.size == size && memcmp(span.at, word, size) == 0;
}

static int
starts_with(Span span, const char *word)
{
    size_t size = strlen(word);
    return (size_t)span.size >= size && memcmp(span.at, word, size) == 0;
}

/* Where a byte stands first; the span's size if nowhere. */
static Py_ssize_t
find_byte(Span span, unsigned char byte)
{
    const unsigned char *found = NULL;
    if (span.size > 0) {
        found = memchr(span.at, byte, (size_t)span.size);
    }
    return found == NULL ? span.size : found - span.at;
}

static Span
first_bytes(Span span, Py_ssize_t size)
{
    span.size = size;
    return span;
}

static Span
skip(Span span, Py_ssize_t size)
{
    span.at += size;
    span.size -= size;
    return span;
}

static int
is_space(unsigned char byte)
{
    return byte == ' ' || byte == '\t';
}

static Span
strip(Span span)
{
    while (span.size > 0 && is_space(span.at[0])) {
        span = skip(span, 1);
    }
    while (span.size > 0 && is_space(span.at[span.size - 1])) {
        span.size--;
    }
    return span;
}

static unsigned char
lower(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

static int
read_number(Span digits, uint64_t limit, uint64_t *number)
{
    if (digits.size < 1 || digits.size > MAX_DIGITS) {
        return 0;
    }
    uint64_t value = 0;
    for (Py_ssize_t i = 0; i < digits.size; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9') {
            return 0;
        }
        value = value * 10 + (digits.at[i] - '0');
    }
    *number = value;
    return value <= limit;
}

static int
read_port(Span digits, uint64_t *port)
{
    return read_number(digits, MAX_PORT, port) && *port > 0;
}

static int
split_lines(Plain *plain, Span raw, const Limits *limits)
{
    Span rest = raw;
    Py_ssize_t size;
    while (1) {
        size = find_byte(rest, '\r');
        if (rest.size - size < 2 || rest.at[size + 1] != '\n') {
            return 0;
        }
        Span line = first_bytes(rest, size);
        if (find_byte(line, '\n') < size) {
            return 0;
        }
        rest = skip(rest, size + 2);
        if (size == 0) {
            break;
        }
        if (plain->line_count == MAX_LINES || plain->line_count > limits->headers
            || size > limits->header_bytes) {
            return 0;
        }
        plain->lines[plain->line_count++] = line;
    }
    plain->body = rest;
    size = rest.at - raw.at;
    return plain->line_count > 0 && find_byte(first_bytes(raw, size), 0) == size;
}

static int
read_status_line(Plain *plain, Span line)
{
    uint64_t status = 0;
    if (!starts_with(line, "SIP/2.0 ") || line.size < 12 || line.at[11] != ' ') {
        return 0;
    }
    if (!read_number(first_bytes(skip(line, 8), 3), 699, &status) || status < 100) {
        return 0;
    }
    plain->status = (int)status;
    plain->phrase = skip(line, 12);
    return 1;
}

static int
read_request_line(const Reader *reader, Plain *plain, Span line)
{
    Py_ssize_t size = find_byte(line, ' ');
    plain->method = first_bytes(line, size);
    if (size == line.size || !is_token(reader, plain->method)) {
        return 0;
    }
    line = skip(line, size + 1);
    size = find_byte(line, ' ');
    plain->uri = first_bytes(line, size);
    if (size == line.size || !equals(skip(line, size + 1), "SIP/2.0")) {
        return 0;
    }
    Py_ssize_t scheme = find_byte(plain->uri, ':');
    Span name = first_bytes(plain->uri, scheme);
    if (scheme + 1 >= plain->uri.size
        || !(equals(name, "sip") || equals(name, "sips") || equals(name, "tel"))) {
        return 0;
    }
    return consists_of(reader, plain->uri, URI) && find_byte(plain->uri, '?') == plain->uri.size;
}

static size_t
hash_more(size_t hash, unsigned char byte)
{
    return hash * 31 + byte;
}

static const Name *
find_name(const Reader *reader, const unsigned char *at, Py_ssize_t size, size_t hash)
{
    for (size_t place = hash & reader->mask;; place = (place + 1) & reader->mask) {
        const Name *name = &reader->names[place];
        if (name->spelling == NULL) {
            return NULL;
        }
        if (PyBytes_GET_SIZE(name->spelling) == size
            && memcmp(PyBytes_AS_STRING(name->spelling), at, (size_t)size) == 0) {
            return name;
        }
    }
}

static Py_ssize_t
count_byte(Span span, unsigned char byte)
{
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < span.size; i++) {
        count += span.at[i] == byte;
    }
    return count;
}

static int
read_header(const Reader *reader, Plain *plain, Py_ssize_t index)
{
    Span line = plain->lines[index];
    Py_ssize_t longest = line.size < MAX_NAME + 1 ? line.size : MAX_NAME + 1;
    Py_ssize_t size = 0;
    size_t hash = 0;
    while (size < longest && (reader->sets[line.at[size]] & TOKEN)) {
        hash = hash_more(hash, line.at[size++]);
    }
    if (size == 0 || size == longest || line.at[size] != ':') {
        return 0;
    }
    const Name *name = find_name(reader, line.at, size, hash);
    if (name == NULL) {
        unsigned char key[MAX_NAME];
        hash = 0;
        for (Py_ssize_t i = 0; i < size; i++) {
            key[i] = lower(line.at[i]);
            hash = hash_more(hash, key[i]);
        }
        name = find_name(reader, key, size, hash);
    }
    plain->names[index] = name;
    plain->name_sizes[index] = (unsigned char)size;
    if (name == NULL || name->role == OTHER) {
        return 1;
    }
    Span *value = &plain->values[name->role];
    if (name->role == VIA) {
        Py_ssize_t comma = find_byte(line, ',');
        int is_first = plain->via_count == 0;
        plain->via_count += 1 + count_byte(skip(line, comma), ',');
        if (!is_first) {
            return 1;
        }
        if (comma < line.size) { /* SIPp's answers have all values in one line */
            if (find_byte(line, '"') < line.size || find_byte(line, '<') < line.size) {
                return 0;
            }
            line = first_bytes(line, comma);
        }
        plain->via_index = index;
    } else if (value->at != NULL) {
        return 0;
    }
    *value = strip(skip(line, size + 1));
    return 1;
}

static int
read_cseq(const Reader *reader, Plain *plain)
{
    Span value = plain->values[CSEQ];
    Py_ssize_t size = 0;
    while (size < value.size && !is_space(value.at[size])) {
        size++;
    }
    plain->cseq_method = strip(skip(value, size));
    if (!read_number(first_bytes(value, size), MAX_CSEQ, &plain->cseq_number)) {
        return 0;
    }
    if (plain->is_request) {
        return plain->cseq_method.size == plain->method.size
               && memcmp(plain->cseq_method.at, plain->method.at, (size_t)plain->method.size) == 0;
    }
    return is_token(reader, plain->cseq_method);
}

/* <uri>, "name" <uri> or name <uri>, with nothing behind it but perhaps a tag. */
static int
read_tag(const Reader *reader, Span value, Span *tag)
{
    if (value.size > 0 && value.at[0] == '"') {
        value = skip(value, 1);
        Py_ssize_t size = find_byte(value, '"');
        if (size == value.size || find_byte(first_bytes(value, size), '\\') < size) {
            return 0;
        }
        value = skip(value, size + 1);
        while (value.size > 0 && is_space(value.at[0])) {
            value = skip(value, 1);
        }
    } else {
        while (value.size > 0 && value.at[0] != '<') {
            unsigned char byte = value.at[0];
            if (byte < ' ' || byte == 0x7f || memchr(",;:@>\"", byte, 6) != NULL) {
                return 0;
            }
            value = skip(value, 1);
        }
    }
    if (value.size == 0 || value.at[0] != '<') {
        return 0;
    }
    value = skip(value, 1);
    Py_ssize_t size = find_byte(value, '>');
    Span uri = first_bytes(value, size);
    if (size == value.size || !consists_of(reader, uri, WORD) || find_byte(uri, ':') == size) {
        return 0;
    }
    value = skip(value, size + 1);
    if (value.size == 0) {
        *tag = value;
        return 1;
    }
    *tag = skip(value, value.size < 5 ? value.size : 5);
    return starts_with(value, ";tag=") && is_token(reader, *tag);
}

static int
read_sent_by(const Reader *reader, Plain *plain)
{
    Span value = plain->sent_by;
    Py_ssize_t size;
    if (value.size > 0 && value.at[0] == '[') {
        size = find_byte(value, ']');
        if (size < 3 || size == value.size
            || !consists_of(reader, first_bytes(skip(value, 1), size - 1), IPV6)) {
            return 0;
        }
        size++;
    } else {
        size = find_byte(value, ':');
        if (size == 0 || !consists_of(reader, first_bytes(value, size), HOST)) {
            return 0;
        }
    }
    plain->host = first_bytes(value, size);
    if (size == value.size) {
        return 1;
    }
    return value.at[size] == ':' && read_port(skip(value, size + 1), &plain->port);
}

/* Another parameter than those that are read; their names in capitals are left to `_parse`. */
static int
is_other_param(const Reader *reader, Span name)
{
    static const char *const read[] = {"branch", "rport", "received", "maddr"};
    if (!is_token(reader, name)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        size_t size = strlen(read[i]);
        size_t same = 0;
        if ((size_t)name.size != size) {
            continue;
        }
        while (same < size && lower(name.at[same]) == (unsigned char)read[i][same]) {
            same++;
        }
        if (same == size) {
            return 0;
        }
    }
    return 1;
}

/* A parameter's value that must be there, and once. */
static int
take_once(Span *place, Span value)
{
    if (place->at != NULL || value.size == 0) {
        return 0;
    }
    *place = value;
    return 1;
}

static int
read_via_param(const Reader *reader, Plain *plain, Span param)
{
    Py_ssize_t size = find_byte(param, '=');
    int has_value = size < param.size;
    Span name = first_bytes(param, size);
    Span value = skip(param, has_value ? size + 1 : size);
    if (!consists_of(reader, value, WORD)) {
        return 0;
    }
    if (equals(name, "branch")) {
        return take_once(&plain->branch, value);
    }
    if (equals(name, "rport")) {
        if (plain->has_rport) {
            return 0;
        }
        plain->has_rport = 1;
        plain->rport_param = param;
        return !has_value || read_port(value, &plain->rport);
    }
    if (equals(name, "received")) {
        while (value.size > 0 && (value.at[0] == '[' || value.at[0] == ']')) {
            value = skip(value, 1);
        }
        while (value.size > 0
               && (value.at[value.size - 1] == '[' || value.at[value.size - 1] == ']')) {
            value.size--;
        }
        return take_once(&plain->received, value);
    }
    if (equals(name, "maddr")) {
        return take_once(&plain->maddr, value);
    }
    return is_other_param(reader, name);
}

static int
read_via(const Reader *reader, Plain *plain)
{
    Span rest = plain->values[VIA];
    if (!starts_with(rest, "SIP/2.0/")) {
        return 0;
    }
    rest = skip(rest, 8);
    Py_ssize_t size = find_byte(rest, ' ');
    Span transport = first_bytes(rest, size);
    while (plain->transport < TRANSPORTS
           && !equals(transport, transport_names[plain->transport])) {
        plain->transport++;
    }
    if (size == rest.size || plain->transport == TRANSPORTS) {
        return 0;
    }
    rest = skip(rest, size + 1);
    size = find_byte(rest, ';');
    plain->sent_by = first_bytes(rest, size);
    if (!read_sent_by(reader, plain)) {
        return 0;
    }
    while (size < rest.size) {
        rest = skip(rest, size + 1);
        size = find_byte(rest, ';');
        if (!read_via_param(reader, plain, first_bytes(rest, size))) {
            return 0;
        }
    }
    return 1;
}

static int
cut_body(Plain *plain)
{
    uint64_t length = 0;
    if (plain->values[CONTENT_LENGTH].at == NULL) {
        return 1;
    }
    if (!read_number(plain->values[CONTENT_LENGTH], MAX_LENGTH, &length)
        || length > (uint64_t)plain->body.size) {
        return 0;
    }
    plain->body.size = (Py_ssize_t)length;
    return 1;
}

static int
look(const Reader *reader, Plain *plain, Span raw, const Limits *limits)
{
    memset(plain, 0, offsetof(Plain, lines));
    if (raw.size > limits->message_bytes || !split_lines(plain, raw, limits)) {
        return 0;
    }
    plain->is_request = !starts_with(plain->lines[0], "SIP/");
    if (plain->is_request ? !read_request_line(reader, plain, plain->lines[0])
                          : !read_status_line(plain, plain->lines[0])) {
        return 0;
    }
    for (Py_ssize_t index = 1; index < plain->line_count; index++) {
        if (!read_header(reader, plain, index)) {
            return 0;
        }
    }
    const Span *values = plain->values;
    if (values[VIA].at == NULL || values[FROM].at == NULL || values[TO].at == NULL
        || values[CALL_ID].size == 0 || values[CSEQ].at == NULL
        || (plain->via_count > 1 && plain->via_count > limits->vias)) {
        return 0;
    }
    if (plain->is_request && values[MAX_FORWARDS_LINE].at != NULL
        && !read_number(values[MAX_FORWARDS_LINE], MAX_FORWARDS, &plain->max_forwards)) {
        return 0;
    }
    return consists_of(reader, values[CALL_ID], VISIBLE) && read_cseq(reader, plain)
           && read_tag(reader, values[FROM], &plain->from_tag)
           && read_tag(reader, values[TO], &plain->to_tag) && read_via(reader, plain)
           && cut_body(plain);
}

/* ---- Making objects: NULL and -1 are an exception ---- */

static PyObject *
make_object(const Class *class)
{
    return class->is_direct ? class->type->tp_alloc(class->type, 0)
                            : PyObject_CallNoArgs((PyObject *)class->type);
}

/* Takes over the caller's reference to `value`; NULL is the caller's exception, passed on. */
static int
put(const Class *class, PyObject *self, int slot, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    if (class->is_direct) {
        *(PyObject **)((char *)self + class->offsets[slot]) = value; /* it was NULL */
        return 0;
    }
    int failed = PyObject_SetAttr(self, class->names[slot], value);
    Py_DECREF(value);
    return failed;
}

static PyObject *
make_bytes(Span span)
{
    return PyBytes_FromStringAndSize((const char *)span.at, span.size);
}

static PyObject *
make_lower(Span span)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, span.size);
    if (bytes != NULL && span.size > 0) {
        unsigned char *to = (unsigned char *)PyBytes_AS_STRING(bytes);
        for (Py_ssize_t i = 0; i < span.size; i++) {
            to[i] = lower(span.at[i]);
        }
    }
    return bytes;
}

static PyObject *
make_number_or_none(uint64_t number, int is_there)
{
    if (!is_there) {
        Py_RETURN_NONE;
    }
    return PyLong_FromUnsignedLongLong(number);
}

static PyObject *
make_lines(const Plain *plain)
{
    PyObject *lines = PyList_New(plain->line_count);
    for (Py_ssize_t i = 0; lines != NULL && i < plain->line_count; i++) {
        PyObject *line = make_bytes(plain->lines[i]);
        if (line == NULL) {
            Py_CLEAR(lines);
        } else {
            PyList_SET_ITEM(lines, i, line);
        }
    }
    return lines;
}

/* Notes one more line of a header in `*repeated`, a dict or NULL as long as none is needed. */
static int
note_repeated(PyObject **repeated, PyObject *key, PyObject *first, PyObject *index)
{
    if (*repeated == NULL && (*repeated = PyDict_New()) == NULL) {
        return -1;
    }
    PyObject *indexes = PyDict_GetItemWithError(*repeated, key);
    if (indexes != NULL) {
        return PyList_Append(indexes, index);
    }
    if (PyErr_Occurred() || (indexes = PyList_New(2)) == NULL) {
        return -1;
    }
    PyList_SET_ITEM(indexes, 0, Py_NewRef(first));
    PyList_SET_ITEM(indexes, 1, Py_NewRef(index));
    int failed = PyDict_SetItem(*repeated, key, indexes);
    Py_DECREF(indexes);
    return failed;
}

static int
note_position(const Plain *plain, Py_ssize_t at, PyObject *positions, PyObject **repeated)
{
    const Name *name = plain->names[at];
    PyObject *key = name != NULL
                        ? Py_NewRef(name->key)
                        : make_lower(first_bytes(plain->lines[at], plain->name_sizes[at]));
    PyObject *index = key == NULL ? NULL : PyLong_FromSsize_t(at);
    int failed = -1;
    if (index != NULL) {
        PyObject *first = PyDict_SetDefault(positions, key, index);
        if (first != NULL) {
            failed = first == index ? 0 : note_repeated(repeated, key, first, index);
        }
    }
    Py_XDECREF(index);
    Py_XDECREF(key);
    return failed;
}

static int
put_positions(const Class *class, PyObject *message, const Plain *plain)
{
    PyObject *repeated = NULL;
    PyObject *positions = PyDict_New();
    for (Py_ssize_t at = 1; positions != NULL && at < plain->line_count; at++) {
        if (note_position(plain, at, positions, &repeated) < 0) {
            Py_CLEAR(positions);
        }
    }
    if (put(class, message, POSITIONS, positions) < 0) {
        Py_XDECREF(repeated);
        return -1;
    }
    return put(class, message, REPEATED, repeated != NULL ? repeated : Py_NewRef(Py_None));
}

static PyObject *
make_via(const Reader *reader, const Plain *plain)
{
    const Class *class = &reader->via;
    PyObject *via = make_object(class);
    if (via == NULL) {
        return NULL;
    }
    if (put(class, via, VIA_RAW, make_bytes(plain->values[VIA])) < 0
        || put(class, via, TRANSPORT, Py_NewRef(reader->transports[plain->transport])) < 0
        || put(class, via, SENT_BY, make_bytes(plain->sent_by)) < 0
        || put(class, via, VIA_HOST, make_lower(plain->host)) < 0
        || put(class, via, PORT, make_number_or_none(plain->port, plain->port > 0)) < 0
        || put(class, via, BRANCH, make_bytes(plain->branch)) < 0
        || put(class, via, HAS_RPORT, PyBool_FromLong(plain->has_rport)) < 0
        || put(class, via, RPORT, make_number_or_none(plain->rport, plain->rport > 0)) < 0
        || put(class, via, RECEIVED, make_bytes(plain->received)) < 0
        || put(class, via, MADDR, make_bytes(plain->maddr)) < 0) {
        Py_DECREF(via);
        return NULL;
    }
    return via;
}

static int
put_start_line(const Class *class, PyObject *message, const Plain *plain)
{
    if (!plain->is_request) {
        return put(class, message, FIRST, PyLong_FromLong(plain->status)) < 0
                       || put(class, message, SECOND, make_bytes(plain->phrase)) < 0
                       || put(class, message, CSEQ_METHOD, make_bytes(plain->cseq_method)) < 0
                   ? -1
                   : 0;
    }
    PyObject *method = make_bytes(plain->method);
    if (method == NULL || put(class, message, CSEQ_METHOD, Py_NewRef(method)) < 0) {
        Py_XDECREF(method);
        return -1;
    }
    int has_max_forwards = plain->values[MAX_FORWARDS_LINE].at != NULL;
    return put(class, message, FIRST, method) < 0
                   || put(class, message, SECOND, make_bytes(plain->uri)) < 0
                   || put(class, message, THIRD,
                          make_number_or_none(plain->max_forwards, has_max_forwards)) < 0
               ? -1
               : 0;
}

static PyObject *
make_message(const Reader *reader, const Plain *plain, PyObject *raw)
{
    const Class *class = plain->is_request ? &reader->request : &reader->response;
    PyObject *message = make_object(class);
    if (message == NULL) {
        return NULL;
    }
    if (put(class, message, RAW, Py_NewRef(raw)) < 0
        || put(class, message, LINES, make_lines(plain)) < 0
        || put(class, message, BODY, make_bytes(plain->body)) < 0
        || put(class, message, CALL_ID_SLOT, make_bytes(plain->values[CALL_ID])) < 0
        || put(class, message, CSEQ_NUMBER, PyLong_FromUnsignedLongLong(plain->cseq_number)) < 0
        || put(class, message, FROM_TAG, make_bytes(plain->from_tag)) < 0
        || put(class, message, TO_TAG, make_bytes(plain->to_tag)) < 0
        || put(class, message, VIA_SLOT, make_via(reader, plain)) < 0
        || put(class, message, VIA_INDEX, PyLong_FromSsize_t(plain->via_index)) < 0
        || put_start_line(class, message, plain) < 0
        || put_positions(class, message, plain) < 0) {
        Py_DECREF(message);
        return NULL;
    }
    return message;
}

static PyObject *
read_plain(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    const Reader *reader = PyCapsule_GetPointer(self, NULL);
    Py_ssize_t numbers[4];
    Plain plain;
    if (reader == NULL) {
        return NULL;
    }
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "a message and four limits are needed");
        return NULL;
    }
    if (!PyBytes_CheckExact(args[0])) {
        Py_RETURN_NONE;
    }
    for (int i = 0; i < 4; i++) {
        numbers[i] = PyLong_AsSsize_t(args[i + 1]);
        if (numbers[i] == -1 && PyErr_Occurred()) { /* larger than any message, or no number */
            PyErr_Clear();
            Py_RETURN_NONE;
        }
    }
    Limits limits = {numbers[0], numbers[1], numbers[2], numbers[3]};
    Span raw = {(const unsigned char *)PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0])};
    if (!look(reader, &plain, raw, &limits)) {
        Py_RETURN_NONE;
    }
    return make_message(reader, &plain, args[0]);
}

/* ---- Answering without a message object ---- */

/* Bytes that are put together in one go: first counted, then copied. */
typedef struct {
    char *to; /* NULL: they are counted */
    Py_ssize_t size;
} Sink;

static void
append(Sink *sink, const void *from, Py_ssize_t size)
{
    if (sink->to != NULL) {
        memcpy(sink->to + sink->size, from, (size_t)size);
    }
    sink->size += size;
}

static void
append_line(Sink *sink, Span line)
{
    append(sink, "\r\n", 2);
    append(sink, line.at, line.size);
}

static Py_ssize_t
find_role(const Plain *plain, int role, Py_ssize_t from)
{
    while (from < plain->line_count
           && (plain->names[from] == NULL || plain->names[from]->role != role)) {
        from++;
    }
    return from;
}

/* Where the topmost Via's request came from, as it is written there: RFC 3581 §4. */
typedef struct {
    char rport[16];
    Span host;
} Stamp;

static void
append_stamped(Sink *sink, const Plain *plain, const Stamp *stamp)
{
    Span line = plain->lines[plain->via_index];
    Span value = plain->values[VIA];
    Py_ssize_t middle = plain->rport_param.at + plain->rport_param.size - line.at;
    Py_ssize_t end = value.at + value.size - line.at;
    append_line(sink, first_bytes(line, middle));
    append(sink, stamp->rport, (Py_ssize_t)strlen(stamp->rport));
    append(sink, line.at + middle, end - middle);
    append(sink, ";received=", 10);
    append(sink, stamp->host.at, stamp->host.size);
    append(sink, line.at + end, line.size - end);
}

/* The status line, all Via with the topmost one stamped, From and To. */
static void
append_head(Sink *sink, const Plain *plain, Span status_line, const Stamp *stamp)
{
    append(sink, status_line.at, status_line.size);
    for (Py_ssize_t i = find_role(plain, VIA, 1); i < plain->line_count;
         i = find_role(plain, VIA, i + 1)) {
        if (i == plain->via_index && plain->has_rport) {
            append_stamped(sink, plain, stamp);
        } else {
            append_line(sink, plain->lines[i]);
        }
    }
    append_line(sink, plain->lines[find_role(plain, FROM, 1)]);
    append_line(sink, plain->lines[find_role(plain, TO, 1)]);
}

static void
append_tail(Sink *sink, const Plain *plain)
{
    append_line(sink, plain->lines[find_role(plain, CALL_ID, 1)]);
    append_line(sink, plain->lines[find_role(plain, CSEQ, 1)]);
    append(sink, "\r\n", 2);
}

/* Whether its answer goes back to where it came from, as far as can be told at a glance. */
static int
is_answered_there(const Plain *plain, Span host, uint64_t port, int is_forced)
{
    if (plain->received.at != NULL || plain->maddr.at != NULL) {
        return 0;
    }
    if (plain->has_rport) {
        return plain->rport == 0;
    }
    if (is_forced || plain->transport != UDP || plain->host.size != host.size) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < host.size; i++) {
        if (lower(plain->host.at[i]) != host.at[i]) {
            return 0;
        }
    }
    return port == (plain->port > 0 ? plain->port : DEFAULT_PORT);
}

static PyObject *
make_answer(const Plain *plain, Span status_line, const Stamp *stamp)
{
    Sink head = {NULL, 0}, tail = {NULL, 0};
    append_head(&head, plain, status_line, stamp);
    append_tail(&tail, plain);
    PyObject *head_bytes = PyBytes_FromStringAndSize(NULL, head.size);
    PyObject *tail_bytes = PyBytes_FromStringAndSize(NULL, tail.size);
    PyObject *branch = make_bytes(plain->branch);
    PyObject *sent_by = make_bytes(plain->sent_by);
    PyObject *answer = NULL;
    if (head_bytes != NULL && tail_bytes != NULL && branch != NULL && sent_by != NULL) {
        head = (Sink){PyBytes_AS_STRING(head_bytes), 0};
        tail = (Sink){PyBytes_AS_STRING(tail_bytes), 0};
        append_head(&head, plain, status_line, stamp);
        append_tail(&tail, plain);
        answer = PyTuple_Pack(4, branch, sent_by, head_bytes, tail_bytes);
    }
    Py_XDECREF(head_bytes);
    Py_XDECREF(tail_bytes);
    Py_XDECREF(branch);
    Py_XDECREF(sent_by);
    return answer;
}

static PyObject *
answer_plain(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    const Reader *reader = PyCapsule_GetPointer(self, NULL);
    Py_ssize_t numbers[6];
    Plain plain;
    if (reader == NULL) {
        return NULL;
    }
    if (count != 10) {
        PyErr_SetString(PyExc_TypeError, "ten arguments are needed");
        return NULL;
    }
    for (int i = 0; i < 4; i++) {
        if (!PyBytes_CheckExact(args[i])) {
            Py_RETURN_NONE;
        }
    }
    for (int i = 0; i < 6; i++) {
        numbers[i] = PyLong_AsSsize_t(args[i + 4]);
        if (numbers[i] == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            Py_RETURN_NONE;
        }
    }
    Span raw = {(const unsigned char *)PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0])};
    Span status_line = {(const unsigned char *)PyBytes_AS_STRING(args[2]),
                        PyBytes_GET_SIZE(args[2])};
    Span host = {(const unsigned char *)PyBytes_AS_STRING(args[3]), PyBytes_GET_SIZE(args[3])};
    Limits limits = {numbers[2], numbers[3], numbers[4], numbers[5]};
    if (numbers[0] < 0 || numbers[0] > MAX_PORT
        || !look(reader, &plain, raw, &limits) || !plain.is_request || plain.to_tag.size > 0
        || !equals(plain.method, PyBytes_AS_STRING(args[1]))
        || !starts_with(plain.branch, COOKIE) || equals(plain.branch, COOKIE)
        || !is_answered_there(&plain, host, (uint64_t)numbers[0], numbers[1] != 0)) {
        Py_RETURN_NONE;
    }
    Stamp stamp = {.host = host};
    snprintf(stamp.rport, sizeof stamp.rport, "=%d", (int)numbers[0]);
    return make_answer(&plain, status_line, &stamp);
}

/* ---- Building a reader ---- */

static void
clear_class(Class *class)
{
    for (int i = 0; i < MAX_SLOTS; i++) {
        Py_CLEAR(class->names[i]);
    }
    Py_CLEAR(class->type);
}

static void
free_reader(Reader *reader)
{
    for (size_t i = 0; reader->names != NULL && i <= reader->mask; i++) {
        Py_CLEAR(reader->names[i].spelling);
        Py_CLEAR(reader->names[i].key);
    }
    PyMem_Free(reader->names);
    for (int i = 0; i < TRANSPORTS; i++) {
        Py_CLEAR(reader->transports[i]);
    }
    clear_class(&reader->request);
    clear_class(&reader->response);
    clear_class(&reader->via);
    PyMem_Free(reader);
}

static void
free_capsule(PyObject *capsule)
{
    Reader *reader = PyCapsule_GetPointer(capsule, NULL);
    if (reader != NULL) {
        free_reader(reader);
    }
}

/* The place of a slot in the objects of this class; -1 if it has to be set as an attribute. */
static Py_ssize_t
find_offset(PyTypeObject *type, PyObject *name)
{
    PyObject *found = PyObject_GetAttr((PyObject *)type, name);
    Py_ssize_t offset = -1;
    if (found == NULL) {
        PyErr_Clear(); /* an object's own attribute, not a slot */
        return -1;
    }
    if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        const PyMemberDescrObject *descriptor = (const PyMemberDescrObject *)found;
        if (descriptor->d_member->type == T_OBJECT_EX && !(descriptor->d_member->flags & READONLY)
            && PyType_IsSubtype(type, PyDescr_TYPE(descriptor))) {
            offset = descriptor->d_member->offset;
        }
    }
    Py_DECREF(found);
    return offset;
}

static int
learn_class(Class *class, PyObject *type, const char *const *slots)
{
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "a class is needed");
        return -1;
    }
    class->type = (PyTypeObject *)Py_NewRef(type);
    class->is_direct = class->type->tp_new == PyBaseObject_Type.tp_new
                       && class->type->tp_init == PyBaseObject_Type.tp_init;
    for (int i = 0; slots[i] != NULL; i++) {
        class->names[i] = PyUnicode_InternFromString(slots[i]);
        if (class->names[i] == NULL) {
            return -1;
        }
        class->offsets[i] = find_offset(class->type, class->names[i]);
        class->is_direct = class->is_direct && class->offsets[i] > 0;
    }
    return 0;
}

static int
learn_names(Reader *reader, PyObject *keys)
{
    PyObject *spelling, *key;
    Py_ssize_t at = 0;
    size_t places = 64;
    while (places < 4 * (size_t)PyDict_GET_SIZE(keys)) {
        places *= 2;
    }
    reader->names = PyMem_Calloc(places, sizeof *reader->names);
    if (reader->names == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    reader->mask = places - 1;
    while (PyDict_Next(keys, &at, &spelling, &key)) {
        if (!PyBytes_CheckExact(spelling) || !PyBytes_CheckExact(key)) {
            PyErr_SetString(PyExc_TypeError, "names and keys must be bytes");
            return -1;
        }
        Span word = {(const unsigned char *)PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)};
        size_t hash = 0;
        for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(spelling); i++) {
            hash = hash_more(hash, (unsigned char)PyBytes_AS_STRING(spelling)[i]);
        }
        size_t place = hash & reader->mask;
        while (reader->names[place].spelling != NULL) {
            place = (place + 1) & reader->mask;
        }
        Name *name = &reader->names[place];
        name->spelling = Py_NewRef(spelling);
        name->key = Py_NewRef(key);
        for (int role = OTHER + 1; role < ROLES; role++) {
            if (equals(word, role_keys[role])) {
                name->role = role;
            }
        }
    }
    return 0;
}

static int
learn_sets(Reader *reader, PyObject *sets)
{
    for (int i = 0; i < SETS; i++) {
        PyObject *set = PyTuple_GET_ITEM(sets, i);
        if (!PyBytes_CheckExact(set)) {
            PyErr_SetString(PyExc_TypeError, "sets must be bytes");
            return -1;
        }
        for (Py_ssize_t j = 0; j < PyBytes_GET_SIZE(set); j++) {
            reader->sets[(unsigned char)PyBytes_AS_STRING(set)[j]] |= (unsigned char)(1 << i);
        }
    }
    for (int i = 0; i < TRANSPORTS; i++) {
        reader->transports[i] = PyBytes_FromString(transport_names[i]);
        if (reader->transports[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static PyMethodDef read_method = {
    "read_plain", (PyCFunction)(void (*)(void))read_plain, METH_FASTCALL,
    "read_plain(raw, max_message_bytes, max_headers, max_header_bytes, max_vias)\n\n"
    "The message, or None if it is not plain; never raises for what a peer sent.",
};

static PyMethodDef answer_method = {
    "answer_plain", (PyCFunction)(void (*)(void))answer_plain, METH_FASTCALL,
    "answer_plain(raw, method, status_line, host, port, force_rport, *limits as read_plain)\n\n"
    "(branch, sent_by, head, tail) of an answer, or None; see plain.py.",
};

static PyObject *
build_reader(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *request, *response, *via, *keys, *sets;
    if (!PyArg_ParseTuple(args, "OOOO!O!:build_reader", &request, &response, &via, &PyDict_Type,
                          &keys, &PyTuple_Type, &sets)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(sets) != SETS) {
        PyErr_Format(PyExc_TypeError, "%d sets are needed", SETS);
        return NULL;
    }
    Reader *reader = PyMem_Calloc(1, sizeof *reader);
    if (reader == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *capsule = NULL;
    if (learn_class(&reader->request, request, request_slots) < 0
        || learn_class(&reader->response, response, response_slots) < 0
        || learn_class(&reader->via, via, via_slots) < 0 || learn_names(reader, keys) < 0
        || learn_sets(reader, sets) < 0
        || (capsule = PyCapsule_New(reader, NULL, free_capsule)) == NULL) {
        free_reader(reader);
        return NULL;
    }
    PyObject *read = PyCFunction_New(&read_method, capsule);
    Py_DECREF(capsule);
    return read;
}

static PyObject *
build_answerer(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *keys, *sets;
    if (!PyArg_ParseTuple(args, "O!O!:build_answerer", &PyDict_Type, &keys, &PyTuple_Type, &sets)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(sets) != SETS) {
        PyErr_Format(PyExc_TypeError, "%d sets are needed", SETS);
        return NULL;
    }
    Reader *reader = PyMem_Calloc(1, sizeof *reader); /* it makes no objects: no classes */
    if (reader == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *capsule = NULL;
    if (learn_names(reader, keys) < 0 || learn_sets(reader, sets) < 0
        || (capsule = PyCapsule_New(reader, NULL, free_capsule)) == NULL) {
        free_reader(reader);
        return NULL;
    }
    PyObject *answer = PyCFunction_New(&answer_method, capsule);
    Py_DECREF(capsule);
    return answer;
}

static PyMethodDef methods[] = {
    {"build_reader", build_reader, METH_VARARGS,
     "build_reader(request_class, response_class, via_class, keys, sets)\n\n"
     "A function that reads plain messages into objects of these classes."},
    {"build_answerer", build_answerer, METH_VARARGS,
     "build_answerer(keys, sets)\n\n"
     "A function that answers plain requests without making objects of them."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_plain",
    .m_doc = "Messages in their plain form, read in C; see plain.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__plain(void)
{
    return PyModuleDef_Init(&module);
}
