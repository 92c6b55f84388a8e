/*
 * A memo that goes on.
 *
 * A Pickler that is used again goes on with its memo, and so does an Unpickler.  Of pickles with
 * numbered PUTs both ways to read mean the same where each pickle has what it reads.  MEMOIZE
 * numbers by counting: then GET 3 may be the third value of this pickle or of the first one.
 */
#include "index.h"
#include "opcode_bytes.h"
#include "splice_private.h"

bool splice_on_both(struct pkl_doc *d)
{
    struct pkl_info info;

    pkl_doc_info(d, &info);
    return info.pickles > 1 && !d->scan.shared && d->seen[CODE_MEMOIZE];
}

static bool occupy(struct splice_on *on, uint64_t slot)
{
    uint64_t there;

    if (slot < on->dense || idmap_get(&on->sparse, slot + 1, &there))
        return true;
    on->count++;
    if (slot != on->dense)
        return idmap_put(&on->sparse, slot + 1, 1);
    do
        on->dense++;
    while (idmap_get(&on->sparse, on->dense + 1, &there));
    return true;
}

bool splice_on_put(struct splice_on *on, const struct pkl_memo_event *ev, uint64_t number)
{
    uint64_t slot = ev->op == PKL_MEMO_IMPLICIT ? on->count : ev->slot, known;

    if (!occupy(on, slot))
        return false;
    return (number == 0 && !idmap_get(&on->slots, slot + 1, &known)) ||
           idmap_put(&on->slots, slot + 1, number);
}

uint64_t splice_on_get(const struct splice_on *on, uint64_t slot)
{
    uint64_t number;

    return idmap_get(&on->slots, slot + 1, &number) ? number : 0;
}

void splice_on_release(struct splice_on *on)
{
    idmap_release(&on->slots);
    idmap_release(&on->sparse);
}
