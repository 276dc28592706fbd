/* Load for an HTTP server: a fixed number of keep-alive connections, each with one request in flight. Where the request
   holds "x-request-id: " and eight digits, they count the requests: no gateway sends the same head twice.

   Usage: http_load PORT CONNECTIONS SECONDS REQUEST_FILE. Prints "<requests> <seconds> <p50 µs> <p99 µs>". Every reply
   must be a 200 with a Content-Length; anything else, a closed connection included, ends the program with status 1. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 17, BUCKETS = 1 << 20 };

struct connection {
    int fd;
    size_t used;
    long long sent_at;
    char data[BUFFER];
};

static char request[BUFFER], *serial_field;
static size_t request_size;
static unsigned serial;
static unsigned buckets[BUCKETS]; /* one for each microsecond */

static void fail(const char *reason) {
    fprintf(stderr, "http_load: %s\n", reason);
    exit(1);
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void ask(struct connection *c) {
    c->used = 0;
    if (serial_field) {
        unsigned rest = ++serial;
        for (int digit = 7; digit >= 0; digit--, rest /= 10) serial_field[digit] = '0' + rest % 10;
    }
    c->sent_at = now();
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) fail("cannot send");
}

/* Whether the whole reply is here. */
static int complete(struct connection *c) {
    char *end = memmem(c->data, c->used, "\r\n\r\n", 4), *field = c->data;
    if (!end) return 0;
    if (memcmp(c->data, "HTTP/1.1 200", 12)) fail("a reply other than 200");
    while ((field = memmem(field, end - field + 2, "\r\n", 2)) && field < end) {
        field += 2;
        if (!strncasecmp(field, "content-length:", 15))
            return c->used >= (size_t)(end + 4 - c->data) + strtoul(field + 15, NULL, 10);
    }
    fail("a reply without Content-Length");
    return 0;
}

static int quantile(long total, double q) {
    long seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += buckets[i]) >= total * q) return i;
    return BUCKETS;
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage: http_load PORT CONNECTIONS SECONDS REQUEST_FILE");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(atoi(argv[1]));
    int count = atoi(argv[2]), one = 1, poll = epoll_create1(0);
    FILE *file = fopen(argv[4], "rb");
    if (!file) fail("cannot read the request");
    request_size = fread(request, 1, sizeof request, file);
    serial_field = memmem(request, request_size, "x-request-id: ", 14);
    if (serial_field) serial_field += 14;
    struct connection *all = calloc(count, sizeof *all);
    for (int i = 0; i < count; i++) {
        all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(all[i].fd, (void *)&address, sizeof address)) fail("cannot connect");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    long long begun = now(), end = begun + (long long)(atof(argv[3]) * 1e9), at = begun;
    for (int i = 0; i < count; i++) ask(&all[i]);
    long done = 0;
    while (at < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 1000);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, c->data + c->used, BUFFER - c->used, 0);
            if (got <= 0) fail("the server closed a connection");
            c->used += got;
            if (!complete(c)) continue;
            at = now();
            long long lasted = (at - c->sent_at) / 1000;
            buckets[lasted < BUCKETS ? lasted : BUCKETS - 1]++;
            done++;
            ask(c);
        }
        if (ready <= 0) at = now();
    }
    printf("%ld %.6f %d %d\n", done, (at - begun) / 1e9, quantile(done, 0.5), quantile(done, 0.99));
    return 0;
}
