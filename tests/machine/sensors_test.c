// SPDX-License-Identifier: Apache-2.0
// Sensors of energy and counters of the processor on recorded machines, a fake kernel and a fake
// library: what is found, what a window of time adds up to, and why a number is missing.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/measure/counters.h"
#include "machine/measure/sensor.h"
#include "os/folder.h"
#include "tree.h"

static sz_ctx *ctx;
static char root[64];
static double now_s;
static double fake_now(void) { return now_s; }

static const char *const no_library[] = {"libthere-is-none.so", NULL};

// ---- a kernel ----------------------------------------------------------------------------------

static int fake_error; // 0 = counters open
static sz_perf_value fake_value;
static int open_fds;

static int fake_open(uint32_t type, uint64_t config, int cpu) {
    (void)config, (void)cpu;
    if (fake_error) return -fake_error;
    open_fds++;
    return (int)type + 100;
}
static bool fake_read(int fd, sz_perf_value *ret_value) {
    (void)fd;
    *ret_value = fake_value;
    return true;
}
static void fake_close(int fd) {
    assert_true(fd >= 100);
    open_fds--;
}
static const sz_perf_api fake_perf = {fake_open, fake_read, fake_close};

// ---- help --------------------------------------------------------------------------------------

static sz_sensors *open_sensors(const char *tree, const char *const *nvml) {
    const sz_sensor_options options = {.root = root, .perf = &fake_perf, .nvml = nvml};
    sz_sensors *s = NULL;
    tree_unpack(ctx, tree, root, sizeof root);
    assert_int_equal(sz_sensors_open(ctx, &options, &s), SZ_OK);
    return s;
}

static void done(sz_sensors *s) {
    sz_sensors_close(s);
    tree_remove(root);
    assert_int_equal(open_fds, 0);
}

static void set_file(const char *path, const char *text) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    assert_int_equal(sz_folder_write(ctx, whole, text, strlen(text)), SZ_OK);
}

static int index_of(const sz_sensors *s, const char *sensor, const char *name) {
    for (size_t i = 0; i < s->channels.n; i++)
        if (strcmp(s->channels.items[i].sensor, sensor) == 0 &&
            strcmp(s->channels.items[i].name, name) == 0)
            return (int)i;
    fail_msg("no channel %s of %s", name, sensor);
    return -1;
}

static const char *gap_of(const sz_sensors *s, const char *sensor) {
    for (size_t i = 0; i < s->gaps.n; i++)
        if (strcmp(s->gaps.items[i].sensor, sensor) == 0) return s->gaps.items[i].why;
    return "";
}

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-9 * fabs(b))

// ---- what is found -----------------------------------------------------------------------------

static void finds_channels(void **state) {
    (void)state;
    fake_error = 0;
    sz_sensors *s = open_sensors("server-power", no_library);
    const struct {
        const char *sensor, *name;
        bool whole;
        double limit;
    } expected[] = {{"powercap", "package-0", true, 205},
                    {"powercap", "package-1", true, 205},
                    {"powercap", "dram", true, 0},
                    {"powercap", "core", false, 0},
                    {"perf", "energy-pkg", true, 0},
                    {"hwmon", "power_meter power1", true, 0},
                    {"hwmon", "amd_energy Ecore000", false, 0}};
    assert_int_equal(s->channels.n, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const sz_channel *c = &s->channels.items[index_of(s, expected[i].sensor, expected[i].name)];
        assert_int_equal(c->is_whole, expected[i].whole);
        assert_near(c->limit_w, expected[i].limit);
    }
    assert_string_equal(gap_of(s, "battery"), "it tells the power only while it gives it: unplug");
    assert_string_equal(gap_of(s, "nvml"), "no driver of NVIDIA is installed");
    done(s);
}

static void says_why_there_is_none(void **state) {
    (void)state;
    fake_error = EACCES;
    sz_sensors *s = open_sensors("bare", no_library);
    const char *sensor;
    assert_int_equal(s->channels.n, 0);
    assert_string_equal(gap_of(s, "powercap"),
                        "/sys/class/powercap holds no zone of the processor");
    assert_string_equal(gap_of(s, "perf"), "the kernel has no unit 'power'");
    assert_string_equal(gap_of(s, "hwmon"), "there are none");
    const sz_energy e = sz_energy_whole(s, NULL, &sensor);
    assert_null(sensor);
    assert_true(isnan(e.joule));
    assert_string_equal(e.why, "no sensor of energy that this process may read");
    done(s);
}

