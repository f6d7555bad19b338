/* The tables: what exists, said once. */
#include "cli/command.h"
#include "cli/selector_flags.h"

#define KINDS "workloads nodes keeps events policies advisories exceptions"
#define LISTING (OPT(NAMESPACE) | OPT(ALL_NAMESPACES) | OPT(NO_TITLES))

const struct option_def option_table[OPT_IDS] = {
    [OPT_HELP] = {"help", 'h', NULL, "show help and do nothing", NULL},
    [OPT_OUTPUT] = {"output", 'o', "FORMAT", "table, wide, json, yaml or name",
                    "table wide json yaml name"},
    [OPT_COLOUR] = {"color", '\0', "WHEN", "auto, always or never; NO_COLOR is honoured",
                    "auto always never"},
    [OPT_CONTEXT] = {"context", '\0', "FILE",
                     "which cluster and who am I (or $BAILEY_CONTEXT_FILE)", "FILE"},
    [OPT_TIMEOUT] = {"timeout", '\0', "TIME", "give up after this long: 30s, 5m", NULL},
    [OPT_NAMESPACE] = {"namespace", 'n', "NAME", "the namespace; \"default\" if not given", NULL},
    [OPT_ALL_NAMESPACES] = {"all-namespaces", 'A', NULL, "in all namespaces", NULL},
    [OPT_SELECTOR] = {"selector", 'l', "KEY=VALUE", "only objects with these labels, comma between",
                      NULL},
    [OPT_WATCH] = {"watch", 'w', NULL, "go on, and show every change", NULL},
    [OPT_ALL] = {"all", 'a', NULL, "ended keeps too", NULL},
    [OPT_FILE] = {"file", 'f', "FILE", "a YAML file, a folder of them, or - for standard input",
                  "FILE"},
    [OPT_DRY_RUN] = {"dry-run", '\0', NULL, "check and place in thought; change nothing", NULL},
    [OPT_FOLLOW] = {"follow", 'f', NULL, "go on as more comes", NULL},
    [OPT_TAIL] = {"tail", '\0', "N", "only the last N lines", NULL},
    [OPT_NODE] = {"node", '\0', "NAME", "only this node", NULL},
    [OPT_WORKLOAD] = {"workload", '\0', "NAME", "only keeps of this workload", NULL},
    [OPT_FOR] = {"for", '\0', "STATE", "the state to wait for",
                 "running placed pending deleted connected verified refused ended"},
    [OPT_TTL] = {"ttl", '\0', "TIME", "how long the token may be used; 1h if not given", NULL},
    [OPT_NO_TITLES] = {"no-titles", '\0', NULL, "no line of column titles", NULL},
    [OPT_AT] = {"at", '\0', "TIME", "judge as of this time (RFC 3339); now if not given", NULL},
    [OPT_REPORT_DATA] = {"report-data", '\0', "HEX", "the evidence must be bound to these bytes",
                         NULL},
    [OPT_ALLOW_SIMULATED] = {"allow-simulated", '\0', NULL, "take evidence of the simulator too",
                             NULL},
    [OPT_SIGNATURES_ONLY] = {"signatures-only", '\0', NULL,
                             "leave out what needs collateral: revocation and TCB status", NULL},
    [OPT_COLLATERAL] = {"collateral", '\0', "DIR",
                        "certificates and collateral that go before those of PATH", "FILE"},
    [OPT_LENIENT] = {"lenient", '\0', NULL, "report what a stricter reading would refuse", NULL},
    [OPT_FORCE] = {"force", '\0', NULL, "also where others still need it; see help", NULL},
    [OPT_WHERE] = {"where", '\0', "CONDITIONS",
                   "platforms: \"vendor=amd,generation=milan|genoa,firmware<1.55.39\"", NULL},
    [OPT_MAYBE] = {"maybe", '\0', NULL, "also nodes whose evidence does not say", NULL},
    [OPT_VENDOR] = {"vendor", '\0', "WORDS", "platforms of these vendors: amd,intel",
                    "amd intel arm aws"},
    [OPT_TECHNOLOGY] = {"technology", '\0', "WORDS", "platforms of these technologies: sev-snp,tdx",
                        "sev-snp tdx sgx cca nitro"},
    [OPT_GENERATION] = {"generation", '\0', "WORDS", "platforms of these generations: milan,genoa",
                        "milan genoa bergamo siena turin icelake sapphire-rapids emerald-rapids"},
    [OPT_PRODUCT_LINE] = {"product-line", '\0', "WORDS", "platforms of these lines: SEV-Genoa",
                          NULL},
    [OPT_FIRMWARE] = {"firmware", '\0', "RANGE", "platforms with this firmware: \"<1.55.39\"",
                      NULL},
    [OPT_TCB] = {"tcb", '\0', "RANGES", "platforms with this TCB: \"microcode<0x54,snp<23\"", NULL},
    [OPT_TCB_STATUS] = {"tcb-status", '\0', "WORDS", "platforms that the vendor rates so (Intel)",
                        NULL},
    [OPT_TCB_DATE] = {"tcb-date", '\0', "RANGE", "platforms with this TCB date: \"<2025-05-14\"",
                      NULL},
    [OPT_ADVISORY] = {"advisory", '\0', "WORDS", "platforms open to these: AMD-SB-3019", NULL},
    [OPT_PLATFORM_ID] = {"platform-id", '\0', "HEX", "these machines, by chip id", NULL},
    [OPT_ASSURANCE] = {"assurance", '\0', "WORD", "hardware or simulated", "hardware simulated"},
    [OPT_FINDING] = {"finding", '\0', "WORDS", "platforms of which this was found: smt,debug",
                     NULL},
    [OPT_DEADLINE] = {"deadline", '\0', "TIME", "then keeps are stopped, replaced or not: 30m",
                      NULL},
    [OPT_BECAUSE] = {"because", '\0', "TEXT", "why; shown with all that it affects", NULL},
    [OPT_DETACH] = {"detach", '\0', NULL, "do not wait for the end", NULL},
    [OPT_EXPECT_REVISION] = {"expect-revision", '\0', "N",
                             "only if the object still has this revision", NULL},
    [OPT_PLAN] = {"plan", '\0', NULL, "show what it would do; change nothing", NULL},
    [OPT_EXPECT] = {"expect", '\0', "DIGEST", "only if the plan is still this one", NULL},
    [OPT_OVERRIDE_GUARD] = {"override-guard", '\0', "NUMBER",
                            "go past the guard by naming its number: \"62%\"", NULL},
    [OPT_ACTION] = {"action", '\0', "ACTION", "hold, drain or stop; drain if not given",
                    "hold drain stop"},
    [OPT_GRACE] = {"grace", '\0', "TIME",
                   "with drain: then keeps are stopped, replaced or not: 10m", NULL},
    [OPT_CANARY] = {"canary", '\0', NULL, "with drain: one keep of each workload goes first", NULL},
    [OPT_NAME] = {"name", '\0', "NAME", "its name; made of the platforms if not given", NULL},
    [OPT_REFERENCE] = {"reference", '\0', "TEXTS", "where to read more, comma between", NULL},
    [OPT_YES] = {"yes", 'y', NULL, "do not ask", NULL},
    [OPT_SINCE] = {"since", '\0', "TIME", "not older than this: 1h, or a time (RFC 3339)", NULL},
    [OPT_CA] = {"ca", '\0', "FILE", "believe this CA; the context's if not given", "FILE"},
    [OPT_KEY] = {"key", '\0', "FILE", "believe this public key (or certificate), PEM", "FILE"},
    [OPT_ROLE] = {"role", '\0', "ROLE", "what a user may do",
                  "viewer operator security-officer admin"},
    [OPT_INTO] = {"into", '\0', "DIR", "the folder for key, certificate and context", "FILE"},
    [OPT_CHANGE] = {"change", '\0', NULL, "a user that is there gets this role instead", NULL},
    [OPT_SERIAL] = {"serial", '\0', "HEX", "only the certificate with this serial number", NULL},
    [OPT_REQUIRE_APPROVAL] = {"require-approval", '\0', "CHANGES",
                              "trust changes that need a second person, comma between; or none",
                              "none revocation lift policy exception node-approval"},
    [OPT_APPROVE_NODES] = {"approve-nodes", '\0', "WHEN", "on: new nodes wait for approval",
                           "on off"},
};

