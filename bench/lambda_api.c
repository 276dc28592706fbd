/* The Lambda Runtime API, reduced to what a runtime needs to be measured: one invocation after the other.

   Usage: lambda_api EVENT_FILE. Prints the port, then for each line "N" on stdin runs N invocations and prints
   "<total ns> <median ns>". An invocation lasts from the event's first byte sent to the next GET read. Framing as of
   the open-source API: bodies up to 2 KB with Content-Length, larger ones as a single chunk. Any reply that is not a
   response to the event that was sent, or not framed as HTTP, ends the program with status 1. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 8, HEAD = 65536 };

struct connection {
    int fd;
    char *data;
    size_t size, used;
};

static struct connection connections[CONNECTIONS];
static int listener, count;
static char *event, *reply;
static size_t event_size, reply_size;
static unsigned long serial;
static char id[64];

static void fail(const char *reason) {
    fprintf(stderr, "lambda_api: %s\n", reason);
    exit(1);
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) fail("the runtime closed its connection");
        if (sent > 0) { data += sent; size -= sent; }
    }
}

static void accept_one(void) {
    int one = 1;
    struct timeval patience = {.tv_usec = 200000};
    if (count == CONNECTIONS) fail("too many connections");
    struct connection *c = &connections[count++];
    c->fd = accept(listener, NULL, NULL);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    c->size = 1 << 20;
    c->data = malloc(c->size);
    c->used = 0;
}

/* Length of the whole message at the start of the buffer, or 0 while bytes are missing. */
static size_t message(struct connection *c, char **body, size_t *length) {
    char *end = memmem(c->data, c->used, "\r\n\r\n", 4);
    if (!end) { if (c->used > HEAD) fail("a head without end"); return 0; }
    size_t head = end - c->data + 4;
    char *field = c->data;
    *length = 0;
    *body = c->data + head;
    while ((field = memmem(field, end - field, "\r\n", 2))) {
        field += 2;
        if (!strncasecmp(field, "content-length:", 15)) *length = strtoul(field + 15, NULL, 10);
        if (!strncasecmp(field, "transfer-encoding:", 18)) {
            /* Enough of chunked coding to find the end of the message: its last five bytes. */
            if (c->used >= head + 5 && !memcmp(c->data + c->used - 5, "0\r\n\r\n", 5)) {
                *length = c->used - head;
                return c->used;
            }
            return 0;
        }
    }
    return c->used >= head + *length ? head + *length : 0;
}

/* Read what has come on one connection; 1 where the connection is gone, else 0. */
static int take(struct connection *c) {
    if (c->used == c->size) c->data = realloc(c->data, c->size *= 2);
    ssize_t got = recv(c->fd, c->data + c->used, c->size - c->used, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got > 0) {
        c->used += got;
        return 0;
    }
    close(c->fd);
    free(c->data);
    *c = connections[--count];
    if (!count) fail("the runtime is gone");
    return 1;
}

/* Wait for one whole request on any connection. A sole connection is read without a poll before it, which would count
   against every runtime; a receive timeout leads back to the poll, should a second connection be waiting. */
static struct connection *request(char **body, size_t *length, size_t *whole) {
    for (;;) {
        struct connection *sole = &connections[0];
        if (count == 1 && !take(sole) && (*whole = message(sole, body, length))) return sole;
        struct pollfd polled[CONNECTIONS + 1];
        for (int i = 0; i < count; i++) polled[i] = (struct pollfd){connections[i].fd, POLLIN, 0};
        polled[count] = (struct pollfd){listener, POLLIN, 0};
        if (poll(polled, count + 1, count == 1 ? 0 : -1) < 0) continue;
        if (polled[count].revents) { accept_one(); continue; }
        for (int i = 0; i < count; i++) {
            struct connection *c = &connections[i];
            if (!polled[i].revents) continue;
            if (take(c)) break;
            if ((*whole = message(c, body, length))) return c;
        }
    }
}

static void consume(struct connection *c, size_t whole) {
    memmove(c->data, c->data + whole, c->used - whole);
    c->used -= whole;
}

static struct connection *await_next(void) {
    char *body;
    size_t length, whole;
    struct connection *c = request(&body, &length, &whole);
    if (strncmp(c->data, "GET /2018-06-01/runtime/invocation/next ", 40)) fail("no GET next where one was due");
    consume(c, whole);
    return c;
}

static void send_event(struct connection *c) {
    static char head[1024];
    snprintf(id, sizeof id, "8476a536-e9f4-11e8-9739-%012lu", ++serial);
    int size = snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
        "Lambda-Runtime-Deadline-Ms: %lld\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:echo\r\n"
        "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6e%012lx;Parent=9a9197af755a6419;Sampled=1\r\n"
        "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n",
        id, (long long)time(NULL) * 1000 + 30000 + (long long)serial % 1000, serial);
    if (event_size <= 2048) size += sprintf(head + size, "Content-Length: %zu\r\n\r\n", event_size);
    else size += sprintf(head + size, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", event_size);
    reply_size = size + event_size;
    memcpy(reply, head, size);
    memcpy(reply + size, event, event_size);
    if (event_size > 2048) { memcpy(reply + reply_size, "\r\n0\r\n\r\n", 7); reply_size += 7; }
    send_all(c->fd, reply, reply_size);
}

static void await_result(void) {
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
        "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
    char *body, path[128];
    size_t length, whole;
    struct connection *c = request(&body, &length, &whole);
    int size = snprintf(path, sizeof path, "POST /2018-06-01/runtime/invocation/%s/response ", id);
    if (strncmp(c->data, path, size)) fail("no response to the event that was sent");
    if (length < 2 || body[0] != event[0]) fail("a result that is not the event");
    consume(c, whole);
    send_all(c->fd, accepted, sizeof accepted - 1);
}

static int ascending(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file) fail("usage: lambda_api EVENT_FILE");
    fseek(file, 0, SEEK_END);
    event_size = ftell(file);
    rewind(file);
    event = malloc(event_size);
    reply = malloc(event_size + 2048);
    if (fread(event, 1, event_size, file) != event_size) fail("cannot read the event");
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) fail("cannot listen");
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    accept_one();
    struct connection *parked = await_next();
    long wanted;
    while (scanf("%ld", &wanted) == 1) {
        long long *lasted = malloc(wanted * sizeof *lasted), begun = now();
        for (long i = 0; i < wanted; i++) {
            long long from = now();
            send_event(parked);
            await_result();
            parked = await_next();
            lasted[i] = now() - from;
        }
        long long total = now() - begun;
        qsort(lasted, wanted, sizeof *lasted, ascending);
        printf("%lld %lld\n", total, lasted[wanted / 2]);
        fflush(stdout);
        free(lasted);
    }
    return 0;
}
