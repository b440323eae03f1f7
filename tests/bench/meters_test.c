// SPDX-License-Identifier: Apache-2.0
// Energy and counters of a case, on sensors that are files of a made-up machine, a made-up kernel
// and a made-up clock: what the numbers must be follows from what the work is made to take.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "os/folder.h"
#include "run/bench/counted.h"
#include "run/bench/energy.h"

// 60 W at rest, 100 W at work; a run takes 1 ms. The counter wraps at 10 J.
enum { IDLE_W = 60, BUSY_W = 100, WRAP_UJ = 10000000 };
#define RUN_S 1e-3

static sz_ctx *ctx;
static char root[64];
static double now_s, joules;

static double fake_now(void) { return now_s; }

static void set_file(const char *path, const char *text) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    assert_int_equal(sz_folder_write(ctx, whole, text, strlen(text)), SZ_OK);
}

static void show_joules(void) {
    char text[32];
    snprintf(text, sizeof text, "%lld\n", (long long)(joules * 1e6) % WRAP_UJ);
    set_file("/sys/class/powercap/intel-rapl:0/energy_uj", text);
}

static void fake_rest(double seconds) {
    now_s += seconds;
    joules += IDLE_W * seconds;
    show_joules();
}

static sz_status fake_run(void *user, int64_t n) {
    (void)user;
    now_s += RUN_S * (double)n;
    joules += BUSY_W * RUN_S * (double)n;
    show_joules();
    return SZ_OK;
}

static void make_folder(const char *path) {
    char whole[256];
    snprintf(whole, sizeof whole, "mkdir -p '%s%s'", root, path);
    assert_int_equal(system(whole), 0);
}

static int begin(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    snprintf(root, sizeof root, "/tmp/sizeup-meters-XXXXXX");
    assert_non_null(mkdtemp(root));
    now_s = 10, joules = 9.9; // it wraps soon
    return 0;
}

static int end(void **state) {
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "rm -rf '%s'", root);
    assert_int_equal(system(line), 0);
    sz_ctx_destroy(ctx);
    return 0;
}

