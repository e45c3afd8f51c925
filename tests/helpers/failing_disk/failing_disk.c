/* A file layer that fails or kills the process at the n-th change of a directory.
 *
 * Loaded with LD_PRELOAD, it stands between a process and the C library. It counts every operation that changes
 * something under one directory: opening for writing, writing, syncing, renaming, making and removing. The n-th one
 * fails with an error number, or kills the process. Python, Rust (safetensors) and C++ (torch) go through it alike.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#define KILL 0
#define MOST_OPERATIONS 20000

static char under[PATH_MAX];
static long nth, seen;
static int how, from_then_on;
static char *operations[MOST_OPERATIONS];

/* Watch a directory. `error`: an error number, or 0 to be killed. `at` = 0 only counts. */
void failing_disk(const char *directory, long at, int error, int sticky) {
    strncpy(under, directory, sizeof under - 1);
    nth = at, seen = 0, how = error, from_then_on = sticky;
}

/* Watch nothing any more; the operations seen so far can still be read. */
void failing_disk_end(void) { under[0] = 0; }

long failing_disk_seen(void) { return seen; }

const char *failing_disk_operation(long number) { return operations[number]; }

static int fails(const char *operation, const char *path) {
    if (!under[0] || strncmp(path, under, strlen(under)) != 0)
        return 0;
    long number = __sync_add_and_fetch(&seen, 1);
    if (!nth && number < MOST_OPERATIONS) {
        char text[PATH_MAX + 32];
        snprintf(text, sizeof text, "%s %s", operation, path + strlen(under));
        operations[number] = strdup(text);
    }
    if (!nth || !(number == nth || (from_then_on && number > nth)))
        return 0;
    if (how == KILL)
        kill(getpid(), SIGKILL);
    errno = how;
    return 1;
}

static int fails_at(const char *operation, int directory, const char *path) {
    char whole[2 * PATH_MAX], base[PATH_MAX] = "", link[64];
    if (!under[0] || !path)
        return 0;
    if (path[0] == '/')
        return fails(operation, path);
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base))
            return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0)
            return 0;
        base[length] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return fails(operation, whole);
}

static int fails_on(const char *operation, int descriptor) {
    char link[64], path[PATH_MAX];
    if (!under[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int before = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(operation, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        if (flags & (O_WRONLY | O_RDWR | O_CREAT) && fails_at("open", AT_FDCWD, path))                                 \
            return -1;                                                                                                 \
        return NEXT(name)(path, flags, mode);                                                                          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        if (flags & (O_WRONLY | O_RDWR | O_CREAT) && fails_at("open", directory, path))                                \
            return -1;                                                                                                 \
        return NEXT(name)(directory, path, flags, mode);                                                               \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                                                    \
    FILE *name(const char *path, const char *mode) {                                                                   \
        if (strpbrk(mode, "wa+") && fails_at("open", AT_FDCWD, path))                                                  \
            return NULL;                                                                                               \
        return NEXT(name)(path, mode);                                                                                 \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* What writes through a descriptor: the parameters, and how they are passed on. */
#define ON_DESCRIPTOR(type, operation, name, parameters, arguments)                                                    \
    type name parameters {                                                                                             \
        if (fails_on(operation, descriptor))                                                                           \
            return -1;                                                                                                 \
        return NEXT(name) arguments;                                                                                   \
    }
ON_DESCRIPTOR(ssize_t, "write", write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, "write", pwrite, (int descriptor, const void *data, size_t size, off_t offset),
              (descriptor, data, size, offset))
ON_DESCRIPTOR(ssize_t, "write", pwrite64, (int descriptor, const void *data, size_t size, off64_t offset),
              (descriptor, data, size, offset))
ON_DESCRIPTOR(ssize_t, "write", writev, (int descriptor, const struct iovec *data, int count),
              (descriptor, data, count))
ON_DESCRIPTOR(ssize_t, "write", sendfile, (int descriptor, int from, off_t *offset, size_t size),
              (descriptor, from, offset, size))
ON_DESCRIPTOR(ssize_t, "write", sendfile64, (int descriptor, int from, off64_t *offset, size_t size),
              (descriptor, from, offset, size))
ON_DESCRIPTOR(int, "sync", fsync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, "sync", fdatasync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, "truncate", ftruncate, (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, "truncate", ftruncate64, (int descriptor, off64_t size), (descriptor, size))

#define RESERVE(name, offset_type)                                                                                     \
    int name(int descriptor, offset_type offset, offset_type size) {                                                   \
        return fails_on("reserve", descriptor) ? how : NEXT(name)(descriptor, offset, size);                           \
    }
RESERVE(posix_fallocate, off_t)
RESERVE(posix_fallocate64, off64_t)

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    if (fails_on("write", fileno(file)))
        return 0;
    return NEXT(fwrite)(data, size, count, file);
}

/* What names a path. */
#define ON_PATH(operation, name, parameters, arguments)                                                                \
    int name parameters {                                                                                              \
        if (fails_at(operation, AT_FDCWD, path))                                                                       \
            return -1;                                                                                                 \
        return NEXT(name) arguments;                                                                                   \
    }
#define AT_PATH(operation, name, parameters, arguments)                                                                \
    int name parameters {                                                                                              \
        if (fails_at(operation, directory, path))                                                                      \
            return -1;                                                                                                 \
        return NEXT(name) arguments;                                                                                   \
    }
ON_PATH("rename", rename, (const char *path, const char *to), (path, to))
ON_PATH("mkdir", mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH("remove", unlink, (const char *path), (path))
ON_PATH("remove", rmdir, (const char *path), (path))
AT_PATH("rename", renameat, (int directory, const char *path, int to_directory, const char *to),
        (directory, path, to_directory, to))
AT_PATH("rename", renameat2, (int directory, const char *path, int to_directory, const char *to, unsigned flags),
        (directory, path, to_directory, to, flags))
AT_PATH("mkdir", mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode))
AT_PATH("remove", unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
