// Zstandard, as Debian ships it.
#ifndef MARTLET_CZSTD_H
#define MARTLET_CZSTD_H
#include <zstd.h>
#include <zstd_errors.h>
#endif
