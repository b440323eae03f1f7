// SPDX-License-Identifier: Apache-2.0
// SHA-256 against the examples of FIPS 180-4 (NIST, "SHA256.pdf" and the million-a message of
// 180-2).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

static void check(const char *text, size_t times, const char *want) {
    sz_sha256 h;
    char hex[65];
    sz_sha256_init(&h);
    for (size_t i = 0; i < times; i++) sz_sha256_add(&h, text, strlen(text));
    sz_sha256_hex(&h, 64, hex);
    assert_string_equal(hex, want);
}

static void test_examples(void **state) {
    (void)state;
    check("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    check("aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
