/**
 * A hostile crowd: opens connections to 127.0.0.1, keeps them, and opens another for each that is closed.
 *
 *   flood PORT COUNT PER_SECOND FILE once|again [drip]
 *
 * At most PER_SECOND are opened a second. Each says the bytes of FILE and then nothing; with `drip` one byte of them
 * every three seconds. `again`: whatever is closed is opened anew. Prints "all" when COUNT have been opened, and at the
 * end of its standard input {"opened": .., "closed": .., "open": .., "failed": ..}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 32768, EVENTS = 512, TICK_MS = 10, DRIP_SECONDS = 3, SPARE_FILES = 64 };

static struct sockaddr_in server = {.sin_family = AF_INET};
static char words[65536];
static size_t length;
static int again, drip, poller;
static struct connection {
  int fd;
  size_t said;
  double due;
} crowd[MOST];
static int idle[MOST], idles; /* those to be opened */
static long opened, closed, failed;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void over(int index) {
  close(crowd[index].fd);
  crowd[index].fd = -1;
  if (again) idle[idles++] = index;
}

static void say(int index) {
  struct connection *one = &crowd[index];
  if (length == 0) return;
  const char *from = words + one->said % length;
  ssize_t done = send(one->fd, from, drip ? 1 : length, MSG_NOSIGNAL);
  if (done > 0) one->said += (size_t)done;
  one->due = now() + DRIP_SECONDS;
}

static int start(int index) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u32 = (unsigned)index};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed++, -1;
  if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    close(fd);
    return failed++, -1;
  }
  crowd[index] = (struct connection){.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  opened++;
  return 0;
}

/* Reads and forgets. */
static void hear(const struct epoll_event *event) {
  int index = (int)event->data.u32;
  static char heard[65536];
  ssize_t count;
  if (crowd[index].fd < 0) return;
  if ((event->events & EPOLLOUT) != 0 && crowd[index].said == 0 && (event->events & (EPOLLERR | EPOLLHUP)) == 0)
    say(index);
  while ((count = recv(crowd[index].fd, heard, sizeof heard, 0)) > 0) continue;
  if (count < 0 && errno == EAGAIN) return;
  closed++;
  over(index);
}

static void allow_files(rlim_t needed) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur >= needed) return;
  if (files.rlim_max < needed) {
    files.rlim_max = needed; /* root may */
  }
  files.rlim_cur = needed;
  if (setrlimit(RLIMIT_NOFILE, &files) == 0) return;
  fprintf(stderr, "flood: %ld open files are needed: raise the hard limit (ulimit -Hn)\n", (long)needed);
  exit(2);
}

static int input_is_over(void) {
  char byte;
  return read(0, &byte, 1) == 0;
}

static void read_words(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(2);
  length = fread(words, 1, sizeof words, file);
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fputs("usage: flood PORT COUNT PER_SECOND FILE once|again [drip]\n", stderr);
    return 2;
  }
  int count = atoi(argv[2]), told = 0;
  double rate = atof(argv[3]), tokens = 0, last = now();
  if (count > MOST) return 2;
  server.sin_port = htons((unsigned short)atoi(argv[1]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  read_words(argv[4]);
  again = strcmp(argv[5], "again") == 0;
  drip = argc > 6;
  allow_files((rlim_t)count + SPARE_FILES);
  fcntl(0, F_SETFL, O_NONBLOCK);
  poller = epoll_create1(EPOLL_CLOEXEC);
  while (idles < count) {
    crowd[idles].fd = -1;
    idle[idles] = idles;
    idles++;
  }
  while (!input_is_over()) {
    struct epoll_event events[EVENTS];
    int news = epoll_wait(poller, events, EVENTS, TICK_MS);
    for (int index = 0; index < news; index++) hear(&events[index]);
    double time = now();
    tokens += (time - last) * rate;
    if (tokens > rate / 10) tokens = rate / 10;
    last = time;
    for (; idles > 0 && tokens >= 1; tokens--, idles--)
      if (start(idle[idles - 1]) != 0) break;
    for (int index = 0; drip && index < count; index++)
      if (crowd[index].fd >= 0 && crowd[index].said > 0 && crowd[index].due < time) say(index);
    if (!told && opened >= count) told = puts("all") && fflush(stdout) == 0;
  }
  int open = 0;
  for (int index = 0; index < count; index++) open += crowd[index].fd >= 0;
  printf("{\"opened\": %ld, \"closed\": %ld, \"open\": %d, \"failed\": %ld}\n", opened, closed, open, failed);
  return 0;
}
