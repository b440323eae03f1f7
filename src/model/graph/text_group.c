// SPDX-License-Identifier: Apache-2.0
// Reader of the text form: statements that group nodes.
#include "model/graph/text_reader.h"

// Behind the word "group": KIND a, b, c
sz_status sz_text_group(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_text_frame *f = sz_text_top(r);
    sz_str word, name;
    SZ_TRY(sz_text_name(t, &word, NULL));
    const sz_group_kind kind = sz_group_find(word);
    if (kind == SZ_GROUP_KINDS || kind == SZ_GROUP_NONE)
        return sz_text_fail(t, "'%s' is no kind of group", sz_show(t->ctx, word));
    do {
        const char *from = (sz_text_peek(t), t->at);
        sz_text_member m = {.group = f->n_groups, .kind = kind, .from = from};
        SZ_TRY(sz_text_name(t, &name, NULL));
        SZ_TRY(sz_text_value(r, f, from, name, &m.value));
        if (!sz_vec_push(t->ctx, &f->members, m)) return sz_no_memory(t->ctx);
    } while (sz_text_take(t, ','));
    f->n_groups++;
    return SZ_OK;
}

static sz_status settle_members(sz_text_reader *r, int32_t *group_of, uint8_t *kinds,
                                sz_node_id *anchors) {
    const sz_text_frame *f = sz_text_top(r);
    for (size_t i = 0; i < f->graph->nodes.n; i++) group_of[i] = SZ_NONE;
    for (size_t i = f->members.n; i-- > 0;) {
        const sz_text_member *m = &f->members.items[i];
        const sz_value *v = sz_graph_value(f->graph, m->value);
        r->t.at = m->from;
        if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE)
            return sz_text_fail(&r->t, "'%s' is made by no node of this graph",
                                sz_show(r->t.ctx, v->name));
        if (group_of[v->producer] != SZ_NONE)
            return sz_text_fail(&r->t, "the node of '%s' is in a group already",
                                sz_show(r->t.ctx, v->name));
        group_of[v->producer] = m->group;
        anchors[m->group] = v->producer; // the first one remains
        kinds[m->group] = (uint8_t)m->kind;
    }
    return SZ_OK;
}

sz_status sz_text_settle_groups(sz_text_reader *r) {
    sz_text_frame *f = sz_text_top(r);
    sz_arena *arena = r->root->arena;
    const size_t n = (size_t)f->n_groups, n_nodes = f->graph->nodes.n + 1;
    const char *end = r->t.at;
    int32_t *group_of = sz_arena_array(arena, n_nodes, sizeof *group_of);
    uint8_t *kinds = sz_arena_array(arena, n, 1);
    sz_node_id *anchors = sz_arena_array(arena, n, sizeof *anchors);
    if (!group_of || !kinds || !anchors) return sz_no_memory(r->t.ctx);
    SZ_TRY(settle_members(r, group_of, kinds, anchors));
    r->t.at = end;
    f->members.n = 0;
    return sz_plan_make(f->graph, group_of, kinds, anchors, f->n_groups, NULL);
}
