/* command.h - what `bailey` can be told: ONE table of commands and one of options, from which the
 * parser, the help and the shell completion are made. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/output.h"

/* What the process ends with; scripts rely on these. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_MISSING = 3,     /* no such thing */
    EXIT_DENIED = 4,      /* the caller may not */
    EXIT_CONFLICT = 5,    /* it changed meanwhile, or is there already */
    EXIT_REFUSED = 6,     /* cannot be placed, or evidence is not to be trusted */
    EXIT_LATE = 7,        /* the time given passed first */
    EXIT_UNREACHABLE = 8, /* no controller answers */
};

/* The exit code that goes with a failure. */
enum exit_code exit_code_of(const struct err *e);

enum option_id {
    OPT_HELP,
    OPT_OUTPUT,
    OPT_COLOUR,
    OPT_CONTEXT,
    OPT_TIMEOUT,
    OPT_NAMESPACE,
    OPT_ALL_NAMESPACES,
    OPT_SELECTOR,
    OPT_WATCH,
    OPT_ALL,
    OPT_FILE,
    OPT_DRY_RUN,
    OPT_FOLLOW,
    OPT_TAIL,
    OPT_NODE,
    OPT_WORKLOAD,
    OPT_FOR,
    OPT_TTL,
    OPT_NO_TITLES,
    OPT_AT,
    OPT_REPORT_DATA,
    OPT_ALLOW_SIMULATED,
    OPT_SIGNATURES_ONLY,
    OPT_COLLATERAL,
    OPT_LENIENT,
    OPT_FORCE,
    OPT_WHERE,
    OPT_MAYBE,
    OPT_VENDOR,
    OPT_TECHNOLOGY,
    OPT_GENERATION,
    OPT_PRODUCT_LINE,
    OPT_FIRMWARE,
    OPT_TCB,
    OPT_TCB_STATUS,
    OPT_TCB_DATE,
    OPT_ADVISORY,
    OPT_PLATFORM_ID,
    OPT_ASSURANCE,
    OPT_FINDING,
    OPT_DEADLINE,
    OPT_BECAUSE,
    OPT_DETACH,
    OPT_EXPECT_REVISION,
    OPT_PLAN,
    OPT_EXPECT,
    OPT_OVERRIDE_GUARD,
    OPT_ACTION,
    OPT_GRACE,
    OPT_CANARY,
    OPT_NAME,
    OPT_REFERENCE,
    OPT_YES,
    OPT_SINCE,
    OPT_CA,
    OPT_KEY,
    OPT_ROLE,
    OPT_INTO,
    OPT_CHANGE,
    OPT_SERIAL,
    OPT_REQUIRE_APPROVAL,
    OPT_APPROVE_NODES,
    OPT_IDS
};
#define OPT(id) (UINT64_C(1) << OPT_##id)

struct option_def {
    const char *name;     /* without "--" */
    char letter;          /* '\0': none */
    const char *value;    /* what the value is called in help; NULL: takes none */
    const char *about;    /* a line */
    const char *complete; /* words for completion, "FILE" or NULL */
};

struct cli;

struct command {
    const char *name;     /* "get", or "token create" */
    const char *operands; /* "KIND [NAME]" */
    const char *about;    /* a line */
    const char *detail;   /* more, with examples; may be NULL */
    unsigned min, max;    /* operands */
    uint64_t options;     /* OPT(...) beside those that all have */
    const char *complete; /* words for the first operand, "FILE", "COMMAND" or NULL */
    enum exit_code (*run)(struct cli *);
};

#define ARGS_FILES 64
#define ARGS_OPERANDS 64

struct args {
    const struct command *command; /* NULL: none was named */
    const char *value[OPT_IDS];    /* the last one given; "" for a switch; NULL: not given */
    const char *files[ARGS_FILES]; /* -f may be given many times */
    size_t n_files;
    const char *operand[ARGS_OPERANDS];
    size_t n_operands;
};

extern const struct option_def option_table[OPT_IDS];
extern const struct command command_table[]; /* ends with a NULL name */

/* argv as main() has it, without the program's name; texts are borrowed. False with the reason
 * "usage...." in *e; with --help operands are not counted. */
NODISCARD bool args_parse(int argc, const char *const *argv, struct args *out, struct err *e);

/* By its whole name ("token create"); NULL: there is none. */
const struct command *command_find(const char *name);

/* help.c: the overview for NULL, or one command's page; a bash completion script. */
void help_format(const struct command *c, struct buf *out);
void completion_bash(struct buf *out);
/* man.c: the manual page bailey(1) for groff; common: options that every command has. */
void man_format(uint64_t common, struct buf *out);
extern const uint64_t options_of_all;

/* One run of the program. */
struct client;
struct cli {
    struct args args;
    struct output out;
    struct client *client; /* NULL until client_open() */
    struct err err;        /* what a command failed with; main() shows it */
};

