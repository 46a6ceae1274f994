/**
 * Clients at once, each with a connection of its own, again and again: sends files, checks every answer, says how fast.
 *
 *   load [-h HOST] -p PORT [-c CLIENTS] [-b BYTES] [-k FILES on each connection] [-s SECONDS] [-n CONNECTIONS] [-t] [-P]
 *
 * It ends with the seconds or the connections, whatever is over first. -t speaks TLS, with a full handshake on each connection, and believes any certificate; -P sends one file as an HTTP PUT.
 * Prints {"connections": whole ones, "files": .., "seconds": .., "failures": .., "p50": .., "p99": .., "max": ..}, the
 * latter in milliseconds for a whole connection. Anything but the answers of the protocol, in their order, is a failure,
 * is told on standard error and makes the exit code 1. Threads that block are enough for some thousand clients, and keep
 * a connection on one screen; like an agent, a client closes the connection behind its QUIT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, LINE = 1024, TOLD = 5, SILENCE_SECONDS = 30, STACK = 128 * 1024, MOST_TIMES = 8 << 20, AGENTS = 1000 };

struct peer {
  int fd;
  SSL *tls; /* NULL: plain */
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static long long bytes = 2048, files_each = 1, most_connections = LLONG_MAX;
static double seconds = 1e9, deadline;
static int over_http;
static SSL_CTX *secure; /* NULL: plain */
static char data[CHUNK];
static atomic_llong file_number; /* begins with the time, so that no two runs send the same name */
static long long first_address;
static atomic_int clients_started;
static atomic_llong begun, connections, failures;
static float *times; /* milliseconds of each whole connection */

static double seconds_now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* What stopped a read or a write; on a socket with a time limit EAGAIN is its end. */
static const char *reason(void) {
  unsigned long code = ERR_get_error();
  if (code != 0 && ERR_reason_error_string(code) != NULL) return ERR_reason_error_string(code);
  return errno == EAGAIN ? "nothing happened for 30 s" : strerror(errno);
}

static int failed(const char *what, const char *detail) {
  if (atomic_fetch_add(&failures, 1) < TOLD) fprintf(stderr, "load: %s: %s\n", what, detail);
  return -1;
}

static int write_all(struct peer peer, const char *from, size_t count) {
  while (count > 0) {
    ssize_t done = peer.tls ? SSL_write(peer.tls, from, (int)count) : send(peer.fd, from, count, MSG_NOSIGNAL);
    if (done <= 0) return failed("writing", reason());
    from += done;
    count -= (size_t)done;
  }
  return 0;
}

static int write_file(struct peer peer) {
  for (long long left = bytes; left > 0; left -= CHUNK)
    if (write_all(peer, data, left < CHUNK ? (size_t)left : CHUNK) != 0) return -1;
  return 0;
}

/* Reads up to the end of an answer; clients of both protocols wait for it, so nothing stands behind it. */
static int read_answer(struct peer peer, char got[LINE], const char *end) {
  size_t used = 0, length = strlen(end);
  do {
    char *to = got + used;
    size_t room = LINE - 1 - used;
    ssize_t count = peer.tls ? SSL_read(peer.tls, to, (int)room) : recv(peer.fd, to, room, 0);
    if (count == 0) return failed("the connection ended after", used == 0 ? "no answer" : got);
    if (count < 0) return failed("waiting for an answer", reason());
    used += (size_t)count;
    got[used] = '\0';
  } while (used < LINE - 1 && (used < length || memcmp(got + used - length, end, length) != 0));
  return 0;
}

static int expect_ok(struct peer peer) {
  char got[LINE];
  if (read_answer(peer, got, "\n") != 0) return -1;
  return strcmp(got, "SEND OK\n") == 0 ? 0 : failed("instead of SEND OK", got);
}

static int send_file(struct peer peer) {
  char command[LINE];
  long long number = atomic_fetch_add(&file_number, 1);
  int length = snprintf(command, sizeof command, "SEND <agent%lld.%lld.data> SIZE %lld\n", number % AGENTS, number, bytes);
  if (write_all(peer, command, (size_t)length) != 0 || expect_ok(peer) != 0) return -1;
  return write_file(peer) == 0 ? expect_ok(peer) : -1;
}

static int put_file(struct peer peer) {
  char text[LINE];
  int length = snprintf(text, sizeof text,
                        "PUT /agent.%lld.data HTTP/1.1\r\nHost: load\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n",
                        atomic_fetch_add(&file_number, 1), bytes);
  if (write_all(peer, text, (size_t)length) != 0 || write_file(peer) != 0) return -1;
  if (read_answer(peer, text, "\r\n\r\n") != 0) return -1;
  return strncmp(text, "HTTP/1.1 201 ", 13) == 0 ? 0 : failed("instead of 201 Created", text);
}

