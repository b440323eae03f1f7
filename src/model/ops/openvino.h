// SPDX-License-Identifier: Apache-2.0
// What the rules of OpenVINO's operators share. Attributes have the names that the importer gives
// them (model/import/openvino_attrs.def).
#ifndef SZ_OV_H
#define SZ_OV_H

#include "model/ops/guise.h"

// The node as the row of ONNX sees it that means the same.
sz_status sz_ov_dress(const sz_infer *n, sz_guise *g);
// The only number of input i; false when it is not known.
bool sz_ov_scalar(const sz_infer *n, int i, int64_t *ret);
// All numbers of input i; NULL when one of them is not known.
const int64_t *sz_ov_ints(const sz_infer *n, int i, int32_t *ret_n);
// The element type that attribute `name` states; `def` when it is absent.
sz_dtype sz_ov_dtype(const sz_infer *n, const char *name, sz_dtype def);
// Output o keeps its shape and becomes `dtype`.
sz_status sz_ov_retype(sz_infer *n, int o, sz_dtype dtype);

// How often the body of a TensorIterator or Loop runs.
bool sz_ov_trips(const sz_infer *n, int64_t *ret_trips);

#endif
