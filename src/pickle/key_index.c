#include "key_index.h"

#include <stdlib.h>

#include "path_private.h"

bool key_index_add(struct key_index *k, uint64_t hash, uint64_t what)
{
    struct key_entry entry = {.what = what, .next = key_index_first(k, hash)};

    if (!vec_push(&k->entries, entry))
        return false;
    if (idmap_put(&k->heads, hash, k->entries.len))
        return true;
    k->entries.len--;
    return false;
}

size_t key_index_first(const struct key_index *k, uint64_t hash)
{
    uint64_t entry;

    return k->entries.len > 0 && idmap_get(&k->heads, hash, &entry) ? (size_t)entry : 0;
}

void key_index_release(struct key_index *k)
{
    idmap_release(&k->heads);
    vec_release(&k->entries);
}

enum pb_err key_hash(struct pkl_view *v, const struct pkl_node *key, uint64_t *hash,
                     struct error *e)
{
    struct literal *l = NULL;
    struct arena mem;
    enum pb_err err;

    *hash = 0;
    arena_init(&mem);
    err = path_key_literal(v, key, &mem, &l, e);
    if (err == PB_OK && l != NULL)
        err = literal_hash(l, hash, e);
    arena_release(&mem);
    return err;
}

enum pb_err key_hashes(const struct literal *want, uint64_t hash[KEY_HASHES], size_t *n,
                       struct error *e)
{
    struct literal str = {.kind = PKL_STR, .data = want->data, .len = want->len};
    enum pb_err err = literal_hash(want, &hash[0], e);

    *n = 1;
    if (err == PB_OK && want->kind == PKL_BYTES)
        err = literal_hash(&str, &hash[(*n)++], e);
    return err;
}
