/* The quick way's loop, and what it does with marks and small containers. */
#include "scan_runs.h"

/* Which of the functions below executes an opcode.  The last ones make a value. */
enum way { GENERAL, RUN, PUT, MARK, GROUP, APPEND, SETITEM, BUILD, EMPTY, MARKED, TUPLE, CALL };

static const uint8_t ways[256] = {
    ['N'] = RUN,    [0x88] = RUN,   [0x89] = RUN,   ['K'] = RUN,    ['M'] = RUN,     ['J'] = RUN,
    ['G'] = RUN,    [')'] = RUN,    [0x8a] = RUN,   [0x8c] = RUN,   ['X'] = RUN,     ['C'] = RUN,
    ['B'] = RUN,    ['U'] = RUN,    ['T'] = RUN,    ['I'] = RUN,    ['L'] = RUN,     ['F'] = RUN,
    ['V'] = RUN,    ['h'] = RUN,    ['j'] = RUN,    ['g'] = RUN,    ['('] = MARK,    [']'] = EMPTY,
    ['}'] = EMPTY,  [0x8f] = EMPTY, [0x94] = PUT,   ['q'] = PUT,    ['r'] = PUT,     ['p'] = PUT,
    ['e'] = GROUP,  ['u'] = GROUP,  [0x90] = GROUP, ['l'] = MARKED, ['d'] = MARKED,  ['t'] = MARKED,
    [0x85] = TUPLE, [0x86] = TUPLE, [0x87] = TUPLE, ['a'] = APPEND, ['s'] = SETITEM, ['R'] = CALL,
    [0x81] = CALL,  ['b'] = BUILD,
};

/* With a lower limit every single value counts. */
#define STACK_LEAST ((uint64_t)1 << 20)

/* The last n values stand there one by one. */
static inline bool has_singles(const struct quick *q, ptrdiff_t n)
{
    if (q->top - q->fence < n)
        return false;
    for (ptrdiff_t i = 1; i <= n; i++) {
        if (q->top[-i].flags & SV_RUN)
            return false;
    }
    return true;
}

static inline void drop_to(struct quick *q, struct sval *top)
{
    q->top = top;
    if (top < q->folded)
        q->folded = top;
}

static inline bool mark(struct quick *q)
{
    if (q->mark == q->mark_highest)
        return false;
    q->mark->offset = quick_offset(q, q->p);
    q->mark->height = (uint64_t)(q->top - q->values);
    q->mark++;
    q->fence = q->top;
    return true;
}

static inline bool empty(struct quick *q)
{
    enum pkl_kind kind = *q->p == ']' ? PKL_LIST : *q->p == '}' ? PKL_DICT : PKL_SET;
    uint64_t at = quick_offset(q, q->p);

    quick_push(q, at, at, (uint8_t)kind, quick_place(q));
    return true;
}

static inline bool put(struct quick *q)
{
    const uint8_t *end;

    if (!has_singles(q, 1) || q->top[-1].maker != q->last ||
        (q->top[-1].flags & (SV_REF | SV_RECORDED)))
        return false;
    end = quick_put(q, q->p);
    if (end != NULL)
        q->p = end;
    return end != NULL;
}

/* The values from `first` on are replaced by one made of them. */
static inline struct sval *replace(struct quick *q, struct sval *first, uint64_t begin,
                                   enum pkl_kind kind, uint8_t flags)
{
    drop_to(q, first);
    return quick_push(q, begin, quick_offset(q, q->p), (uint8_t)kind, flags | quick_place(q));
}

/* What stands above the last mark becomes a value. */
static inline bool marked(struct quick *q)
{
    enum pkl_kind kind = *q->p == 'l' ? PKL_LIST : *q->p == 'd' ? PKL_DICT : PKL_TUPLE;
    struct sval *first = q->fence, *v;
    struct scan_above a;
    uint64_t begin;

    if (q->mark == q->marks || quick_is_costly(q, q->mark[-1].offset))
        return false;
    a = scan_look_above(first, q->top);
    if (kind == PKL_DICT && (a.n % 2 != 0 || a.even != 0))
        return false;
    begin = q->mark[-1].offset;
    quick_drop_mark(q);
    v = replace(q, first, begin, kind, kind == PKL_TUPLE ? scan_hash_tuple(&a) : 0);
    if (kind == PKL_DICT)
        v->pairs = (uint16_t)(a.n / 2);
    else
        v->n = (uint32_t)a.n;
    return true;
}

