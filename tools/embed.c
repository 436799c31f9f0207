/* embed FILE NAME: prints C source with the file's bytes as an array NAME and their number as
 * NAME_size. Runs while hearth is built, so that what it serves is in the program itself. */
#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    unsigned long n = 0;
    int byte;
    if (!in) {
        fprintf(stderr, "usage: embed FILE NAME, and the file must be readable\n");
        return 2;
    }
    printf("#include <stddef.h>\n"
           "extern const unsigned char %s[];\n"
           "extern const size_t %s_size;\n"
           "const unsigned char %s[] = {",
           argv[2], argv[2], argv[2]);
    for (; (byte = getc(in)) != EOF; n++)
        printf("%s%d,", n % 24 ? "" : "\n", byte);
    printf("0};\nconst size_t %s_size = %lu;\n", argv[2], n);
    int failed = ferror(in) || fflush(stdout);
    fclose(in);
    return failed ? 1 : 0;
}
