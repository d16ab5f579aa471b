// Starting a program cheaply, if wanted as PID 1 of a PID namespace of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(char const *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(125);
}

// own_proc gives this mount namespace a /proc of this PID namespace. Private
// first, or the mount would spread to the namespace that we came from.
static inline void own_proc(void)
{
	if (mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) != 0)
		die("making the mount namespace private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0) != 0)
		die("mounting /proc");
}

// spawn starts argv, which dies with us. out, if not negative, becomes its stdout.
// vfork where it can be had: a copy of the page tables is no part of any measure.
static inline pid_t spawn(char **argv, int isolate, int out)
{
	pid_t pid = isolate ? syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0) : vfork();
	if (pid < 0)
		die("starting a process");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (isolate)
		own_proc();
	if (out >= 0)
		dup2(out, 1);
	execvp(argv[0], argv);
	die(argv[0]);
	return -1;
}
