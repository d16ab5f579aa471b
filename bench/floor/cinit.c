// cinit CMD...: the floor of a wrapper: starts CMD, passes every signal on to it,
// reaps all that comes, ends with its status. No options, no messages.
#include "spawn.h"

int main(int argc, char **argv)
{
	sigset_t all, old;
	if (argc < 2)
		return 2;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid_t child = vfork();
	if (child < 0)
		die("vfork");
	if (child == 0) {
		sigprocmask(SIG_SETMASK, &old, 0);
		execvp(argv[1], argv + 1);
		_exit(errno == ENOENT ? 127 : 126);
	}
	for (;;) {
		int sig = sigwaitinfo(&all, 0), status;
		if (sig > 0 && sig != SIGCHLD)
			kill(child, sig);
		if (sig != SIGCHLD)
			continue;
		for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
			if (pid == child)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}
