/* ipaddress: addresses, networks, interfaces. */
#include "lens.h"
#include "make.h"

#include <arpa/inet.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>

enum { IP_ADDRESS, IP_NETWORK, IP_INTERFACE, IP_WHAT = 3, IP_V6 = 4 };

#define IP_TEXT 300 /* a scope may be of any length; above this it is raw */

struct ip {
    uint8_t bytes[16];
    size_t size;       /* 4 or 16 */
    const char *scope; /* with its '%', or "" */
};

/* The longest run of zero groups, at least two; the first of equals. */
static void zero_run(const struct ip *a, size_t *first, size_t *len)
{
    size_t run = 0;

    *first = *len = 0;
    for (size_t i = 0; i < 8; i++) {
        run = a->bytes[2 * i] == 0 && a->bytes[2 * i + 1] == 0 ? run + 1 : 0;
        if (run > *len) {
            *len = run;
            *first = i + 1 - run;
        }
    }
    if (*len < 2)
        *len = 0;
}

static void put_address(struct buf *out, const struct ip *a)
{
    size_t first, len;

    if (a->size == 4) {
        buf_printf(out, "%u.%u.%u.%u", a->bytes[0], a->bytes[1], a->bytes[2], a->bytes[3]);
        return;
    }
    zero_run(a, &first, &len);
    for (size_t i = 0; i < 8; i++) {
        if (len > 0 && i == first) {
            buf_puts(out, "::");
            i += len - 1;
            continue;
        }
        if (i > 0 && !(len > 0 && i == first + len))
            buf_putc(out, ':');
        buf_printf(out, "%x", a->bytes[2 * i] * 256u + a->bytes[2 * i + 1]);
    }
}

/* The text up to its slash; cuts it there, and at the scope. */
static bool parse_address(char *s, bool v6, struct ip *a)
{
    static char none[] = "";
    char *scope = v6 ? strchr(s, '%') : NULL;

    a->size = v6 ? 16 : 4;
    a->scope = none;
    if (scope != NULL) {
        char plain[64];
        size_t n = (size_t)(scope - s);

        if (scope[1] == '\0' || strchr(scope + 1, '%') != NULL || n >= sizeof plain)
            return false;
        memcpy(plain, s, n);
        plain[n] = '\0';
        a->scope = scope;
        return inet_pton(AF_INET6, plain, a->bytes) == 1;
    }
    return inet_pton(v6 ? AF_INET6 : AF_INET, s, a->bytes) == 1;
}

static bool host_bits(const struct ip *a, unsigned prefix)
{
    for (unsigned bit = prefix; bit < a->size * 8; bit++) {
        if (a->bytes[bit / 8] & 0x80 >> bit % 8)
            return true;
    }
    return false;
}

static enum pb_err put_ip(struct lens *l, const char *class, const struct ip *a, int prefix)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    put_address(&text, a);
    buf_puts(&text, a->scope);
    if (prefix >= 0)
        buf_printf(&text, "/%d", prefix);
    buf_printf(&l->text, "%s(", class);
    pkl_repr_str(&l->text, text.data, text.len, false);
    buf_putc(&l->text, ')');
    buf_release(&text);
    return PB_OK;
}

static enum pb_err from_text(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    unsigned detail = c->row->detail;
    bool v6 = detail & IP_V6, address = (detail & IP_WHAT) == IP_ADDRESS;
    char text[IP_TEXT], *slash;
    uint64_t prefix = v6 ? 128 : 32;
    struct ip a;
    enum pb_err err = lens_str(r, &c->arg[0], "its text", l, e);

    if (err != PB_OK)
        return err;
    if (r->leaf.data.len >= sizeof text ||
        memchr(r->leaf.data.data, '\0', r->leaf.data.len) != NULL)
        return lens_refuse(l, "its text is no address");
    memcpy(text, r->leaf.data.data, r->leaf.data.len + 1);
    slash = strchr(text, '/');
    if (slash != NULL) {
        *slash++ = '\0';
        if (address || !num_parse_u64(slash, strlen(slash), &prefix) || prefix > (v6 ? 128 : 32))
            return lens_refuse(l, "what stands behind its slash is no length");
    }
    if (!parse_address(text, v6, &a))
        return lens_refuse(l, "its text is no address");
    if ((detail & IP_WHAT) == IP_NETWORK && host_bits(&a, (unsigned)prefix))
        return lens_refuse(l, "the network has host bits set");
    return put_ip(l, strrchr(c->row->type, '.') + 1, &a, address ? -1 : (int)prefix);
}

/* A whole number as an address: protocols write IPv4 so. */
static enum pb_err from_int(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                            struct error *e)
{
    struct ip a = {.size = c->row->detail & IP_V6 ? 16 : 4, .scope = ""};
    bool negative;
    enum pb_err err = lens_leaf(r, &c->arg[0], l, e);

