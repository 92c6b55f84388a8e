/*
 * What listing.c (rows, pages, marks) and arrange.c (which rows are shown, in what order) share.
 */
#ifndef MODEL_LISTING_INTERNAL_H
#define MODEL_LISTING_INTERNAL_H

#include <pklbrowse/job.h>
#include <pklbrowse/listing.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/store_pages.h>

#include "rank.h"

/* One row, 32 bytes and its name: a prefix with ten million keys must stay usable.  Rows and names
 * stand in pieces that are never moved or half empty. */
#define CHUNK 4096  /* rows */
#define NAMES 65536 /* bytes */
struct record {
    const char *name;
    uint32_t len;
    uint8_t kind, marked;
    uint16_t class; /* of listing.classes, from 1 on; 0: none is known */
    uint64_t size;
    int64_t mtime;
};

struct rows {
    uint64_t *data;
    size_t len, cap;
};

enum arrange_phase { ARRANGE_NONE, ARRANGE_COLLECT, ARRANGE_RANK, ARRANGE_SORT, ARRANGE_PUT };

struct listing {
    struct store *store;
    char *container, *prefix;
    size_t prefix_len, folder_len; /* folder: up to and with its last '/' */
    void (*changed)(void *ctx);
    void *ctx;

    struct arena names;
    char *names_at; /* room for names, */
    size_t names_left;
    struct {
        struct record **data; /* CHUNK of them each */
        size_t len, cap;
    } chunks;
    size_t loaded;
    struct {
        char **data;
        size_t len, cap;
    } classes;

    struct rows matches; /* indexes into all, when there is a filter or an order */
    size_t seen;         /* rows that were looked at for them */
    size_t unsorted;     /* of the matches, the last ones */
    enum listing_order order;
    char *filter; /* NULL: none, every record is a row */
    size_t filter_len;
    bool filter_exact;
    struct arrange { /* what is not arranged yet */
        struct job job;
        struct listing *l;
        bool running; /* beside the loop */
        enum arrange_phase phase;
        struct rows from; /* only these and what came since are looked at, */
        size_t at;        /* from here on */
        struct rank *ranks, *room;
        size_t count; /* of them */
        struct rank_work work;
        uint16_t *class_order;
    } arrange;

    uint64_t marked, marked_bytes;
    struct {
        struct name { /* to be marked when they come, in the order of bytes */
            char *name;
            size_t len;
        } * data;
        size_t len, cap;
    } again;

    struct store_pages *pages;
    bool complete;
    uint64_t wanted; /* rows asked for */
    bool failed;
    struct error error;
};

static inline struct record *record_at(const struct listing *l, uint64_t i)
{
    return &l->chunks.data[i / CHUNK][i % CHUNK];
}

bool listing_below_prefix(const struct listing *l, const char *name, size_t len);
bool listing_indexed(const struct listing *l); /* rows are matches */
bool listing_passes(const struct listing *l, const struct record *r);
void listing_fail(struct listing *l, const struct error *e);

/* Rows came, or the last page did. */
void arrange_page(struct listing *l);
void arrange_free(struct listing *l);

#endif
