// starts [-n] COUNT CMD...: runs CMD COUNT times, one after the other, and prints
// the nanoseconds of each, from before the fork until its end is known. With -n
// each run is PID 1 of a new PID namespace, and making that is in the figure.
#include "spawn.h"

#include "report.h"

int main(int argc, char **argv)
{
	int isolate = argc > 1 && strcmp(argv[1], "-n") == 0;
	argv += 1 + isolate;
	if (argc < 3 + isolate)
		return 2;
	int count = atoi(argv[0]);
	int64_t *took = calloc(count, sizeof *took);
	if (!took)
		die("calloc");
	alarm(120);
	for (int i = 0; i < count; i++) {
		int status;
		int64_t begin = now();
		pid_t pid = spawn(argv + 1, isolate, -1);
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid");
		took[i] = now() - begin;
		if (status != 0) {
			fprintf(stderr, "%s: wait status %#x instead of success\n", argv[1], status);
			return 1;
		}
	}
	for (int i = 0; i < count; i++)
		printf("%lld\n", (long long)took[i]);
	return 0;
}