/* TUPLE1 to TUPLE3 */
static inline bool tuple(struct quick *q)
{
    ptrdiff_t n = *q->p - 0x84;
    struct sval *first = q->top - n;
    struct scan_above a;

    if (!has_singles(q, n) || quick_is_costly(q, first->begin))
        return false;
    a = scan_look_above(first, q->top);
    replace(q, first, first->begin, PKL_TUPLE, scan_hash_tuple(&a))->n = (uint32_t)n;
    return true;
}

/* REDUCE and NEWOBJ of a class or function that cannot be anything else. */
static inline bool call(struct quick *q)
{
    struct sval *args = q->top - 1, *what = args - 1;

    if (!has_singles(q, 2) || args->kind != PKL_TUPLE || quick_is_costly(q, what->begin) ||
        !((what->flags & SV_REF) || what->kind == PKL_GLOBAL))
        return false;
    replace(q, what, what->begin, PKL_OBJECT, 0);
    return true;
}

static inline bool build(struct quick *q)
{
    struct sval *state = q->top - 1, *object = state - 1;

    if (q->d->wrappers.len > 0 || !has_singles(q, 2) || object->kind != PKL_OBJECT ||
        (object->flags & SV_STATE) || state->kind == PKL_NONE || (state->flags & SV_REF) ||
        quick_is_large(q, object))
        return false;
    object->flags |= SV_STATE;
    drop_to(q, state);
    return true;
}

/* A recorded container takes n values and needs no checkpoint for that: it is the newest record,
 * and its last checkpoint is near. */
static inline bool take_recorded(struct quick *q, const struct sval *v, uint64_t n)
{
    struct record *r = &q->d->records.data[v->n];
    enum phase phase = v->kind == PKL_DICT ? PH_PAIR : PH_ITEM;
    uint64_t after = quick_offset(q, q->p + 1);
    const struct checkpoint *last;

    if (v->n != q->d->records.len - 1 || r->points.len == 0)
        return false;
    last = &r->points.data[r->points.len - 1];
    if (CHECKPOINT_PHASE(last) != phase ||
        after - CHECKPOINT_OFFSET(last) >= q->d->grain.checkpoint)
        return false;
    if (phase == PH_PAIR)
        r->pairs += n / 2;
    else
        r->items += n;
    r->end = after;
    return true;
}

/* The container below `first` takes what stands from there on, if it can. */
static inline bool take(struct quick *q, struct sval *first, enum pkl_kind want)
{
    struct sval *v = first - 1;
    bool recorded = (v->flags & SV_RECORDED) != 0;
    struct scan_above a;

    if (v->kind != want || (v->flags & (SV_REF | SV_RUN)) ||
        (!recorded && quick_is_costly(q, v->begin)))
        return false;
    a = scan_look_above(first, q->top);
    if ((want != PKL_LIST && a.even != 0) || (want == PKL_SET && a.odd != 0) ||
        (want == PKL_DICT && a.n % 2 != 0) || (recorded && !take_recorded(q, v, a.n)))
        return false;
    if (!recorded && want == PKL_DICT)
        v->pairs = (uint16_t)(v->pairs + a.n / 2);
    else if (!recorded)
        v->n += (uint32_t)a.n;
    drop_to(q, first);
    return true;
}

/* APPENDS, SETITEMS, ADDITEMS */
static inline bool group(struct quick *q)
{
    enum pkl_kind want = *q->p == 'e' ? PKL_LIST : *q->p == 'u' ? PKL_DICT : PKL_SET;

    if (q->fence <= quick_outer_fence(q) || !take(q, q->fence, want))
        return false;
    quick_drop_mark(q);
    return true;
}

