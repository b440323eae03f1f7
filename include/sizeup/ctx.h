// SPDX-License-Identifier: Apache-2.0
/** @file
 * The context: allocator, limits, the last error and the warnings of one caller.
 *
 * A context is not thread-safe; use one per thread. Every function that can fail takes it first and
 * returns an sz_status. On failure the context holds one sentence fit to show, with the place as a
 * chain: "file 'net.onnx': node 'fc1' @987: inner sizes differ: 16 and 17". The sentence may quote
 * names from a file byte for byte: whoever prints it must escape it for the sink (see text.h).
 */
#ifndef SIZEUP_CTX_H
#define SIZEUP_CTX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SZ_API               __attribute__((visibility("default")))
#define SZ_MUST_USE          __attribute__((warn_unused_result))
#define SZ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SZ_API
#define SZ_MUST_USE
#define SZ_PRINTF(fmt, args)
#endif

/** Outcome of a call. The values are stable; anything but SZ_OK leaves a message in the context. */
typedef enum sz_status {
    SZ_OK = 0,
    SZ_ERR_USAGE, /**< the caller asked for something that does not exist (an option, a name) */
    SZ_ERR_INPUT, /**< the input is malformed or contradicts itself */
    SZ_ERR_UNAVAILABLE, /**< known, but not possible on this machine or in this build */
    SZ_ERR_MEMORY,  /**< the allocator refused, or the memory limit of the context was reached */
    SZ_ERR_LIMIT,   /**< a documented limit was exceeded */
    SZ_ERR_IO,      /**< the system refused to open, read or write */
    SZ_ERR_INTERNAL /**< a bug of sizeup */
} sz_status;

/** An allocator: `realloc(user, old, old_size, new_size)`; new_size 0 frees and returns NULL.
 * Returning NULL for new_size > 0 means "no memory" and must leave `old` alone. */
typedef struct sz_allocator {
    void *(*realloc)(void *user, void *old, size_t old_size, size_t new_size);
    void *user;
} sz_allocator;

typedef struct sz_ctx sz_ctx;

/** Create a context. `allocator` NULL means the C library's. Returns NULL when there is no memory.
 */
SZ_API sz_ctx *sz_ctx_create(const sz_allocator *allocator);

/** Destroy a context; NULL is fine. Everything made with it must have been destroyed before. */
SZ_API void sz_ctx_destroy(sz_ctx *ctx);

/** The last error as one sentence without a full stop, "" when there was none. Owned by ctx. */
SZ_API const char *sz_ctx_error(const sz_ctx *ctx);

/** Number of warnings since the last sz_ctx_clear(). */
SZ_API size_t sz_ctx_warning_count(const sz_ctx *ctx);

/** Warning `i` as one sentence, i < sz_ctx_warning_count(). Owned by ctx, valid until it is
 * cleared. */
SZ_API const char *sz_ctx_warning(const sz_ctx *ctx, size_t i);

/** Forget the error and all warnings. */
SZ_API void sz_ctx_clear(sz_ctx *ctx);

/** Largest number of bytes that may be allocated through ctx at one time; 0 = no limit (default).
 * Beside it, loading a model and costing it are held to 64 MiB + 4 x the header bytes of its
 * file. */
SZ_API void sz_ctx_set_memory_limit(sz_ctx *ctx, size_t bytes);

/** Bytes allocated through ctx now, and the most there ever were. */
SZ_API size_t sz_ctx_memory_used(const sz_ctx *ctx);
SZ_API size_t sz_ctx_memory_peak(const sz_ctx *ctx);

/** Version of the library, "MAJOR.MINOR.PATCH". */
SZ_API const char *sz_version(void);

#ifdef __cplusplus
}
#endif
#endif
