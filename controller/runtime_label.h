/* runtime_label.h - how the scheduler, which knows no runtimes, keeps workloads to nodes that have
 * theirs: a node has the label "runtime/KIND" for each that it declares beside the sandbox, and a
 * workload of that kind asks for it. */
#ifndef CONTROLLER_RUNTIME_LABEL_H
#define CONTROLLER_RUNTIME_LABEL_H

#define RUNTIME_LABEL "runtime/"
#define RUNTIMES 8 /* the most of one node that count */

#endif
