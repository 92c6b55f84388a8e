/* The files of the aws command line, and what options, environment and profile add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/mem.h>

/* ---------------------------------------------------------------------------- the files */

/*
 * The shape of the files is that of the SDKs' public parser tests.  query: "profile|block|key",
 * want: the value, NULL for absent.
 */
static const struct {
    const char *config, *credentials, *query, *want;
} files[] = {
    {"", NULL, "foo||name", NULL},
    {"[profile foo]\nname = value", NULL, "foo||name", "value"},
    {"[profile foo]\r\nname = value\r\n", NULL, "foo||name", "value"},
    {"\xef\xbb\xbf[profile foo]\nname = value", NULL, "foo||name", "value"},
    {"[profile some-thing:long/the_one%only.foo@bar+]\nn=v", NULL,
     "some-thing:long/the_one%only.foo@bar+||n", "v"},
    {"[profile foo!bar]\nn=v", NULL, "foo!bar||n", NULL},
    {"[profile \tfoo \t]\nn=v", NULL, "foo||n", "v"},
    {"[profile\tfoo]\nn=v", NULL, "foo||n", "v"},
    {"[   profile foo    ]\nn=v", NULL, "foo||n", "v"},
    {"[profile \"x y\"]\nn=v", NULL, "x y||n", "v"},
    {"[profilefoo]\nn = v", NULL, "foo||n", NULL},
    {"[foo]\nn = v", NULL, "foo||n", NULL},
    {"[profile foo]\nname = val=ue", NULL, "foo||name", "val=ue"},
    {"[profile foo]\nname = \xf0\x9f\x98\x82", NULL, "foo||name", "\xf0\x9f\x98\x82"},
    {"[profile foo]\nname \t=  \tvalue \t", NULL, "foo||name", "value"},
    {"[profile foo]\nname =", NULL, "foo||name", ""},
    {"[profile foo]\n  name = value", NULL, "foo||name", "value"},
    {"\t \n[profile foo]\n\t\n \nname = value\n\t \n[profile bar]\n \t", NULL, "foo||name",
     "value"},
    {"# Comment\n[profile foo] # Comment\nname = value # Comment with # sign", NULL, "foo||name",
     "value"},
    {"; Comment\n[profile foo];Comment\nname = value ; Comment", NULL, "foo||name", "value"},
    {"[profile foo]\nname = value; Adjacent\n", NULL, "foo||name", "value; Adjacent"},
    {"[profile foo]\nname = value#x\n", NULL, "foo||name", "value#x"},
    {"[profile foo]\nname = #x\n", NULL, "foo||name", ""},
    {"[profile foo]\nname = value\n -continued\n \t -and # on\t \n", NULL, "foo||name",
     "value\n-continued\n-and # on"},
    {"[profile foo]\nname = value\n  # a comment\nx = 1", NULL, "foo||name", "value"},
    {"[profile foo]\nname = v\n[profile foo]\nname2 = v2", NULL, "foo||name", "v"},
    {"[profile foo]\nname = v\nname = v2", NULL, "foo||name", "v2"},
    {"[profile foo]\nName = v\n[profile foo]\nnAME = v2", NULL, "foo||name", "v2"},
    {"[profile default]\nname = v\n[default]\nname2 = v2", NULL, "default||name2", NULL},
    {"[default]\nname = v2\n[profile default]\nname = v", NULL, "default||name", "v"},
    {"[default]\nname = v2", NULL, "default||name", "v2"},
    {"[profile default]\nname = v\n[default]\nx = y", "[default]\nsecret=foo", "default||secret",
     "foo"},
    {"[profile in valid]\nname = value", "[in valid 2]\nname = v", "in valid||name", NULL},
    {"[profile foo]\nin valid = value\n continued\nx = y", NULL, "foo||x", "y"},
    {"[profile foo]\na = b\nin valid = value\n continued", NULL, "foo||a", "b"},
    {"[profile foo]\ns3 =\n name = value\n\t \n name2 = value2 # c", NULL, "foo|s3|name2",
     "value2"},
    {"[profile foo]\ns3 =\n name = value\nname = x", NULL, "foo|s3|name", "value"},
    {"[profile foo]\ns3 =\n name = value\nname = x", NULL, "foo||name", "x"},
    {"[profile foo]\nS3 = # nested\n\tAddressing_Style = path", NULL, "foo|s3|addressing_style",
     "path"},
    {"[profile foo]\ns3 =\n in valid = value", NULL, "foo|s3|in valid", "value"},
    {"[profile foo]\nname = v", "[foo]\nname = v2", "foo||name", "v2"},
    {"[profile foo]\nname = v", "[foo]\nname2 = v2", "foo||name", "v"},
    {NULL, "[profile foo]\nname = v", "foo||name", NULL},
    {NULL, "[   foo    ]\nname = v", "foo||name", "v"},
    {"[sso-session foo]\nname = v\n[plugins]\n x = y\n[profile bar]\nk = v", NULL, "foo||name",
     NULL},
    {"[sso-session foo]\nname = v\n[plugins]\n x = y\n[profile bar]\nk = v", NULL, "bar||k", "v"},
    {"[services my]\ns3 =\n  endpoint_url = http://x\n", NULL, "my|services|endpoint_url",
     "http://x"},
    {"[services my]\ns3 =\n  endpoint_url = http://x\n", NULL, "my||s3", NULL},
};

