// SPDX-License-Identifier: Apache-2.0
/** @file
 * Language models that nobody trained: a GGUF file with random weights, from hyper-parameters. A
 * runtime takes as long for it as for a trained one of the same sizes and formats.
 */
#ifndef SIZEUP_LLM_WRITE_H
#define SIZEUP_LLM_WRITE_H

#include <sizeup/record.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Zero-initialise. */
typedef struct sz_llm_design {
    const char *arch; /**< as GGUF or config.json call it: "llama", "mixtral", "qwen2" ... */
    /** "layers=12", "hidden=768", "heads=12", "ffn=3072" are needed; see sz_list_llm_word(). */
    const char *const *words;
    size_t n_words;
    const char *type; /**< numeric format of the matrices; NULL = "f16" */
    uint64_t seed;    /**< of the numbers */
    int zeros;        /**< all weights are 0: a file system can leave them out */
} sz_llm_design;

#define SZ_LLM_WRITTEN_FIELDS(F)                                                                   \
    F(const char *, arch, SZ_FIELD_STR, "", "as GGUF calls it")                                    \
    F(const char *, type, SZ_FIELD_STR, "", "numeric format of the matrices")                      \
    F(int64_t, tensors, SZ_FIELD_I64, "", "in the file")                                           \
    F(int64_t, params, SZ_FIELD_I64, "", "their elements")                                         \
    F(int64_t, weight_bytes, SZ_FIELD_I64, "B", "of all tensors, without gaps")
typedef struct sz_llm_written {
    SZ_LLM_WRITTEN_FIELDS(SZ_FIELD_MEMBER)
} sz_llm_written;
SZ_API const sz_record_type *sz_llm_written_type(void);

/** Put the file at the end of `buf`, which may drain: no more than a chunk is held. The same design
 * gives the same bytes on every machine. Norms are 1, biases 0, matrices random and scaled so that
 * no layer makes numbers larger. Its vocabulary is a size and no words. SZ_ERR_USAGE for a word or
 * an architecture that can't be, SZ_ERR_INPUT for sizes that go with no other, before anything is
 * put. */
SZ_API sz_status sz_llm_write(sz_ctx *ctx, const sz_llm_design *design, sz_buf *buf,
                              sz_llm_written *ret_written) SZ_MUST_USE;

/** Rows of the table of words. `i` from 0; returns 0 past the end. */
typedef struct sz_llm_word_row {
    const char *name, *what;
} sz_llm_word_row;
SZ_API int sz_list_llm_word(size_t i, sz_llm_word_row *ret_row);
/** Architectures that can be written, by GGUF's name; NULL past the end. */
SZ_API const char *sz_list_llm_writable(size_t i);

#ifdef __cplusplus
}
#endif
#endif
