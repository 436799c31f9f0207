/* http_judge: see http_judge.h. It is llhttp alone, reading the whole stream in one go, bodies and
 * chunks included: none of our own code decides anything here. */
#include "http_judge.h"

#include <llhttp.h>

static int on_body(llhttp_t *machine, const char *at, size_t length)
{
    text_add(machine->data, (struct slice){at, length});
    return HPE_OK;
}

static int on_message_complete(llhttp_t *machine)
{
    if (machine->type == HTTP_REQUEST || machine->status_code >= 200)
        text_add(machine->data, SLICE("\n.\n"));
    return HPE_OK;
}

bool http_judge(bool response, struct slice in, struct text *out)
{
    static const llhttp_settings_t settings = {.on_body = on_body,
                                               .on_message_complete = on_message_complete};
    llhttp_t machine;
    llhttp_init(&machine, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    machine.data = out;
    const char *at = in.ptr, *end = in.ptr + in.len;
    enum llhttp_errno e;
    while ((e = llhttp_execute(&machine, at, (size_t)(end - at))) == HPE_PAUSED_UPGRADE) {
        at = llhttp_get_error_pos(&machine);
        llhttp_resume_after_upgrade(&machine);
    }
    return e == HPE_OK && llhttp_finish(&machine) == HPE_OK;
}