static struct aws_config *parsed(const char *config, const char *credentials, struct error *e)
{
    struct aws_config *c = NULL;
    enum pb_err err = aws_config_new(&c, e);

    assert_int_equal(err, PB_OK);
    if (config)
        err = aws_config_parse(c, config, strlen(config), false, "config", e);
    if (err == PB_OK && credentials)
        err = aws_config_parse(c, credentials, strlen(credentials), true, "credentials", e);
    if (err == PB_OK)
        return c;
    aws_config_free(c);
    return NULL;
}

static const char *ask(const struct aws_config *c, const char *query)
{
    char text[256], *block, *key;

    (void)snprintf(text, sizeof text, "%s", query);
    block = strchr(text, '|');
    *block++ = '\0';
    key = strchr(block, '|');
    *key++ = '\0';
    if (strcmp(block, "services") == 0)
        return aws_config_service(c, text, "s3", key);
    return aws_config_get(c, text, *block ? block : NULL, key);
}

static void test_files(void **state)
{
    struct error e = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof files / sizeof *files; i++) {
        struct aws_config *c = parsed(files[i].config, files[i].credentials, &e);
        const char *have;

        if (!c)
            fail_msg("row %zu: %s", i, e.msg);
        have = ask(c, files[i].query);
        if (!have != !files[i].want || (have && strcmp(have, files[i].want) != 0))
            fail_msg("row %zu: wanted %s, have %s", i, files[i].want, have);
        aws_config_free(c);
    }
}

static const struct {
    const char *config, *where, *what;
} broken[] = {
    {"[profile foo", "config, line 1", "']'"},
    {"[profile foo] x", "config, line 1", "comment"},
    {"name = value", "config, line 1", "section"},
    {" -continued", "config, line 1", "section"},
    {"[profile foo]\n= value", "config, line 2", "key"},
    {"[profile foo]\n\nkey : value", "config, line 3", "key = value"},
    {"[profile foo]\n -continued", "config, line 2", "continuation"},
    {"[profile foo]\nname = v\n[profile foo]\n -continued", "config, line 4", "continuation"},
    {"[profile foo]\ns3 =\n invalid", "config, line 3", "indented"},
    {"[profile foo]\ns3 =\n = value", "config, line 3", "key"},
};

