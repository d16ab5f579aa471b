// sender COUNT GAP_US CMD...: starts CMD (a wrapper around echo) as PID 1 of a new
// namespace, sends it SIGUSR1 COUNT times, each after the one before has arrived
// and GAP_US have passed, and prints the nanoseconds from just before kill until
// echo had it; -1 for one that didn't arrive within a second.
#include "spawn.h"

#include <poll.h>

#include "report.h"

// arrival waits for the next stamp; 0 when none comes in time.
static int64_t arrival(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t ns = 0;
	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	if (read(fd, &ns, sizeof ns) != sizeof ns) {
		fprintf(stderr, "sender: the program ended early\n");
		_exit(1);
	}
	return ns;
}

int main(int argc, char **argv)
{
	int ends[2];
	if (argc < 4)
		return 2;
	int count = atoi(argv[1]), gap = atoi(argv[2]);
	alarm(120);
	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe2");
	pid_t pid = spawn(argv + 3, 1, ends[1]);
	close(ends[1]);
	if (arrival(ends[0], 5000) == 0) {
		fprintf(stderr, "sender: %s: its child wasn't ready within 5 s\n", argv[3]);
		return 1;
	}
	usleep(100000); // the wrapper's own start is no part of the measure
	for (int i = 0; i < count; i++) {
		usleep(gap);
		while (arrival(ends[0], 0) != 0)
			; // one that came too late is not the answer to the next
		int64_t sent = now();
		if (kill(pid, SIGUSR1) != 0)
			die("kill");
		int64_t got = arrival(ends[0], 1000);
		printf("%lld\n", got ? (long long)(got - sent) : -1LL);
	}
	kill(pid, SIGKILL); // PID 1: its namespace goes with it
	waitpid(pid, 0, 0);
	return 0;
}
