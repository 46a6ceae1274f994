/*
 * Stands under libc and plays disks and clocks with other habits, by the words in $HABITS and in the file
 * $HABITS_FILE, which may change at any time. Of files, only those that the server stages are touched:
 *
 *   CALL-ERROR   fails so, such as fsync-EIO; CALL: open, write, fsync, close, link, rename, sync-directory, write-lock
 *   hang-rename  a rename comes to its end only without this word
 *   hang-look    to look at a file named *.data comes to its end only without this word
 *   slow-look    to look at a file named *.data takes 350 milliseconds
 *   short-writes writes half of what it is given
 *   unknown-types directories tell no types of files
 *   clock+N, clock-N  the wall clock is N seconds off; the monotonic one never is
 *   network      every file system says that it is NFS
 *   slow-open    opening takes 30 milliseconds
 *   tell         says on standard error which links and renames there are
 *   say-open, say-fsync, say-statfs  says on standard error that there was one, and of what or from which thread
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long kernel(long number, long a, long b, long c, long d, long e, long f) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, a, b, c, d, e, f);
}

/* The word that begins so, or NULL; what stands behind it follows. */
static const char *habit(const char *prefix) {
  static __thread char words[4096];
  const char *all = getenv("HABITS"), *path = getenv("HABITS_FILE");
  int saved = errno;
  size_t n = (size_t)snprintf(words, 2048, " %s ", all ? all : "");
  long fd = path ? kernel(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0) : -1;
  if (fd >= 0) {
    long more = kernel(SYS_read, fd, (long)(words + n), 2000, 0, 0, 0);
    words[n + (more < 0 ? 0 : (size_t)more)] = 0;
    kernel(SYS_close, fd, 0, 0, 0, 0, 0);
  }
  errno = saved;
  char wanted[64];
  snprintf(wanted, sizeof wanted, " %s", prefix);
  const char *found = strstr(words, wanted);
  return found ? found + strlen(wanted) : NULL;
}

static const struct { const char *name; int number; } ERRORS[] = {
  {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"ENOSPC", ENOSPC}, {"EPERM", EPERM}, {"EINVAL", EINVAL}, {"EMFILE", EMFILE},
};
/* Whether a call is to fail; then errno says how. */
static int fails(const char *call) {
  const char *name = habit(call);
  for (size_t i = 0; name && *name == '-' && i < sizeof ERRORS / sizeof *ERRORS; i++) {
    if (strncmp(name + 1, ERRORS[i].name, strlen(ERRORS[i].name))) continue;
    errno = ERRORS[i].number;
    return 1;
  }
  return 0;
}

static void say(const char *habit_name, const char *what) {
  if (habit(habit_name) && kernel(SYS_write, 2, (long)what, strlen(what), 0, 0, 0) < 0) abort();
}
static void tell(const char *what) { say("tell", what); }
static int is_staged(const char *path) { return strstr(path, "/.tentacle.") != NULL; }
static int is_lock(const char *path) { return strstr(path, "/.tentacle.lock.") != NULL; }
static const char *path_of(int fd) {
  static __thread char path[4096];
  char link[64];
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n < 0 ? 0 : n] = 0;
  errno = saved;
  return path;
}
static int write_fails(int fd) {
  if (fd <= 2) return 0;
  const char *path = path_of(fd);
  return is_staged(path) && (fails("write") || (is_lock(path) && fails("write-lock")));
}
/* How much of so many bytes is written. */
static size_t part(int fd, size_t n) { return n > 1 && fd > 2 && habit("short-writes") && is_staged(path_of(fd)) ? n / 2 : n; }

static int opened(const char *name, int directory, const char *path, long flags, long mode) {
  if (is_staged(path) && fails("open")) return -1;
  if (is_staged(path) && habit("slow-open")) usleep(30000);
  if (is_staged(path)) say("say-open", gettid() == getpid() ? "opened at once\n" : "opened in a thread\n");
  return (int)kernel(SYS_openat, directory, (long)path, flags, mode, 0, 0);
}
#define MODE_OF(flags) va_list list; va_start(list, flags); long mode = va_arg(list, long); va_end(list);
int open(const char *path, int flags, ...) { MODE_OF(flags) return opened("open", AT_FDCWD, path, flags, mode & 07777); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return opened("open", AT_FDCWD, path, flags, mode & 07777); }