static void test_broken_files(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct error e = {0};
        struct aws_config *c = parsed(broken[i].config, NULL, &e);

        if (c)
            fail_msg("row %zu was taken", i);
        assert_int_equal(e.code, PB_EUSAGE);
        if (!strstr(e.msg, broken[i].where) || !strstr(e.msg, broken[i].what))
            fail_msg("row %zu: %s", i, e.msg);
    }
}

static void test_binary_file(void **state)
{
    static const char text[] = "[default]\na\0b = c\n";
    struct aws_config *c = NULL;
    struct error e = {0};

    (void)state;
    assert_int_equal(aws_config_new(&c, &e), PB_OK);
    assert_int_equal(aws_config_parse(c, text, sizeof text - 1, false, "config", &e), PB_EUSAGE);
    aws_config_free(c);
}

static void test_profiles_are_listed_once(void **state)
{
    struct aws_config *c = parsed("[default]\n[profile b]\n[services s]\n[sso-session x]\n"
                                  "[profile a]\n[profile b]\n",
                                  "[a]\n[c]\n", NULL);
    size_t i, n = aws_config_profiles(c);
    static const char *const want[] = {"default", "b", "a", "c"};

    (void)state;
    assert_int_equal(n, 4);
    for (i = 0; i < n; i++)
        assert_string_equal(aws_config_profile(c, i), want[i]);
    assert_null(aws_config_profile(c, n));
    assert_true(aws_config_has_profile(c, "c"));
    assert_false(aws_config_has_profile(c, "s"));
    aws_config_free(c);
}

/* ---------------------------------------------------------------------------- the sum */

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
};

/* "A=b C=d": exactly these of the variables are set. */
static void set_environment(const char *text)
{
    char copy[512], *at = copy;
    size_t i;

    for (i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]);
    (void)snprintf(copy, sizeof copy, "%s", text);
    while (*at) {
        char *end = at + strcspn(at, " "), *eq = strchr(at, '=');
        bool more = *end == ' ';

        *end = *eq = '\0';
        (void)setenv(at, eq + 1, 1);
        at = end + more;
    }
}

#define CONFIG                                                                                     \
    "[default]\nregion = eu-north-1\n"                                                             \
    "[profile dev]\nregion = eu-west-3\nendpoint_url = http://dev:1\ns3 =\n"                       \
    "  addressing_style = virtual\naws_access_key_id = CONFIGKEY\naws_secret_access_key = s\n"     \
    "[profile svc]\nservices = mine\nendpoint_url = http://profile:1\n"                            \
    "[services mine]\ns3 =\n  endpoint_url = http://services:1\n"                                  \
    "[profile off]\nignore_configured_endpoint_urls = true\nendpoint_url = http://x:1\n"           \
    "[profile half]\naws_access_key_id = A\n"                                                      \
    "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n"                 \
    "aws_access_key_id = A\naws_secret_access_key = S\n"                                           \
    "[profile both]\nrole_arn = r\nsource_profile = dev\ncredential_source = Environment\n"        \
    "[profile neither]\nrole_arn = r\n"                                                            \
    "[profile a]\nrole_arn = r\nsource_profile = b\n"                                              \
    "[profile b]\nrole_arn = r\nsource_profile = a\n"                                              \
    "[profile self]\nrole_arn = r\nsource_profile = self\n"                                        \
    "[profile lost]\nrole_arn = r\nsource_profile = nowhere\n"                                     \
    "[profile poor]\nrole_arn = r\nsource_profile = empty\n"                                       \
    "[profile env]\nrole_arn = r\ncredential_source = Environment\n"                               \
    "[profile other]\nrole_arn = r\ncredential_source = Elsewhere\n"                               \
    "[profile long]\nrole_arn = r\nsource_profile = dev\nduration_seconds = 1h\n"                  \
    "[profile web]\nrole_arn = r\nweb_identity_token_file = /nowhere/token\n"                      \
    "[profile roleless]\nweb_identity_token_file = /nowhere/token\n"                               \
    "[profile sso]\nsso_start_url = https://x\n"                                                   \
    "[profile sso2]\nsso_start_url = https://x\nsso_role_name = r\n"                               \
    "[profile sso3]\nsso_session = nowhere\nsso_role_name = r\n"                                   \
    "[profile sso4]\nsso_session = one\nsso_role_name = r\nsso_account_id = 1\nsso_region = x\n"   \
    "[profile sso5]\nsso_session = one\nsso_role_name = r\nsso_account_id = 1\n"                   \
    "[sso-session one]\nsso_region = eu-west-1\nsso_start_url = https://y\n"                       \
    "[profile login]\nlogin_session = x\n"                                                         \
    "[profile proc]\ncredential_process = /bin/true\n"                                             \
    "[profile quote]\ncredential_process = /bin/true 'a\n"                                         \
    "[profile no-command]\ncredential_process = \"\" \n"                                           \
    "[profile no-such]\ncredential_process = /nowhere/at/all x\n"                                  \
    "[profile fails]\ncredential_process = sh -c \"echo 'why it did not' >&2; exit 3\"\n"          \
    "[profile old]\ncredential_process = echo '{\"Version\": 2}'\n"                                \
    "[profile late]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"A\", "         \
    "\"SecretAccessKey\": \"S\", \"Expiration\": \"2001-01-01T00:00:00Z\"}'\n"                     \
    "[profile when]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"A\", "         \
    "\"SecretAccessKey\": \"S\", \"Expiration\": \"\"}'\n"                                         \
    "[profile good]\ncredential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", "      \
    "\"SecretAccessKey\": \"S\", \"SessionToken\": \"t\", \"Expiration\": null}' \"P A\"\n"        \
    "[profile style]\ns3 =\n addressing_style = sideways\n"                                        \
    "[profile region]\nregion = x/y\n"                                                             \
    "[profile url]\nendpoint_url = ftp://x\n"