/* The value of an option, or `otherwise`. */
const char *cli_value(const struct cli *c, enum option_id id, const char *otherwise);
bool cli_given(const struct cli *c, enum option_id id);

/* "" with -A, else -n or "default". */
const char *cli_namespace(const struct cli *c);

/* Sets c->err to a mistake in the command line and returns EXIT_USAGE. */
enum exit_code cli_usage(struct cli *c, const char *fmt, ...) PRINTFLIKE(2, 3);

/* An option that is a number, or a span of time in milliseconds; *out stays if it is absent. */
NODISCARD bool cli_number(struct cli *c, enum option_id id, uint64_t max, uint64_t *out);
NODISCARD bool cli_duration(struct cli *c, enum option_id id, int64_t *ms);

/* The commands, one function each; they return what the process ends with, with c->err set when
 * there is something to say. */
enum exit_code cmd_apply(struct cli *c);
enum exit_code cmd_diff(struct cli *c);
enum exit_code cmd_forecast(struct cli *c);
enum exit_code cmd_get(struct cli *c);
enum exit_code cmd_describe(struct cli *c);
enum exit_code cmd_delete(struct cli *c);
enum exit_code cmd_why(struct cli *c);
enum exit_code cmd_logs(struct cli *c);
enum exit_code cmd_events(struct cli *c);
enum exit_code cmd_wait(struct cli *c);
enum exit_code cmd_status(struct cli *c);
enum exit_code cmd_node_cordon(struct cli *c);
enum exit_code cmd_node_uncordon(struct cli *c);
enum exit_code cmd_node_drain(struct cli *c);
enum exit_code cmd_node_describe(struct cli *c);
enum exit_code cmd_token_create(struct cli *c);
enum exit_code cmd_user_create(struct cli *c);
enum exit_code cmd_user_list(struct cli *c);
enum exit_code cmd_user_revoke(struct cli *c);
enum exit_code cmd_whoami(struct cli *c);
enum exit_code cmd_node_approve(struct cli *c);
enum exit_code cmd_node_deny(struct cli *c);
enum exit_code cmd_node_evict(struct cli *c);
enum exit_code cmd_node_ban(struct cli *c);
enum exit_code cmd_node_unban(struct cli *c);
enum exit_code cmd_approval_list(struct cli *c);
enum exit_code cmd_approval_approve(struct cli *c);
enum exit_code cmd_approval_deny(struct cli *c);
enum exit_code cmd_settings(struct cli *c);
enum exit_code cmd_settings_set(struct cli *c);
enum exit_code cmd_ca_status(struct cli *c);
enum exit_code cmd_ca_rotate(struct cli *c);
enum exit_code cmd_ca_trust(struct cli *c);
enum exit_code cmd_evidence_verify(struct cli *c);
enum exit_code cmd_evidence_explain(struct cli *c);
enum exit_code cmd_collateral_import(struct cli *c);
enum exit_code cmd_collateral_list(struct cli *c);
enum exit_code cmd_collateral_urls(struct cli *c);
enum exit_code cmd_revoke(struct cli *c);
enum exit_code cmd_revocation_list(struct cli *c);
enum exit_code cmd_revocation_describe(struct cli *c);
enum exit_code cmd_revocation_watch(struct cli *c);
enum exit_code cmd_lift(struct cli *c);
enum exit_code cmd_quota_list(struct cli *c);
enum exit_code cmd_quota_set(struct cli *c);
enum exit_code cmd_quota_delete(struct cli *c);
enum exit_code cmd_placement(struct cli *c);
enum exit_code cmd_placement_set(struct cli *c);
enum exit_code cmd_rollout_status(struct cli *c);
enum exit_code cmd_rollout_pause(struct cli *c);
enum exit_code cmd_rollout_resume(struct cli *c);
enum exit_code cmd_rollout_undo(struct cli *c);
enum exit_code cmd_advisory_import(struct cli *c);
enum exit_code cmd_advisory_list(struct cli *c);
enum exit_code cmd_advisory_describe(struct cli *c);
enum exit_code cmd_audit_tail(struct cli *c);
enum exit_code cmd_audit_verify(struct cli *c);
enum exit_code cmd_audit_export(struct cli *c);
enum exit_code cmd_audit_prove(struct cli *c);
enum exit_code cmd_receipt(struct cli *c);
enum exit_code cmd_receipt_verify(struct cli *c);
enum exit_code cmd_lint(struct cli *c);
enum exit_code cmd_policy_test(struct cli *c);
enum exit_code cmd_explain(struct cli *c);
enum exit_code cmd_schema(struct cli *c);
enum exit_code cmd_completion(struct cli *c);
enum exit_code cmd_help(struct cli *c);
enum exit_code cmd_version(struct cli *c);

#endif
