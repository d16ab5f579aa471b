// csuper COUNT CMD...: the floor of a supervisor: starts COUNT copies of CMD, starts
// each again at once when it ends, and on SIGTERM sends TERM to all and ends when
// they have. No delay, no log, no limit, no interface.
#include "spawn.h"

#define PIDS (1 << 22) // the kernel's largest pid_max; untouched pages cost nothing

static sigset_t handled, old;

static pid_t start(char **argv)
{
	pid_t pid = vfork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &old, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int count = atoi(argv[1]), alive = 0, stopping = 0;
	pid_t *pids = calloc(count, sizeof *pids);
	int *slot = calloc(PIDS, sizeof *slot); // slot[pid]: which service, plus one
	if (!pids || !slot)
		die("calloc");
	sigemptyset(&handled);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGCHLD);
	sigprocmask(SIG_BLOCK, &handled, &old);
	for (int i = 0; i < count; i++, alive++) {
		if ((pids[i] = start(argv + 2)) < 0)
			die("vfork");
		slot[pids[i]] = i + 1;
	}
	while (alive > 0) {
		int sig = sigwaitinfo(&handled, 0);
		if (sig == SIGTERM && !stopping) {
			stopping = 1;
			for (int i = 0; i < count; i++)
				if (pids[i] > 0)
					kill(pids[i], SIGTERM);
		}
		for (pid_t pid; (pid = waitpid(-1, 0, WNOHANG)) > 0;) {
			int i = slot[pid] - 1;
			slot[pid] = 0;
			if (i < 0)
				continue; // an orphan that came to us
			pids[i] = stopping ? 0 : start(argv + 2);
			if (pids[i] > 0)
				slot[pids[i]] = i + 1;
			else
				alive--;
		}
	}
	return 0;
}
