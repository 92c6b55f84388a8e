#include "status.h"

enum status status_of(enum pb_err code)
{
    switch (code) {
    case PB_OK:
        return STATUS_OK;
    case PB_EUSAGE:
        return STATUS_USAGE;
    case PB_ENOTFOUND:
        return STATUS_NOT_FOUND;
    case PB_ECHANGED:
        return STATUS_CHANGED;
    case PB_EDENIED:
        return STATUS_DENIED;
    case PB_EPICKLE:
        return STATUS_NO_PICKLE;
    case PB_ECANCELED:
        return STATUS_INTERRUPTED;
    case PB_ENOMEM:
    case PB_ELIMIT:
    case PB_EEXIST:
    case PB_EREADONLY:
    case PB_EREFUSED:
    case PB_EIO:
    case PB_ENET:
    case PB_ETIMEOUT:
    case PB_ESERVER:
    case PB_EUNSUPPORTED:
    case PB_EAGAIN:
        return STATUS_FAILED;
    }
    return STATUS_FAILED;
}