/* APPEND, SETITEM */
static inline bool single(struct quick *q, ptrdiff_t n, enum pkl_kind want)
{
    return has_singles(q, n + 1) && take(q, q->top - n, want);
}

static inline bool execute(struct quick *q, enum way way)
{
    switch (way) {
    case MARK:
        return mark(q);
    case EMPTY:
        return empty(q);
    case GROUP:
        return group(q);
    case MARKED:
        return marked(q);
    case TUPLE:
        return tuple(q);
    case APPEND:
        return single(q, 1, PKL_LIST);
    case SETITEM:
        return single(q, 2, PKL_DICT);
    case CALL:
        return call(q);
    case BUILD:
        return build(q);
    default:
        return false;
    }
}

/* What CPython writes in front of the attributes of an object whose class it has written before:
 * BINGET EMPTY_TUPLE NEWOBJ MEMOIZE EMPTY_DICT MEMOIZE MARK. */
static inline bool object_head(struct quick *q)
{
    const uint8_t *p = q->p, *stop = q->stop;
    bool *seen = q->d->seen;
    uint64_t at = quick_offset(q, p);

    if (p[2] != ')' || p[3] != 0x81 || p[4] != 0x94 || p[5] != '}' || p[6] != 0x94 || p[7] != '(' ||
        p + 7 >= stop || q->bias != 0 || p[1] >= q->filled || q->room < 2 ||
        q->mark == q->mark_highest || q->d->grain.record < 8)
        return false;
    quick_push(q, at, at + 3, PKL_OBJECT, quick_place(q));
    quick_push(q, at + 5, at + 5, PKL_DICT, quick_place(q));
    q->mark->offset = at + 7;
    q->mark->height = (uint64_t)(q->top - q->values);
    q->mark++;
    q->fence = q->top;
    seen['h'] = seen[')'] = seen[0x81] = seen[0x94] = seen['}'] = seen['('] = true;
    q->gets++;
    q->filled += 2;
    q->room -= 2;
    q->ops += 7;
    q->last = at + 7;
    q->p = p + 8;
    return true;
}

/* A value of protocol 0 at p that is written in one line, and its PUT; where they end, else NULL.
 */
static inline const uint8_t *value_line(const struct quick *q, const uint8_t *p, bool *put)
{
    const uint8_t *end;
    uint64_t slot;

    *put = false;
    if (*p == 'N')
        return p + 1;
    if (*p == 'g') {
        end = quick_number(p + 1, &slot);
        return end != NULL && slot - q->bias < q->filled ? end + 1 : NULL;
    }
    if (forms[*p] != LINE)
        return NULL;
    end = quick_line(*p, p + 1);
    if (end == NULL || *++end != 'p' || end >= q->stop)
        return end;
    *put = true;
    return q->room > 0 ? quick_put_line(end, q->bias + q->filled) : NULL;
}

/* A number, most often of one digit. */
static inline const uint8_t *slot_line(const uint8_t *p, uint64_t *slot)
{
    *slot = (uint64_t)(p[0] - '0');
    return *slot < 10 && p[1] == '\n' ? p + 1 : quick_number(p, slot);
}

/* GET, a value and SETITEM again and again: what protocol 0 puts into a small dict whose keys it
 * has written before. */
static inline bool fields(struct quick *q)
{
    struct sval *v = q->top - 1;
    bool *seen = q->d->seen, put;
    uint64_t slot, n = 0;

    if (q->top == q->fence || v->kind != PKL_DICT || (v->flags & (SV_REF | SV_RUN | SV_RECORDED)))
        return false;
    for (const uint8_t *p = q->p; p < q->stop && *p == 'g'; n++) {
        const uint8_t *value = slot_line(p + 1, &slot), *end;

        if (value == NULL || slot - q->bias >= q->filled || !memo_is_sure(q->d, slot) ||
            ++value >= q->stop)
            break;
        end = value_line(q, value, &put);
        if (end == NULL || *end != 's' || end >= q->stop ||
            quick_offset(q, end + 1) - v->begin > q->d->grain.record)
            break;
        seen[*value] = true;
        seen['p'] |= put;
        q->filled += put;
        q->room -= put;
        q->gets += 1u + (*value == 'g');
        q->ops += 3u + put;
        q->last = quick_offset(q, end);
        q->p = p = end + 1;
    }
    if (n == 0)
        return false;
    v->pairs = (uint16_t)(v->pairs + n);
    seen['g'] = seen['s'] = true;
    return true;
}

