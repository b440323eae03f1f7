// SPDX-License-Identifier: Apache-2.0
// HLO text: attributes of an instruction.
#include "model/import/hlo_text.h"

#include <ctype.h>

// What says nothing about costs and may be long: is passed over.
static const char *const passed[] = {
    "metadata",
    "frontend_attributes",
    "origin",
    "statistics",
    "control-predecessors",
    "replica_groups",
    "operand_layout_constraints",
    "output_to_operand_aliasing",
    "opaque",
    "literal",
    "source_target_pairs",
    "schedule",
    "original_value",
    "result_accuracy",
    "called_computations",
    "async_execution_thread",
    "parameter_replication",
    "backend_config_str",
    "constrain_layout",
    "use_global_device_ids",
    "channel_id",
    "is_stable",
    "api_version",
    "custom_call_has_side_effect",
    "operand_precision",
    "algorithm",
    "indices_are_sorted",
    "unique_indices",
    "slice",
    "sizes",
    "domain",
    "infeed_config",
    "outfeed_config",
    "split_dimension",
    "is_host_transfer",
};

static bool is_one_of(sz_str s, size_t n, const char *const *names) {
    for (size_t i = 0; i < n; i++)
        if (sz_str_is(s, names[i])) return true;
    return false;
}

// ---- a walk over a value that is in memory -----------------------------------------------------

static void skip_blanks(sz_str *s) {
    while (s->len > 0 && isspace((unsigned char)*s->p)) s->p++, s->len--;
}

static bool take(sz_str *s, char c) {
    skip_blanks(s);
    if (s->len == 0 || *s->p != c) return false;
    s->p++, s->len--;
    return true;
}

static bool take_int(sz_str *s, int64_t *ret) {
    skip_blanks(s);
    const bool negative = s->len > 0 && *s->p == '-';
    if (negative) s->p++, s->len--;
    if (s->len == 0 || !isdigit((unsigned char)*s->p)) return false;
    for (*ret = 0; s->len > 0 && isdigit((unsigned char)*s->p); s->p++, s->len--)
        if (!sz_mul(*ret, 10, ret) || !sz_add(*ret, *s->p - '0', ret)) return false;
    if (negative) *ret = -*ret;
    return true;
}

static sz_str take_word(sz_str *s) {
    skip_blanks(s);
    if (s->len > 0 && *s->p == '%') s->p++, s->len--;
    const sz_str word = {s->p, 0};
    uint32_t n = 0;
    while (n < s->len && (isalnum((unsigned char)s->p[n]) || strchr("_.-$", s->p[n])) && s->p[n])
        n++;
    s->p += n, s->len -= n;
    return (sz_str){word.p, n};
}

// ---- computations ------------------------------------------------------------------------------

static sz_status find_comp(hlo_text *t, sz_str name) {
    int32_t at;
    if (name.len == 0) return hlo_scan_fail(&t->s, "the name of a computation is expected");
    if (!sz_map_get(&t->x.comp_names, name, &at))
        return hlo_scan_fail(&t->s, "computation '%s' is not defined above", sz_show(t->ctx, name));
    return sz_vec_push(t->ctx, &t->comps, at) ? SZ_OK : sz_no_memory(t->ctx);
}

// "%name" or "{%name, %name}"
static sz_status comps_attr(hlo_text *t, const char *name, sz_str value) {
    const bool listed = take(&value, '{');
    t->comps.n = 0;
    do SZ_TRY(find_comp(t, take_word(&value)));
    while (listed && take(&value, ','));
    if (listed && !take(&value, '}'))
        return hlo_scan_fail(&t->s, "a list of computations is expected");
    return hlo_attr_comps(&t->x, name, t->comps.n, t->comps.items);
}

// The two branches of a conditional come as attributes of their own.
static sz_status branch_attr(hlo_text *t, sz_str value, bool is_second) {
    if (!is_second) t->comps.n = 0;
    SZ_TRY(find_comp(t, take_word(&value)));
    if (!is_second) return SZ_OK;
    return hlo_attr_comps(&t->x, "branches", t->comps.n, t->comps.items);
}

