// SPDX-License-Identifier: Apache-2.0
// What the rules of ai.onnx.ml share.
#ifndef SZ_ML_H
#define SZ_ML_H

#include "model/ops/rule.h"

// Elements of a list attribute, 0 when it is absent.
int64_t sz_ml_length(const sz_infer *n, const char *name);
// Samples: dim 0 of a matrix, 1 of a vector.
int64_t sz_ml_batch(const sz_infer *n);
// Outputs of a classifier: a label per sample, `classes` scores per sample.
sz_status sz_ml_scores(sz_infer *n, int64_t classes);
// Operations of `post_transform` per score.
int64_t sz_ml_transform_work(const sz_infer *n);

#endif
