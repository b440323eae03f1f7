// SPDX-License-Identifier: Apache-2.0
#include "run/bench/env.h"

#include <math.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/procfs.h"
#include "run/bench/build.h"
#include "run/results/records.h"

static void set(json_t *env, const char *key, double v) {
    if (isfinite(v)) json_object_set_new(env, key, json_real(v));
}

static json_t *env_of(const sz_machine *m) {
    const sz_host *host = sz_machine_host(m);
    json_t *env = host ? sz_record_json(sz_host_type(), host) : json_object();
    json_t *variables = json_object();
    for (size_t i = 0; i < sz_machine_variable_count(m); i++) {
        const sz_variable v = sz_machine_variable(m, i);
        json_object_set_new(variables, v.name, json_string(v.value));
    }
    json_object_set_new(env, "variables", variables);
    set(env, "clock_hz", sz_proc_clock_hz(""));
    set(env, "temperature_c", sz_proc_temperature_c(""));
    return env;
}

sz_status sz_env_begin(sz_ctx *ctx, const sz_machine *m, sz_env *env) {
    sz_env_finish(env);
    *env = (sz_env){env_of(m), sz_proc_steal_ticks(""), sz_clock_s()};
    return env->begin ? SZ_OK : sz_no_memory(ctx);
}

void sz_env_finish(sz_env *env) {
    json_decref(env->begin);
    env->begin = NULL;
}

json_t *sz_env_changed(sz_ctx *ctx, const sz_env *env, const char *const *environment) {
    const sz_measure_options how = {.environment = environment};
    const int64_t steal = sz_proc_steal_ticks("");
    sz_machine *m;
    json_t *changed = json_object(), *value;
    const char *key;
    if (sz_machine_describe_with(ctx, &how, &m) != SZ_OK) return changed;
    json_t *now = env_of(m);
    sz_machine_destroy(m);
    json_object_foreach(now, key, value) {
        if (!json_equal(value, json_object_get(env->begin, key)))
            json_object_set(changed, key, value);
    }
    json_decref(now);
    if (steal >= 0 && env->steal_ticks >= 0)
        set(changed, "steal_s", (double)(steal - env->steal_ticks) / (double)sysconf(_SC_CLK_TCK));
    set(changed, "after_s", sz_clock_s() - env->start_s);
    return changed;
}

json_t *sz_env_software(const char *backend, const json_t *facts) {
    json_t *s = json_pack("{s:s, s:s, s:s, s:s, s:s}", "sizeup", SZ_VERSION, "sizeup_revision",
                          sz_revision(), "compiler", __VERSION__, "build", sz_build_type(),
                          "jansson", JANSSON_VERSION);
    json_t *library = facts ? json_deep_copy(facts) : json_object();
    json_object_set_new(library, "name", json_string(backend));
    if (s) json_object_set_new(s, "library", library);
    return s;
}