// ---- windows -----------------------------------------------------------------------------------

// "3x3", "0_1x0_1": numbers with x or _ between them.
static bool window_numbers(hlo_text *t, sz_str *value, sz_status *ret_status) {
    t->x.ints.n = 0;
    do {
        int64_t i;
        if (!take_int(value, &i)) return false;
        if (!sz_vec_push(t->ctx, &t->x.ints, i)) {
            *ret_status = sz_no_memory(t->ctx);
            return false;
        }
    } while (take(value, 'x') || take(value, '_'));
    return true;
}

// "{size=3x3 stride=2x2 pad=0_1x0_1 lhs_dilate=2x2 rhs_dilate=1x1 rhs_reversal=0x1}"
static sz_status window_attr(hlo_text *t, sz_str value) {
    static const struct {
        const char *word, *name;
    } rows[] = {{"size", "window_size"},
                {"stride", "window_stride"},
                {"pad", "window_pad"},
                {"lhs_dilate", "window_lhs_dilate"},
                {"rhs_dilate", "window_rhs_dilate"},
                {"rhs_reversal", "window_reversal"}};
    if (!take(&value, '{')) return hlo_scan_fail(&t->s, "a window is expected");
    while (!take(&value, '}')) {
        sz_status status = SZ_OK;
        const sz_str word = take_word(&value);
        const char *name = NULL;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            if (sz_str_is(word, rows[k].word)) name = rows[k].name;
        if (!name)
            return hlo_scan_fail(&t->s, "'%s' is no part of a window", sz_show(t->ctx, word));
        if (!take(&value, '=') || !window_numbers(t, &value, &status))
            return status != SZ_OK ? status : hlo_scan_fail(&t->s, "a window holds no numbers");
        SZ_TRY(hlo_attr_ints(&t->x, name, t->x.ints.n, t->x.ints.items));
    }
    return SZ_OK;
}

// ---- plain values ------------------------------------------------------------------------------

static bool int_list(hlo_text *t, sz_str value, sz_status *ret_status) {
    t->x.ints.n = 0;
    if (!take(&value, '{')) return false;
    while (!take(&value, '}')) {
        int64_t i;
        if (t->x.ints.n > 0 && !take(&value, ',')) return false;
        if (!take_int(&value, &i)) return false;
        if (!sz_vec_push(t->ctx, &t->x.ints, i)) {
            *ret_status = sz_no_memory(t->ctx);
            return false;
        }
    }
    skip_blanks(&value);
    return value.len == 0;
}

