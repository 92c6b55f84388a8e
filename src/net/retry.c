/* Back-off by botocore's figures: rand(0, 1) * 2^(attempt - 1) seconds, five attempts. */
#include <string.h>
#include <sys/random.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/num.h>

#include "retry.h"

bool retry_status(int status)
{
    static const int later[] = {429, 500, 502, 503, 504, 509};

    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (status == later[i])
            return true;
    }
    return false;
}

uint64_t retry_backoff_ms(unsigned attempt, unsigned base_ms, double chance)
{
    uint64_t most = base_ms;

    for (unsigned i = 1; i < attempt && most < RETRY_MOST_MS; i++)
        most *= 2;
    if (most > RETRY_MOST_MS)
        most = RETRY_MOST_MS;
    return (uint64_t)((double)most * chance);
}

uint64_t retry_after_ms(const struct http_headers *h, int64_t server_date)
{
    const char *v = http_headers_get(h, "Retry-After");
    uint64_t seconds;
    int64_t when;

    if (v == NULL)
        return 0;
    if (!num_parse_u64(v, strlen(v), &seconds)) {
        int64_t now = server_date != 0 ? server_date : clock_now();

        if (!clock_parse_http(v, strlen(v), &when) || when <= now)
            return 0;
        seconds = (uint64_t)when - (uint64_t)now;
    }
    return seconds > RETRY_MOST_MS / 1000 ? RETRY_MOST_MS : seconds * 1000;
}

double retry_chance(void)
{
    uint32_t r;

    /* Early in a boot there may be no entropy yet: the clock's low bits spread clients well enough.
     */
    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        r = (uint32_t)(clock_mono_us() * 2654435761u);
    return (double)r / 4294967296.0;
}
