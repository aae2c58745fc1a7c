/* Closures in C: what `wit/closure.wit` asks of a guest, in one header, which one file of a module includes.
 *
 * The file defines `spm_closure`, which reads its arguments in order and writes one result, and says its
 * signature with SPM_SIGNATURE. Values are CBOR, as SPM's value codec has it. A wrong argument is a TypeError;
 * `spm_raise` raises anything else, from anywhere. The instance ends with the task, so nothing has to be freed.
 */
#ifndef SPM_H
#define SPM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Python's exceptions, by the index that stands for them in a record. */
enum spm_exception {
    SPM_ARITHMETIC_ERROR = 2,
    SPM_ASSERTION_ERROR = 3,
    SPM_INDEX_ERROR = 27,
    SPM_KEY_ERROR = 30,
    SPM_LOOKUP_ERROR = 32,
    SPM_MEMORY_ERROR = 33,
    SPM_NOT_IMPLEMENTED_ERROR = 37,
    SPM_OVERFLOW_ERROR = 39,
    SPM_RUNTIME_ERROR = 46,
    SPM_TYPE_ERROR = 56,
    SPM_VALUE_ERROR = 64,
    SPM_ZERO_DIVISION_ERROR = 66,
};

/* Text in UTF-8. It is not terminated: use `length`, and "%.*s" in formats. */
typedef struct {
    const char *bytes;
    size_t length;
} spm_text;

/* Arguments, as far as they are not read. */
typedef struct {
    const uint8_t *at, *end;
    const char *name; /* of the argument that is being read */
} spm_reader;

/* Bytes that grow. */
typedef struct {
    uint8_t *bytes;
    size_t length, room;
} spm_writer;

/* What the file defines. */
void spm_closure(spm_reader *arguments, spm_writer *result);

/* The signature as JSON: name, doc, parameters (pairs of a name and a Python annotation), returns, source. */
#define SPM_QUOTED(...) #__VA_ARGS__
#define SPM_QUOTED_AGAIN(...) SPM_QUOTED(__VA_ARGS__)
#define SPM_SIGNATURE(...)                                       \
    __asm__(".section \".custom_section.spm:signature\",\"\",@\n" \
            ".ascii " SPM_QUOTED_AGAIN(SPM_QUOTED(__VA_ARGS__)) "\n")

/* Ends the task with an exception, whose message is made as by printf, and whose traceback has this line. */
#define spm_raise(exception, ...) spm_raise_at(__FILE__, __LINE__, __func__, exception, __VA_ARGS__)

#define SPM_IMPORT(interface, function) \
    __attribute__((import_module("spm:closure/" interface "@0.1.0"), import_name(function)))
#define SPM_EXPORT(function) __attribute__((export_name(function)))

SPM_IMPORT("fault", "raise") _Noreturn void spm_fault_raise(const void *record, size_t length);
SPM_IMPORT("log", "print") void spm_log_print(const void *text, size_t length);
/* Which task of its run this is, from 0; its seed for random numbers; how to wait. */
SPM_IMPORT("task", "index") uint64_t spm_task_index(void);
SPM_IMPORT("task", "seed") uint64_t spm_task_seed(void);
SPM_IMPORT("task", "sleep") void spm_task_sleep(uint64_t nanoseconds);

/* Writing. A list or dict is followed by its items; a dict by keys and values in turn. */

