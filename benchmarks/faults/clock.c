/* A clock of the day that is off by what the file named by FAULT_CLOCK says: eight bytes, seconds.
 * The file may change while the process runs: then the clock jumps, as when somebody sets it. The
 * monotonic clock goes on, as the kernel's does. (libfaketime can't leave that one alone: Python's
 * time.sleep then fails with EINVAL.)
 *
 * cc -shared -fPIC -O2 -o clock.so clock.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *off;

static int64_t offset(void) {
    if (off == NULL) {
        static const int64_t none = 0;
        const char *path = getenv("FAULT_CLOCK");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        off = found == MAP_FAILED ? &none : found;
    }
    return *off;
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int failed = (int)syscall(SYS_clock_gettime, id, t);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += offset();
    return failed;
}

int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *t, int base) {
    if (base != TIME_UTC) return 0;
    clock_gettime(CLOCK_REALTIME, t);
    return base;
}

/* Times that a caller has made out of the clock above, for the kernel. A monotonic one is smaller
 * than a billion seconds. */
static struct timespec back(const struct timespec *t) {
    struct timespec real = *t;
    if (real.tv_sec > 1000000000) real.tv_sec -= offset();
    return real;
}

#define NEXT(name, version) \
    static __typeof__(name) *next; \
    if (next == NULL) { \
        next = (__typeof__(name) *)dlvsym(RTLD_NEXT, #name, version); \
        if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
    }

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t) {
    NEXT(pthread_cond_timedwait, "GLIBC_2.3.2")
    struct timespec real = back(t);
    return next(c, m, &real);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *t) {
    NEXT(pthread_mutex_timedlock, "GLIBC_2.34")
    struct timespec real = back(t);
    return next(m, &real);
}

int sem_timedwait(sem_t *s, const struct timespec *t) {
    NEXT(sem_timedwait, "GLIBC_2.34")
    struct timespec real = back(t);
    return next(s, &real);
}
