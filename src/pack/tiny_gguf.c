/* tiny_gguf: a model of the llama family that is made here, for starting an engine once and for
 * seeing one answer: 312 words, one layer, pseudo-random weights. Any llama.cpp that reads GGUF
 * version 3 loads it. What it says means nothing: letters and blanks, some fifty of them. Numbers
 * are little-endian, as in the file format. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define WIDTH 64u /* of the embedding */
#define HEADS 4u
#define KV_HEADS 2u
#define INNER 128u /* of the feed-forward part */
#define CONTEXT 32768u
#define BYTE_WORDS 256u
#define LETTERS 27u /* the blank and a to z, then a to z behind a blank */
#define WORDS (3u + BYTE_WORDS + LETTERS + LETTERS - 1u)
#define END_WORD 2u
#define FIRST_LETTER (3u + BYTE_WORDS)
#define ALIGNED 32u

enum value_kind { IS_U32 = 4, IS_I32 = 5, IS_F32 = 6, IS_STRING = 8, IS_ARRAY = 9 };
enum word_kind { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 };

static void put_u32(struct text *t, uint32_t n)
{
    for (unsigned i = 0; i < 4; i++)
        text_byte(t, (char)(n >> (8 * i) & 255u));
}

static void put_u64(struct text *t, uint64_t n)
{
    put_u32(t, (uint32_t)n);
    put_u32(t, (uint32_t)(n >> 32));
}

static void put_f32(struct text *t, float n)
{
    uint32_t bits;
    memcpy(&bits, &n, sizeof bits);
    put_u32(t, bits);
}

static void put_string(struct text *t, struct slice s)
{
    put_u64(t, s.len);
    text_add(t, s);
}

static void pad(struct text *t)
{
    while (t->len % ALIGNED && !t->failed)
        text_byte(t, '\0');
}

/* ---- what the model is ---- */

struct number {
    const char *key;
    uint32_t value;
};

static const struct number numbers[] = {
    {"general.alignment", ALIGNED},
    {"general.file_type", 0},
    {"llama.block_count", 1},
    {"llama.context_length", CONTEXT},
    {"llama.embedding_length", WIDTH},
    {"llama.feed_forward_length", INNER},
    {"llama.attention.head_count", HEADS},
    {"llama.attention.head_count_kv", KV_HEADS},
    {"llama.rope.dimension_count", WIDTH / HEADS},
    {"llama.vocab_size", WORDS},
    {"tokenizer.ggml.unknown_token_id", 0},
    {"tokenizer.ggml.bos_token_id", 1},
    {"tokenizer.ggml.eos_token_id", 2},
};

static const struct {
    const char *key, *value;
} words[] = {
    {"general.architecture", "llama"},
    {"general.name", "hearth-example"},
    {"tokenizer.ggml.model", "llama"},
    {"tokenizer.chat_template",
     "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"},
};
#define KEYS (COUNT(numbers) + COUNT(words) + 4u) /* the width of the norm, and three lists */

static void put_word(struct text *t, unsigned i)
{
    static const struct slice first[] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}};
    struct text word = {0};
    if (i < COUNT(first)) {
        text_add(&word, first[i]);
    } else if (i < COUNT(first) + BYTE_WORDS) {
        text_format(&word, "<0x%02X>", i - (unsigned)COUNT(first));
    } else {
        unsigned letter = i - (unsigned)COUNT(first) - BYTE_WORDS;
        if (letter == 0 || letter >= LETTERS)
            text_add(&word, SLICE("\xe2\x96\x81")); /* how the tokenizer writes a blank */
        if (letter)
            text_byte(&word, (char)('a' + (letter < LETTERS ? letter - 1 : letter - LETTERS)));
    }
    put_string(t, text_slice(&word));
    text_fini(&word);
}

static uint32_t kind_of(unsigned i)
{
    return i == 0 ? UNKNOWN : i < 3 ? CONTROL : i < 3 + BYTE_WORDS ? BYTE : NORMAL;
}

static void put_list_head(struct text *t, const char *key, enum value_kind kind)
{
    put_string(t, slice_of(key));
    put_u32(t, IS_ARRAY);
    put_u32(t, (uint32_t)kind);
    put_u64(t, WORDS);
}

