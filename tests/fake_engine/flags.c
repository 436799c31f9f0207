/* The command line of llama-server: every flag it knows, and what this one looks at. */
#include <stdlib.h>

#include "fake.h"

#include <fcntl.h>
#include <unistd.h>

enum flag_kind { TEXT, NUMBER, SET, FILE_TEXT };

#define AT(member) offsetof(struct flags, member)

static const struct flag {
    const char *names; /* with a blank before and after each */
    enum flag_kind kind;
    size_t at;
} flags[] = {
    {" --host ", TEXT, AT(host)},
    {" -m --model ", TEXT, AT(model)},
    {" -a --alias ", TEXT, AT(alias)},
    {" --api-key ", TEXT, AT(key)},
    {" --api-key-file ", FILE_TEXT, AT(key)},
    {" --slot-save-path ", TEXT, AT(slot_save_path)},
    {" -c --ctx-size ", NUMBER, AT(ctx)},
    {" -np --parallel ", NUMBER, AT(parallel)},
    {" --sse-ping-interval ", NUMBER, AT(ping_s)},
    {" --port ", NUMBER, AT(port)},
    {" --log-jsonl ", SET, AT(log_jsonl)},
    {" --metrics ", SET, AT(metrics)},
    {" --no-slots ", SET, AT(no_slots)},
    {" --embedding --embeddings ", SET, AT(embedding)},
    {" --rerank --reranking ", SET, AT(reranking)},
    {" -kvu --kv-unified ", SET, AT(unified)},
    {" -no-kvu --no-kv-unified ", SET, AT(split)},
    {" --version ", SET, AT(version)},
    {" -h --help --usage ", SET, AT(help)},
};

static const char ignored_alone[] =
    " --offline --no-ui --ui --webui --no-webui --slots --jinja --no-jinja --props --warmup "
    "--no-warmup --perf --no-perf -v --verbose --log-verbose --no-log-jsonl --log-disable "
    "--log-prefix --no-log-prefix --log-timestamps --no-log-timestamps --no-mmproj --mmproj-auto "
    "--no-mmproj-auto --mmproj-offload --no-mmproj-offload --swa-full -kvo --kv-offload -nkvo "
    "--no-kv-offload --repack -nr --no-repack --no-host -cmoe --cpu-moe --op-offload "
    "--no-op-offload --check-tensors -e --escape --no-escape --context-shift --no-context-shift "
    "--cache-prompt --no-cache-prompt --cache-idle-slots --no-cache-idle-slots -cb "
    "--cont-batching -nocb --no-cont-batching --ignore-eos -sp --special --spm-infill "
    "--reuse-port --cors-credentials --no-cors-credentials --skip-chat-parsing "
    "--no-skip-chat-parsing --prefill-assistant --no-prefill-assistant --reasoning-preserve "
    "--no-reasoning-preserve --lora-init-without-apply -bs --backend-sampling --spec-default "
    "--spec-draft-cpu-moe -cmoed --cpu-moe-draft --models-autoload --no-models-autoload ";

