/* What the files of a layer share: reading it, and writing it again. */
#ifndef PKLBROWSE_CODEC_LAYER_H
#define PKLBROWSE_CODEC_LAYER_H

#include "codec_private.h"

struct codec_layer {
    enum codec_kind kind;
    struct source *stored; /* borrowed */
    struct source *plain;
    bool done;
    enum pb_err failed; /* with error: plain has what came before it */
    struct error error;
    const char *fixed;

    struct codec_decoder *decoder; /* of a compression */
    uint64_t taken;
    bool full; /* the decoder had no more room the last time */
};

#endif
