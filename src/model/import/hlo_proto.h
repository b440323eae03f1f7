// SPDX-License-Identifier: Apache-2.0
// HLO as protobuf (HloModuleProto, also inside of HloProto), private to hlo_proto*.c. Field numbers
// are those of xla/service/hlo.proto and xla/xla_data.proto.
#ifndef SZ_HLO_PROTO_H
#define SZ_HLO_PROTO_H

#include "model/import/hlo.h"
#include "model/import/wire.h"

typedef struct hlo_proto {
    sz_ctx *ctx;
    hlo x;
    sz_wire wire;
    sz_map comp_ids;               // 8 bytes of an id -> index in x.comps
    sz_map ids;                    // of the computation that is read: 8 bytes of an id -> value
    SZ_VEC(const sz_type *) items; // of tuple types that are open
    SZ_VEC(int64_t) numbers;
    SZ_VEC(int64_t) more;
    SZ_VEC(char) name;
} hlo_proto;

// Tag of a field and its wire type, for a switch.
#define HLO_VARINT(number) ((uint32_t)(number) << 3 | SZ_WIRE_VARINT)
#define HLO_BYTES(number)  ((uint32_t)(number) << 3 | SZ_WIRE_BYTES)
static inline uint32_t hlo_tag(const sz_field *f) { return f->number << 3 | f->type; }

sz_status hlo_proto_fail(hlo_proto *p, uint64_t at, const char *fmt, ...) SZ_PRINTF(3, 4);
// Put the place before a sentence that has none.
sz_status hlo_proto_place(hlo_proto *p, sz_status status, uint64_t at);

// More elements of a repeated field of integers, packed or not, to the end of p->numbers.
sz_status hlo_proto_ints(hlo_proto *p, const sz_field *f);
// ShapeProto. Sets i->type and i->layout.
sz_status hlo_proto_shape(hlo_proto *p, sz_span span, hlo_instruction *i);
// LiteralProto: numbers of small constants of integers, NULL where they are not kept.
sz_status hlo_proto_literal(hlo_proto *p, sz_span span, const sz_type *type, const sz_tensor **ret);
// Messages that become attributes of the instruction.
sz_status hlo_proto_window(hlo_proto *p, sz_span span);
sz_status hlo_proto_dot(hlo_proto *p, sz_span span);
sz_status hlo_proto_labels(hlo_proto *p, sz_span span);
// Does this look like a module in protobuf? 0 to 100.
int hlo_proto_sniff(const unsigned char *head, size_t len);
sz_status hlo_proto_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);

#endif
