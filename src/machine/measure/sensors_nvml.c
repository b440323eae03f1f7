// SPDX-License-Identifier: Apache-2.0
// GPUs of NVIDIA by their management library, opened by name. Prototypes by its reference manual:
// https://docs.nvidia.com/deploy/nvml-api/. Every call returns 0 on success.
#include "machine/measure/sensor.h"

#include <stdio.h>

#include "os/dynlib.h"

typedef struct nvml {
    int (*init)(void);
    int (*count)(unsigned *ret);
    int (*handle)(unsigned index, void **ret);
    int (*name)(void *device, char *ret, unsigned cap);
    int (*energy)(void *device, unsigned long long *ret_mj); // Volta and later
    int (*power)(void *device, unsigned *ret_mw);
    int (*limit)(void *device, unsigned *ret_mw);
} nvml;

typedef struct gpu {
    const nvml *api;
    void *handle;
} gpu;

static bool find_symbols(void *library, nvml *ret) {
    return sz_dynlib_symbol(library, "nvmlInit_v2", &ret->init) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetCount_v2", &ret->count) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetHandleByIndex_v2", &ret->handle) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetName", &ret->name) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetTotalEnergyConsumption", &ret->energy) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetPowerUsage", &ret->power) &&
           sz_dynlib_symbol(library, "nvmlDeviceGetEnforcedPowerLimit", &ret->limit);
}

static bool read_energy(const sz_channel *c, double *ret) {
    const gpu *g = c->device;
    unsigned long long mj;
    if (g->api->energy(g->handle, &mj) != 0) return false;
    *ret = 1e-3 * (double)mj;
    return true;
}

static bool read_power(const sz_channel *c, double *ret) {
    const gpu *g = c->device;
    unsigned mw;
    if (g->api->power(g->handle, &mw) != 0) return false;
    *ret = 1e-3 * mw;
    return true;
}

static sz_status add_gpu(sz_sensors *s, const nvml *api, unsigned index) {
    char name[96] = "";
    unsigned mw = 0;
    double probe;
    gpu *g = sz_arena_alloc(&s->arena, sizeof *g);
    if (!g) return sz_no_memory(s->ctx);
    g->api = api;
    if (api->handle(index, &g->handle) != 0) return SZ_OK;
    if (api->name(g->handle, name, sizeof name) != 0) name[0] = '\0';
    name[sizeof name - 1] = '\0';
    // Its power may not be added to that of the processor: it is another device.
    sz_channel c = {.sensor = "nvml",
                    .kind = SZ_COUNTS_JOULES,
                    .read = read_energy,
                    .device = g,
                    .is_whole = true};
    if (api->limit(g->handle, &mw) == 0) c.limit_w = 1e-3 * mw;
    if (!c.read(&c, &probe)) {
        c.kind = SZ_SHOWS_WATTS;
        c.read = read_power;
    }
    return c.read(&c, &probe) ? sz_sensor_add(s, &c, "GPU %u %s", index, name) : SZ_OK;
}

sz_status sz_sensor_find_nvml(sz_sensors *s) {
    static const char *const usual[] = {"libnvidia-ml.so.1", "libnvidia-ml.so", NULL};
    const char *const *names = s->options.nvml ? s->options.nvml : usual;
    unsigned n = 0;
    if (s->options.root[0] && !s->options.nvml)
        return sz_sensor_lacks(s, "nvml", "another machine is described");
    if (sz_dynlib_open(s->ctx, names, &s->nvml) != SZ_OK)
        return sz_sensor_lacks(s, "nvml", "no driver of NVIDIA is installed");
    nvml *api = sz_arena_alloc(&s->arena, sizeof *api);
    if (!api) return sz_no_memory(s->ctx);
    if (!find_symbols(s->nvml, api))
        return sz_sensor_lacks(s, "nvml", "the library is too old: it lacks a function");
    if (api->init() != 0) return sz_sensor_lacks(s, "nvml", "the driver does not answer");
    sz_dynlib_symbol(s->nvml, "nvmlShutdown", &s->nvml_shutdown);
    if (api->count(&n) != 0 || n == 0) return sz_sensor_lacks(s, "nvml", "there is no GPU");
    for (unsigned i = 0; i < n && i < 64; i++) SZ_TRY(add_gpu(s, api, i));
    return SZ_OK;
}