/* One list in the other, with MEMOIZE: EMPTY_LIST MEMOIZE again and again ... */
static inline void nest(struct quick *q)
{
    const uint8_t *p = q->p;
    struct sval *top = q->top;
    size_t room = q->bias == 0 ? (size_t)q->room : 0, n = 0;

    while (p < q->stop && p[0] == ']' && p[1] == 0x94 && top < q->highest && n < room) {
        uint64_t at = quick_offset(q, p);
        uint8_t place = quick_place(q);

        q->top = top + 1;
        *top++ = (struct sval){.begin = at, .maker = at, .kind = PKL_LIST, .flags = place};
        n++;
        p += 2;
    }
    if (n == 0)
        return;
    q->d->seen[']'] = q->d->seen[0x94] = true;
    q->last = quick_offset(q, p - 2);
    q->filled += n;
    q->room -= n;
    q->ops += 2 * n;
    q->p = p;
}

/* ... and at its end APPEND again and again: each list takes the one above it, as `single` does. */
static inline void unnest(struct quick *q)
{
    const uint64_t record = q->d->grain.record;
    const uint8_t *p = q->p;
    struct sval *top = q->top;
    uint64_t begin = 0, edge = 0, room = 0;

    for (; p < q->stop && *p == 'a' && top - q->fence >= 2; p++) {
        struct sval *v = top - 2;
        uint64_t after = quick_offset(q, p + 1), more = begin - v->begin + 1;

        if (v->kind != PKL_LIST || ((v->flags | top[-1].flags) & SV_RUN) ||
            (v->flags & (SV_REF | SV_RECORDED)))
            break;
        if (after - v->begin > record) {
            if (v->begin > edge && more <= room) {
                room -= more;
            } else {
                uint64_t cost = scan_cost(q->d, v->begin, after, &edge);

                if (cost > record)
                    break;
                room = record - cost;
            }
            begin = v->begin;
        }
        v->n++;
        top--;
    }
    if (p == q->p)
        return;
    drop_to(q, top);
    q->d->seen['a'] = true;
    q->last = quick_offset(q, p - 1);
    q->ops += (uint64_t)(p - q->p);
    q->p = p;
}

static inline void go(struct quick *q)
{
    while (q->p < q->stop && q->top < q->highest) {
        enum way way = (enum way)ways[*q->p];

        if (way == RUN) {
            if ((*q->p == 'h' && object_head(q)) || (*q->p == 'g' && fields(q)))
                continue;
            if (!take_run(q))
                break;
        } else if (way == PUT) {
            if (!put(q))
                break;
        } else {
            if (!execute(q, way))
                break;
            quick_done(q);
            if (way >= EMPTY)
                quick_put_behind(q);
            /* What comes behind a container that is to be filled, nearly always. */
            if (way == EMPTY && *q->p == '(' && q->p < q->stop && mark(q))
                quick_done(q);
            else if (way == EMPTY && *q->p == ']')
                nest(q);
            else if (way == APPEND && *q->p == 'a')
                unnest(q);
        }
    }
}

/* How far opcodes may begin; NULL: none is for the quick way. */
static const uint8_t *last_begin(const struct pkl_doc *d, const struct window *w, uint64_t until)
{
    const struct scan *s = &d->scan;
    uint64_t end;

    if (w->n < QUICK_SLACK || s->at < w->off || s->in_payload || s->in_line ||
        d->limits.max_stack < STACK_LEAST)
        return NULL;
    end = w->off + (w->n - QUICK_SLACK);
    if (until < end)
        end = until;
    if (s->next_mark < end)
        end = s->next_mark;
    if (s->frame_end != 0 && s->frame_end < end)
        end = s->frame_end;
    return s->at < end ? w->p + (end - w->off) : NULL;
}

