/* What a client sends to a TLS session. However it is cut, nothing breaks, plain text comes only
 * after a handshake, an end or a failure stays one, and what is kept and sent is bounded. */
#include <fcntl.h>
#include <unistd.h>

#include "crypt/crypt.h"
#include "os/os.h"
#include "tls/tls.h"

#include "fuzz.h"

#define MOST_SENT 65536u /* a handshake's flight; nothing is written here */

/* Made anew for each input: a target keeps nothing from one to the next but the files. */
static struct tls_context *open_context(void)
{
    struct tls_context *c = NULL;
    int folder;
    MUST(crypt_start());
    MUST(!os_make_private_folder("build/fuzz/tls-certificate", &folder, NULL));
    struct tls_source from = {.folder = folder};
    MUST(!tls_context_open(&from, &c, NULL));
    close(folder);
    return c;
}

static enum tls_step feed(struct tls *t, struct slice in)
{
    struct slice plain;
    enum tls_step step;
    while ((step = tls_read(t, &in, &plain)) == TLS_BYTES)
        MUST(tls_is_up(t) && plain.len);
    MUST(step != TLS_MORE || !in.len);
    MUST(step != TLS_BAD || *tls_problem(t));
    MUST(tls_out(t)->len <= MOST_SENT);
    return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    struct tls_context *c = open_context();
    const size_t steps[] = {max_size(size, 1), max_size(fuzz_cut(in), 1), 1};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct tls *t = tls_new(c);
        struct slice rest = in;
        enum tls_step step = TLS_MORE;
        MUST(t);
        while (rest.len && step == TLS_MORE) {
            size_t n = min_size(steps[i], rest.len);
            step = feed(t, slice_to(rest, n));
            rest = slice_from(rest, n);
        }
        if (step != TLS_MORE)
            MUST(feed(t, SLICE("more")) == step && tls_write(t, SLICE("x")));
        tls_finish(t);
        tls_free(t);
    }
    tls_context_free(c);
    return 0;
}