#define CREDENTIALS                                                                                \
    "[default]\naws_access_key_id = FILEKEY\naws_secret_access_key = filesecret\n"                 \
    "[tok]\naws_access_key_id = TOKKEY\naws_secret_access_key = s\naws_session_token = tt\n"       \
    "[empty]\n"

/* want: "profile region(origin) endpoint(origin) style key(origin)[+token]", or "error: words". */
static const struct {
    const char *environment;
    struct aws_options options;
    const char *want;
} sums[] = {
    {"",
     {0},
     "default eu-north-1(profile default) -(-) 0 FILEKEY(credentials file, profile default)"},
    {"AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s",
     {0},
     "default eu-north-1(profile default) -(-) 0 ENV(environment)"},
    {"AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s AWS_SESSION_TOKEN=t",
     {0},
     "default eu-north-1(profile default) -(-) 0 ENV(environment)+t"},
    {"AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s AWS_SESSION_TOKEN=",
     {0},
     "default eu-north-1(profile default) -(-) 0 ENV(environment)"},
    {"AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s AWS_PROFILE=tok",
     {0},
     "tok us-east-1(default) -(-) 0 ENV(environment)"},
    {"AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s",
     {.profile = "tok"},
     "tok us-east-1(default) -(-) 0 TOKKEY(credentials file, profile tok)+tt"},
    {"AWS_ACCESS_KEY_ID=ENV", {0}, "error: AWS_SECRET_ACCESS_KEY is not"},
    {"AWS_PROFILE=dev",
     {0},
     "dev eu-west-3(profile dev) http://dev:1(profile dev) 2 CONFIGKEY(config file, profile dev)"},
    {"AWS_PROFILE=tok AWS_DEFAULT_PROFILE=dev AWS_REGION=r1 AWS_DEFAULT_REGION=r2",
     {0},
     "dev r1(AWS_REGION) http://dev:1(profile dev) 2 CONFIGKEY(config file, profile dev)"},
    {"AWS_DEFAULT_REGION=r2",
     {.profile = "dev", .addressing = AWS_ADDRESSING_PATH},
     "dev r2(AWS_DEFAULT_REGION) http://dev:1(profile dev) 1 CONFIGKEY(config file, profile dev)"},
    {"AWS_REGION=r1",
     {.region = "r0", .endpoint_url = "https://o"},
     "default r0(--region) https://o(--endpoint-url) 0 FILEKEY(credentials file, profile default)"},
    {"AWS_ENDPOINT_URL_S3=http://s3 AWS_ENDPOINT_URL=http://all",
     {.profile = "svc"},
     "svc us-east-1(default) http://s3(AWS_ENDPOINT_URL_S3) 0 -"},
    {"AWS_ENDPOINT_URL=http://all",
     {.profile = "svc"},
     "svc us-east-1(default) http://all(AWS_ENDPOINT_URL) 0 -"},
    {"", {.profile = "svc"}, "svc us-east-1(default) http://services:1(services mine) 0 -"},
    {"AWS_ENDPOINT_URL=http://all AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
     {.profile = "svc"},
     "svc us-east-1(default) -(-) 0 -"},
    {"AWS_ENDPOINT_URL=http://all AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE",
     {.profile = "svc", .endpoint_url = "http://o"},
     "svc us-east-1(default) http://o(--endpoint-url) 0 -"},
    {"AWS_ENDPOINT_URL=http://all", {.profile = "off"}, "off us-east-1(default) -(-) 0 -"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
     {.profile = "off"},
     "off us-east-1(default) http://x:1(profile off) 0 -"},
    {"", {.no_sign_request = true, .profile = "role"}, "role us-east-1(default) -(-) 0 anonymous"},
    {"", {.profile = "empty"}, "empty us-east-1(default) -(-) 0 -"},
    {"", {.profile = "nowhere"}, "error: profile nowhere (--profile) is neither"},
    {"AWS_PROFILE=nowhere", {0}, "error: profile nowhere (AWS_PROFILE) is neither"},
    {"", {.profile = "half"}, "error: no aws_secret_access_key"},
    {"", {.profile = "both"}, "error: profile both: it has both a source_profile and"},
    {"", {.profile = "neither"}, "error: profile neither: its role_arn needs a source_profile"},
    {"", {.profile = "a"}, "error: profile b: its source_profile a leads in a circle"},
    {"", {.profile = "self"}, "error: profile self: its source_profile self leads in a circle"},
    {"", {.profile = "lost"}, "error: profile lost: its source_profile nowhere does not exist"},
    {"", {.profile = "poor"}, "error: profile poor: its source_profile empty has no credentials"},
    {"", {.profile = "env"}, "error: profile env: its credential_source Environment has no cred"},
    {"", {.profile = "other"}, "error: credential_source is Environment, EcsContainer or"},
    {"", {.profile = "long"}, "error: profile long: its duration_seconds is no number"},
    {"", {.profile = "web"}, "error: cannot read /nowhere/token"},
    {"", {.profile = "roleless"}, "error: a web identity token is there, but no role"},
    {"", {.profile = "sso"}, "sso us-east-1(default) -(-) 0 -"},
    {"", {.profile = "sso2"}, "error: signs in through SSO, but has no sso_account_id"},
    {"", {.profile = "sso3"}, "error: its sso_session nowhere does not exist"},
    {"", {.profile = "sso4"}, "error: say different things: sso_region"},
    {"",
     {.profile = "sso5"},
     "error: nobody has signed in yet: run `aws sso login --profile sso5`"},
    {"", {.profile = "login"}, "error: signs in through `aws login`"},
    {"", {.profile = "proc"}, "error: credential_process of profile proc printed no JSON object"},
    {"", {.profile = "quote"}, "error: profile quote: a quote is left open"},
    {"", {.profile = "no-command"}, "error: names no command"},
    {"", {.profile = "no-such"}, "error: cannot run /nowhere/at/all"},
    {"", {.profile = "fails"}, "error: ended with status 3: why it did not"},
    {"", {.profile = "old"}, "error: another Version than 1"},
    {"", {.profile = "late"}, "error: have expired already"},
    {"", {.profile = "when"}, "error: an Expiration that is no time"},
    {"",
     {.profile = "good"},
     "good us-east-1(default) -(-) 0 P A(credential_process of profile good)+t"},
    {"AWS_CREDENTIAL_EXPIRATION=2001-01-01T00:00:00Z AWS_ACCESS_KEY_ID=E AWS_SECRET_ACCESS_KEY=s",
     {0},
     "error: the credentials of the environment have expired"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/x AWS_PROFILE=empty",
     {0},
     "error: neither this machine's nor reached by https"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1.example.com/x AWS_PROFILE=empty",
     {0},
     "error: neither this machine's nor reached by https"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://x@127.0.0.1/x AWS_PROFILE=empty",
     {0},
     "error: is no address"},
    {"", {.profile = "style"}, "error: addressing_style is path, virtual or auto"},
    {"", {.profile = "region"}, "error: the region (profile region) is not"},
    {"", {.profile = "url"}, "error: http"},
    {"", {.region = "a b"}, "error: the region (--region) is not"},
};