static void says_what_may_not_be_read(void **state) {
    (void)state;
    fake_error = EACCES;
    sz_sensors *s = open_sensors("server-power", no_library);
    assert_string_equal(gap_of(s, "perf"), "the kernel lets this user not count for a whole CPU "
                                           "(kernel.perf_event_paranoid)");
    done(s);
    fake_error = 0;
    tree_unpack(ctx, "server-power", root, sizeof root);
    set_file("/sys/class/powercap/intel-rapl:0/energy_uj", ""); // as if it could not be read
    set_file("/sys/class/powercap/intel-rapl:0:0/energy_uj", "");
    set_file("/sys/class/powercap/intel-rapl:1/energy_uj", "nonsense");
    set_file("/sys/class/powercap/intel-rapl:1:0/energy_uj", "-5");
    const sz_sensor_options options = {.root = root, .perf = &fake_perf, .nvml = no_library};
    assert_int_equal(sz_sensors_open(ctx, &options, &s), SZ_OK);
    assert_non_null(strstr(gap_of(s, "powercap"), "may not be read by this user"));
    done(s);
}

// ---- windows -----------------------------------------------------------------------------------

#define PACKAGE "/sys/class/powercap/intel-rapl:0/energy_uj"

// The counter is 328,850 microjoules before its end, and 500,000 behind it.
static void counters_may_wrap(void **state) {
    (void)state;
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    now_s = 10;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    for (int i = 1; i <= 12; i++) { // 12 ticks of 20 mJ
        char text[32];
        snprintf(text, sizeof text, "%lld", 262143000000ll + 20000ll * i);
        set_file(PACKAGE, text);
        now_s += 0.1;
        sz_energy_look(&w);
    }
    set_file(PACKAGE, "500000");
    now_s += 0.8;
    sz_energy_end(&w, e);
    const sz_energy *p = &e[index_of(s, "powercap", "package-0")];
    assert_near(p->joule, 0.828850);
    assert_int_equal(p->ticks, 13);
    assert_near(p->uncertainty_j, 0.828850 / 13);
    assert_near(p->seconds, 2.0);
    assert_near(p->watt, 0.414425);
    assert_null(p->why);
    // The other package stood still: so does the machine as a whole.
    const char *sensor;
    assert_string_equal(e[index_of(s, "powercap", "package-1")].why, "the sensor never ticked");
    const sz_energy whole = sz_energy_whole(s, e, &sensor);
    assert_string_equal(sensor, "powercap");
    assert_string_equal(whole.why, "the sensor never ticked");
    done(s);
}

static void counters_without_a_range_may_not(void **state) {
    (void)state;
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    set_file("/sys/class/hwmon/hwmon3/energy1_input", "5");
    now_s += 1;
    sz_energy_end(&w, e);
    const sz_energy *c = &e[index_of(s, "hwmon", "amd_energy Ecore000")];
    assert_true(isnan(c->joule));
    assert_string_equal(c->why, "the sensor could not be read all the time");
    done(s);
}

static void too_few_ticks_are_told(void **state) {
    (void)state;
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    set_file(PACKAGE, "262143100000");
    now_s += 0.5;
    sz_energy_end(&w, e);
    const sz_energy *p = &e[index_of(s, "powercap", "package-0")];
    assert_near(p->joule, 0.1);
    assert_near(p->uncertainty_j, 0.1); // one tick: all of it
    assert_string_equal(p->why, "the sensor ticked fewer than 10 times: measure for longer");
    done(s);
}

// 312 W, then 412 W after 2 s, which stays for 1 s: 2 x 362 + 412 J.
static void gauges_are_summed_over_time(void **state) {
    (void)state;
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    now_s = 5;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    set_file("/sys/class/hwmon/hwmon2/power1_average", "412000000");
    now_s = 7;
    sz_energy_look(&w);
    now_s = 8;
    sz_energy_end(&w, e);
    const sz_energy *p = &e[index_of(s, "hwmon", "power_meter power1")];
    assert_near(p->joule, 2 * 362.0 + 412);
    assert_near(p->uncertainty_j, 50.0 * 3);
    done(s);
}

static void a_lost_sensor_is_told(void **state) {
    (void)state;
    char path[512];
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    snprintf(path, sizeof path, "%s%s", root, PACKAGE);
    assert_int_equal(unlink(path), 0);
    now_s += 1;
    sz_energy_end(&w, e);
    assert_string_equal(e[index_of(s, "powercap", "package-0")].why,
                        "the sensor could not be read all the time");
    done(s);
}

// 2^32 counts of 2^-32 J are a joule.
static void the_unit_of_power_counts(void **state) {
    (void)state;
    fake_error = 0;
    fake_value = (sz_perf_value){0, 1, 1};
    sz_sensors *s = open_sensors("server-power", no_library);
    sz_energy e[16];
    sz_energy_window w;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    fake_value.count = (uint64_t)1 << 32;
    now_s += 1;
    sz_energy_end(&w, e);
    assert_near(e[index_of(s, "perf", "energy-pkg")].joule, 1.0);
    done(s);
}

