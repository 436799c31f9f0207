"""The style check: one small file for each habit."""

import pytest

HEAD = "/* What this file is for. */\n"


def inside(code):
    return f"{HEAD}static void f(void)\n{{\n{code}\n}}\n"


def test_good(tree):
    tree.write("src/http/http.h", HEAD + "#pragma once\n#include <llhttp.h>\n"
               "typedef void event_fn(struct event *e);\ntypedef struct call *make_fn(int n);\n")
    tree.write("src/base/mem.c", inside("    free(realloc(p, 1));"))
    tree.write("src/base/json_write.c", inside('    put("{\\"a\\":");\n    yyjson_read(x);'))
    tree.write("src/base/yaml.c", HEAD + "#include <yaml.h>\n")
    tree.write("src/os/linux.c", HEAD + "#ifdef __linux__\n#endif\n")
    tree.write("src/api/endpoints.c", HEAD + "#if HEARTH_TEST_ENDPOINTS\n#endif\n")
    tree.write("src/route/route.c", inside(
        '    size_t free = total - used;\n    x->free(y);\n    log("system(1) strcpy \\"x\\"");\n'
        "    /* malloc(1); goto out; */\n    if (x)\n        goto out;\n    switch (x) {\n"
        "    case A:\n        y = a ? b : c;\n    default:\n        z();\n    }\nout:\n    done();"))
    tree.write("src/route/route_test.c", inside('    char *p = malloc(1);\n    put("{\\"a\\":1}");'))
    tree.write("src/loop/timer.c", HEAD + "static void on_timer(uv_timer_t *t)\n{\n    a();\n    b();\n"
               "    if (c) {\n        d();\n    }\n    e();\n}\n"
               "static int make(uv_loop_t *l)\n{\n" + "    a();\n" * 9 + "}\n")
    tree.good("style")


@pytest.mark.parametrize("code, rule", [
    ("    system(x);", "banned: system"),
    ("    strcpy(a, b);", "banned: strcpy"),
    ("    sprintf(a, b);", "banned: sprintf"),
    ("    run(&atoi);", "banned: atoi"),
    ("    p = malloc(1);", "banned: malloc"),
    ("    call(p, free);", "banned: free"),
    ("    d.close = free;", "banned: free"),
    ("    uv_close(h, cb);", "library: uv_close"),
    ("    x = UV_EOF;", "library: UV_EOF"),
    ("    yyjson_doc *d;", "library: yyjson_doc"),
    ("    llhttp_init(p);", "library: llhttp_init"),
    ("    yaml_parser_t p;", "library: yaml_parser_t"),
    ("#include <uv.h>", "library: <uv.h>"),
    ("#ifdef __linux__\n#endif", "branch: #ifdef"),
    ("#if HEARTH_TEST_ENDPOINTS\n#endif", "branch: #if"),
    ('    put("{\\"a\\"");', "json:"),
    ('    put("\\"a\\":");', "json:"),
    ("    typedef struct x y;", "typedef:"),
    ("    typedef enum {\n    A\n    } y;", "typedef:"),
    ("\tx();", "layout: a tab"),
    ("    x(); ", "layout: blanks"),
    ("    " + "x" * 97, "layout: 101 columns"),
    ("    /* TODO: more */", "unfinished: TODO"),
])
def test_line(tree, code, rule):
    tree.write("src/route/route.c", inside(code))
    tree.bad("style", f"src/route/route.c:4: {rule}")


def test_tests_too(tree):
    tree.write("tests/fake.c", inside("    system(x);\n    malloc(1);\n    uv_run(l, 0);"))
    tree.bad("style", "tests/fake.c:4: banned: system")


def test_files(tree):
    tree.write("src/route/a.h", HEAD + "#ifndef A\n#define A\n#endif\n")
    tree.write("src/route/b.c", "#include <x.h>\n")
    tree.write("src/route/c.c", HEAD + "int x;")
    tree.bad("style", "src/route/a.h:1: once:", "src/route/a.h:2: branch:", "src/route/b.c:1: head:",
             "src/route/c.c:2: layout: no newline")


def test_goto(tree):
    tree.write("src/route/a.c", inside("again:\n    x();\n    goto again;"))
    tree.write("src/route/b.c", inside("    goto out;\nfail:\n    x();\nout:\n    y();"))
    tree.bad("style", "src/route/a.c:4: goto: label again", "src/route/a.c:6: goto: f jumps backwards",
             "src/route/b.c:5: goto: label fail", "src/route/b.c:7: goto: a second label")


def test_adapter(tree):
    tree.write("src/loop/pipe.c", HEAD + "static void on_read(uv_stream_t *s, ssize_t n, const "
               "uv_buf_t *b)\n{\n" + "    a();\n" * 6 + "}\n")
    tree.bad("style", "src/loop/pipe.c:2: adapter: on_read has 6 lines")


def test_exceptions(tree):
    tree.write("src/base/arena.c", HEAD + "#ifdef __SANITIZE_ADDRESS__\n#endif\n")
    tree.write("tools/exceptions.txt", "branch src/base/arena.c:__SANITIZE_ADDRESS__ 1 # poison\n"
               "banned src/base/arena.c:malloc 1 # old\n")
    tree.bad("style", "tools/exceptions.txt:2: exception: no longer needed")