static void describe(struct buf *out, const struct aws_setup *s, const struct aws_credentials *c)
{
    buf_printf(out, "%s %s(%s) %s(%s) %d ", s->profile, s->region, s->region_origin,
               s->endpoint ? s->endpoint : "-", s->endpoint_origin ? s->endpoint_origin : "-",
               (int)s->addressing);
    if (s->anonymous)
        buf_puts(out, "anonymous");
    else if (!c)
        buf_puts(out, "-");
    else
        buf_printf(out, "%s(%s)", c->access_key, c->origin);
    if (c && c->session_token)
        buf_printf(out, "+%s", c->session_token);
}

struct waiting {
    bool done;
    struct error error;
};

static void on_ready(void *ctx, const struct error *e)
{
    struct waiting *w = ctx;

    w->done = true;
    if (e)
        w->error = *e;
}

/* The setup and the credentials that the chain finds for it, without a network. */
static enum pb_err resolve(const struct aws_config *c, const struct aws_options *o, struct buf *out,
                           struct error *e)
{
    struct http_options options = {.attempts = 1};
    struct aws_session *session = NULL;
    struct waiting w = {.done = false};
    struct aws_setup s = {0};
    struct loop *l = NULL;
    struct http *h = NULL;
    enum pb_err err = aws_setup_resolve(&s, c, o, e);

