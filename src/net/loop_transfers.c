/* The curl side of the loop: the one multi handle, and what may be done to it when. */
#include <pklbrowse/log.h>

#include "loop_internal.h"

static enum pb_err multi_error(CURLMcode code, struct error *e)
{
    if (code == CURLM_OUT_OF_MEMORY)
        return error_nomem(e);
    return error_set(e, PB_EIO, "the network library: %s", curl_multi_strerror(code));
}

enum pb_err loop_transfer_add(struct loop *l, struct loop_transfer *t, struct error *e)
{
    CURLMcode code;

    if (curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) != CURLE_OK)
        return error_nomem(e);
    code = curl_multi_add_handle(l->multi, t->easy);
    if (code != CURLM_OK)
        return multi_error(code, e);
    t->active = true;
    t->dropped = false;
    ring_append(&l->transfers, &t->ring);
    return PB_OK;
}

static void take_out(struct loop *l, struct loop_transfer *t)
{
    CURLMcode code = curl_multi_remove_handle(l->multi, t->easy);

    if (code != CURLM_OK)
        log_line("removing a transfer: %s", curl_multi_strerror(code));
    ring_remove(&t->ring);
    t->active = false;
}

void loop_transfer_drop(struct loop *l, struct loop_transfer *t)
{
    ring_remove(&t->ring);
    t->dropped = true;
    if (l->in_curl) {
        ring_append(&l->dropped, &t->ring);
        return;
    }
    take_out(l, t);
    t->released(t);
}

static void run_dropped(struct loop *l)
{
    while (!ring_empty(&l->dropped)) {
        struct loop_transfer *t = (struct loop_transfer *)l->dropped.next;

        take_out(l, t);
        t->released(t);
    }
}

static void finish(struct loop *l, struct loop_transfer *t, CURLcode code)
{
    take_out(l, t);
    l->ran = l->wake = true;
    t->finished(t, code);
}

void loop_transfer_resume(struct loop *l, struct loop_transfer *t)
{
    CURLcode code;

    l->in_curl = true;
    code = curl_easy_pause(t->easy, CURLPAUSE_CONT);
    l->in_curl = false;
    /* What was kept back is delivered by curl_easy_pause itself.  When a callback refuses it, curl
     * tells only us and lets the transfer stand. */
    if (code != CURLE_OK && !t->dropped)
        finish(l, t, code);
    run_dropped(l);
}

enum pb_err loop_transfers_run(struct loop *l, struct error *e)
{
    int running, left;
    CURLMsg *msg;
    CURLMcode code;

    l->in_curl = true;
    code = curl_multi_perform(l->multi, &running);
    l->in_curl = false;
    run_dropped(l);
    if (code != CURLM_OK)
        return multi_error(code, e);
    while ((msg = curl_multi_info_read(l->multi, &left)) != NULL) {
        CURLcode result = msg->data.result;
        struct loop_transfer *t = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t != NULL)
            finish(l, t, result);
    }
    return PB_OK;
}

void loop_transfers_free(struct loop *l)
{
    while (!ring_empty(&l->transfers))
        loop_transfer_drop(l, (struct loop_transfer *)l->transfers.next);
    if (l->multi != NULL)
        curl_multi_cleanup(l->multi);
}
