#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include "http_server.h"

struct player {
    struct http_seen *seen;
    int listener, fd;
    char kept[1 << 16]; /* read, and not yet used */
    size_t kept_len;
};

static void shut(struct player *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->kept_len = 0;
}

static void next_connection(struct player *p)
{
    int fd;

    do {
        fd = accept(p->listener, NULL, NULL);
    } while (fd < 0 && errno == EINTR);
    shut(p);
    p->fd = fd;
    atomic_fetch_add(&p->seen->connections, 1);
}

/* False at the end of the connection. */
static int fill(struct player *p)
{
    ssize_t n = read(p->fd, p->kept + p->kept_len, sizeof p->kept - p->kept_len);

    if (n <= 0)
        return 0;
    p->kept_len += (size_t)n;
    return 1;
}

static void use(struct player *p, size_t n)
{
    p->kept_len -= n;
    memmove(p->kept, p->kept + n, p->kept_len);
}

static uint64_t body_length(const char *head)
{
    const char *line = strcasestr(head, "\r\ncontent-length:");
    uint64_t n = 0;

    if (line == NULL)
        return 0;
    for (line += 17; *line == ' '; line++)
        continue;
    for (; *line >= '0' && *line <= '9'; line++)
        n = n * 10 + (uint64_t)(*line - '0');
    return n;
}

static void read_bytes(struct player *p, uint64_t n)
{
    while (n > 0) {
        size_t some = p->kept_len < n ? p->kept_len : (size_t)n;

        if (some == 0 && !fill(p))
            return;
        use(p, some);
        n -= some;
        atomic_fetch_add(&p->seen->body_bytes, some);
    }
}

static void read_request(struct player *p, int with_body)
{
    char *end, *head;
    unsigned number;
    size_t n;

    while ((end = memmem(p->kept, p->kept_len, "\r\n\r\n", 4)) == NULL) {
        if (p->kept_len == sizeof p->kept || !fill(p))
            return;
    }
    n = (size_t)(end - p->kept) + 4;
    number = atomic_load(&p->seen->requests);
    head = p->seen->heads[number % SEEN_REQUESTS];
    snprintf(head, SEEN_HEAD, "%.*s", (int)n, p->kept);
    atomic_store(&p->seen->requests, number + 1);
    use(p, n);
    if (with_body)
        read_bytes(p, body_length(head));
}

static void send_all(struct player *p, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t done = send(p->fd, at, n, MSG_NOSIGNAL);

        if (done <= 0)
            return;
        at += done;
        n -= (size_t)done;
    }
}

/* In large pieces, however short the text. */
static void send_text(struct player *p, const char *text, uint64_t times)
{
    static char block[1 << 16];
    size_t n = strlen(text), used = 0;

    for (uint64_t i = 0; i == 0 || i < times; i++) {
        if (used + n > sizeof block) {
            send_all(p, block, used);
            used = 0;
        }
        memcpy(block + used, text, n);
        used += n;
    }
    send_all(p, block, used);
}

static void send_pattern(struct player *p, uint64_t n)
{
    static char block[251 * 256];

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i % 251);
    for (; n > sizeof block; n -= sizeof block)
        send_all(p, block, sizeof block);
    send_all(p, block, (size_t)n);
}

static void reset(struct player *p)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    shut(p);
}

static void play(struct player *p, const struct http_step *step)
{
    char byte;

    switch (step->act) {
    case END:
        break;
    case ACCEPT:
        shut(p);
        next_connection(p);
        break;
    case ACCEPT_TOO:
        next_connection(p);
        break;
    case READ:
    case READ_HEAD:
        read_request(p, step->act == READ);
        break;
    case READ_SOME:
        read_bytes(p, step->n);
        break;
    case SEND:
        send_text(p, step->text, step->n);
        break;
    case FILL:
        send_pattern(p, step->n);
        break;
    case SLEEP:
        poll(NULL, 0, (int)step->n);
        break;
    case WAIT:
        while (read(p->fd, &byte, 1) > 0)
            continue;
        break;
    case CLOSE:
        shut(p);
        break;
    case RESET:
        reset(p);
        break;
    case TLS:
        read_bytes(p, 1);
        shut(p);
        break;
    }
}

static int listen_on(int *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    int little = 1 << 16; /* what is not read soon stays with the sender */

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little) != 0 ||
        bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &n) != 0) {
        perror("listening on 127.0.0.1");
        _exit(99);
    }
    *port = ntohs(addr.sin_port);
    return fd;
}

void http_server_start(struct http_server *s, const struct http_step *script)
{
    static struct player p;

    s->seen =
        mmap(NULL, sizeof *s->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(s->seen != MAP_FAILED);
    p = (struct player){.seen = s->seen, .fd = -1};
    p.listener = listen_on(&s->port);
    s->pid = fork();
    assert(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (script->act != END)
            play(&p, script++);
        for (;;)
            pause();
    }
    close(p.listener);
}

void http_server_stop(struct http_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s->seen, sizeof *s->seen);
}

int http_server_no_port(void)
{
    int port, fd = listen_on(&port);

    close(fd);
    return port;
}
