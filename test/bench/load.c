/**
 * Clients at once, each sending one file per connection, again and again for some seconds.
 *
 *   load PORT CLIENTS BYTES SECONDS
 *
 * Prints {"connections": whole ones, "seconds": .., "failures": ..}. Anything but the answers of the protocol, in
 * their order, is a failure, is told on standard error and makes the exit code 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, TOLD = 5, SILENCE_SECONDS = 30 };

static struct sockaddr_in server = {.sin_family = AF_INET};
static long long bytes;
static double deadline;
static char data[CHUNK];
static atomic_llong file_number; /* begins with the time, so that no two runs send the same name */
static atomic_llong connections, failures;

static double seconds_now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* What stopped a read or a write; on a socket with a time limit EAGAIN is its end. */
static const char *reason(void) {
  return errno == EAGAIN ? "nothing happened for 30 s" : strerror(errno);
}

static int failed(const char *what, const char *detail) {
  if (atomic_fetch_add(&failures, 1) < TOLD) fprintf(stderr, "load: %s: %s\n", what, detail);
  return -1;
}

static int write_all(int fd, const char *from, size_t count) {
  while (count > 0) {
    ssize_t done = send(fd, from, count, MSG_NOSIGNAL);
    if (done < 0) return failed("writing", reason());
    from += done;
    count -= (size_t)done;
  }
  return 0;
}

/* Reads the one answer that may come now; for "" that is the end of the connection. */
static int expect(int fd, const char *wanted) {
  char got[256];
  size_t used = 0, length = strlen(wanted);
  do {
    ssize_t count = recv(fd, got + used, sizeof got - 1 - used, 0);
    if (count < 0) return failed("waiting for an answer", reason());
    if (count == 0) break;
    used += (size_t)count;
  } while (used < length);
  got[used] = '\0';
  if (used == length && memcmp(got, wanted, length) == 0) return 0;
  return failed(length == 0 ? "instead of the end" : "instead of SEND OK", used == 0 ? "the end" : got);
}

static int send_file(int fd) {
  char command[128];
  int length = snprintf(command, sizeof command, "SEND <agent.%lld.data> SIZE %lld\n",
                        atomic_fetch_add(&file_number, 1), bytes);
  if (write_all(fd, command, (size_t)length) != 0 || expect(fd, "SEND OK\n") != 0) return -1;
  for (long long left = bytes; left > 0; left -= CHUNK)
    if (write_all(fd, data, left < CHUNK ? (size_t)left : CHUNK) != 0) return -1;
  if (expect(fd, "SEND OK\n") != 0 || write_all(fd, "QUIT\n", 5) != 0) return -1;
  return expect(fd, "");
}

static int one_connection(void) {
  struct timeval silence = {.tv_sec = SILENCE_SECONDS};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
  int result = connect(fd, (struct sockaddr *)&server, sizeof server) == 0
                   ? send_file(fd)
                   : failed("connecting", strerror(errno));
  close(fd);
  return result;
}

static void *client(void *unused) {
  (void)unused;
  while (seconds_now(CLOCK_MONOTONIC) < deadline)
    if (one_connection() == 0) atomic_fetch_add(&connections, 1);
  return NULL;
}

int main(int count, char **words) {
  if (count != 5) {
    fputs("usage: load PORT CLIENTS BYTES SECONDS\n", stderr);
    return 2;
  }
  server.sin_port = htons((unsigned short)atoi(words[1]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int clients = atoi(words[2]);
  bytes = atoll(words[3]);
  for (int index = 0; index < CHUNK; index++) data[index] = "<agent_data/>\n"[index % 14];
  file_number = (long long)(seconds_now(CLOCK_REALTIME) * 1e6);
  double start = seconds_now(CLOCK_MONOTONIC);
  deadline = start + atof(words[4]);
  pthread_t threads[clients];
  for (int index = 0; index < clients; index++)
    if (pthread_create(&threads[index], NULL, client, NULL) != 0) {
      fputs("load: cannot start a thread\n", stderr);
      return 1;
    }
  for (int index = 0; index < clients; index++) pthread_join(threads[index], NULL);
  printf("{\"connections\": %lld, \"seconds\": %.3f, \"failures\": %lld}\n", (long long)connections,
         seconds_now(CLOCK_MONOTONIC) - start, (long long)failures);
  return failures > 0 || connections == 0;
}