    if (err == PB_OK && s.anonymous) {
        describe(out, &s, NULL);
    } else if (err == PB_OK) {
        assert_int_equal(loop_new(&l, e), PB_OK);
        assert_int_equal(http_new(l, &options, &h, e), PB_OK);
        assert_int_equal(aws_session_new(l, h, c, &s, &session, e), PB_OK);
        assert_false(aws_session_ready(session));
        assert_int_equal(aws_session_wait(session, on_ready, &w, e), PB_OK);
        assert_false(w.done);
        assert_int_equal(loop_until(l, &w.done, e), PB_OK);
        assert_int_equal(aws_session_ready(session), w.error.code == PB_OK);
        if (strstr(w.error.msg, "no AWS credentials were found")) {
            assert_int_equal(w.error.code, PB_EDENIED);
            assert_non_null(strstr(w.error.msg, s.profile));
        } else if (w.error.code != PB_OK) {
            *e = w.error;
            err = e->code;
        }
        if (err == PB_OK)
            describe(out, &s, aws_session_credentials(session));
    }
    aws_session_free(session);
    http_free(h);
    loop_free(l);
    aws_setup_release(&s);
    return err;
}

static void test_sums(void **state)
{
    struct aws_config *c = parsed(CONFIG, CREDENTIALS, NULL);
    struct buf have;
    size_t i;

    (void)state;
    assert_non_null(c);
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    buf_init(&have, BUF_MAX_LINE);
    for (i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct error e = {0};
        bool good;

        set_environment(sums[i].environment);
        buf_clear(&have);
        if (resolve(c, &sums[i].options, &have, &e) == PB_OK) {
            good = strcmp(have.data, sums[i].want) == 0;
        } else {
            buf_printf(&have, "error: %s", e.msg);
            good = strncmp(sums[i].want, "error: ", 7) == 0 && strstr(e.msg, sums[i].want + 7);
        }
        if (!good)
            fail_msg("row %zu\nwanted: %s\nhave:   %s", i, sums[i].want, have.data);
    }
    buf_release(&have);
    aws_config_free(c);
    set_environment("");
}

