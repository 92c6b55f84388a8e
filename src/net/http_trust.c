/*
 * Where the certificates of authorities come from, and at what price.
 *
 * curl reads its whole default bundle again for every TLS connection: 140 certificates, 50 to 300
 * ms in which no key is answered.  A folder whose files are named by hash is read only where it is
 * needed, so it is taken instead where there is one; and a bundle without a folder beside it is one
 * that curl keeps (CURLOPT_CA_CACHE_TIMEOUT).  A bundle that the person names stands alone.
 */
#include <dirent.h>
#include <string.h>

#include <pklbrowse/mem.h>

#include "http_internal.h"

static bool hash_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
           strspn(name + 9, "0123456789") > 0;
}

static bool named_by_hash(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    if (d == NULL)
        return false;
    while (!found && (entry = readdir(d)) != NULL)
        found = hash_name(entry->d_name);
    closedir(d);
    return found;
}

enum pb_err http_trust_find(struct http *h, struct error *e)
{
    CURL *easy = curl_easy_init();
    const char *folder = NULL, *bundle = NULL;
    enum pb_err rc = PB_OK;

    if (easy == NULL)
        return error_nomem(e);
    if (h->ca_bundle == NULL && curl_easy_getinfo(easy, CURLINFO_CAPATH, &folder) == CURLE_OK &&
        folder != NULL && named_by_hash(folder)) {
        h->ca_folder = mem_strdup(folder);
        if (h->ca_folder == NULL)
            rc = error_nomem(e);
    } else if (h->ca_bundle == NULL &&
               curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle) == CURLE_OK && bundle != NULL) {
        h->ca_bundle = mem_strdup(bundle);
        if (h->ca_bundle == NULL)
            rc = error_nomem(e);
    }
    curl_easy_cleanup(easy);
    return rc;
}

bool http_trust_set(const struct http *h, CURL *easy)
{
    if (h->ca_folder == NULL && h->ca_bundle == NULL)
        return true;
    return curl_easy_setopt(easy, CURLOPT_CAPATH, h->ca_folder) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_bundle) == CURLE_OK;
}
