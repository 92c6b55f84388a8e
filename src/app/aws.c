/*
 * Who one is on S3, and through which endpoint: as the program was started, or as was chosen since.
 * Every choice has a session and a store of its own, which stay: what was begun with one ends so.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

struct app_aws {
    struct app *app;
    struct app_aws *next;
    char *profile, *endpoint; /* chosen, or NULL */
    bool anonymous;           /* chosen */
    struct aws_config *config;
    struct aws_setup setup;
    bool have_setup;
    struct http *http;
    struct aws_session *session; /* NULL: anonymous, or not asked for yet */
    struct store *s3;
    bool apart; /* of app_aws_apart(): it asks no person */
};

/* --- one of them ---------------------------------------------------------------------------- */

static void aws_free(struct app_aws *w)
{
    if (w->s3 != NULL)
        store_free(w->s3);
    aws_session_free(w->session);
    if (w->http != NULL)
        http_free(w->http);
    if (w->config != NULL)
        aws_config_free(w->config);
    if (w->have_setup)
        aws_setup_release(&w->setup);
    free(w->profile);
    free(w->endpoint);
    free(w);
}

static enum pb_err copy_of(char **to, const char *from, struct error *e)
{
    *to = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *to != NULL ? PB_OK : error_nomem(e);
}

static enum pb_err aws_new(struct app *a, const struct app_choice *c, struct app_aws **out,
                           struct error *e)
{
    struct app_aws *w = mem_alloc(sizeof *w);
    enum pb_err err;

    *out = NULL;
    if (w == NULL)
        return error_nomem(e);
    w->app = a;
    w->anonymous = c->anonymous;
    err = copy_of(&w->profile, c->profile, e);
    if (err == PB_OK)
        err = copy_of(&w->endpoint, c->endpoint, e);
    if (err != PB_OK)
        aws_free(w);
    else
        *out = w;
    return err;
}

/* What was chosen is as if it had been asked for on the command line. */
static struct aws_options options_with(const struct app *a, const struct app_choice *c)
{
    struct aws_options o = a->options.aws;

    if (c->profile != NULL) {
        o.profile = c->profile;
        o.no_sign_request = false;
    }
    if (c->endpoint != NULL)
        o.endpoint_url = c->endpoint;
    o.no_sign_request = o.no_sign_request || c->anonymous;
    return o;
}

static struct app_choice choice_of(const struct app_aws *w)
{
    return (struct app_choice){
        .profile = w->profile, .endpoint = w->endpoint, .anonymous = w->anonymous};
}

static enum pb_err resolve(struct app_aws *w, struct error *e)
{
    struct app_choice c = choice_of(w);
    struct aws_options o = options_with(w->app, &c);
    enum pb_err err = PB_OK;

    if (w->config == NULL)
        err = aws_config_load(&w->config, e);
    if (err == PB_OK && !w->have_setup) {
        err = aws_setup_resolve(&w->setup, w->config, &o, e);
        w->have_setup = err == PB_OK;
        w->setup.request_payer = w->app->options.request_payer;
        w->setup.customer = *w->app->customer.key ? &w->app->customer : NULL;
    }
    return err;
}

/* Whom to trust: AWS_CA_BUNDLE, else the profile's ca_bundle, else the system. */
static const char *ca_bundle(const struct app_aws *w)
{
    const char *file = getenv("AWS_CA_BUNDLE");

    if ((file == NULL || *file == '\0') && w->have_setup)
        file = aws_config_get(w->config, w->setup.profile, NULL, "ca_bundle");
    return file != NULL && *file != '\0' ? file : NULL;
}

static enum pb_err make_http(struct app_aws *w, struct error *e)
{
    struct http_options o = {
        .ca_bundle = ca_bundle(w),
        .insecure = w->app->options.insecure,
        .user_agent = "pklbrowse/" PACKAGE_VERSION,
    };

    return w->http != NULL ? PB_OK : http_new(w->app->loop, &o, &w->http, e);
}

static void on_ask(void *ctx, const char *question, bool close)
{
    struct app_aws *w = ctx;
    struct app *a = w->app;

    a->asking = close ? NULL : w;
    a->ask(a->ask_ctx, question, close);
}

static void on_outside(void *ctx, const struct aws_outside *what)
{
    struct app_aws *w = ctx;
    struct app *a = w->app;

    a->offering = what != NULL ? w : NULL;
    a->offer(a->offer_ctx, what);
}

