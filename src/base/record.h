// SPDX-License-Identifier: Apache-2.0
// The descriptor of a record type, from the list of its fields.
#ifndef SZ_BASE_RECORD_H
#define SZ_BASE_RECORD_H

#include <sizeup/record.h>

#include <stddef.h>

// Within the function that it is used in, sz_record_here is the record.
#define SZ_RECORD_FIELD(ctype, member, kind, unit, doc)                                            \
    {#member, unit, doc, kind, offsetof(sz_record_here, member)},

// sz_NAME_type() of struct sz_NAME, whose fields are LIST(F).
#define SZ_RECORD_TYPE(name, LIST)                                                                 \
    const sz_record_type *sz_##name##_type(void) {                                                 \
        typedef sz_##name sz_record_here;                                                          \
        static const sz_field fields[] = {LIST(SZ_RECORD_FIELD)};                                  \
        static const sz_record_type type = {#name, fields, sizeof fields / sizeof fields[0]};      \
        return &type;                                                                              \
    }

#endif
