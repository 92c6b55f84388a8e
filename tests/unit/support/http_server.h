/*
 * A TCP server that plays a script, one step after the other, in a process of its own: what it does
 * on the wire is the same in every run.  It knows no more of HTTP than where a request ends.
 *
 *     struct http_step script[] = {
 *         {.act = ACCEPT}, {.act = READ}, {.act = SEND, .text = "HTTP/1.1 200 OK\r\n..."},
 *         {.act = CLOSE}, {.act = END}};
 *     struct http_server s;
 *     http_server_start(&s, script);
 *
 * What came in is in s.seen, memory that both processes share; it is complete once the answer to it
 * has arrived.  After the script the server holds its connection and accepts no other.
 */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum http_act {
    END,
    ACCEPT,     /* the next connection; the one before is closed first */
    ACCEPT_TOO, /* the next connection; then the one before is closed */
    READ,       /* one request with its body */
    READ_HEAD,  /* its head only */
    READ_SOME,  /* n bytes, whatever they are */
    SEND,       /* text, n times when n is given */
    FILL,       /* n bytes, byte i of them is i % 251 */
    SLEEP,      /* n milliseconds */
    WAIT,       /* until the client closes the connection */
    CLOSE,
    RESET, /* closes so that the client gets a RST */
    TLS    /* closes after the client's first bytes, as a server does that cannot speak TLS */
};

struct http_step {
    enum http_act act;
    const char *text;
    uint64_t n;
};

#define SEEN_REQUESTS 32
#define SEEN_HEAD 8192

struct http_seen {
    atomic_uint connections, requests;
    atomic_uint_fast64_t body_bytes; /* of all requests */
    char heads[SEEN_REQUESTS][SEEN_HEAD];
};

struct http_server {
    pid_t pid;
    int port;
    struct http_seen *seen;
};

void http_server_start(struct http_server *s, const struct http_step *script);
void http_server_stop(struct http_server *s);

/* A port of 127.0.0.1 on which nobody listens. */
int http_server_no_port(void);

#endif