static void add_zone(void) {
    make_folder("/sys/class/powercap/intel-rapl:0");
    set_file("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    set_file("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
    show_joules();
}

// The object `energy` for a case that may take `budget_s`.
static json_t *energy_of(double budget_s) {
    static const char *const no_library[] = {"libthere-is-none.so", NULL};
    const sz_sensor_options options = {.root = root, .nvml = no_library};
    const sz_joules_case c = {fake_run, NULL, 2, budget_s};
    sz_joules j;
    sz_buf buf;
    sz_json json;
    sz_buf_init(&buf, ctx);
    sz_json_init(&json, &buf, 0);
    assert_int_equal(sz_joules_begin(ctx, &options, fake_now, fake_rest, &j), SZ_OK);
    sz_json_begin_object(&json);
    assert_int_equal(sz_joules_put(ctx, &j, &c, &json), SZ_OK);
    sz_json_end_object(&json);
    json_t *whole = json_loadb(buf.data, buf.size, 0, NULL);
    json_t *energy = json_incref(json_object_get(whole, "energy"));
    assert_non_null(energy);
    json_decref(whole);
    sz_buf_finish(&buf);
    sz_joules_finish(ctx, &j);
    return energy;
}

static double number(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

#define assert_near(a, b, tolerance)                                                               \
    assert_true(fabs((a) - (double)(b)) <= (tolerance)*fabs((double)(b)))

// 0.1 J a run, 0.06 J of it at rest, over a wrap of the counter; a tick is what 2 ms are worth.
static void tells_the_joules_of_a_run(void **state) {
    (void)state;
    add_zone();
    json_t *e = energy_of(3);
    assert_null(json_object_get(e, "why"));
    assert_near(number(e, "joule"), BUSY_W * RUN_S, 1e-4);
    assert_near(number(e, "idle_w"), IDLE_W, 1e-4);
    assert_near(number(e, "above_idle_j"), (BUSY_W - IDLE_W) * RUN_S, 1e-3);
    assert_near(number(e, "window_s"), SZ_ENERGY_LEAST_S, 0.01);
    assert_near(number(e, "runs") * RUN_S, number(e, "window_s"), 1e-9);
    assert_near(number(e, "uncertainty_j") * number(e, "ticks"), number(e, "joule"), 1e-9);
    assert_true(number(e, "ticks") >= 200);
    const json_t *domain = json_array_get(json_object_get(e, "domains"), 0);
    assert_string_equal(json_string_value(json_object_get(domain, "name")), "package-0");
    assert_near(number(domain, "joule"), number(e, "joule"), 1e-9);
    json_decref(e);
}

// Too short for ten ticks: the number is given with what is wrong with it.
static void says_when_time_was_short(void **state) {
    (void)state;
    add_zone();
    json_t *e = energy_of(8e-3);
    assert_string_equal(json_string_value(json_object_get(e, "why")),
                        "the sensor ticked fewer than 10 times: measure for longer");
    assert_near(number(e, "joule"), BUSY_W * RUN_S, 1e-4);
    json_decref(e);
}

// A meter in watts, which is a gauge: mean of two looks times what is between them.
static void reads_a_gauge(void **state) {
    (void)state;
    make_folder("/sys/class/hwmon/hwmon0");
    set_file("/sys/class/hwmon/hwmon0/name", "power_meter\n");
    set_file("/sys/class/hwmon/hwmon0/power1_average", "80000000\n");
    make_folder("/sys/class/powercap/intel-rapl:0"); // show_joules() writes here
    json_t *e = energy_of(0.1);
    assert_near(number(e, "joule"), 80 * RUN_S, 1e-9);
    assert_near(number(e, "idle_w"), 80, 1e-9);
    assert_string_equal(json_string_value(json_object_get(e, "why")),
                        "the sensor ticked fewer than 10 times: measure for longer");
    json_decref(e);
}

static void says_why_there_is_no_energy(void **state) {
    (void)state;
    json_t *e = energy_of(1);
    assert_null(json_object_get(e, "joule"));
    assert_string_equal(json_string_value(json_object_get(e, "why")),
                        "powercap: /sys/class/powercap holds no zone of the processor; perf: the "
                        "kernel has no unit 'power'; hwmon: there are none; battery: there are "
                        "none; nvml: no driver of NVIDIA is installed");
    json_decref(e);
}

// ---- counters ----------------------------------------------------------------------------------

enum { RAW_FD = 1000 };
static sz_perf_value fake_value;
static int fake_error, heirs;
static uint64_t raw[8]; // what the raw events count, in the order in which they were opened
static uint64_t asked[8];
static int n_asked;

static int fake_open(uint32_t type, uint64_t config, int cpu) {
    heirs += cpu == SZ_PERF_HEIRS;
    if (type == 0 && config != 0 && fake_error) return -fake_error;
    if (type == 4) asked[n_asked++ % 8] = config;
    return (type == 4 ? RAW_FD : 100) + (int)config;
}
static bool fake_read(int fd, sz_perf_value *ret_value) {
    *ret_value = fake_value;
    for (int i = 0; i < n_asked; i++)
        if (fd == RAW_FD + (int)asked[i]) ret_value->count = raw[i];
    return true;
}
static void fake_close(int fd) { (void)fd; }
static const sz_perf_api fake_perf = {fake_open, fake_read, fake_close};

static json_t *counted(sz_counters *c, const sz_counted *sum) {
    sz_buf buf;
    sz_json json;
    sz_buf_init(&buf, ctx);
    sz_json_init(&json, &buf, 0);
    sz_json_begin_object(&json);
    sz_counted_put(sum, c, 3000, &json);
    sz_json_end_object(&json);
    json_t *whole = json_loadb(buf.data, buf.size, 0, NULL);
    json_t *counters = json_incref(json_object_get(whole, "counters"));
    json_decref(whole);
    sz_buf_finish(&buf);
    assert_non_null(counters);
    return counters;
}

// Two slices, of 10 and of 30 runs; in the second the counter was at work a quarter of the time.
static void counts_slices(void **state) {
    (void)state;
    sz_counters c;
    sz_counted sum;
    heirs = fake_error = 0;
    sz_counters_open_heirs(&c, &fake_perf, root);
    assert_int_equal(heirs, SZ_COUNTERS);
    sz_counted_init(&sum);
    fake_value = (sz_perf_value){1000, 100, 100};
    sz_counters_begin(&c);
    fake_value = (sz_perf_value){2000, 200, 200};
    sz_counted_add(&sum, &c, 10);
    fake_value = (sz_perf_value){5000, 1000, 1000}; // between slices: not counted
    sz_counters_begin(&c);
    fake_value = (sz_perf_value){5750, 1400, 1100};
    sz_counted_add(&sum, &c, 30);
    json_t *o = counted(&c, &sum);
    assert_near(number(o, "cycles"), (1000 + 4 * 750) / 40.0, 1e-12);
    assert_near(number(o, "running_share"), 0.25, 1e-12);
    assert_true(json_is_true(json_object_get(o, "multiplexed")));
    assert_int_equal(number(o, "runs"), 40);
    assert_int_equal(json_object_size(json_object_get(o, "why")), 1); // no processor is named
    assert_string_equal(json_string_value(json_object_get(json_object_get(o, "why"), "flops")),
                        "/proc/cpuinfo does not name the processor");
    json_decref(o);
    sz_counters_close(&c);
}

static void says_what_is_not_counted(void **state) {
    (void)state;
    sz_counters c;
    sz_counted sum;
    fake_error = ENOENT;
    fake_value = (sz_perf_value){0, 0, 0};
    sz_counters_open_heirs(&c, &fake_perf, root);
    sz_counted_init(&sum);
    sz_counters_begin(&c);
    fake_value = (sz_perf_value){800, 100, 100};
    sz_counted_add(&sum, &c, 8);
    json_t *o = counted(&c, &sum);
    assert_near(number(o, "cycles"), 100, 1e-12);
    assert_null(json_object_get(o, "cache_misses"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(o, "why"), "cache_misses")),
        "the processor offers no such counter (virtual machines often hide it)");
    assert_false(json_is_true(json_object_get(o, "multiplexed")));
    json_decref(o);
    sz_counters_close(&c);
}

// ---- operations --------------------------------------------------------------------------------

static void set_cpu(const char *lines) {
    make_folder("/proc");
    set_file("/proc/cpuinfo", lines);
}

// Counters of 10 runs in which the i-th event of operations counted counts[i].
static json_t *operations(const char *cpu, const uint64_t *counts, int n) {
    sz_counters c;
    sz_counted sum;
    set_cpu(cpu);
    n_asked = fake_error = 0;
    memset(raw, 0, sizeof raw);
    fake_value = (sz_perf_value){0, 0, 0};
    sz_counters_open_heirs(&c, &fake_perf, root);
    assert_int_equal(n_asked, n);
    sz_counted_init(&sum);
    sz_counters_begin(&c);
    fake_value = (sz_perf_value){500, 100, 100};
    for (int i = 0; i < n; i++) raw[i] = counts[i];
    sz_counted_add(&sum, &c, 10);
    json_t *o = counted(&c, &sum);
    sz_counters_close(&c);
    return o;
}

// Each width counts as many operations as it has numbers; AMD counts operations themselves; a
// count of a scalable vector is one for each 128 bits. The rules of counting say 3000 of a run.
static void adds_up_operations(void **state) {
    (void)state;
    static const struct {
        const char *cpu;
        int n;
        uint64_t counts[SZ_FLOP_EVENTS], first; // number of the first event
        double flops;
    } cores[] = {
        {"vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n", // Sapphire Rapids
         5,
         {10, 10, 10, 10, 1000},
         0x03c7,
         (10 * (1 + 2 + 4 + 8) + 16 * 1000) / 10.0},
        {"vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 158\n", // without AVX-512
         4,
         {7, 5, 3, 2000},
         0x03c7,
         (7 + 2 * 5 + 4 * 3 + 8 * 2000) / 10.0},
        {"vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n", // Zen 3
         1,
         {30000},
         0xff03,
         3000},
        {"vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n", // Zen 4
         1,
         {15000},
         0x1f03,
         1500},
        {"vendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n", // Zen 5
         1,
         {60000},
         0x0f03,
         6000},
        {"CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", // Neoverse V1: 256 bits
         2,
         {10000, 500},
         0x80c0,
         (2 * 10000 + 500) / 10.0},
        {"CPU implementer\t: 0x46\nCPU part\t: 0x001\n", // A64FX: 512 bits
         2,
         {10000, 500},
         0x80c0,
         (4 * 10000 + 500) / 10.0},
    };
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
        json_t *o = operations(cores[i].cpu, cores[i].counts, cores[i].n);
        assert_int_equal(asked[0], cores[i].first);
        assert_near(number(o, "flops"), cores[i].flops, 1e-12);
        assert_near(number(o, "counted_over_executed"), 3000 / cores[i].flops, 1e-12);
        assert_null(json_object_get(o, "why"));
        json_decref(o);
    }
}