const struct command command_table[] = {
    {"apply", "-f FILE", "make objects so, creating or changing them",
     "Every document of every file is sent at once: all are taken, or none. A program that a\n"
     "workload names by `artifact.path` (relative to its YAML file) is uploaded first and stands\n"
     "in the workload by its digest from then on. Ends with 6 when a workload has no place.\n\n"
     "  bailey apply -f payroll.yaml\n  bailey apply -f payroll.yaml --dry-run\n"
     "  cat *.yaml | bailey apply -f -\n",
     0, 0,
     OPT(FILE) | OPT(DRY_RUN) | OPT(NAMESPACE) | OPT(EXPECT_REVISION) | OPT(EXPECT) |
         OPT(OVERRIDE_GUARD),
     NULL, cmd_apply},
    {"diff", "-f FILE", "what apply would change, as a unified diff",
     "Ends with 0 when nothing would change, with 1 when something would, and with more than 1 on\n"
     "a failure, as kubectl diff does. Programs are not uploaded; their digests are compared.\n\n"
     "  bailey diff -f payroll.yaml\n",
     0, 0, OPT(FILE) | OPT(NAMESPACE), NULL, cmd_diff},
    {"forecast", "", "what falls out by itself, when, and what would mend it",
     "Floors that begin to hold, exceptions, certificates and collateral that end, until --at or\n"
     "for 90 days: the nodes, what each lacks, and the keeps that have to leave. Ends with 6 when\n"
     "something falls out and 0 when nothing does. "
     "With --collateral, Intel's platforms are judged as if the folder's TCB infos and quoting\n"
     "enclave identities were in force: a demotion is seen before it bites.\n\n"
     "  bailey forecast --at 2027-01-01\n  bailey forecast --node rack3-n7 -o json\n"
     "  bailey forecast --collateral ./early-tcb-set\n",
     0, 0, OPT(AT) | OPT(NODE) | OPT(COLLATERAL), NULL, cmd_forecast},
    {"get", "KIND [NAME]", "list objects, or show one",
     "Kinds: workloads (wl), nodes (no), keeps (k), events (ev), trustpolicies (policies, tp),\n"
     "advisories (adv), exceptions (exc). Nodes can be narrowed to platforms, by --where or one\n"
     "option a fact; those of which the evidence does not say are left out and counted.\n\n"
     "  bailey get nodes\n  bailey get keeps --workload payroll -w\n"
     "  bailey get workload payroll -o yaml\n"
     "  bailey get nodes --where \"vendor=amd,generation=milan,firmware<1.55.39\"\n"
     "  bailey get nodes --vendor amd --generation milan --firmware \"<1.55.39\"\n",
     1, 2,
     LISTING | OPT(SELECTOR) | OPT(WATCH) | OPT(ALL) | OPT(NODE) | OPT(WORKLOAD) | OPT(MAYBE) |
         SELECTOR_OPTIONS,
     KINDS, cmd_get},
    {"describe", "KIND NAME", "everything about one object, with its last events", NULL, 2, 2,
     OPT(NAMESPACE), KINDS, cmd_describe},
    {"delete", "KIND NAME | -f FILE", "delete an object; a workload's keeps are stopped first",
     "Returns at once; `bailey wait workload/NAME --for deleted` waits for the end. A policy that\n"
     "workloads or exceptions name is not deleted, unless with --force: then what names it gets "
     "no\n"
     "place any more.\n",
     0, 2, OPT(FILE) | OPT(NAMESPACE) | OPT(FORCE), KINDS, cmd_delete},
    {"why", "WORKLOAD|KEEP", "why keeps are where they are, and why not elsewhere",
     "Every rule that was judged, class by class and node by node, with what was seen, what was\n"
     "wanted and which one decided; then what would help; -o wide leaves nothing out.\n"
     "Ends with 6 while replicas wait.\n\n"
     "  bailey why payroll\n  bailey why payroll --node rack3-n7\n",
     1, 1, OPT(NAMESPACE) | OPT(NODE), NULL, cmd_why},
    {"logs", "KEEP|WORKLOAD", "what keeps wrote",
     "  bailey logs payroll --tail 20\n  bailey logs payroll -f\n", 1, 1,
     OPT(NAMESPACE) | OPT(FOLLOW) | OPT(TAIL), NULL, cmd_logs},
    {"events", "[KIND/NAME]", "what happened, oldest first",
     "  bailey events -f\n  bailey events node/rack3-n7\n", 0, 1, LISTING | OPT(FOLLOW) | OPT(TAIL),
     NULL, cmd_events},
    {"wait", "KIND/NAME --for STATE", "wait until an object is in a state",
     "Workloads: running (all replicas), placed, pending, deleted. Keeps: running, ended.\n"
     "Nodes: connected, lost, verified, refused, stale. Waits five minutes unless --timeout\n"
     "says otherwise, then ends with 7.\n\n"
     "  bailey wait workload/payroll --for running --timeout 30s\n",
     1, 1, OPT(FOR) | OPT(NAMESPACE), NULL, cmd_wait},
    {"status", "", "the cluster in a few numbers", NULL, 0, 0, 0, NULL, cmd_status},
    {"node cordon", "NODE...", "let nodes take no new keeps", NULL, 1, ARGS_OPERANDS, 0, NULL,
     cmd_node_cordon},
    {"node uncordon", "NODE...", "let nodes take new keeps again; ends a drain", NULL, 1,
     ARGS_OPERANDS, 0, NULL, cmd_node_uncordon},
    {"node drain", "NODE...", "empty nodes: each keep is replaced elsewhere, then stopped",
     "The node takes no new keeps. Replacements come first, as many at a time as each workload's\n"
     "availability allows; a keep without another place stays, until the deadline if there is\n"
     "one. --force stops all at once. Waits until the node is empty; with --timeout not longer\n"
     "than that, then ends with 7 and says what has no other place. The drain goes on with or\n"
     "without the command; `bailey node uncordon` ends it.\n\n"
     "  bailey node drain rack3-n7 --deadline 30m --because \"new memory\"\n",
     1, ARGS_OPERANDS, OPT(DEADLINE) | OPT(BECAUSE) | OPT(FORCE) | OPT(DETACH), NULL,
     cmd_node_drain},
    {"node describe", "NODE", "everything about a node, with its last events", NULL, 1, 1, 0, NULL,
     cmd_node_describe},
    {"node approve", "NODE...", "let nodes that wait run keeps", NULL, 1, ARGS_OPERANDS,
     OPT(BECAUSE), NULL, cmd_node_approve},
    {"node deny", "NODE...", "nodes stay enrolled and get no keeps", NULL, 1, ARGS_OPERANDS,
     OPT(BECAUSE), NULL, cmd_node_deny},
    {"node evict", "NODE...", "put nodes out; with a new token they may come back", NULL, 1,
     ARGS_OPERANDS, OPT(BECAUSE), NULL, cmd_node_evict},
    {"node ban", "NODE...", "put nodes out for good: name, key and chip", NULL, 1, ARGS_OPERANDS,
     OPT(BECAUSE), NULL, cmd_node_ban},
    {"node unban", "NODE...", "let banned nodes come back, with a new token", NULL, 1,
     ARGS_OPERANDS, OPT(BECAUSE), NULL, cmd_node_unban},
    {"token create", "", "make a one-use token with which a node joins",
     "The token is a secret and is shown once.\n\n"
     "  bailey token create --node rack3-n7 --ttl 10m\n",
     0, 0, OPT(NODE) | OPT(TTL), NULL, cmd_token_create},
    {"user create", "NAME --role ROLE", "make a user's certificate, and the user if it is new",
     "The key is made here and stays here: DIR (./NAME, or --into) gets client.key, client.pem,\n"
     "ca.pem and context.yaml. --namespace takes a list; without it the user has all.\n"
     "viewer: reads. operator: runs workloads. security-officer: decides what is trusted.\n"
     "admin: all of that, users, CA and settings.\n\n"
     "  bailey user create ann --role operator --namespace finance,payroll --into ~/.bailey\n",
     1, 1, OPT(ROLE) | OPT(NAMESPACE) | OPT(TTL) | OPT(INTO) | OPT(CHANGE), NULL, cmd_user_create},
    {"user list", "", "users, their roles and certificates", NULL, 0, 0, 0, NULL, cmd_user_list},
    {"user revoke", "NAME", "end a user, or one of its certificates",
     "It counts at once, for open connections too.\n", 1, 1, OPT(SERIAL), NULL, cmd_user_revoke},
    {"whoami", "", "who this context is", NULL, 0, 0, 0, NULL, cmd_whoami},
    {"approval list", "", "trust changes that wait for a second person", NULL, 0, 0, OPT(ALL), NULL,
     cmd_approval_list},
    {"approval approve", "ID", "agree to somebody else's trust change",
     "The one who asked repeats the very same command then, once.\n", 1, 1, 0, NULL,
     cmd_approval_approve},
    {"approval deny", "ID", "refuse a trust change", NULL, 1, 1, 0, NULL, cmd_approval_deny},
    {"settings", "", "what holds for the whole cluster", NULL, 0, 0, 0, NULL, cmd_settings},
    {"settings set", "", "change the cluster's settings",
     "What is not given stays. --where: nodes whose evidence proves this are approved by\n"
     "themselves.\n\n"
     "  bailey settings set --require-approval revocation,policy,exception\n"
     "  bailey settings set --approve-nodes on --where \"vendor=amd,generation=genoa\"\n",
     0, 0, OPT(REQUIRE_APPROVAL) | OPT(APPROVE_NODES) | OPT(WHERE), NULL, cmd_settings_set},
    {"ca status", "", "the certificate authorities, and who still shows an older one", NULL, 0, 0,
     0, NULL, cmd_ca_status},
    {"ca rotate", "[STEP]", "the next step to a new certificate authority",
     "prepare, publish, activate, taint, revoke; each waits for the nodes that the one before\n"
     "has to reach, unless --force leaves them behind.\n",
     0, 1, OPT(FORCE), "prepare publish activate taint revoke", cmd_ca_rotate},
    {"ca trust", "", "learn the authorities of now into this context", NULL, 0, 0, 0, NULL,
     cmd_ca_trust},
    {"evidence verify", "PATH...", "judge attestation evidence, offline",
     "PATH is evidence, or a folder with evidence and the certificates and collateral that\n"
     "belong to it (report.bin, quote.bin, attestation_doc.cbor, cca_token.cbor, vcek.der,\n"
     "tcb_info.json, ...). What it is shows from the bytes. A guest that its host may debug is\n"
     "verified and said to be one; controllers refuse it.\n"
     "Ends with 0 when it is verified and 6 when it is refused. Of several paths, each gets a\n"
     "line, with -o json a JSON object, and one refusal is enough for 6.\n\n"
     "  bailey evidence verify ./snp-genoa --at 2026-11-23T12:00:00Z -o json\n",
     1, ARGS_OPERANDS,
     OPT(AT) | OPT(REPORT_DATA) | OPT(ALLOW_SIMULATED) | OPT(LENIENT) | OPT(SIGNATURES_ONLY) |
         OPT(COLLATERAL),
     "FILE", cmd_evidence_verify},
    {"evidence explain", "PATH", "what stands in evidence, field by field",
     "Judges nothing: forged evidence is explained as well. PATH is an SEV-SNP report, or a "
     "folder\n"
     "with report.bin; -o wide adds the reason that a wrong field is refused with.\n\n"
     "  bailey evidence explain ./snp-genoa/report.bin -o wide\n",
     1, 1, 0, "FILE", cmd_evidence_explain},
    {"revoke", "[PROPOSAL] [-f FILE]", "refuse platforms in the whole cluster, from now on",
     "Stronger than every workload's and policy's rule. From its revision on nothing is placed on\n"
     "such platforms; what runs there stays (hold), is replaced elsewhere and then stopped "
     "(drain)\n"
     "or is stopped at once (stop). What the evidence does not prove counts as such a platform.\n"
     "--plan shows the whole outcome, with a digest that --expect takes. A guard stops what hits\n"
     "too many nodes or leaves a workload without a replica. On a terminal it asks first.\n"
     "Ends with 6 when the guard stops it, 5 when the plan is not the expected one.\n\n"
     "  bailey revoke --vendor amd --generation milan --because \"arXiv 2605.12990\" --plan\n"
     "  bailey revoke --vendor amd --firmware \"<1.55.39\" --because \"SB-3020\" --action hold\n"
     "  bailey revoke -f milan-badfuse.yaml --watch\n"
     "  bailey revoke amd-sb-3045      # a proposal that advisory import made\n",
     0, 1,
     SELECTOR_OPTIONS | OPT(FILE) | OPT(BECAUSE) | OPT(PLAN) | OPT(EXPECT) | OPT(OVERRIDE_GUARD) |
         OPT(ACTION) | OPT(GRACE) | OPT(CANARY) | OPT(NAME) | OPT(REFERENCE) | OPT(YES) |
         OPT(WATCH),
     NULL, cmd_revoke},
    {"revocation list", "", "revocations, with how far each is", NULL, 0, 0,
     OPT(NO_TITLES) | OPT(WATCH), NULL, cmd_revocation_list},
    {"revocation describe", "NAME", "the report: times, keeps, exposure, what has no place", NULL,
     1, 1, 0, NULL, cmd_revocation_describe},
    {"revocation watch", "NAME", "follow a revocation until its run is over, then its report",
     "  bailey revocation watch milan-badfuse --timeout 10m\n", 1, 1, 0, NULL,
     cmd_revocation_watch},
    {"lift", "NAME", "end a revocation",
     "Its nodes take keeps again after evidence that is newer than this; nothing moves back by\n"
     "itself.\n\n  bailey lift milan-badfuse --because \"hosts were replaced\"\n",
     1, 1, OPT(BECAUSE), NULL, cmd_lift},
    {"advisory import", "FILE...", "take what vendors published; propose revocations because of it",
     "FILE is of the form of config/catalog/advisories.yaml, or Intel's TCB info as JSON, or YAML\n"
     "with Advisory objects. For each advisory that names a node here, a revocation is stored as "
     "a\n"
     "proposal, with its plan in a line: it refuses nothing until `bailey revoke PROPOSAL` "
     "commits\n"
     "it. Signatures are not judged here; `bailey collateral import` does that.\n\n"
     "  bailey advisory import tcb_info.json --dry-run\n",
     1, ARGS_OPERANDS, OPT(DRY_RUN) | OPT(ALL), "FILE", cmd_advisory_import},
    {"advisory list", "", "advisories, with how many nodes are open to them", NULL, 0, 0,
     OPT(NO_TITLES), NULL, cmd_advisory_list},
    {"advisory describe", "NAME", "everything about an advisory, with its last events", NULL, 1, 1,
     0, NULL, cmd_advisory_describe},
    {"quota list", "", "what namespaces may hold at most", NULL, 0, 0, 0, NULL, cmd_quota_list},
    {"quota set", "NAMESPACE LIMIT...", "limit what a namespace's keeps may hold together",
     "What is not named has no limit. Keeps that are there stay; no more are added.\n\n"
     "  bailey quota set finance keeps=100 cpu=64 memory=256Gi tee-slots=50\n",
     2, 6, 0, "keeps= cpu= memory= tee-slots= epc=", cmd_quota_set},
    {"quota delete", "NAMESPACE", "no limit any more", NULL, 1, 1, 0, NULL, cmd_quota_delete},
    {"placement", "", "how places are chosen for all workloads", NULL, 0, 0, 0, NULL,
     cmd_placement},
    {"placement set", "KEY=VALUE...", "change how places are chosen",
     "strategy: pack or spread, for workloads that do not say. reserve: TEE capacity that every\n"
     "platform class keeps free for keeps that have to move; bailey status says where it is "
     "short.\n\n"
     "  bailey placement set strategy=spread reserve=20\n",
     1, 2, 0, "strategy=pack strategy=spread reserve=", cmd_placement_set},
    {"rollout status", "WORKLOAD", "how far a workload's last change is rolled out",
     "Ends with 0 when it is done or goes on, with 6 when it is paused or waits for a new keep "
     "that\n"
     "is not well. With --watch, follows it until it is done.\n\n"
     "  bailey rollout status payroll --watch --timeout 10m\n",
     1, 1, OPT(NAMESPACE) | OPT(WATCH), NULL, cmd_rollout_status},
    {"rollout pause", "WORKLOAD", "replace nothing more on account of a change",
     "What is missing is still started, from the spec of now.\n", 1, 1, OPT(NAMESPACE), NULL,
     cmd_rollout_pause},
    {"rollout resume", "WORKLOAD", "go on with a paused change", NULL, 1, 1, OPT(NAMESPACE), NULL,
     cmd_rollout_resume},
    {"rollout undo", "WORKLOAD", "go back to what ran before the last change",
     "The program, its arguments, resources and checks are as they were; replicas, trust, "
     "placement\n"
     "and availability stay as they are now. Keeps of the earlier spec that still run stay. A\n"
     "paused change is resumed. A second undo brings the change back.\n\n"
     "  bailey rollout undo payroll\n",
     1, 1, OPT(NAMESPACE), NULL, cmd_rollout_undo},
    {"collateral import", "PATH...", "keep what vendors signed, after verifying it",
     "PATH is a file, or a folder of files: AMD's certificates and revocation lists, Intel's TCB\n"
     "tables, signing chains and lists, CCA platform keys. What each is shows from its bytes. The\n"
     "controller keeps the newest of each and prefers its own to what hosts bring. Ends with 6 "
     "when\n"
     "one was refused; the others are kept.\n\n"
     "  bailey collateral import ./from-the-connected-side\n",
     1, ARGS_OPERANDS, 0, "FILE", cmd_collateral_import},
    {"collateral list", "", "what is kept of vendors, and until when", NULL, 0, 0, OPT(NO_TITLES),
     NULL, cmd_collateral_list},
    {"collateral urls", "[NODE]", "where vendors serve what the nodes' evidence needs",
     "Computed from the nodes' newest evidence; nothing is fetched.\n\n"
     "  bailey collateral urls -o json | jq -r '.urls[].url'\n",
     0, 1, OPT(NO_TITLES), NULL, cmd_collateral_urls},
    {"audit tail", "", "what was decided, by whom and why",
     "The last 20 entries of the audit log, or all that --since and --where ask for. --where "
     "takes\n"
     "FIELD=VALUE with a comma between; a value may end with *. -o wide shows every field.\n\n"
     "  bailey audit tail -f\n  bailey audit tail --since 24h --where \"actor=user/*\"\n"
     "  bailey audit tail --where action=evidence.refused -o json\n",
     0, 0, OPT(FOLLOW) | OPT(TAIL) | OPT(SINCE) | OPT(WHERE), NULL, cmd_audit_tail},
    {"audit verify", "[FILE|live]", "check the whole audit log, or one proof",
     "Every entry is hashed again and compared with every signed tree head, and with the head "
     "that\n"
     "was verified here before: a log that was rewritten or cut is found. FILE is an exported log\n"
     "(needs no cluster), a proof or a receipt; without it the cluster's log is read.\n"
     "--force forgets what was verified before: after a store was put back on purpose.\n"
     "Ends with 0 when it is verified and 6 when it is refused.\n\n"
     "  bailey audit verify\n  bailey audit verify audit.log --ca ca.pem\n",
     0, 1, OPT(CA) | OPT(KEY) | OPT(FORCE), "FILE", cmd_audit_verify},
    {"audit export", "FILE", "write the audit log with its signed heads to a file, or to -",
     "  bailey audit export audit.log && bailey audit verify audit.log\n", 1, 1, 0, "FILE",
     cmd_audit_export},
    {"audit prove", "ENTRY", "the proof that an entry is in the audit log",
     "  bailey audit prove 42 > entry-42.proof\n  bailey audit verify entry-42.proof\n", 1, 1, 0,
     NULL, cmd_audit_prove},
    {"receipt", "KEEP [FILE]", "a keep's placement receipt: what was placed where, on what proof",
     "The receipt is signed and can be verified without the cluster.\n\n"
     "  bailey receipt payroll-0-abcde payroll.receipt\n"
     "  bailey receipt verify payroll.receipt --ca ca.pem\n",
     1, 2, OPT(NAMESPACE), NULL, cmd_receipt},
    {"receipt verify", "FILE", "check a placement receipt, without a cluster",
     "Ends with 0 when it is verified and 6 when it is refused; then it says which line is "
     "wrong.\n",
     1, 1, OPT(CA) | OPT(KEY), "FILE", cmd_receipt_verify},
    {"lint", "FILE...", "check YAML files without a cluster", NULL, 1, ARGS_OPERANDS, 0, "FILE",
     cmd_lint},
    {"policy test", "FILE...", "run the tests that policies carry, without a cluster",
     "Each TrustPolicy of the files is asked about the platforms of its spec.expect; Advisory\n"
     "objects of the files tell what advisories affect. Ends with 1 when a verdict or its reason\n"
     "is not as expected.\n\n"
     "  bailey policy test production.yaml --at 2026-12-01\n",
     1, ARGS_OPERANDS, OPT(AT), "FILE", cmd_policy_test},
    {"explain", "KIND[.FIELD...]", "what a field means and may hold",
     "  bailey explain workload\n  bailey explain workload.spec.trust.accept\n", 1, 1, 0,
     "workload node keep event trustpolicy advisory exception", cmd_explain},
    {"schema", "", "the JSON Schema of what YAML files may hold, for editors",
     "  bailey schema > bailey.schema.json\n", 0, 0, 0, NULL, cmd_schema},
    {"completion", "bash|man", "a completion script for the shell; the manual page",
     "  source <(bailey completion bash)\n  bailey completion man | man -l -\n", 1, 1, 0,
     "bash man", cmd_completion},
    {"help", "[COMMAND]", "show help", NULL, 0, 2, 0, "COMMAND", cmd_help},
    {"version", "", "show the version", NULL, 0, 0, 0, NULL, cmd_version},
    {0},
};