static const char ignored_with_value[] =
    " --cache-ram -cram -ctxcp --ctx-checkpoints --swa-checkpoints --fit -fit -fitt --fit-target "
    "-fitc --fit-ctx -lv --verbosity --log-verbosity --load-mode -lm -lzm --lazy-mode -ngl "
    "--gpu-layers --n-gpu-layers -ctk --cache-type-k -ctv --cache-type-v -fa --flash-attn -b "
    "--batch-size -ub --ubatch-size -t --threads -tb --threads-batch --threads-http -C --cpu-mask "
    "-Cr --cpu-range --cpu-strict --prio --poll -mm --mmproj -mmu --mmproj-url -mmdev "
    "--mmproj-device --image-min-tokens --image-max-tokens --lora --lora-scaled "
    "--control-vector --control-vector-scaled --chat-template --chat-template-file "
    "--chat-template-kwargs -md --model-draft --spec-draft-model --spec-type --spec-draft-n-max "
    "--spec-draft-n-min --draft-p-min --spec-draft-p-min -ngld --gpu-layers-draft "
    "--n-gpu-layers-draft --spec-draft-ngl -ctkd --cache-type-k-draft -ctvd --cache-type-v-draft "
    "-devd --device-draft --spec-draft-device -ncmoe --n-cpu-moe -ncffn --n-cpu-ffn "
    "--moe-cache-mib -sm --split-mode -ts --tensor-split -mg --main-gpu -dev --device -ot "
    "--override-tensor --override-kv --numa --rpc --rope-scaling --rope-scale --rope-freq-base "
    "--rope-freq-scale --yarn-orig-ctx --yarn-ext-factor --yarn-attn-factor --yarn-beta-slow "
    "--yarn-beta-fast -dt --defrag-thold -n --predict --n-predict --keep -s --seed --samplers "
    "--sampler-seq --sampling-seq --temp --temperature --top-k --top-p --min-p --top-nsigma "
    "--top-n-sigma --xtc-probability --xtc-threshold --typical --typical-p --repeat-last-n "
    "--repeat-penalty --presence-penalty --frequency-penalty --dry-multiplier --dry-base "
    "--dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker --dynatemp-range "
    "--dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias --grammar "
    "--grammar-file -j --json-schema -jf --json-schema-file --pooling --embd-normalize "
    "--path --api-prefix --cors-origins --cors-methods --cors-headers --tags --tools --media-path "
    "-to --timeout --cache-reuse -cms --checkpoint-min-step --kv-unified-per-slot "
    "--reasoning-format -rea --reasoning --reasoning-effort --reasoning-budget "
    "--reasoning-budget-message -sps --slot-prompt-similarity --sleep-idle-seconds --log-file "
    "--log-colors -r --reverse-prompt --ssl-key-file --ssl-cert-file -hf -hfr --hf-repo -hff "
    "--hf-file -hft --hf-token -mu --model-url ";

static bool is_among(const char *names, const char *arg)
{
    char word[64];
    return (size_t)snprintf(word, sizeof(word), " %s ", arg) < sizeof(word) && strstr(names, word);
}

static const struct flag *find(const char *arg)
{
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (is_among(flags[i].names, arg))
            return &flags[i];
    }
    return NULL;
}

_Noreturn static void refuse(const char *arg, const char *why)
{
    if (why)
        fprintf(stderr, "error while handling argument \"%s\": %s\n\nusage:\n", arg, why);
    else
        fprintf(stderr, "error: invalid argument: %s\n", arg);
    exit(1);
}

static struct slice first_line_of(const char *path, const char *arg)
{
    char *line = calloc(1, 4096);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, line, 4095) : -1;
    if (n < 0)
        refuse(arg, "error: failed to open file");
    close(fd);
    struct slice all = {line, (size_t)n};
    return slice_to(all, slice_find(all, '\n'));
}

static void apply(struct flags *into, const struct flag *f, const char *arg, const char *value)
{
    char *at = (char *)into + f->at;
    switch (f->kind) {
    case TEXT:
        *(struct slice *)(void *)at = slice_of(value);
        break;
    case FILE_TEXT:
        *(struct slice *)(void *)at = first_line_of(value, arg);
        break;
    case NUMBER:
        if (!word_number(slice_of(value), (int64_t *)(void *)at))
            refuse(arg, "stoi");
        break;
    case SET:
        *(bool *)(void *)at = true;
        break;
    }
}

void flags_read(struct flags *f, int argc, char **argv)
{
    *f = (struct flags){.parallel = -1, .ping_s = 30, .port = 9931};
    f->key = slice_of(getenv("LLAMA_API_KEY"));
    f->child = getenv("LLAMA_SERVER_ROUTER_PORT") != NULL;
    for (int i = 1; i < argc; i++) {
        const struct flag *known = find(argv[i]);
        bool takes = known ? known->kind != SET : is_among(ignored_with_value, argv[i]);
        if (!known && !takes && !is_among(ignored_alone, argv[i]))
            refuse(argv[i], NULL);
        if (takes && i + 1 >= argc)
            refuse(argv[i], "expected value for argument");
        if (known)
            apply(f, known, argv[i], takes ? argv[i + 1] : NULL);
        i += takes;
    }
    f->unified |= f->parallel < 0 && !f->split;
    if (f->parallel < 0)
        f->parallel = 4;
    if (f->parallel < 1 || f->parallel > SLOTS_MOST)
        refuse("-np", "stoi");
    if (f->ctx <= 0)
        f->ctx = 2048;
}
