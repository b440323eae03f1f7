// SPDX-License-Identifier: Apache-2.0
// Nets of a calibration that take turns: the quickest visit stays, with the median of all, and what
// strangers slowed is known by the net that is in every turn.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calibrate/turn.h"

// What the reference takes when nobody disturbs.
static const double USUAL_S = 1e-3;

static void begin(sz_turn *t) {
    *t = (sz_turn){.lines = "lines:reference\nfirst\nsecond\nthird\n"};
}

static void take(sz_turn *t, const char *name, double quick_s, double median_s) {
    json_t *record = json_pack("{s:s, s:f, s:{s:f}}", "case", name, "layers_quick_s", quick_s,
                               "time", "median_s", median_s);
    sz_turn_take(t, record);
    json_decref(record);
}

static void visit(sz_turn *t, double reference_s, double first_s, double second_s, double third_s) {
    sz_turn_begin_visit(t);
    take(t, "second", second_s, 2 * second_s); // in whatever order they come
    if (reference_s > 0) take(t, "reference", reference_s, reference_s);
    take(t, "first", first_s, 2 * first_s);
    take(t, "third", third_s, 2 * third_s);
    sz_turn_end_visit(t);
}

static double quick_of(const json_t *record) {
    return json_number_value(json_object_get(record, "layers_quick_s"));
}
static double median_of(const json_t *record) {
    return json_number_value(json_object_get(json_object_get(record, "time"), "median_s"));
}

static void the_quickest_visit_stays(void **unused) {
    (void)unused;
    sz_turn t;
    begin(&t);
    visit(&t, USUAL_S, 4, 9, 5);
    visit(&t, USUAL_S, 1, 16, 5);
    take(&t, "no net of it", 1, 1); // is not held
    // medians 8 and 2, 18 and 32: geometric means 4 and 24
    json_t *first = sz_turn_give(&t, 0), *second = sz_turn_give(&t, 1);
    assert_true(fabs(quick_of(first) - 1) < 1e-12 && fabs(median_of(first) - 4) < 1e-12);
    assert_true(fabs(quick_of(second) - 9) < 1e-12 && fabs(median_of(second) - 24) < 1e-12);
    assert_null(sz_turn_give(&t, 0)); // it was given
    assert_null(sz_turn_give(&t, SZ_TURN_NETS - 1));
    json_decref(first), json_decref(second);
    sz_turn_finish(&t); // the third is given back
}

// Slowed by 12 % or less is not slowed; where one visit of two was, its nets have the other.
static void strangers_are_known_by_the_reference(void **unused) {
    (void)unused;
    static const struct {
        double first_s, second_s; // the reference in two visits, 0 = it was not timed
        bool is_slowed;
    } cases[] = {
        {1.11e-3, 1.11e-3, false},
        {1.13e-3, 1.13e-3, true},
        {1.3e-3, 1e-3, false},
        {1e-3, 1.3e-3, true}, // the quicker visits of the nets are the second
        {0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sz_turn t;
        begin(&t);
        visit(&t, cases[i].first_s, 5, 5, 5);
        visit(&t, cases[i].second_s, 4, 4, 4);
        if (sz_turn_is_slowed(&t, USUAL_S) != cases[i].is_slowed) fail_msg("case %zu", i);
        sz_turn_finish(&t);
    }
}

// One net of three has its quickest run while strangers are there: the turn does not come again,
// and of it only that net is slowed.
static void most_of_the_nets_decide(void **unused) {
    (void)unused;
    sz_turn t;
    begin(&t);
    visit(&t, 1e-3, 4, 4, 5);
    visit(&t, 1.3e-3, 5, 5, 4);
    assert_false(sz_turn_is_slowed(&t, USUAL_S));
    assert_false(sz_turn_met_strangers(&t, 0, USUAL_S));
    assert_true(sz_turn_met_strangers(&t, 2, USUAL_S));
    visit(&t, 1.3e-3, 5, 3, 5);
    assert_true(sz_turn_is_slowed(&t, USUAL_S)); // two of three now
    visit(&t, 1e-3, 5, 2, 3);
    assert_false(sz_turn_is_slowed(&t, USUAL_S));
    sz_turn_finish(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quickest_visit_stays),
        cmocka_unit_test(strangers_are_known_by_the_reference),
        cmocka_unit_test(most_of_the_nets_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
