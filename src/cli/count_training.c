// SPDX-License-Identifier: Apache-2.0
// The part of `sizeup count` that --mode training adds to the document.
#include "cli/count.h"

#include <stdio.h>
#include <string.h>

// ---- by node -----------------------------------------------------------------------------------

static const sz_column columns[] = {
    {"name", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"op", "op", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"forward_flops", "forward", NULL, SZ_AS_SI, 0},
    {"backward_data_flops", "to data", NULL, SZ_AS_SI, 0},
    {"backward_weight_flops", "to weights", NULL, SZ_AS_SI, 0},
    {"recompute_flops", "again", NULL, SZ_AS_SI, 0},
    {"backward_macs", NULL, NULL, SZ_AS_SI, SZ_COLUMN_DATA},
    {"stored_bytes", "stored", "B", SZ_AS_SI, 0},
    {"unknown", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
};
enum { TEXTS = 2 };

static void put_row(sz_doc *doc, const count_job *job, size_t i) {
    const sz_node_cost node = sz_costs_node(job->costs, i);
    const sz_node_training t = sz_costs_node_training(job->costs, i);
    sz_cell cells[CLI_COUNT(columns)] = {sz_cell_text(count_layer_name(job->costs, i, &node)),
                                         sz_cell_text(node.op)};
    const sz_cell numbers[] = {
        sz_cell_i64(t.forward_flops),
        sz_cell_i64(t.backward_data_flops),
        sz_cell_i64(t.backward_weight_flops),
        sz_cell_i64(t.recompute_flops),
        sz_cell_i64(t.backward_macs),
        sz_cell_i64(t.stored_bytes),
        sz_cell_text(t.unknown),
    };
    if (!node.unknown) memcpy(cells + TEXTS, numbers, sizeof numbers);
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

void count_put_node_training(sz_doc *doc, const count_job *job) {
    sz_doc_table(doc, "training", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < job->n_rows; i++) put_row(doc, job, job->rows[i]);
}

// ---- totals ------------------------------------------------------------------------------------

static void put_peak(sz_doc *doc, const count_job *job, int64_t bytes) {
    const sz_training_peak peak = sz_costs_training_peak(job->costs);
    char note[300] = "";
    if (peak.node >= 0) {
        const size_t at = (size_t)peak.node;
        const sz_node_cost node = sz_costs_node(job->costs, at);
        snprintf(note, sizeof note, "%s at %s", peak.phase,
                 count_layer_name(job->costs, at, &node));
    } else if (peak.phase) {
        snprintf(note, sizeof note, "%s", peak.phase);
    }
    sz_doc_fact_note(doc, "peak_bytes", "peak memory", sz_cell_i64(bytes), SZ_AS_SI, "B",
                     *note ? note : NULL);
}

void count_put_training(sz_doc *doc, const count_job *job) {
    const sz_training t = sz_costs_training(job->costs);
    const count_options *o = job->options;
    char head[128];
    snprintf(head, sizeof head, "one training step (%s, precision %s, recomputation %s)",
             o->optimizer, o->precision, o->recompute);
    sz_doc_heading(doc, head);
    count_put_amount(doc, "forward_flops", "forward FLOPs", t.forward_flops, NULL);
    count_put_amount(doc, "backward_flops", "backward FLOPs", t.backward_flops, NULL);
    count_put_amount(doc, "backward_data_flops", "  to data", t.backward_data_flops, NULL);
    count_put_amount(doc, "backward_weight_flops", "  to weights", t.backward_weight_flops, NULL);
    if (t.recompute_flops)
        count_put_amount(doc, "recompute_flops", "run again", t.recompute_flops, NULL);
    count_put_amount(doc, "optimizer_flops", "update FLOPs", t.optimizer_flops, NULL);
    count_put_amount(doc, "trainable_params", "trained parameters", t.trainable_params, NULL);
    count_put_amount(doc, "weight_bytes", "weights", t.weight_bytes, "B");
    count_put_amount(doc, "gradient_bytes", "gradients", t.gradient_bytes, "B");
    if (t.sparse_gradient_bytes < t.gradient_bytes)
        count_put_amount(doc, "sparse_gradient_bytes", "  sparse look-ups", t.sparse_gradient_bytes,
                         "B");
    count_put_amount(doc, "optimizer_state_bytes", "optimizer state", t.optimizer_state_bytes, "B");
    count_put_amount(doc, "stored_activation_bytes", "stored activations",
                     t.stored_activation_bytes, "B");
    count_put_amount(doc, "stored_statistic_bytes", "stored statistics", t.stored_statistic_bytes,
                     "B");
    put_peak(doc, job, t.peak_bytes);
    if (t.nodes_without_gradient)
        sz_doc_line(doc, "%lld nodes have no known backward pass and are not in these sums",
                    (long long)t.nodes_without_gradient);
}
