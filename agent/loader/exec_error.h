/* exec_error.h - why the kernel would not execute a keep's program, in words. */
#ifndef LOADER_EXEC_ERROR_H
#define LOADER_EXEC_ERROR_H

#include "base/err.h"

/* error: errno of execve(2); artifact: the program's file as the loader sees it. Always false, with
 * one of "exec.interpreter-missing" (a script's #! line or an ELF file's loader names what the
 * sandbox does not have), "exec.wrong-architecture", "exec.format" (neither script nor ELF
 * program), "exec.not-permitted", "exec.failed". */
bool exec_error(int error, const char *artifact, struct err *e);

#endif
