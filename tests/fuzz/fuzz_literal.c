/*
 * Any bytes as a Python literal: refused with a place inside the text, or encoded in every protocol
 * as a pickle that the index takes, whose repr is a literal again and encodes to the same bytes.
 */
#include <string.h>

#include <pklbrowse/pkl_literal.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/source.h>

#include "fuzz.h"

static bool encode(const struct literal *l, unsigned protocol, struct buf *out)
{
    struct pkl_style style = {.protocol = protocol, .text = protocol == 0};
    struct error e;

    if (protocol >= 2) {
        buf_putc(out, '\x80');
        buf_putc(out, (char)protocol);
    }
    if (literal_encode(l, &style, PKL_BROKEN, 0, out, &e) != PB_OK)
        return false;
    buf_putc(out, '.');
    return buf_status(out, &e) == PB_OK;
}

/* False: longer than what a run of the fuzzer should print. */
static bool print(struct pkl_doc *d, struct buf *text)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_repr_opts opts = {.max_output = FUZZ_OUTPUT};
    struct sink to = sink_buf(text);
    struct pkl_child root;
    struct error e = {0};
    enum pb_err err = v->root(v, 0, &root, &e);

    MUST(err == PB_OK, e.msg);
    err = pkl_repr(v, &root.value, &opts, &to, &e);
    MUST(err == PB_OK || err == PB_ELIMIT, e.msg);
    return err == PB_OK;
}

static void round_trip(struct arena *mem, const struct literal *l, unsigned protocol)
{
    struct buf bytes, again, text;
    struct source *src;
    struct pkl_doc *d;
    struct literal *back;
    struct error e = {0};
    size_t at;

    buf_init(&bytes, SIZE_MAX / 2);
    buf_init(&again, SIZE_MAX / 2);
    buf_init(&text, SIZE_MAX / 2);
    if (encode(l, protocol, &bytes)) {
        src = fuzz_source(bytes.data, bytes.len);
        d = fuzz_index(src, UINT64_MAX);
        MUST(pkl_doc_error(d, &e) == PB_OK, e.msg);
        if (print(d, &text)) {
            MUST(literal_parse(mem, text.data, text.len, &back, &at, &e) == PB_OK, e.msg);
            MUST(encode(back, protocol, &again), text.data);
            /* The sign of a nan is in no text; Python reads (-0-0j) as 0-0j. */
            MUST(strstr(text.data, "nan") != NULL || strchr(text.data, 'j') != NULL ||
                     (again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0),
                 text.data);
        }
        pkl_doc_free(d);
        source_free(src);
    }
    buf_release(&bytes);
    buf_release(&again);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena mem;
    struct literal *l;
    struct error e;
    size_t at = 0;

    arena_init(&mem);
    if (literal_parse(&mem, (const char *)data, size, &l, &at, &e) != PB_OK)
        MUST(at <= size && e.msg[0] != '\0', e.msg);
    else
        for (unsigned protocol = 0; protocol <= 5; protocol++)
            round_trip(&mem, l, protocol);
    arena_release(&mem);
    return 0;
}