/* Without anybody to ask, a profile that needs a code is an error. */
static void set_ask(struct app_aws *w)
{
    if (w->session == NULL || w->apart)
        return;
    aws_session_on_ask(w->session, w->app->ask != NULL ? on_ask : NULL, w);
    aws_session_on_outside(w->session, w->app->offer != NULL ? on_outside : NULL, w);
}

static enum pb_err make_session(struct app_aws *w, struct error *e)
{
    enum pb_err err = resolve(w, e);

    if (err == PB_OK)
        err = make_http(w, e);
    if (err == PB_OK && w->session == NULL && !w->setup.anonymous) {
        err = aws_session_new(w->app->loop, w->http, w->config, &w->setup, &w->session, e);
        if (err == PB_OK)
            set_ask(w);
    }
    return err;
}

enum pb_err app_aws_apart(struct app *a, const struct app_choice *c, struct app_aws **out,
                          struct error *e)
{
    enum pb_err err = aws_new(a, c, out, e);

    if (err != PB_OK)
        return err;
    (*out)->apart = true;
    err = make_session(*out, e);
    if (err != PB_OK) {
        aws_free(*out);
        *out = NULL;
    }
    return err;
}

void app_aws_apart_free(struct app_aws *w)
{
    if (w != NULL)
        aws_free(w);
}

const struct aws_setup *app_aws_setup(const struct app_aws *w)
{
    return &w->setup;
}

struct aws_session *app_aws_session(const struct app_aws *w)
{
    return w->session;
}

const char *app_aws_source(const struct app_aws *w)
{
    return aws_session_source(w->config, &w->setup);
}

/* --- the one that counts -------------------------------------------------------------------- */

enum pb_err app_aws_init(struct app *a, struct error *e)
{
    enum pb_err err = aws_new(a, &(struct app_choice){0}, &a->aws, e);

    a->first_aws = a->aws;
    return err;
}

void app_aws_free(struct app *a)
{
    while (a->first_aws != NULL) {
        struct app_aws *w = a->first_aws;

        a->first_aws = w->next;
        aws_free(w);
    }
    a->aws = NULL;
}

enum pb_err app_setup(struct app *a, const struct aws_setup **out, struct error *e)
{
    enum pb_err err = resolve(a->aws, e);

    *out = &a->aws->setup;
    return err;
}

bool app_aws_likely(struct app *a)
{
    const struct aws_setup *s;

    return app_setup(a, &s, NULL) == PB_OK &&
           (s->endpoint != NULL || aws_session_source(a->aws->config, s) != NULL);
}

/* What is wrong with AWS's files does not concern the others, nor does what was chosen there. */
enum pb_err app_http(struct app *a, struct http **out, struct error *e)
{
    enum pb_err err = resolve(a->first_aws, NULL);

    err = err == PB_ENOMEM ? error_nomem(e) : make_http(a->first_aws, e);
    *out = a->first_aws->http;
    return err;
}

enum pb_err app_session(struct app *a, struct aws_session **out, struct error *e)
{
    enum pb_err err = make_session(a->aws, e);

    *out = a->aws->session;
    return err;
}

enum pb_err app_s3_store(struct app *a, struct store **out, struct error *e)
{
    struct app_aws *w = a->aws;
    enum pb_err err = PB_OK;

    if (w->s3 == NULL) {
        err = make_session(w, e);
        if (err == PB_OK)
            err = store_s3_new(a->loop, w->http, &w->setup, w->session, &w->s3, e);
    }
    *out = w->s3;
    return err;
}

void app_on_ask(struct app *a, aws_ask_fn ask, void *ctx)
{
    a->ask = ask;
    a->ask_ctx = ctx;
    for (struct app_aws *w = a->first_aws; w != NULL; w = w->next)
        set_ask(w);
}

void app_answer(struct app *a, const char *answer)
{
    struct app_aws *w = a->asking;

    a->asking = NULL;
    if (w != NULL)
        aws_session_answer(w->session, answer);
}

void app_on_outside(struct app *a, aws_outside_fn offer, void *ctx)
{
    a->offer = offer;
    a->offer_ctx = ctx;
    for (struct app_aws *w = a->first_aws; w != NULL; w = w->next)
        set_ask(w);
}

void app_outside_done(struct app *a, bool ok, struct buf *out)
{
    struct app_aws *w = a->offering;

    a->offering = NULL;
    if (w != NULL)
        aws_session_outside_done(w->session, ok, out);
}

