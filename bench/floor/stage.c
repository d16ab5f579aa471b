// stage [-i] CMD...: the first program of a fresh PID namespace.
// It mounts /proc and becomes CMD, which is then PID 1. With -i it stays PID 1
// itself, starts CMD, reports the moment before, reaps whatever comes,
// reports when CMD has ended, and when nothing is left: neither CMD nor anything that it started.
#include "spawn.h"

#include "report.h"

int main(int argc, char **argv)
{
	int stay = argc > 1 && strcmp(argv[1], "-i") == 0;
	char **cmd = argv + 1 + stay;
	if (!cmd[0])
		return 2;
	if (getpid() != 1) {
		fprintf(stderr, "stage: not PID 1 of a namespace\n");
		return 125;
	}
	own_proc();
	if (!stay) {
		execvp(cmd[0], cmd);
		die(cmd[0]);
	}
	report(BEGIN);
	pid_t first = spawn(cmd, 0, -1);
	for (pid_t pid; (pid = waitpid(-1, 0, 0)) > 0 || errno == EINTR;)
		if (pid == first)
			report(ENDED);
	report(NONE_LEFT);
	return 0;
}
