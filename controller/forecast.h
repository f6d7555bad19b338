/* forecast.h - the parts of a forecast: api_forecast.c looks at what time changes, forecast_tcb.c
 * at what a newer TCB set of Intel's would. */
#ifndef CONTROLLER_FORECAST_H
#define CONTROLLER_FORECAST_H

#include "bailey/v1/operator.pb-c.h"
#include "controller/state.h"

struct forecast {
    struct state *st;
    struct arena *a;
    const char *node; /* only this one; "" for all */
    int64_t from_s, until_s;
    VEC(Bailey__V1__ForecastChange *) changes;
    bool full;
    struct err wrong; /* a file that was given is not what its vendor signed; code 0: none */
};

/* A change without nodes yet; NULL: the answer is full. One that stays without is left out. */
Bailey__V1__ForecastChange *forecast_change(struct forecast *f, int64_t at_s, const char *kind,
                                            const char *effect);
void forecast_end(struct forecast *f, Bailey__V1__ForecastChange *c);
void forecast_node(struct forecast *f, Bailey__V1__ForecastChange *c, const struct node *n,
                   const char *lacks, const char *mend);
/* Keeps of one workload that have to leave, and how many of them find another place under the
 * rules. */
void forecast_keeps(struct forecast *f, Bailey__V1__ForecastChange *c, const struct workload *w,
                    struct keep **v, size_t n, const struct rules *rules);

/* What the files would make of Intel's platforms, judged by the evidence that they last showed. */
void forecast_tcb(struct forecast *f, Bailey__V1__CollateralFile *const *files, size_t n);

#endif
