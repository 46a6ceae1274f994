/** Receives files and throws them away: the fastest upstream that a relay can be measured with. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 2, EVENTS = 64, LINE = 1024 };

struct connection {
  int fd;
  long long wanted; /* bytes of the file still to come; 0 while a command is awaited */
  size_t used;
  char line[LINE];
};

static int listener;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void answer(struct connection *peer, const char *text) {
  send(peer->fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Discards what came of the file, which TCP does without copying it. Gives whether the connection goes on. */
static int take_data(struct connection *peer) {
  size_t most = peer->wanted < (1 << 30) ? (size_t)peer->wanted : 1 << 30;
  ssize_t got = recv(peer->fd, NULL, most, MSG_TRUNC | MSG_DONTWAIT);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  peer->wanted -= got;
  if (peer->wanted == 0) answer(peer, "SEND OK\n");
  return 1;
}

/*
 * Obeys one command. Clients of this protocol wait for each answer, so nothing stands behind the line; a relay that
 * loses or doubles a byte ends here too, and the answer tells the client.
 */
static int obey(struct connection *peer) {
  long long size;
  int end = 0;
  if (strcmp(peer->line, "QUIT\n") == 0) return 0;
  if (sscanf(peer->line, "SEND <%*[^>]> SIZE %lld%n", &size, &end) == 1 && size > 0 &&
      strcmp(peer->line + end, "\n") == 0) {
    peer->wanted = size;
    answer(peer, "SEND OK\n");
    return 1;
  }
  answer(peer, "SEND ERR (not understood)\n");
  return 0;
}

static int take_command(struct connection *peer) {
  ssize_t got = recv(peer->fd, peer->line + peer->used, LINE - 1 - peer->used, MSG_DONTWAIT);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  peer->used += (size_t)got;
  peer->line[peer->used] = '\0';
  if (strchr(peer->line, '\n') == NULL && peer->used < LINE - 1) return 1;
  peer->used = 0;
  return obey(peer);
}

static void accept_one(int epoll) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  struct connection *peer = calloc(1, sizeof *peer);
  if (peer == NULL) die("calloc");
  peer->fd = fd;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static void serve(struct connection *peer) {
  if (peer->wanted > 0 ? take_data(peer) : take_command(peer)) return;
  close(peer->fd);
  free(peer);
}

static void *work(void *unused) {
  (void)unused;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[EVENTS], event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) die("epoll");
  int count;
  while ((count = epoll_wait(epoll, events, EVENTS, -1)) >= 0 || errno == EINTR)
    for (int index = 0; index < count; index++) {
      struct connection *peer = events[index].data.ptr;
      if (peer == NULL) accept_one(epoll);
      else serve(peer);
    }
  die("epoll_wait");
  return NULL;
}

/* Listens on a free port of 127.0.0.1 and says which. */
static void start_listening(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 4096) != 0) die("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) die("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  start_listening();
  pthread_t thread;
  for (int index = 1; index < THREADS; index++)
    if (pthread_create(&thread, NULL, work, NULL) != 0) die("pthread_create");
  work(NULL);
}
