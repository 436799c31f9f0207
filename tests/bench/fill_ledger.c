/* fill_ledger FOLDER ROWS [MOST_MIB]: fills the audit.db of a data folder (no daemon may run in it)
 * with rows as a day of requests leaves them, through the store itself, and says what a row cost.
 * The rows end now; their clock runs from a day ago. Half of what is asked for goes through a few
 * models, some fails, some is tried twice. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "os/os.h"
#include "store/store.h"

#define DAY_MS 86400000u

static uint64_t now_ms; /* the rows' clock */

static uint64_t clock_ms(void)
{
    return now_ms;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void gone(struct hold *h)
{
    (void)h;
}

static bool add(struct store *s, uint64_t i, uint64_t *seed)
{
    static const char *const models[] = {"qwen3-coder:30b", "llama3.3:70b", "gpt-oss:20b",
                                         "nomic-embed-text"};
    static const char *const whos[] = {"owner", "laptop", "build-server", "phone"};
    uint64_t r = next_random(seed), us = 2000 + r % 900000;
    unsigned char prompt[HASH_BYTES], answer[HASH_BYTES];
    for (unsigned k = 0; k < HASH_BYTES / 4; k++) {
        uint32_t a = (uint32_t)next_random(seed), b = (uint32_t)next_random(seed);
        memcpy(prompt + 4 * k, &a, 4);
        memcpy(answer + 4 * k, &b, 4);
    }
    bool fails = r % 50 == 0, again = r % 40 == 0;
    struct slice outcome = fails ? SLICE("HDR_TIMEOUT") : SLICE("OK");
    const struct ledger_try tries[] = {
        {.target = SLICE("lab"), .outcome = SLICE("CONNECT_REFUSED"), .took_us = 300},
        {.target = SLICE("home"), .outcome = outcome, .took_us = us - 100},
    };
    struct slice model = slice_of(models[r / 7 % COUNT(models)]);
    const struct ledger_row row = {
        .instance = SLICE("hearth-1a2b3c4d"),
        .number = i,
        .principal = 1 + (int64_t)(r % COUNT(whos)),
        .who = slice_of(whos[r % COUNT(whos)]),
        .call = SLICE("chat"),
        .dialect = SLICE("openai"),
        .model = model,
        .served = fails ? SLICE("") : model,
        .target = fails ? SLICE("") : SLICE("home"),
        .outcome = outcome,
        .status = fails ? 504 : 200,
        .streamed = r & 1,
        .began_ms = now_ms,
        .total_us = us,
        .first_us = us / 3,
        .upstream_us = us - 200,
        .spent_us = {12, 30, 18, 2, 3, 0, (uint32_t)us / 3, (uint32_t)us / 2, 0, 25, 0},
        .prompt_tokens = (int64_t)(r % 4000),
        .completion_tokens = (int64_t)(r % 900),
        .bytes_in = 400 + r % 16000,
        .bytes_out = 300 + r % 4000,
        .prompt = prompt,
        .answer = answer,
        .tries = again ? tries : tries + 1,
        .n_tries = again ? 2 : 1,
    };
    return store_append(s, &row);
}

/* The queue is bounded, and a row that does not fit is counted as lost. */
static uint64_t wait_below(struct store *s, uint64_t rows)
{
    struct store_health h;
    uint64_t lag_ms = 0;
    for (store_health(s, &h); h.rows_waiting > rows; store_health(s, &h)) {
        lag_ms = max_u64(lag_ms, h.lag_ms);
        os_sleep_ms(1);
    }
    return max_u64(lag_ms, h.lag_ms);
}

int main(int argc, char **argv)
{
    static const char *const states[] = {"GATING",   "READING",  "DECODING", "ADMITTING",
                                         "ROUTING",  "WAITING",  "TRYING",   "STREAMING",
                                         "RESUMING", "SETTLING", "DONE"};
    uint64_t rows = 0, seed = 7, mib = 1024;
    if (argc < 3 || !slice_u64(slice_of(argv[2]), &rows) || !rows ||
        (argc > 3 && !slice_u64(slice_of(argv[3]), &mib)) || !crypt_start()) {
        fprintf(stderr, "fill_ledger FOLDER ROWS [MOST_MIB]\n");
        return 2;
    }
    umask(077);
    log_open(2, LOG_WARN);
    struct why why = {0};
    struct crypt_keys keys;
    struct loop loop;
    struct hold hold = {.gone = gone};
    struct store *s = NULL;
    int folder = -1;
    uint64_t end_ms = os_wall_ms();
    now_ms = end_ms - DAY_MS;
    if (os_make_private_folder(argv[1], &folder, &why) || crypt_keys_open(folder, &keys, &why) ||
        loop_open(&loop, &why)) {
        fprintf(stderr, "fill_ledger: %s\n", why.text);
        return 1;
    }
    const struct store_terms terms = {.loop = &loop,
                                      .hold = &hold,
                                      .folder = argv[1],
                                      .chain_key = keys.chain,
                                      .audit_most = mib << 20,
                                      .wall_ms = clock_ms,
                                      .states = states,
                                      .states_n = COUNT(states)};
    if (store_open(&terms, &s, &why)) {
        fprintf(stderr, "fill_ledger: %s\n", why.text);
        return 1;
    }
    double began = cpu_s();
    uint64_t began_us = os_mono_us(), slowest_us = 0, lag_ms = 0;
    for (uint64_t i = 0; i < rows; i++) {
        now_ms = end_ms - DAY_MS + i * DAY_MS / rows;
        if (i % 250 == 0)
            lag_ms = max_u64(lag_ms, wait_below(s, 1000));
        uint64_t before_us = os_mono_us();
        if (!add(s, i + 1, &seed))
            fprintf(stderr, "fill_ledger: row %llu was not taken\n", (unsigned long long)i);
        slowest_us = max_u64(slowest_us, os_mono_us() - before_us);
    }
    lag_ms = max_u64(lag_ms, wait_below(s, 0));
    double cpu = cpu_s() - began, wall = (double)(os_mono_us() - began_us) / 1e6;
    struct store_health h;
    store_health(s, &h);
    printf("%llu rows in %.1f s: %.2f us of CPU a row, %.0f bytes a row; store_append took at most "
           "%llu us, a row waited at most %llu ms; %llu lost\n",
           (unsigned long long)rows, wall, cpu * 1e6 / (double)rows,
           (double)h.audit_bytes / (double)rows, (unsigned long long)slowest_us,
           (unsigned long long)lag_ms, (unsigned long long)h.rows_lost);
    store_close(s);
    loop_run(&loop);
    loop_close(&loop);
    crypt_forget(&keys, sizeof keys);
    close(folder);
    return h.rows_lost || !h.audit.up;
}