/* Each allocation fails once: an error value, and nothing lost. */
static void test_without_memory(void **state)
{
    const struct aws_options o = {.profile = "dev"};
    enum pb_err err = PB_ENOMEM;
    long n;

    (void)state;
    for (n = 1; err == PB_ENOMEM && n < 1000; n++) {
        struct aws_config *c = NULL;
        struct aws_setup s = {0};

        mem_fail_after(n);
        err = aws_config_new(&c, NULL);
        if (err == PB_OK)
            err = aws_config_parse(c, CONFIG, strlen(CONFIG), false, "config", NULL);
        if (err == PB_OK)
            err = aws_setup_resolve(&s, c, &o, NULL);
        mem_fail_after(-1);
        assert_true(err == PB_OK || err == PB_ENOMEM);
        aws_setup_release(&s);
        aws_config_free(c);
    }
    assert_int_equal(err, PB_OK);
    assert_true(n > 50);
}

/* -------------------------------------------------------------------------- on the disk */

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_load(void **state)
{
    char dir[] = "/tmp/test_aws_config.XXXXXX", path[64], other[64], value[96];
    struct aws_config *c = NULL;
    struct error e = {0};

    (void)state;
    set_environment("");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(setenv("HOME", dir, 1), 0);
    assert_int_equal(aws_config_load(&c, &e), PB_OK); /* no files at all */
    assert_int_equal(aws_config_profiles(c), 0);
    assert_null(aws_config_warning(c));
    aws_config_free(c);

    (void)snprintf(path, sizeof path, "%s/.aws", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/.aws/config", dir);
    put_file(path, "[profile a]\nregion = x\n");
    (void)snprintf(other, sizeof other, "%s/.aws/credentials", dir);
    put_file(other, "[a]\naws_access_key_id = K\n");
    assert_int_equal(aws_config_load(&c, &e), PB_OK);
    assert_string_equal(aws_config_get(c, "a", NULL, "region"), "x");
    assert_string_equal(aws_config_get(c, "a", NULL, "aws_access_key_id"), "K");
    aws_config_free(c);

    (void)snprintf(value, sizeof value,
                   "AWS_CONFIG_FILE=~/.aws/credentials "
                   "AWS_SHARED_CREDENTIALS_FILE=%s",
                   dir);
    set_environment(value); /* a folder cannot be read: a warning */
    assert_int_equal(aws_config_load(&c, &e), PB_OK);
    assert_false(aws_config_has_profile(c, "a"));
    assert_non_null(strstr(aws_config_warning(c), dir));
    aws_config_free(c);

    set_environment("");
    put_file(path, "[profile a]\nregion\n");
    assert_int_equal(aws_config_load(&c, &e), PB_EUSAGE);
    assert_null(c);
    assert_non_null(strstr(e.msg, "/.aws/config, line 2"));

    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(other), 0);
    (void)snprintf(path, sizeof path, "%s/.aws", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),       cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_binary_file), cmocka_unit_test(test_profiles_are_listed_once),
        cmocka_unit_test(test_sums),        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