ssize_t write(int fd, const void *bytes, size_t n) {
  return write_fails(fd) ? -1 : kernel(SYS_write, fd, (long)bytes, part(fd, n), 0, 0, 0);
}
static ssize_t written_at(int fd, const void *bytes, size_t n, off64_t at) {
  return write_fails(fd) ? -1 : kernel(SYS_pwrite64, fd, (long)bytes, part(fd, n), at, 0, 0);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return written_at(fd, bytes, n, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return written_at(fd, bytes, n, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_fails(fd) ? -1 : kernel(SYS_writev, fd, (long)parts, count, 0, 0, 0);
}

static int sync_fails(int fd) {
  struct stat s;
  if (fstat(fd, &s)) return 0;
  say("say-fsync", S_ISDIR(s.st_mode) ? "fsync of a directory\n" : "fsync of a file\n");
  return S_ISDIR(s.st_mode) ? fails("sync-directory") : is_staged(path_of(fd)) && fails("fsync");
}
int fsync(int fd) { return sync_fails(fd) ? -1 : (int)kernel(SYS_fsync, fd, 0, 0, 0, 0, 0); }
int fdatasync(int fd) { return sync_fails(fd) ? -1 : (int)kernel(SYS_fdatasync, fd, 0, 0, 0, 0, 0); }

/* As the kernel does it: the descriptor is closed, whatever it says. */
static int closed(int fd) {
  int failing = fd > 2 && is_staged(path_of(fd)) && fails("close");
  int error = errno;
  long result = kernel(SYS_close, fd, 0, 0, 0, 0, 0);
  if (!failing) return (int)result;
  errno = error;
  return -1;
}
int close(int fd) { return closed(fd); }

static void look(const char *path) {
  size_t n = path ? strlen(path) : 0;
  if (n <= 5 || strcmp(path + n - 5, ".data")) return;
  if (habit("slow-look")) usleep(350000);
  while (habit("hang-look")) usleep(10000);
}
int statx(int directory, const char *path, int flags, unsigned mask, struct statx *found) {
  look(path);
  return (int)kernel(SYS_statx, directory, (long)path, flags, mask, (long)found, 0);
}
/* libuv closes files so, and looks at them. */
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_statx) look((const char *)a[1]);
  return number == SYS_close ? closed((int)a[0]) : kernel(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int link(const char *from, const char *to) {
  tell("link\n");
  return is_staged(from) && fails("link") ? -1 : REAL(link)(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  return is_staged(from) && fails("link") ? -1 : REAL(linkat)(a, from, b, to, flags);
}
int rename(const char *from, const char *to) {
  tell("rename\n");
  while (is_staged(from) && habit("hang-rename")) usleep(10000);
  return is_staged(from) && fails("rename") ? -1 : REAL(rename)(from, to);
}

int statfs64(const char *path, struct statfs64 *facts) {
  int result = REAL(statfs64)(path, facts);
  say("say-statfs", "statfs\n");
  if (!result && habit("network")) facts->f_type = 0x6969;
  return result;
}

struct dirent64 *readdir64(DIR *directory) {
  struct dirent64 *entry = REAL(readdir64)(directory);
  if (entry && habit("unknown-types")) entry->d_type = DT_UNKNOWN;
  return entry;
}
struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); }
int scandir64(const char *path, struct dirent64 ***list, int (*keep)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  int n = REAL(scandir64)(path, list, keep, order);
  for (int i = 0; i < n && habit("unknown-types"); i++) (*list)[i]->d_type = DT_UNKNOWN;
  return n;
}
int scandir(const char *path, struct dirent ***list, int (*keep)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
  return scandir64(path, (struct dirent64 ***)list, (void *)keep, (void *)order);
}

static long seconds_off(void) {
  const char *off = habit("clock");
  return off && (*off == '+' || *off == '-') ? strtol(off, NULL, 10) : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  long result = kernel(SYS_clock_gettime, clock, (long)now, 0, 0, 0, 0);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += seconds_off();
  return (int)result;
}
int gettimeofday(struct timeval *now, void *zone) {
  long result = kernel(SYS_gettimeofday, (long)now, (long)zone, 0, 0, 0, 0);
  if (now) now->tv_sec += seconds_off();
  return (int)result;
}
time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}