static int speak(struct peer peer) {
  if (over_http) return put_file(peer);
  for (long long sent = 0; sent < files_each; sent++)
    if (send_file(peer) != 0) return -1;
  return write_all(peer, "QUIT\n", 5);
}

static int speak_secured(int fd) {
  struct peer peer = {.fd = fd, .tls = SSL_new(secure)};
  ERR_clear_error();
  SSL_set_fd(peer.tls, fd);
  int result = SSL_connect(peer.tls) == 1 ? speak(peer) : failed("TLS handshake", reason());
  SSL_free(peer.tls);
  return result;
}

/*
 * On loopback each client has an address of its own, as agents have, and others than those of the run before: ports of one
 * address run out, as closed connections keep theirs for a minute, and a search for the last free ones takes long.
 */
static void take_address(int fd, int number) {
  struct sockaddr_in own = {.sin_family = AF_INET};
  unsigned host = ((unsigned)first_address + (unsigned)number) % (0xfffffe - 2) + 2;
  int on = 1;
  own.sin_addr.s_addr = htonl(0x7f000000u + host);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) failed("bind", strerror(errno));
}

static int one_connection(int number) {
  struct timeval silence = {.tv_sec = SILENCE_SECONDS};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
  if (ntohl(server.sin_addr.s_addr) >> 24 == 127) take_address(fd, number);
  int result = -1;
  if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) failed("connecting", strerror(errno));
  else result = secure ? speak_secured(fd) : speak((struct peer){.fd = fd});
  close(fd);
  return result;
}

static void *client(void *unused) {
  int number = atomic_fetch_add(&clients_started, 1);
  for (;;) {
    double start = seconds_now(CLOCK_MONOTONIC);
    if (start >= deadline || atomic_fetch_add(&begun, 1) >= most_connections) return unused;
    if (one_connection(number) != 0) continue;
    long long index = atomic_fetch_add(&connections, 1);
    if (index < MOST_TIMES) times[index] = (float)((seconds_now(CLOCK_MONOTONIC) - start) * 1e3);
  }
}

static int by_size(const void *one, const void *other) {
  float a = *(const float *)one, b = *(const float *)other;
  return (a > b) - (a < b);
}

static void report(double took) {
  long long count = connections < MOST_TIMES ? connections : MOST_TIMES;
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf("{\"connections\": %lld, \"files\": %lld, \"seconds\": %.4f, \"failures\": %lld", (long long)connections,
         (long long)connections * files_each, took, (long long)failures);
  if (count > 0)
    printf(", \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f", times[count / 2], times[count * 99 / 100], times[count - 1]);
  puts("}");
}

/* Lets a process have as many descriptors as it may. */
static void allow_files(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **words) {
  const char *host = "127.0.0.1";
  int option, clients = 8;
  while ((option = getopt(count, words, "h:p:c:b:k:s:n:tP")) != -1) switch (option) {
      case 'h': host = optarg; break;
      case 'p': server.sin_port = htons((unsigned short)atoi(optarg)); break;
      case 'c': clients = atoi(optarg); break;
      case 'b': bytes = atoll(optarg); break;
      case 'k': files_each = atoll(optarg); break;
      case 's': seconds = atof(optarg); break;
      case 'n': most_connections = atoll(optarg); break;
      case 't': secure = SSL_CTX_new(TLS_client_method()); break;
      case 'P': over_http = 1; break;
      default: return 2;
    }
  if (over_http) files_each = 1;
  if (optind != count || inet_pton(AF_INET, host, &server.sin_addr) != 1 || server.sin_port == 0 || clients < 1 ||
      (seconds == 1e9 && most_connections == LLONG_MAX)) {
    fputs("usage: load [-h HOST] -p PORT [-c CLIENTS] [-b BYTES] [-k FILES] [-s SECONDS] [-n CONNECTIONS] [-t] [-P]\n",
          stderr);
    return 2;
  }
  allow_files();
  for (int index = 0; index < CHUNK; index++) data[index] = "<agent_data/>\n"[index % 14];
  times = calloc(MOST_TIMES, sizeof *times);
  file_number = (long long)(seconds_now(CLOCK_REALTIME) * 1e6);
  first_address = file_number / 1000 % 0xfffffe;
  pthread_t *threads = calloc((size_t)clients, sizeof *threads);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK);
  double start = seconds_now(CLOCK_MONOTONIC);
  deadline = start + seconds;
  for (int index = 0; index < clients; index++)
    if (pthread_create(&threads[index], &small, client, NULL) != 0) {
      fputs("load: cannot start a thread\n", stderr);
      return 1;
    }
  for (int index = 0; index < clients; index++) pthread_join(threads[index], NULL);
  report(seconds_now(CLOCK_MONOTONIC) - start);
  return failures > 0 || connections == 0;
}
