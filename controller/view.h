/* view.h - objects as operators see them: the message with its status as of now. */
#ifndef CONTROLLER_VIEW_H
#define CONTROLLER_VIEW_H

#include "controller/state.h"

/* In memory of `a`; borrows from the state: pack it before anything changes. NULL: arena full. */
Bailey__V1__Object *view_object(const struct state *st, const struct object *o, struct arena *a);
Bailey__V1__Object *view_event(const Bailey__V1__Event *ev, struct arena *a);

#endif
