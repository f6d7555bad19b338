/* bailey-loader - starts, watches and stops one keep, and outlives the agent that started it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/loader/keep.h"
#include "base/log.h"

static const char usage[] =
    "usage: bailey-loader --keep FOLDER --artifact FILE [option ...]\n"
    "       bailey-loader --spare --control-fd N --group NAME [--log-level LEVEL]\n"
    "\n"
    "Runs the keep that FOLDER/spec describes until it ends. Started by bailey-agent.\n"
    "  --keep FOLDER        the keep's folder: spec, report, control, log\n"
    "  --artifact FILE      the program\n"
    "  --deadline-ms MS     end the keep at this time of CLOCK_BOOTTIME unless the agent says "
    "later\n"
    "  --spare              wait for a keep to come over the control socket\n"
    "  --control-fd N       a control socket that the agent has connected already\n"
    "  --group NAME         the name of the keep's cgroups (default: its uid)\n"
    "  --log-level LEVEL    debug, info, warn or error\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {{"keep", required_argument, NULL, 'k'},
                                            {"artifact", required_argument, NULL, 'a'},
                                            {"deadline-ms", required_argument, NULL, 'd'},
                                            {"spare", no_argument, NULL, 's'},
                                            {"control-fd", required_argument, NULL, 'c'},
                                            {"group", required_argument, NULL, 'g'},
                                            {"log-level", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct keep_options o = {.control_fd = -1};
    enum log_level level = LOG_INFO;
    struct err e = {0};
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'k')
            o.dir = optarg;
        else if (c == 'a')
            o.artifact = optarg;
        else if (c == 'd')
            o.deadline_ms = strtoll(optarg, NULL, 10);
        else if (c == 's')
            o.spare = true;
        else if (c == 'c')
            o.control_fd = (int)strtol(optarg, NULL, 10);
        else if (c == 'g')
            o.group = optarg;
        else if (c == 'l' && log_level_parse(optarg, &level))
            continue;
        else
            return (void)fputs(usage, c == 'h' ? stdout : stderr), c == 'h' ? 0 : 2;
    }
    if (optind != argc ||
        (o.spare ? o.control_fd != 3 || o.group == NULL : o.dir == NULL || o.artifact == NULL))
        return (void)fputs(usage, stderr), 2;
    /* what the agent has open is no business of a keep */
    (void)close_range(o.control_fd == 3 ? 4 : 3, ~0u, 0);
    log_init("loader", level, LOG_AUTO);
    if (!keep_run(&o, &e)) {
        log_error("keep not started", LOG_ERR(&e));
        return 1;
    }
    return 0;
}