static void gpus_tell_energy_or_power(void **state) {
    const char *const names[] = {((const char **)*state)[1], NULL};
    sz_energy e[16];
    sz_energy_window w;
    sz_sensors *s = open_sensors("bare", names);
    const int first = index_of(s, "nvml", "GPU 0 Fake H100");
    const int second = index_of(s, "nvml", "GPU 1 Fake P4");
    assert_int_equal(s->channels.items[first].kind, SZ_COUNTS_JOULES);
    assert_near(s->channels.items[first].limit_w, 700.0);
    assert_int_equal(s->channels.items[second].kind, SZ_SHOWS_WATTS);
    assert_near(s->channels.items[second].limit_w, 75.0);
    now_s = 1;
    assert_int_equal(sz_energy_begin(s, fake_now, &w), SZ_OK);
    for (int i = 0; i < 10; i++) {
        now_s += 0.1;
        sz_energy_look(&w);
    }
    sz_energy_end(&w, e);
    assert_near(e[first].joule, 11 * 0.25);
    assert_null(e[first].why);
    // It rose by 10 W with each look: the last one took no time.
    assert_near(e[second].watt, e[second].joule / 1.0);
    assert_true(e[second].joule > 100 && e[second].joule < 300);
    done(s);
}

// ---- counters of a thread ----------------------------------------------------------------------

static void counters_are_scaled_to_the_time(void **state) {
    (void)state;
    sz_counters c;
    double counts[SZ_COUNTERS];
    fake_error = 0;
    fake_value = (sz_perf_value){100, 1000, 1000};
    sz_counters_open(&c, &fake_perf);
    assert_true(sz_counter_works(&c, SZ_COUNTER_cycles));
    assert_null(sz_counter_why_not(&c, SZ_COUNTER_cycles));
    sz_counters_begin(&c);
    fake_value = (sz_perf_value){400, 3000, 2000}; // it ran half of the time
    sz_counters_end(&c, counts);
    assert_near(counts[SZ_COUNTER_cycles], 600.0);
    sz_counters_begin(&c);
    fake_value.enabled_ns = 4000; // and now not at all
    sz_counters_end(&c, counts);
    assert_true(isnan(counts[SZ_COUNTER_cycles]));
    sz_counters_close(&c);
    assert_int_equal(open_fds, 0);
}

static void counters_say_why_not(void **state) {
    (void)state;
    static const struct {
        int error;
        const char *why;
    } cases[] = {
        {EACCES, "this user may not count (kernel.perf_event_paranoid)"},
        {ENOENT, "the processor offers no such counter (virtual machines often hide it)"},
        {ENOSYS, "the kernel was built without perf events"},
        {EINVAL, "the kernel refuses to open it"},
    };
    double counts[SZ_COUNTERS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sz_counters c;
        fake_error = cases[i].error;
        sz_counters_open(&c, &fake_perf);
        assert_false(sz_counter_works(&c, SZ_COUNTER_instructions));
        assert_string_equal(sz_counter_why_not(&c, SZ_COUNTER_instructions), cases[i].why);
        sz_counters_begin(&c);
        sz_counters_end(&c, counts);
        assert_true(isnan(counts[SZ_COUNTER_instructions]));
        sz_counters_close(&c);
    }
    fake_error = 0;
}

// Whatever this machine has, opening and closing works, and each sensor speaks or says why not.
static void this_machine_answers(void **state) {
    (void)state;
    sz_sensors *s = NULL;
    sz_counters c;
    const char *name;
    size_t rows = 0;
    while ((name = sz_sensor_name(rows, NULL))) rows++;
    assert_int_equal(sz_sensors_open(ctx, NULL, &s), SZ_OK);
    for (size_t i = 0; i < rows; i++) {
        size_t channels = 0;
        for (size_t k = 0; k < s->channels.n; k++)
            channels += strcmp(s->channels.items[k].sensor, sz_sensor_name(i, NULL)) == 0;
        assert_true(channels > 0 || *gap_of(s, sz_sensor_name(i, NULL)));
    }
    sz_sensors_close(s);
    sz_counters_open(&c, NULL);
    for (int i = 0; i < SZ_COUNTERS; i++)
        assert_true(sz_counter_works(&c, (sz_counter_id)i) !=
                    (sz_counter_why_not(&c, (sz_counter_id)i) != NULL));
    sz_counters_close(&c);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    tree_folder = argv[1];
    ctx = sz_ctx_create(NULL);
    const char *arguments[] = {argv[1], argv[2]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_channels),
        cmocka_unit_test(says_why_there_is_none),
        cmocka_unit_test(says_what_may_not_be_read),
        cmocka_unit_test(counters_may_wrap),
        cmocka_unit_test(counters_without_a_range_may_not),
        cmocka_unit_test(too_few_ticks_are_told),
        cmocka_unit_test(gauges_are_summed_over_time),
        cmocka_unit_test(a_lost_sensor_is_told),
        cmocka_unit_test(the_unit_of_power_counts),
        cmocka_unit_test_prestate(gpus_tell_energy_or_power, arguments),
        cmocka_unit_test(counters_are_scaled_to_the_time),
        cmocka_unit_test(counters_say_why_not),
        cmocka_unit_test(this_machine_answers),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sz_ctx_destroy(ctx);
    return failed;
}
