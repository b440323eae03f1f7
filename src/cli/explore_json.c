// SPDX-License-Identifier: Apache-2.0
// `sizeup explore --format json`.
#include "cli/explore.h"

#include <math.h>
#include <string.h>

const cli_schema_row explore_schema[] = {
    {1, "by", CLI_J_STRING, "predict or bench", NULL, false},
    {1, "search", CLI_J_STRING, "how settings were chosen", NULL, false},
    {1, "space", CLI_J_OBJECT, NULL, NULL, false},
    {2, "parameters", CLI_J_ARRAY, NULL, NULL, false},
    {3, "name", CLI_J_STRING, NULL, NULL, false},
    {3, "values", CLI_J_STRINGS, "as they were given", NULL, false},
    {3, "when", CLI_J_STRING, "it exists only there; null: always", NULL, false},
    {3, "change", CLI_J_NUMBER, "what it costs to change it, against the others", NULL, false},
    {2, "constraints", CLI_J_STRINGS, NULL, NULL, false},
    {2, "settings", CLI_J_INTEGER, "before constraints; -1: more than 2^63", NULL, false},
    {1, "evaluated", CLI_J_INTEGER, "settings that were looked at", NULL, false},
    {1, "refused", CLI_J_INTEGER, "of them, those that can't be had", NULL, false},
    {1, "skipped", CLI_J_INTEGER, "not measured: predicted to be dominated", NULL, false},
    {1, "complete", CLI_J_BOOL, "the search came to its end", NULL, false},
    {1, "pareto", CLI_J_OBJECT, NULL, NULL, false},
    {2, "metrics", CLI_J_STRINGS, "keys of the metrics", NULL, false},
    {2, "dominance", CLI_J_STRING, "sure: beyond the intervals; value", NULL, false},
    {2, "points", CLI_J_INTEGER, "on the front", NULL, false},
    {2, "unknown", CLI_J_INTEGER, "points without one of the metrics", NULL, false},
    {1, "points", CLI_J_ARRAY, "in the order of the grid", NULL, false},
    {2, "parameters", CLI_J_OBJECT, "numbers or words, by name", NULL, false},
    {2, "metrics", CLI_J_OBJECT, "numbers by key, null: not known", NULL, false},
    {2, "intervals", CLI_J_OBJECT, "two numbers by key of a metric", NULL, true},
    {2, "on_front", CLI_J_BOOL, NULL, NULL, false},
    {2, "why", CLI_J_STRING, "it can't be had", NULL, true},
    {1, "oracle", CLI_J_ARRAY, "for each value of the parameter", NULL, false},
    {2, "value", CLI_J_VALUE, NULL, NULL, false},
    {2, "best", CLI_J_OBJECT, NULL, NULL, false},
    {3, "parameters", CLI_J_OBJECT, NULL, NULL, false},
    {3, "metric", CLI_J_NUMBER, NULL, NULL, false},
    {2, "fixed", CLI_J_NUMBER, "metric of the best fixed setting", NULL, false},
    {2, "regret", CLI_J_NUMBER, "of that, as a share of the best", NULL, false},
    {1, "oracle_of", CLI_J_STRING, "the parameter; null: not asked", NULL, false},
    {1, "best", CLI_J_STRING, "key of the metric of the oracle and of sensitivity", NULL, false},
    {1, "best_fixed", CLI_J_OBJECT, "loses least over all values", NULL, false},
    {2, "parameters", CLI_J_MAYBE, "null: no oracle asked, or no setting has every value", NULL,
     false},
    {2, "mean_regret", CLI_J_NUMBER, NULL, NULL, false},
    {2, "max_regret", CLI_J_NUMBER, NULL, NULL, false},
    {2, "settings", CLI_J_INTEGER, "that have every value", NULL, false},
    {1, "sensitivity", CLI_J_ARRAY, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_sensitivity_type, false},
    {1, "metrics", CLI_J_ARRAY, "what is known of any point", NULL, false},
    {2, "word", CLI_J_STRING, "on the command line", NULL, false},
    {2, "key", CLI_J_STRING, NULL, NULL, false},
    {2, "unit", CLI_J_STRING, NULL, NULL, false},
    {2, "higher", CLI_J_BOOL, "more is better", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
const size_t explore_schema_n = CLI_COUNT(explore_schema);

static const size_t fixed_metrics[] = {SZ_METRIC_LATENCY, SZ_METRIC_THROUGHPUT, SZ_METRIC_ENERGY,
                                       SZ_METRIC_MEMORY, SZ_METRIC_PARAMS};

static bool is_fixed(size_t metric) {
    for (size_t i = 0; i < CLI_COUNT(fixed_metrics); i++)
        if (fixed_metrics[i] == metric) return true;
    return false;
}

// ---- settings ----------------------------------------------------------------------------------

static void put_value(sz_json *j, const sz_space *s, size_t p, uint32_t v) {
    const double number = sz_space_number(s, p, v);
    if (isnan(number))
        sz_json_str(j, sz_space_value(s, p, v));
    else if (number == floor(number) && fabs(number) < 9e15)
        sz_json_i64(j, (int64_t)number);
    else
        sz_json_f64(j, number);
}

// Without `left_out` (-1: none).
static void put_setting(sz_json *j, const explore_job *job, int64_t point, int64_t left_out) {
    const uint32_t *setting = sz_points_setting(job->points, (size_t)point);
    sz_json_key_object(j, "parameters");
    for (size_t p = 0; p < sz_space_parameters(job->space); p++) {
        if ((int64_t)p == left_out || !sz_space_exists(job->space, setting, p)) continue;
        sz_json_key(j, sz_space_name(job->space, p));
        put_value(j, job->space, p, setting[p]);
    }
    sz_json_end_object(j);
}

static void put_space(sz_json *j, const explore_job *job) {
    const sz_space *s = job->space;
    sz_json_key_object(j, "space");
    sz_json_key_array(j, "parameters");
    for (size_t p = 0; p < sz_space_parameters(s); p++) {
        sz_json_begin_object(j);
        sz_json_key_str(j, "name", sz_space_name(s, p));
        sz_json_key_array(j, "values");
        for (int64_t v = 0; v < sz_space_values(s, p); v++)
            sz_json_str(j, sz_space_value(s, p, (uint32_t)v));
        sz_json_end_array(j);
        sz_json_key_str(j, "when", sz_space_condition(s, p));
        sz_json_key_f64(j, "change", sz_space_change_of(s, p));
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
    sz_json_key_array(j, "constraints");
    for (size_t i = 0; i < sz_space_constraints(s); i++) sz_json_str(j, sz_space_constraint(s, i));
    sz_json_end_array(j);
    sz_json_key_i64(j, "settings", sz_space_size(s) == INT64_MAX ? -1 : sz_space_size(s));
    sz_json_end_object(j);
}

// ---- points ------------------------------------------------------------------------------------

static void put_intervals(sz_json *j, const explore_job *job, const sz_metrics *m) {
    bool any = false;
    for (size_t i = 0; i < sz_space_metrics(job->space); i++) {
        if (isnan(m->lo[i]) || isnan(m->hi[i])) continue;
        if (!any) sz_json_key_object(j, "intervals");
        any = true;
        sz_json_key_array(j, sz_space_metric(job->space, i).key);
        sz_json_f64(j, m->lo[i]);
        sz_json_f64(j, m->hi[i]);
        sz_json_end_array(j);
    }
    if (any) sz_json_end_object(j);
}

static void put_point(sz_json *j, const explore_job *job, size_t i) {
    sz_metrics m;
    const char *why = sz_points_why(job->points, i);
    sz_points_metrics(job->points, i, &m);
    sz_json_begin_object(j);
    put_setting(j, job, (int64_t)i, -1);
    sz_json_key_object(j, "metrics");
    for (size_t k = 0; k < sz_space_metrics(job->space); k++)
        if (is_fixed(k) || job->known[k])
            sz_json_key_f64(j, sz_space_metric(job->space, k).key, m.value[k]);
    sz_json_end_object(j);
    put_intervals(j, job, &m);
    sz_json_key_bool(j, "on_front", job->on_front[i]);
    if (why) sz_json_key_str(j, "why", why);
    sz_json_end_object(j);
}

static void put_points(sz_json *j, const explore_job *job) {
    const bool all = strcmp(job->options->show, "all") == 0;
    sz_json_key_array(j, "points");
    for (size_t i = 0; i < sz_points_count(job->points); i++)
        if (all || job->on_front[i]) put_point(j, job, i);
    sz_json_end_array(j);
}

static void put_front(sz_json *j, const explore_job *job) {
    sz_json_key_object(j, "pareto");
    sz_json_key_array(j, "metrics");
    for (size_t i = 0; i < job->n_front_metrics; i++)
        sz_json_str(j, sz_space_metric(job->space, job->front_metrics[i]).key);
    sz_json_end_array(j);
    sz_json_key_str(j, "dominance", job->dominance == SZ_DOMINANCE_SURE ? "sure" : "value");
    sz_json_key_i64(j, "points", (int64_t)job->front.n);
    sz_json_key_i64(j, "unknown", (int64_t)job->front.unknown);
    sz_json_end_object(j);
}

// ---- oracle ------------------------------------------------------------------------------------

static double metric_at(const explore_job *job, int64_t point) {
    return point < 0 ? NAN : sz_points_value(job->points, (size_t)point, job->best);
}

static void put_oracle(sz_json *j, const explore_job *job) {
    const sz_oracle *o = &job->oracle;
    sz_json_key_array(j, "oracle");
    for (size_t i = 0; job->asked_oracle && i < o->n; i++) {
        sz_json_begin_object(j);
        sz_json_key(j, "value");
        put_value(j, job->space, o->parameter, o->rows[i].value);
        sz_json_key_object(j, "best");
        put_setting(j, job, o->rows[i].best, -1);
        sz_json_key_f64(j, "metric", o->rows[i].metric);
        sz_json_end_object(j);
        sz_json_key_f64(j, "fixed", metric_at(job, o->rows[i].fixed));
        sz_json_key_f64(j, "regret", o->rows[i].regret);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
    sz_json_key_str(j, "oracle_of",
                    job->asked_oracle ? sz_space_name(job->space, o->parameter) : NULL);
    sz_json_key_str(j, "best", sz_space_metric(job->space, job->best).key);
    sz_json_key_object(j, "best_fixed");
    if (job->asked_oracle && o->best_fixed >= 0) {
        put_setting(j, job, o->best_fixed, (int64_t)o->parameter);
    } else {
        sz_json_key(j, "parameters");
        sz_json_null(j);
    }
    sz_json_key_f64(j, "mean_regret", job->asked_oracle ? o->mean_regret : NAN);
    sz_json_key_f64(j, "max_regret", job->asked_oracle ? o->max_regret : NAN);
    sz_json_key_i64(j, "settings", o->fixed_settings);
    sz_json_end_object(j);
}

static void put_sensitivity(sz_json *j, const explore_job *job) {
    sz_json_key_array(j, "sensitivity");
    for (size_t p = 0; p < sz_space_parameters(job->space); p++) {
        sz_json_begin_object(j);
        sz_json_record(j, sz_sensitivity_type(), &job->sensitivity[p]);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
    sz_json_key_array(j, "metrics");
    for (size_t k = 0; k < sz_space_metrics(job->space); k++) {
        const sz_metric m = sz_space_metric(job->space, k);
        if (!job->known[k]) continue;
        sz_json_begin_object(j);
        sz_json_key_str(j, "word", m.word);
        sz_json_key_str(j, "key", m.key);
        sz_json_key_str(j, "unit", m.unit);
        sz_json_key_bool(j, "higher", m.higher);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

int explore_write_json(const explore_job *job) {
    sz_buf buf;
    sz_json j;
    cli_stream(job->app, &buf);
    sz_json_init(&j, &buf, 2);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.explore/1");
    sz_json_key_str(&j, "by", job->by);
    sz_json_key_str(&j, "search", job->search);
    put_space(&j, job);
    sz_json_key_i64(&j, "evaluated", job->done.proposed);
    sz_json_key_i64(&j, "refused", job->done.refused);
    sz_json_key_i64(&j, "skipped", job->skipped);
    sz_json_key_bool(&j, "complete", !job->done.stopped);
    put_front(&j, job);
    put_points(&j, job);
    put_oracle(&j, job);
    put_sensitivity(&j, job);
    sz_json_warnings(&j, job->app->ctx);
    sz_json_end_object(&j);
    const int code = cli_write(job->app, &buf);
    sz_buf_finish(&buf);
    return code;
}