/* --- choosing ------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_choice(const struct app_aws *w, const struct app_choice *c)
{
    return same_text(w->profile, c->profile) && same_text(w->endpoint, c->endpoint) &&
           w->anonymous == c->anonymous;
}

/* One that nobody has used yet reads the files again: they may have been mended meanwhile. */
static void forget_files(struct app_aws *w)
{
    if (w == w->app->aws || w->session != NULL || w->http != NULL)
        return;
    aws_config_free(w->config);
    w->config = NULL;
    if (w->have_setup)
        aws_setup_release(&w->setup);
    w->have_setup = false;
}

static enum pb_err find_or_make(struct app *a, const struct app_choice *c, struct app_aws **out,
                                struct error *e)
{
    struct app_aws **last = &a->first_aws;
    enum pb_err err = PB_OK;

    while (*last != NULL && !is_choice(*last, c))
        last = &(*last)->next;
    if (*last == NULL)
        err = aws_new(a, c, last, e);
    else
        forget_files(*last);
    *out = *last;
    return err == PB_OK ? resolve(*out, e) : err;
}

/* Amazon's own names are one server's within each of these. */
static const char *partition(const char *region)
{
    static const char *const begins[] = {"cn-", "us-gov-", "us-iso-", "us-isob-"};

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (strncmp(region, begins[i], strlen(begins[i])) == 0)
            return begins[i];
    }
    return "";
}

static bool same_server(const struct app_aws *a, const struct app_aws *b)
{
    if (!a->have_setup || !b->have_setup || !same_text(a->setup.endpoint, b->setup.endpoint))
        return a == b;
    return a->setup.endpoint != NULL ||
           strcmp(partition(a->setup.region), partition(b->setup.region)) == 0;
}

enum pb_err app_choice_same_server(struct app *a, const struct app_choice *c, bool *same,
                                   struct error *e)
{
    struct app_aws *w;
    enum pb_err err = find_or_make(a, c, &w, e);

    if (err == PB_OK)
        *same = same_server(a->aws, w);
    return err;
}

enum pb_err app_choose(struct app *a, const struct app_choice *c, struct error *e)
{
    struct app_aws *w;
    enum pb_err err = find_or_make(a, c, &w, e);

    if (err != PB_OK)
        return err;
    a->aws = w;
    return app_places_again(a, e);
}

/* --- what there is to choose from ----------------------------------------------------------- */

struct app_profiles {
    struct aws_config *config;
    struct row {
        struct app_profile pub;
        struct aws_setup setup;
        struct error wrong;
    } * rows;
    size_t count;
};

void app_profiles_free(struct app_profiles *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        aws_setup_release(&p->rows[i].setup);
    free(p->rows);
    aws_config_free(p->config);
    free(p);
}

static void fill(struct app *a, struct app_profiles *p, struct row *row, const struct app_choice *c)
{
    struct aws_options o = options_with(a, c);

    row->pub.choice = *c;
    row->pub.current = is_choice(a->aws, c);
    row->pub.setup = &row->setup;
    if (aws_setup_resolve(&row->setup, p->config, &o, &row->wrong) != PB_OK)
        row->pub.wrong = row->wrong.msg;
    else if (!row->setup.anonymous)
        row->pub.source = aws_session_source(p->config, &row->setup);
}

enum pb_err app_profiles_load(struct app *a, struct app_profiles **out, struct error *e)
{
    struct app_profiles *p = mem_alloc(sizeof *p);
    struct app_choice unsigned_one = app_chosen(a);
    enum pb_err err;
    size_t n;

    *out = NULL;
    if (p == NULL)
        return error_nomem(e);
    err = aws_config_load(&p->config, e);
    n = err == PB_OK ? aws_config_profiles(p->config) : 0;
    if (err == PB_OK && (p->rows = mem_alloc((n + 2) * sizeof *p->rows)) == NULL)
        err = error_nomem(e);
    if (err != PB_OK) {
        app_profiles_free(p);
        return err;
    }
    fill(a, p, &p->rows[p->count++], &(struct app_choice){0});
    for (size_t i = 0; i < n; i++)
        fill(a, p, &p->rows[p->count++],
             &(struct app_choice){.profile = aws_config_profile(p->config, i)});
    unsigned_one.anonymous = true;
    fill(a, p, &p->rows[p->count++], &unsigned_one);
    *out = p;
    return PB_OK;
}

size_t app_profiles_count(const struct app_profiles *p)
{
    return p->count;
}

const struct app_profile *app_profiles_row(const struct app_profiles *p, size_t i)
{
    return &p->rows[i].pub;
}

struct app_choice app_chosen(const struct app *a)
{
    return choice_of(a->aws);
}