static void put_keys(struct text *t)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        put_string(t, slice_of(words[i].key));
        put_u32(t, IS_STRING);
        put_string(t, slice_of(words[i].value));
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        put_string(t, slice_of(numbers[i].key));
        put_u32(t, IS_U32);
        put_u32(t, numbers[i].value);
    }
    put_string(t, SLICE("llama.attention.layer_norm_rms_epsilon"));
    put_u32(t, IS_F32);
    put_f32(t, 1e-5f);
    put_list_head(t, "tokenizer.ggml.tokens", IS_STRING);
    for (unsigned i = 0; i < WORDS; i++)
        put_word(t, i);
    put_list_head(t, "tokenizer.ggml.scores", IS_F32);
    for (unsigned i = 0; i < WORDS; i++)
        put_f32(t, i < 3 + BYTE_WORDS ? 0 : -(float)(i - 3 - BYTE_WORDS));
    put_list_head(t, "tokenizer.ggml.token_type", IS_I32);
    for (unsigned i = 0; i < WORDS; i++)
        put_u32(t, kind_of(i));
}

/* ---- the weights ---- */

enum part { INSIDE_IT, READS, SAYS }; /* a row for each word: what it becomes, how likely it is */
struct tensor {
    const char *name;
    uint32_t width, height; /* height 0: a vector, of ones */
    enum part part;
};

static const struct tensor tensors[] = {
    {"token_embd.weight", WIDTH, WORDS, READS},
    {"output_norm.weight", WIDTH, 0, INSIDE_IT},
    {"output.weight", WIDTH, WORDS, SAYS},
    {"blk.0.attn_norm.weight", WIDTH, 0, INSIDE_IT},
    {"blk.0.attn_q.weight", WIDTH, WIDTH, INSIDE_IT},
    {"blk.0.attn_k.weight", WIDTH, WIDTH / HEADS *KV_HEADS, INSIDE_IT},
    {"blk.0.attn_v.weight", WIDTH, WIDTH / HEADS *KV_HEADS, INSIDE_IT},
    {"blk.0.attn_output.weight", WIDTH, WIDTH, INSIDE_IT},
    {"blk.0.ffn_norm.weight", WIDTH, 0, INSIDE_IT},
    {"blk.0.ffn_gate.weight", WIDTH, INNER, INSIDE_IT},
    {"blk.0.ffn_up.weight", WIDTH, INNER, INSIDE_IT},
    {"blk.0.ffn_down.weight", INNER, WIDTH, INSIDE_IT},
};

static uint32_t values_of(const struct tensor *x)
{
    return x->width * (x->height ? x->height : 1);
}

static void put_infos(struct text *t)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < COUNT(tensors); i++) {
        const struct tensor *x = &tensors[i];
        put_string(t, slice_of(x->name));
        put_u32(t, x->height ? 2 : 1);
        put_u64(t, x->width);
        if (x->height)
            put_u64(t, x->height);
        put_u32(t, 0); /* 32-bit floats */
        put_u64(t, offset);
        offset += (uint64_t)values_of(x) * 4; /* a multiple of ALIGNED, as the widths are */
    }
}

/* The first value of the stream is the same behind every word, and makes all but letters unlikely.
 * The second is there only behind the last word, a blank and z, and ends the answer. */
static float steered(enum part part, uint32_t word, uint32_t column, float chance)
{
    if (part == INSIDE_IT || column > 1)
        return chance;
    if (part == READS)
        return column == 0 || word == WORDS - 1 ? 4.0f : 0.0f;
    if (column == 0)
        return word < FIRST_LETTER ? -2.0f : 0.0f;
    return word == END_WORD ? 4.0f : 0.0f;
}

static void put_matrix(struct text *t, const struct tensor *x, uint32_t *seed)
{
    for (uint32_t row = 0; row < x->height && !t->failed; row++) {
        for (uint32_t column = 0; column < x->width; column++) {
            *seed = *seed * 1664525u + 1013904223u;
            float chance = ((float)(*seed >> 8) / 16777216.0f - 0.5f) * 0.2f;
            put_f32(t, steered(x->part, row, column, chance));
        }
    }
}

static void put_values(struct text *t)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < COUNT(tensors); i++) {
        put_matrix(t, &tensors[i], &seed);
        for (uint32_t n = tensors[i].height ? 0 : tensors[i].width; n; n--)
            put_f32(t, 1.0f);
    }
}

void tiny_gguf(struct text *out)
{
    text_add(out, SLICE("GGUF"));
    put_u32(out, 3);
    put_u64(out, COUNT(tensors));
    put_u64(out, KEYS);
    put_keys(out);
    put_infos(out);
    pad(out);
    put_values(out);
}

enum err pack_example(const char *folder, struct why *why)
{
    struct text model = {0};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open %.200s", folder);
    tiny_gguf(&model);
    enum err e = model.failed
                     ? ERR_NO_MEMORY
                     : os_write_file_whole(fd, PACK_EXAMPLE, text_slice(&model), 0600, why);
    close(fd);
    text_fini(&model);
    return e;
}
