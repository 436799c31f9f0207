/* engines: what administration sees of the children that serve models, and asks of them. */
#include "api/inside.h"

void list_engines(struct visit *v)
{
    struct text body = {0};
    v->api->admin->write_engines(v->api->context, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
}

void restart_engine(struct visit *v)
{
    struct why why;
    struct text model = {0}, body = {0};
    bool good = http_query_decode(query_value(v->x->head->query, "model"), &model);
    enum err e = good ? v->api->admin->restart_engine(v->api->context, text_slice(&model), &why)
                      : why_param(&why, ERR_BAD_VALUE, "model", "it is not well encoded");
    text_fini(&model);
    if (e) {
        answer_error(v, &why);
        return;
    }
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_key(&w, "restarted");
    json_put_bool(&w, true);
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}