/* Some room on the stacks.  One that becomes large gets at once what it may need before it is
 * folded, and not half as much again. */
static bool reserve_stacks(struct scan *s, size_t fold)
{
    size_t need = s->stack.len + 8 * KEPT;

    if (need >= fold / 3 && need > s->stack.cap && need < fold + 8 * KEPT)
        need = fold + 8 * KEPT;
    return vec_reserve(&s->stack, need) && vec_reserve(&s->marks, s->marks.len + 8);
}

static bool load_stacks(struct quick *q)
{
    struct scan *s = &q->d->scan;
    size_t room = q->d->grain.fold;

    if (s->folded > s->stack.len || !reserve_stacks(s, room))
        return false;
    q->values = s->stack.data;
    q->top = q->values + s->stack.len;
    q->folded = q->values + s->folded;
    q->highest = q->values + (s->stack.cap - 2 * KEPT);
    if (s->stack.cap - 2 * KEPT > s->folded + room)
        q->highest = q->folded + room;
    q->marks = s->marks.data;
    q->mark = q->marks + s->marks.len;
    q->mark_highest = q->marks + s->marks.cap;
    if (s->marks.cap > q->d->limits.max_marks)
        q->mark_highest = q->marks + q->d->limits.max_marks;
    q->fence = q->values + scan_fence(s);
    return q->mark <= q->mark_highest;
}

static void load_memo(struct quick *q)
{
    const struct scan *s = &q->d->scan;

    if (s->memo_bias == NO_BIAS)
        return;
    q->bias = s->memo_bias;
    q->filled = s->memo_count;
    if (s->memo_sparse == 0 && q->d->hash.used == 0 && q->filled < q->d->limits.max_memo)
        q->room = q->d->limits.max_memo - q->filled;
}

static void store(const struct quick *q)
{
    struct pkl_doc *d = q->d;
    struct scan *s = &d->scan;

    s->at = quick_offset(q, q->p);
    s->last = q->last;
    if (q->met != 0)
        vector_run_seen(q->met, d->seen);
    s->ops += q->ops;
    d->info.opcodes += q->ops;
    d->info.memo_gets += q->gets;
    s->stack.len = (size_t)(q->top - q->values);
    s->marks.len = (size_t)(q->mark - q->marks);
    s->folded = (size_t)(q->folded - q->values);
    if (s->memo_bias != NO_BIAS) {
        d->info.memo_puts += q->filled - s->memo_count;
        s->memo_count = q->filled;
    }
}

/* So it goes on and on at the end of a deep nest: none of these is for the quick way. */
static bool appends_recorded(const struct pkl_doc *d, const struct window *w)
{
    const struct scan *s = &d->scan;
    size_t n = s->stack.len;

    return w->p[s->at - w->off] == 'a' && n >= 2 &&
           (s->stack.data[n - 1].flags & s->stack.data[n - 2].flags & SV_RECORDED) != 0;
}

void scan_quick(struct pkl_doc *d, const struct window *w, uint64_t until)
{
    const uint8_t *stop = last_begin(d, w, until);
    struct quick q;

    if (stop == NULL || appends_recorded(d, w))
        return;
    q = (struct quick){.d = d,
                       .stop = stop,
                       .last = d->scan.last,
                       .payload = d->grain.payload,
                       .sure = d->sure.from,
                       .range = d->sure.range,
                       .vector = d->vector};
    if (!load_stacks(&q))
        return;
    load_memo(&q);
    q.p = w->p + (d->scan.at - w->off);
    q.end = w->p + w->n;
    q.delta = w->off - (uint64_t)(uintptr_t)w->p;
    go(&q);
    store(&q);
}
