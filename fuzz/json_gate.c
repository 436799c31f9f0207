/* JSON that is let in. What was accepted and written again is accepted again and stays the same;
 * and each member of the outermost object stands where its span says. */
#include "base/json.h"

#include "fuzz.h"

static bool copy(struct slice in, struct text *scratch, struct text *out)
{
    struct json_doc doc;
    if (json_read(in, &json_usual_limits, scratch, &doc, NULL) != OK)
        return false;
    json_copy(doc.root, out);
    json_done(&doc);
    return true;
}

static void check_spans(struct slice in, const struct json_value *root)
{
    for (struct json_iter i = json_begin(root); json_is_object(root) && json_next(&i);) {
        struct text a = {0}, b = {0};
        struct json_span span;
        bool plain =
            slice_find(i.key, '\\') == i.key.len; /* else it may look like another, escaped */
        if (plain && json_find_span(in, i.key, &span)) { /* not when it is written with escapes */
            MUST(span.key < span.value && span.value < span.end && span.end <= in.len);
            MUST(copy((struct slice){in.ptr + span.value, span.end - span.value}, NULL, &a));
            json_copy(i.value, &b);
            MUST(slice_is(text_slice(&a), text_slice(&b)));
        }
        text_fini(&a);
        text_fini(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    struct text scratch = {0}, once = {0}, twice = {0};
    struct json_doc doc;
    if (json_read(in, &json_usual_limits, NULL, &doc, NULL) == OK) {
        json_copy(doc.root, &once);
        MUST(copy(text_slice(&once), &scratch, &twice));
        MUST(slice_is(text_slice(&once), text_slice(&twice)));
        check_spans(in, doc.root);
        json_done(&doc);
    }
    text_fini(&scratch);
    text_fini(&once);
    text_fini(&twice);
    return 0;
}
