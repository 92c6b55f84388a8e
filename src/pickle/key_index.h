/* floor 1: pickle */
/*
 * Which children of a container may have a key: numbers, by the hash of the key.
 *
 * Keys that are equal to Python have one hash.  It only says where to look: what is found must be
 * compared, and may be gone since.
 */
#ifndef PKLBROWSE_KEY_INDEX_H
#define PKLBROWSE_KEY_INDEX_H

#include <pklbrowse/pkl_path.h>

#include "idmap.h"

struct key_entry {
    uint64_t what; /* the number of a child, as whoever entered it counts */
    size_t next;   /* the entry before with the same hash; 0: none */
};
struct key_index {
    struct idmap heads; /* hash -> the last entry, from 1 on */
    struct {
        struct key_entry *data;
        size_t len, cap;
    } entries;
};

bool key_index_add(struct key_index *k, uint64_t hash, uint64_t what) PB_CHECK;
/* 0: none */
size_t key_index_first(const struct key_index *k, uint64_t hash);
static inline const struct key_entry *key_index_at(const struct key_index *k, size_t entry)
{
    return &k->entries.data[entry - 1];
}
void key_index_release(struct key_index *k);

/* Of a key that stands somewhere; 0: it has no literal, so it is equal only to itself. */
enum pb_err key_hash(struct pkl_view *v, const struct pkl_node *key, uint64_t *hash,
                     struct error *e) PB_CHECK;
/* Of a literal that is looked for: where an equal key is, also one of Python 2's that a bytes
 * literal means. */
#define KEY_HASHES 2
enum pb_err key_hashes(const struct literal *want, uint64_t hash[KEY_HASHES], size_t *n,
                       struct error *e) PB_CHECK;

#endif
