"""The ceilings check on files that are too big in one way each, and on hidden state."""

import pytest


def function(name, lines, params="void"):
    """A function of exactly that many lines."""
    return f"static int {name}({params})\n{{\n" + "    work();\n" * (lines - 4) + "    return 0;\n}\n"


def test_good(tree):
    tree.write("src/loop/job.c", function("run", 100, "int a, int b, int c, int d, int e, int f")
               + function("rest", 600))  # too long, but the exception below covers it
    tree.write("tools/exceptions.txt", "# head\nfunction src/loop/job.c:rest 600 # a table of cases\n")
    tree.write("src/base/a.h", "/* */\n" * 150)
    tree.good("ceilings")


def test_function(tree):
    tree.write("src/loop/job.c", "/* a */\n" + function("run", 101))
    tree.bad("ceilings", "src/loop/job.c:2: function: run has 101 lines")


def test_function_of_a_test(tree):
    tree.write("tests/fake/fake.c", function("run", 101)).write("fuzz/sse.c", function("one", 101))
    tree.write("src/loop/job_test.c", function("case_a", 101))
    tree.bad("ceilings", "fuzz/sse.c:1: function", "src/loop/job_test.c:1: function",
             "tests/fake/fake.c:1: function")


def test_brackets_in_strings_and_comments(tree):
    tree.write("src/loop/job.c", 'static void a(void)\n{\n    put("{"); /* { */ // {\n'
               "    put('{');\n#define OPEN {  \\\n    {\n}\n" + function("b", 101))
    tree.bad("ceilings", "src/loop/job.c:8: function: b has 101 lines")


def test_file(tree):
    tree.write("src/loop/job.c", "/* a */\n" * 801).write("src/loop/big_test.c", "/* a */\n" * 801)
    tree.bad("ceilings", "src/loop/big_test.c:1: file: 801", "src/loop/job.c:1: file: 801")


def test_header(tree):
    for name in ("src/loop/loop.h", "src/base/text.h", "src/loop/inner.h"):
        tree.write(name, "/* a */\n" * 151)
    tree.bad("ceilings", "src/base/text.h:1: header: 151", "src/loop/loop.h:1: header: 151")


@pytest.mark.parametrize("fields", [
    "    int x;\n" * 31,
    "    int a, b;\n    void (*fn)(int, int);\n    struct { int c, d; } in;\n" + "    char *p;\n" * 27,
    "    struct {\n" + "        int a, b;\n" * 15 + "    };\n    int last;\n",
    "    union {\n        int a;\n        int b;\n    };\n" + "    unsigned flag : 1;\n" * 29,
])
def test_struct(tree, fields):
    tree.write("src/loop/loop.h", "/* a */\nstruct thing {\n" + fields + "};\n")
    tree.bad("ceilings", "src/loop/loop.h:2: struct: thing has 31 fields")


def test_parameters(tree):
    tree.write("src/loop/job.c", function("run", 9, "int a, int b, int c, int d, int e, int f, int g"))
    tree.bad("ceilings", "src/loop/job.c:1: parameters: run takes 7")


@pytest.mark.parametrize("line", [
    "static int counter;",
    "int counter = 3;",
    "static const char *counter[] = {\"a\"};",
    "static char counter[1 << 4];",
    "static struct thing counter = {.x = 1};",
    "struct { int x; } counter;",
    "static void (*counter)(int);",
    "static _Atomic uint64_t counter;",
    "static _Thread_local const char *counter;",
    "static char counter[sizeof(int)];",
    "__attribute__((used)) static int counter;",
    "void f(void)\n{\n    static int counter;\n}",
])
def test_mutable(tree, line):
    tree.write("src/loop/job.c", line + "\n")
    code, lines = tree.check("ceilings")
    assert code == 1 and len(lines) == 1 and ": mutable: counter " in lines[0], lines


@pytest.mark.parametrize("line", [
    "static const int table[] = {1, 2};",
    "static const char *const names[] = {\"a\", \"b\"};",
    "static const struct { const char *name; int n; } rows[] = {{\"a\", 1}};",
    "static void (*const pick)(int) = f;",
    "extern int elsewhere;",
    "int f(char *a, int (*b)(void));",
    "char *g(const char *a) MUST_USE;",
    "static handler_fn get_models;",
    "typedef void event_fn(void *p);",
    "struct thing;",
    "struct thing {\n    int x;\n};",
    "enum kind { A = 1, B };",
    "static_assert(sizeof(int) == 4, \"int\");",
    "struct thing f(void)\n{\n    static const int x = 1;\n    int y = 2;\n    return z;\n}",
])
def test_constant(tree, line):
    tree.write("src/loop/job.c", line + "\n")
    tree.good("ceilings")


def test_mutable_where_it_may_be(tree):
    for name in ("src/base/log.c", "src/daemon/main.c", "src/loop/job_test.c", "tests/fake.c"):
        tree.write(name, "static int counter;\n")
    tree.good("ceilings")


def test_exceptions(tree):
    tree.write("src/loop/job.c", function("run", 101) + "static int counter;\n")
    tree.write("tools/exceptions.txt",
               "function src/loop/job.c:run 100 # too low\n"
               "mutable src/loop/job.c:counter 1 # the reason\n"
               "mutable src/loop/job.c:gone 1 # the reason\n"
               "file src/loop/job.c 900\n"
               "beauty src/loop/job.c 1 # what?\n"
               "branch src/loop/job.c:X 1 # of another check\n")
    tree.bad("ceilings", "src/loop/job.c:1: function: run",
             "tools/exceptions.txt:3: exception: no longer needed",
             "tools/exceptions.txt:4: exception: written as",
             "tools/exceptions.txt:5: exception: there is no exception")
