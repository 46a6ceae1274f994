/**
 * Does a receiver's bare work, without checks and without a log: the yardstick for what a server adds to it.
 *
 *   receiver PORT THREADS [DIRECTORY [fsync]]
 *
 * Without DIRECTORY files are thrown away: the fastest upstream that a relay can be measured with. With it a file is
 * written under another name and renamed; with `fsync` its bytes and its name are on the disk before the answer. Each
 * thread serves one connection at a time and waits wherever there is something to wait for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, LINE = 1024, NAME = 256, STACK = 512 * 1024 };

static int listener, directory = -1, must_sync;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int answer(int peer, const char *text) {
  return send(peer, text, strlen(text), MSG_NOSIGNAL) > 0;
}

/* Discards a file, which TCP does without copying it. */
static int discard(int peer, long long left) {
  while (left > 0) {
    ssize_t got = recv(peer, NULL, left < (1 << 30) ? (size_t)left : 1 << 30, MSG_TRUNC);
    if (got <= 0) return 0;
    left -= got;
  }
  return 1;
}

static int write_file(int peer, int file, long long left) {
  char data[CHUNK];
  while (left > 0) {
    ssize_t got = recv(peer, data, left < CHUNK ? (size_t)left : CHUNK, 0);
    if (got <= 0 || write(file, data, (size_t)got) != got) return 0;
    left -= got;
  }
  return !must_sync || fsync(file) == 0;
}

static int store(int peer, const char *name, long long size) {
  char staged[NAME + 8];
  snprintf(staged, sizeof staged, ".part.%s", name);
  int file = openat(directory, staged, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0660);
  if (file < 0) return 0;
  int whole = write_file(peer, file, size);
  close(file);
  if (!whole) unlinkat(directory, staged, 0);
  return whole && renameat(directory, staged, directory, name) == 0 && (!must_sync || fsync(directory) == 0);
}

/*
 * Obeys one command. Clients of this protocol wait for each answer, so nothing stands behind the line; a relay that
 * loses or doubles a byte ends here too, and the answer tells the client.
 */
static int obey(int peer, const char *line) {
  char name[NAME];
  long long size;
  int end = 0;
  if (strcmp(line, "QUIT\n") == 0) return 0;
  if (sscanf(line, "SEND <%255[^>/]> SIZE %lld%n", name, &size, &end) != 2 || strcmp(line + end, "\n") != 0) {
    answer(peer, "SEND ERR (not understood)\n");
    return 0;
  }
  if (!answer(peer, "SEND OK\n")) return 0;
  if (directory < 0 ? discard(peer, size) : store(peer, name, size)) return answer(peer, "SEND OK\n");
  answer(peer, "SEND ERR (cannot store file)\n");
  return 0;
}

static int read_line(int peer, char line[LINE]) {
  size_t used = 0;
  do {
    ssize_t got = recv(peer, line + used, LINE - 1 - used, 0);
    if (got <= 0) return 0;
    used += (size_t)got;
  } while (line[used - 1] != '\n' && used < LINE - 1);
  line[used] = '\0';
  return 1;
}

static void *work(void *unused) {
  char line[LINE];
  for (;;) {
    int on = 1, peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0 && errno != ECONNABORTED) die("accept");
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (read_line(peer, line) && obey(peer, line)) continue;
    close(peer);
  }
  return unused;
}

static void start_listening(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  address.sin_port = htons((unsigned short)port);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) die("listen");
}

/* Lets a process have as many descriptors as it may. */
static void allow_files(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **words) {
  if (count < 3) {
    fputs("usage: receiver PORT THREADS [DIRECTORY [fsync]]\n", stderr);
    return 2;
  }
  if (count > 3 && (directory = open(words[3], O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) die(words[3]);
  must_sync = count > 4;
  allow_files();
  start_listening(atoi(words[1]));
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK);
  pthread_t thread;
  for (int index = 1; index < atoi(words[2]); index++)
    if (pthread_create(&thread, &small, work, NULL) != 0) die("pthread_create");
  work(NULL);
}