static inline void spm_put(spm_writer *to, const void *bytes, size_t length) {
    if (to->room - to->length < length) {
        to->room = 2 * to->room + length;
        to->bytes = realloc(to->bytes, to->room);
        if (to->bytes == NULL) __builtin_trap();
    }
    if (length > 0) memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

/* The head of an item: its major type, and a number in the shortest form. */
static inline void spm_put_head(spm_writer *to, unsigned major, uint64_t number) {
    uint8_t bytes[9];
    size_t width = number < 24 ? 0 : number <= UINT8_MAX ? 1 : number <= UINT16_MAX ? 2 : number <= UINT32_MAX ? 4 : 8;
    unsigned low = width == 0 ? (unsigned)number : width == 1 ? 24 : width == 2 ? 25 : width == 4 ? 26 : 27;
    bytes[0] = (uint8_t)(major << 5 | low);
    for (size_t index = 0; index < width; index++) bytes[1 + index] = (uint8_t)(number >> 8 * (width - 1 - index));
    spm_put(to, bytes, 1 + width);
}

static inline void spm_put_none(spm_writer *to) { spm_put(to, "\xf6", 1); }
static inline void spm_put_bool(spm_writer *to, bool value) { spm_put(to, value ? "\xf5" : "\xf4", 1); }
static inline void spm_put_int(spm_writer *to, int64_t value) {
    if (value >= 0) spm_put_head(to, 0, (uint64_t)value);
    else spm_put_head(to, 1, ~(uint64_t)value);
}
static inline void spm_put_float(spm_writer *to, double value) {
    uint64_t bits;
    uint8_t bytes[9] = {0xfb};
    memcpy(&bits, &value, sizeof bits);
    for (int index = 0; index < 8; index++) bytes[1 + index] = (uint8_t)(bits >> 8 * (7 - index));
    spm_put(to, bytes, sizeof bytes);
}
static inline void spm_put_bytes(spm_writer *to, const void *bytes, size_t length) {
    spm_put_head(to, 2, length);
    spm_put(to, bytes, length);
}
static inline void spm_put_text(spm_writer *to, spm_text text) {
    spm_put_head(to, 3, text.length);
    spm_put(to, text.bytes, text.length);
}
static inline void spm_put_str(spm_writer *to, const char *text) {
    spm_put_text(to, (spm_text){text, strlen(text)});
}
static inline void spm_put_list(spm_writer *to, size_t items) { spm_put_head(to, 4, items); }
static inline void spm_put_dict(spm_writer *to, size_t items) { spm_put_head(to, 5, items); }

/* Raising. */

__attribute__((format(printf, 5, 6))) _Noreturn static inline void spm_raise_at(
    const char *file, int line, const char *function, enum spm_exception exception, const char *format, ...) {
    char message[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    spm_writer record = {0};
    spm_put_dict(&record, 3);
    spm_put_int(&record, 0); /* the class */
    spm_put_int(&record, exception);
    spm_put_int(&record, 1); /* args */
    spm_put_list(&record, 1);
    spm_put_str(&record, message);
    spm_put_int(&record, 8); /* one frame: file, line, columns, function, and no source line */
    spm_put_list(&record, 1);
    spm_put_list(&record, 7);
    spm_put_str(&record, file);
    spm_put_int(&record, line);
    spm_put_int(&record, 0);
    spm_put_int(&record, line);
    spm_put_int(&record, 0);
    spm_put_str(&record, function);
    spm_put_str(&record, "");
    spm_fault_raise(record.bytes, record.length);
}

/* Prints on the submitter's standard output; stdio has none here. */
__attribute__((format(printf, 1, 2))) static inline void spm_print(const char *format, ...) {
    char text[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    spm_log_print(text, strlen(text));
}

/* Reading. Each takes the next item, and raises a TypeError if that is something else. */

_Noreturn static inline void spm_unexpected(spm_reader *from, const char *wanted) {
    static const char *const kinds[] = {"an int", "an int", "bytes", "a str", "a list", "a dict", "another type", "a float"};
    unsigned first = from->at < from->end ? *from->at : 0xe0;
    const char *found = first == 0xf6 ? "None" : first == 0xf4 || first == 0xf5 ? "a bool" : kinds[first >> 5];
    spm_raise(SPM_TYPE_ERROR, "argument `%s`: %s was expected, not %s", from->name, wanted, found);
}

static inline const uint8_t *spm_take(spm_reader *from, uint64_t length) {
    if ((uint64_t)(from->end - from->at) < length) spm_raise(SPM_VALUE_ERROR, "the arguments are cut off");
    const uint8_t *taken = from->at;
    from->at += length;
    return taken;
}

static inline uint64_t spm_take_number(spm_reader *from) {
    unsigned low = *spm_take(from, 1) & 31;
    if (low < 24) return low;
    if (low > 27) spm_raise(SPM_VALUE_ERROR, "the arguments are malformed");
    size_t width = (size_t)1 << (low - 24);
    const uint8_t *bytes = spm_take(from, width);
    uint64_t number = 0;
    for (size_t index = 0; index < width; index++) number = number << 8 | bytes[index];
    return number;
}

static inline bool spm_next_is(const spm_reader *from, unsigned major) {
    return from->at < from->end && *from->at >> 5 == major;
}

/* Names the argument that is read next, for messages. */
static inline spm_reader *spm_argument(spm_reader *from, const char *name) {
    from->name = name;
    return from;
}

/* Takes None, if it is next. */
static inline bool spm_take_none(spm_reader *from) {
    bool is_none = from->at < from->end && *from->at == 0xf6;
    from->at += is_none;
    return is_none;
}
static inline bool spm_take_bool(spm_reader *from) {
    if (from->at == from->end || (*from->at != 0xf4 && *from->at != 0xf5)) spm_unexpected(from, "a bool");
    return *from->at++ == 0xf5;
}
static inline int64_t spm_take_int(spm_reader *from) {
    bool is_negative = spm_next_is(from, 1);
    bool is_long = from->at < from->end && (*from->at == 0xc2 || *from->at == 0xc3);
    if (!is_long && !is_negative && !spm_next_is(from, 0)) spm_unexpected(from, "an int");
    uint64_t number = is_long ? UINT64_MAX : spm_take_number(from);
    if (number > INT64_MAX) spm_raise(SPM_OVERFLOW_ERROR, "argument `%s`: an int beyond 64 bits", from->name);
    return is_negative ? -1 - (int64_t)number : (int64_t)number;
}
static inline double spm_take_float(spm_reader *from) {
    if (spm_next_is(from, 0) || spm_next_is(from, 1)) return (double)spm_take_int(from);
    if (from->at == from->end || *from->at != 0xfb) spm_unexpected(from, "a float");
    uint64_t bits = spm_take_number(from);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline spm_text spm_take_text(spm_reader *from) {
    if (!spm_next_is(from, 3)) spm_unexpected(from, "a str");
    uint64_t length = spm_take_number(from);
    return (spm_text){(const char *)spm_take(from, length), (size_t)length};
}
static inline spm_text spm_take_bytes(spm_reader *from) {
    if (!spm_next_is(from, 2)) spm_unexpected(from, "bytes");
    uint64_t length = spm_take_number(from);
    return (spm_text){(const char *)spm_take(from, length), (size_t)length};
}
/* How many items follow, of a list or a tuple. Each has a byte at least, so they are no more than those that are left. */
static inline size_t spm_take_list(spm_reader *from) {
    static const uint8_t tuple[] = {0xd9, 0xb1, 0x00};
    if (from->end - from->at > 3 && memcmp(from->at, tuple, sizeof tuple) == 0) from->at += sizeof tuple;
    if (!spm_next_is(from, 4)) spm_unexpected(from, "a list");
    uint64_t items = spm_take_number(from);
    if (items > (uint64_t)(from->end - from->at)) spm_raise(SPM_VALUE_ERROR, "the arguments are cut off");
    return (size_t)items;
}
/* How many keys, each with its value, follow. */
static inline size_t spm_take_dict(spm_reader *from) {
    if (!spm_next_is(from, 5)) spm_unexpected(from, "a dict");
    uint64_t items = spm_take_number(from);
    if (items > (uint64_t)(from->end - from->at)) spm_raise(SPM_VALUE_ERROR, "the arguments are cut off");
    return (size_t)items;
}

/* What hosts call, by the canonical ABI: a result is a tag, 0 for ok, and a list of bytes. */

typedef struct {
    uint8_t is_error;
    const uint8_t *bytes;
    size_t length;
} spm_result;

SPM_EXPORT("cabi_realloc") void *spm_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size;
    if (size == 0) return (void *)align;
    void *made = realloc(old, size);
    if (made == NULL) __builtin_trap();
    return made;
}

SPM_EXPORT("define") const spm_result *spm_define(const uint8_t *payload, size_t length) {
    static const spm_result defined;
    (void)payload, (void)length; /* which classes the submitter knows: C has none */
    return &defined;
}

SPM_EXPORT("call") const spm_result *spm_call(const uint8_t *arguments, size_t length) {
    static spm_result returned;
    spm_reader reader = {arguments, arguments + length, "arguments"};
    spm_writer writer = {0};
    spm_take_list(&reader);
    spm_closure(&reader, &writer);
    returned = (spm_result){0, writer.bytes, writer.length};
    return &returned;
}

#endif
