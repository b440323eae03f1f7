// SPDX-License-Identifier: Apache-2.0
/** @file
 * Numeric formats. One row each in src/model/graph/dtypes.def.
 */
#ifndef SIZEUP_DTYPE_H
#define SIZEUP_DTYPE_H

#include <sizeup/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A numeric format; 0 is "undefined". Codes are sizeup's own and index the dtype table. */
typedef uint8_t sz_dtype;

/** What the elements of a dtype are. */
typedef enum sz_dtype_class {
    SZ_CLASS_NONE,
    SZ_CLASS_FLOAT,
    SZ_CLASS_INT,
    SZ_CLASS_UINT,
    SZ_CLASS_BOOL,
    SZ_CLASS_STRING,
    SZ_CLASS_COMPLEX,
    SZ_CLASS_BLOCK /**< quantized in blocks with scales inside (Q4_K, ...) */
} sz_dtype_class;

typedef struct sz_dtype_info {
    const char *name; /**< "f32", "bf16", "i4", "q4_k" ... */
    sz_dtype_class cls;
    int bits;           /**< bits of one element; 0 for strings; for blocks the rounded-up mean */
    int block_elements; /**< elements of a block (1 for plain formats) */
    int block_bytes;    /**< bytes of a block; 0 for sub-byte plain formats: use bits */
    int onnx;           /**< ONNX TensorProto.DataType, -1 when ONNX has none */
} sz_dtype_info;

/** Number of dtypes, "undefined" included. */
SZ_API int sz_dtype_count(void);
/** Facts of a dtype; never NULL (an unknown code gives the row "undefined"). */
SZ_API const sz_dtype_info *sz_dtype_get(sz_dtype t);
/** Dtype by name, 0 when there is none of that name. */
SZ_API sz_dtype sz_dtype_by_name(const char *name);
/** Bytes of n >= 0 elements, sub-byte elements packed without gaps and rounded up to a whole byte.
 * Returns -1 when the product overflows. Strings count 0. */
SZ_API int64_t sz_dtype_bytes(sz_dtype t, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
