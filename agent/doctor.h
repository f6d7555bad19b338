/* doctor.h - `bailey-agent doctor`: what of this host works for keeps, what does not, and how to
 * mend it; with --leftovers, what no keep owns any more. */
#ifndef AGENT_DOCTOR_H
#define AGENT_DOCTOR_H

/* argv[0] is "doctor". Returns the process' exit code: 0 all that is needed works (or nothing is
 * left over), 1 not, 2 wrong usage. */
int doctor_main(int argc, char **argv);

#endif
