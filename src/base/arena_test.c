/* The arena: alignment, zeroes, large and many requests, overflow. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_alloc(void **state)
{
    (void)state;
    struct arena a = {0};
    unsigned char *kept[300];
    for (size_t i = 0; i < COUNT(kept); i++) {
        kept[i] = arena_alloc(&a, i * 7);
        assert_non_null(kept[i]);
        assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < i * 7; j++) {
            assert_int_equal(kept[i][j], 0);
            kept[i][j] = (unsigned char)i;
        }
    }
    for (size_t i = 0; i < COUNT(kept); i++) { /* none lies over another */
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(kept[i][j], (unsigned char)i);
    }
    assert_true(a.bytes >= 7 * 299 * 300 / 2);
    arena_fini(&a);
    assert_int_equal(a.bytes, 0);
    arena_fini(&a); /* again is fine */
}

static void check_large(void **state)
{
    (void)state;
    struct arena a = {0};
    char *small = arena_alloc(&a, 10), *large = arena_alloc(&a, 10 << 20);
    assert_non_null(small);
    assert_non_null(large);
    large[(10 << 20) - 1] = 'x';
    assert_non_null(arena_alloc(&a, 10));
    assert_non_null(arena_alloc(&a, 0));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, uint64_t, SIZE_MAX / 4));
    assert_non_null(arena_array(&a, uint64_t, 0));
    struct two {
        int x, y;
    } *two = arena_new(&a, struct two), *many = arena_array(&a, struct two, 1000);
    assert_int_equal(two->x + two->y, 0);
    assert_int_equal(many[999].y, 0);
    arena_fini(&a);
}

static void check_text(void **state)
{
    (void)state;
    struct arena a = {0};
    struct slice s = arena_dup(&a, slice_to(SLICE("abcdef"), 3));
    assert_int_equal(s.len, 3);
    assert_string_equal(s.ptr, "abc");
    s = arena_dup(&a, (struct slice){0});
    assert_non_null(s.ptr); /* empty, and not "no memory" */
    assert_int_equal(s.ptr[0], '\0');
    s = arena_dup(&a, SLICE("a\0b"));
    assert_true(slice_is(s, SLICE("a\0b")));
    assert_string_equal(arena_cstr(&a, SLICE("x")), "x");
    assert_null(arena_cstr(&a, (struct slice){"x", SIZE_MAX}));
    s = arena_format(&a, "%d %s", 7, "seven");
    assert_int_equal(s.len, 7);
    assert_string_equal(s.ptr, "7 seven");
    s = arena_format(&a, "%s", "");
    assert_non_null(s.ptr);
    assert_int_equal(s.len, 0);
    s = arena_format(&a, "%5000d", 1);
    assert_int_equal(s.len, 5000);
    assert_int_equal(s.ptr[4999], '1');
    arena_fini(&a);
}

/* What another thread made lives on in the arena that adopts it, which goes on as before. */
static void check_adopt(void **state)
{
    (void)state;
    struct arena a = {0}, b = {0}, none = {0};
    char *mine = arena_cstr(&a, SLICE("mine")), *theirs = arena_cstr(&b, SLICE("theirs"));
    size_t bytes = a.bytes + b.bytes;
    arena_adopt(&a, &b);
    assert_int_equal(a.bytes, bytes);
    assert_true(!b.newest && !b.bytes);
    arena_adopt(&a, &none);
    arena_adopt(&none, &a);
    assert_non_null(arena_alloc(&none, 100000));
    assert_non_null(arena_alloc(&b, 10));
    assert_string_equal(mine, "mine");
    assert_string_equal(theirs, "theirs");
    arena_fini(&none);
    arena_fini(&b);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_alloc),
        cmocka_unit_test(check_large),
        cmocka_unit_test(check_text),
        cmocka_unit_test(check_adopt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
