#include "agent/sweeper.h"

#include "base/log.h"
#include "base/str.h"

#define FIRST_MS 10
#define MOST_MS 2000

static void on_timer(uv_timer_t *t)
{
    struct sweeper *s = t->data;

    for (size_t i = 0; i < s->left.n;)
        if (limits_sweep(s->left.v[i].group))
            vec_swap_out(&s->left, i);
        else
            i++;
    if (s->left.n == 0)
        return;
    s->wait_ms = s->wait_ms * 2 > MOST_MS ? MOST_MS : s->wait_ms * 2;
    (void)uv_timer_start(t, on_timer, s->wait_ms, 0);
}

void sweeper_init(struct sweeper *s, uv_loop_t *uv)
{
    *s = (struct sweeper){0};
    BUG_ON(uv_timer_init(uv, &s->timer) != 0);
    s->timer.data = s;
    uv_unref((uv_handle_t *)&s->timer);
}

void sweeper_close(struct sweeper *s)
{
    s->closing = true;
    if (s->left.n > 0)
        log_warn("cgroups of ended keeps are left", LOG_INT("count", (int64_t)s->left.n));
    vec_fini(&s->left);
    uv_close((uv_handle_t *)&s->timer, NULL);
}

void sweeper_add(struct sweeper *s, const char *group)
{
    struct sweeper_name name;

    if (limits_sweep(group) || s->closing)
        return;
    (void)str_copy(name.group, sizeof name.group, group);
    BUG_ON(!vec_push(&s->left, name));
    s->wait_ms = FIRST_MS;
    (void)uv_timer_start(&s->timer, on_timer, s->wait_ms, 0);
}