// A number, a list of numbers or a word is kept, all else is left out.
static sz_status plain_attr(hlo_text *t, sz_str name, sz_str value) {
    char text[64];
    int64_t i;
    sz_status status = SZ_OK;
    sz_str rest = value;
    if (name.len >= sizeof text) return SZ_OK;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    if (int_list(t, value, &status))
        return hlo_attr_ints(&t->x, text, t->x.ints.n, t->x.ints.items);
    if (status != SZ_OK) return status;
    if (take_int(&rest, &i) && rest.len == 0) return hlo_attr_int(&t->x, text, i);
    if (sz_str_is(value, "true") || sz_str_is(value, "false"))
        return hlo_attr_int(&t->x, text, sz_str_is(value, "true"));
    rest = value;
    take_word(&rest);
    const bool labels = sz_str_is(name, "dim_labels"); // "b01f_01io->b01f"
    if ((rest.len == 0 || labels) && value.len > 0) return hlo_attr_text(&t->x, name, value);
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status quoted_attr(hlo_text *t, sz_str name) {
    sz_str value;
    const bool config = sz_str_is(name, "backend_config"),
               target = sz_str_is(name, "custom_call_target");
    SZ_TRY(hlo_scan_string(&t->s, &value));
    if (config) return hlo_backend_config(&t->x, value);
    return target ? hlo_attr_text(&t->x, name, value) : SZ_OK;
}

// "{devices=[2,2]0,1,2,3}": as many devices as the grid has places. Nothing of it is kept.
static sz_status sharding_attr(hlo_text *t, sz_str value) {
    static const char head[] = "{devices=[";
    int64_t places = 1, listed = 0, n;
    if (value.len < sizeof head || memcmp(value.p, head, sizeof head - 1) != 0) return SZ_OK;
    value = (sz_str){value.p + sizeof head - 1, value.len - (uint32_t)sizeof head + 1};
    do {
        if (!take_int(&value, &n)) return hlo_scan_fail(&t->s, "sharding: a size is expected");
        if (!sz_mul(places, n, &places))
            return hlo_scan_fail(&t->s, "sharding: devices exceed 2^63");
    } while (take(&value, ','));
    if (!take(&value, ']')) return hlo_scan_fail(&t->s, "sharding: ']' is expected");
    while (take_int(&value, &n)) {
        listed++;
        if (!take(&value, ',')) break;
    }
    if (listed == 0 || listed == places) return SZ_OK; // none: "<=[4]"
    return hlo_scan_fail(&t->s, "sharding over %lld devices lists %lld", (long long)places,
                         (long long)listed);
}

static sz_status take_attr(hlo_text *t, sz_str name, sz_str value) {
    static const char *const comps[] = {"to_apply",  "calls",  "body",
                                        "condition", "select", "scatter"};
    if (sz_str_is(name, "window")) return window_attr(t, value);
    if (sz_str_is(name, "backend_config")) return hlo_backend_config(&t->x, value);
    if (sz_str_is(name, "branch_computations")) return comps_attr(t, "branches", value);
    if (sz_str_is(name, "true_computation")) return branch_attr(t, value, false);
    if (sz_str_is(name, "false_computation")) return branch_attr(t, value, true);
    for (size_t k = 0; k < sizeof comps / sizeof *comps; k++)
        if (sz_str_is(name, comps[k])) return comps_attr(t, comps[k], value);
    return plain_attr(t, name, value);
}

// The name is in t->name.
static sz_status read_value(hlo_text *t, bool keep) {
    const sz_str name = {t->name.items, (uint32_t)t->name.n};
    const bool sharding = sz_str_is(name, "sharding");
    const bool pass = (!keep || is_one_of(name, sizeof passed / sizeof *passed, passed)) &&
                      !sharding;
    sz_str value;
    bool cut;
    if (!pass && hlo_peek_line(&t->s) == '"') return quoted_attr(t, name);
    SZ_TRY(hlo_scan_value(&t->s, !pass, &value, &cut));
    if (cut)
        sz_warn(t->ctx, "attribute '%s' has more than %d bytes and is left out",
                sz_show(t->ctx, name), SZ_WIRE_MAX_TEXT);
    if (pass || cut) return SZ_OK;
    sz_status status = sharding ? sharding_attr(t, value) : take_attr(t, name, value);
    // the graph that is built knows nothing of lines
    if (status == SZ_OK || strncmp(sz_ctx_error(t->ctx), "line ", 5) == 0) return status;
    return hlo_scan_place(&t->s, status);
}

sz_status hlo_text_attrs(hlo_text *t, bool keep) {
    while (hlo_peek_line(&t->s) == ',') {
        sz_str word;
        hlo_next_raw(&t->s);
        SZ_TRY(hlo_scan_word(&t->s, &word));
        if (word.len == 0) return hlo_scan_fail(&t->s, "an attribute is expected after ','");
        t->name.n = 0;
        for (uint32_t i = 0; i < word.len; i++)
            if (!sz_vec_push(t->ctx, &t->name, word.p[i])) return sz_no_memory(t->ctx);
        SZ_TRY(hlo_expect(&t->s, '=', "the name of an attribute"));
        SZ_TRY(read_value(t, keep));
    }
    return SZ_OK;
}
