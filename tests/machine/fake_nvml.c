// SPDX-License-Identifier: Apache-2.0
// Stands for libnvidia-ml: two GPUs, the first with an energy counter, the second with a gauge
// only. Each call of the counter adds 250 mJ; each call of the gauge is 10 W more.
#include <stdio.h>
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret);
int nvmlDeviceGetName(void *device, char *ret, unsigned cap);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *ret);
int nvmlDeviceGetPowerUsage(void *device, unsigned *ret);
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *ret);

static int devices[2];
static unsigned long long energy_mj = 1000;
static unsigned power_mw = 100000;

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *ret) {
    *ret = 2;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret) {
    *ret = &devices[index];
    return index < 2 ? 0 : 2;
}
int nvmlDeviceGetName(void *device, char *ret, unsigned cap) {
    snprintf(ret, cap, "%s", device == &devices[0] ? "Fake H100" : "Fake P4");
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *ret) {
    if (device != &devices[0]) return 3; // not supported
    *ret = energy_mj += 250;
    return 0;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *ret) {
    (void)device;
    *ret = power_mw += 10000;
    return 0;
}
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *ret) {
    *ret = device == &devices[0] ? 700000 : 75000;
    return 0;
}