    if (err != PB_OK)
        return err;
    if (r->leaf.kind != PKL_INT)
        return lens_refuse(l, "its number is none");
    negative =
        r->leaf.fits ? r->leaf.integer < 0 : (r->leaf.data.data[r->leaf.data.len - 1] & 0x80) != 0;
    if (negative || (r->leaf.fits && a.size == 4 && r->leaf.integer > UINT32_MAX) ||
        (!r->leaf.fits &&
         (a.size == 4 || num_big_bits((const uint8_t *)r->leaf.data.data, r->leaf.data.len) > 128)))
        return lens_refuse(l, "its number is too large for an address, or negative");
    for (size_t i = 0; i < a.size && r->leaf.fits && i < 8; i++)
        a.bytes[a.size - 1 - i] = (uint8_t)((uint64_t)r->leaf.integer >> 8 * i);
    for (size_t i = 0; i < a.size && !r->leaf.fits && i < r->leaf.data.len; i++)
        a.bytes[a.size - 1 - i] = (uint8_t)r->leaf.data.data[i];
    return put_ip(l, strrchr(c->row->type, '.') + 1, &a, -1);
}

static enum pb_err read_ip(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                           struct error *e)
{
    if (c->arg[0].kind == PKL_INT && (c->row->detail & IP_WHAT) == IP_ADDRESS)
        return from_int(r, c, l, e);
    return from_text(r, c, l, e);
}

static const struct lens_row rows[] = {
    {"ipaddress", "IPv4Address", "ipaddress.IPv4Address", LENS_CALL, 1, 1, read_ip, IP_ADDRESS},
    {"ipaddress", "IPv6Address", "ipaddress.IPv6Address", LENS_CALL, 1, 1, read_ip,
     IP_ADDRESS | IP_V6},
    {"ipaddress", "IPv4Network", "ipaddress.IPv4Network", LENS_CALL, 1, 1, read_ip, IP_NETWORK},
    {"ipaddress", "IPv6Network", "ipaddress.IPv6Network", LENS_CALL, 1, 1, read_ip,
     IP_NETWORK | IP_V6},
    {"ipaddress", "IPv4Interface", "ipaddress.IPv4Interface", LENS_CALL, 1, 1, read_ip,
     IP_INTERFACE},
    {"ipaddress", "IPv6Interface", "ipaddress.IPv6Interface", LENS_CALL, 1, 1, read_ip,
     IP_INTERFACE | IP_V6},
};
const struct lens_family lens_ipaddress = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

/* An address is written as its number, unless it has a scope; what has a length as text. */
static enum pb_err made_address(struct maker *m, const struct ip *a, int prefix,
                                struct literal **out)
{
    uint8_t le[17] = {0};
    struct literal *arg = NULL;
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    put_address(&text, a);
    buf_puts(&text, a->scope);
    if (prefix >= 0)
        buf_printf(&text, "/%d", prefix);
    for (size_t i = 0; i < a->size; i++)
        le[i] = a->bytes[a->size - 1 - i];
    err = buf_status(&text, m->t->e);
    if (err == PB_OK) {
        arg = prefix < 0 && *a->scope == '\0' ? make_big(m, le, sizeof le)
                                              : make_str(m, text.data, text.len);
        err = make_called(m, 1, &arg, out);
    }
    buf_release(&text);
    return err;
}

static enum pb_err make_ip(struct maker *m, struct literal **out)
{
    const struct literal *arg = m->arg[0];
    unsigned detail = m->row->detail;
    bool v6 = detail & IP_V6, address = (detail & IP_WHAT) == IP_ADDRESS;
    char text[IP_TEXT], *slash;
    uint64_t prefix = v6 ? 128 : 32;
    struct ip a;
    enum pb_err err = make_str_arg(m, arg, "an address");

    if (err != PB_OK)
        return err;
    if (arg->len >= sizeof text || memchr(arg->data, '\0', arg->len) != NULL)
        return make_bad(m, arg, "this is no address");
    memcpy(text, arg->data, arg->len);
    text[arg->len] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL) {
        *slash++ = '\0';
        if (address || !num_parse_u64(slash, strlen(slash), &prefix) || prefix > (v6 ? 128 : 32))
            return make_bad(m, arg, "what stands behind the slash is no length");
    }
    if (!parse_address(text, v6, &a))
        return make_bad(m, arg, "this is no address");
    if ((detail & IP_WHAT) == IP_NETWORK && host_bits(&a, (unsigned)prefix))
        return make_bad(m, arg, "the network has host bits set");
    return made_address(m, &a, address ? -1 : (int)prefix, out);
}

static const struct make_row makers[] = {
    {"ipaddress", "IPv4Address", "address", 1, 0, make_ip, IP_ADDRESS},
    {"ipaddress", "IPv6Address", "address", 1, 0, make_ip, IP_ADDRESS | IP_V6},
    {"ipaddress", "IPv4Network", "address", 1, 0, make_ip, IP_NETWORK},
    {"ipaddress", "IPv6Network", "address", 1, 0, make_ip, IP_NETWORK | IP_V6},
    {"ipaddress", "IPv4Interface", "address", 1, 0, make_ip, IP_INTERFACE},
    {"ipaddress", "IPv6Interface", "address", 1, 0, make_ip, IP_INTERFACE | IP_V6},
};
const struct make_family make_ipaddress = {makers, sizeof makers / sizeof makers[0]};