static void says_why_operations_are_not_counted(void **state) {
    (void)state;
    static const struct {
        const char *cpu, *why;
    } cores[] = {
        {"vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 60\n",
         "Haswell has no counter of operations"},
        {"vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 183\n",
         "its two kinds of cores count operations differently"},
        {"vendor_id\t: CentaurHauls\ncpu family\t: 7\nmodel\t\t: 59\n",
         "no event of this core is known here (CentaurHauls, family 7, model 0x3b)"},
        {"CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n", // Cortex-A76
         "this core counts instructions, not operations"},
    };
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
        json_t *o = operations(cores[i].cpu, NULL, 0);
        const json_t *why = json_object_get(json_object_get(o, "why"), "flops");
        assert_null(json_object_get(o, "flops"));
        assert_null(json_object_get(o, "counted_over_executed"));
        assert_string_equal(json_string_value(why), cores[i].why);
        json_decref(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_the_joules_of_a_run, begin, end),
        cmocka_unit_test_setup_teardown(says_when_time_was_short, begin, end),
        cmocka_unit_test_setup_teardown(reads_a_gauge, begin, end),
        cmocka_unit_test_setup_teardown(says_why_there_is_no_energy, begin, end),
        cmocka_unit_test_setup_teardown(counts_slices, begin, end),
        cmocka_unit_test_setup_teardown(adds_up_operations, begin, end),
        cmocka_unit_test_setup_teardown(says_why_operations_are_not_counted, begin, end),
        cmocka_unit_test_setup_teardown(says_what_is_not_counted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
