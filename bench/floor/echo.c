// echo: says on its stdout when SIGUSR1 reached it: a CLOCK_MONOTONIC stamp of 8
// bytes for each. The first stamp means "the handler is in place".
#include <signal.h>

#include "report.h"

static void stamp(int sig)
{
	(void)sig;
	int64_t ns = now();
	if (write(1, &ns, sizeof ns) != sizeof ns)
		_exit(1);
}

int main(void)
{
	struct sigaction a = {.sa_handler = stamp};
	sigaction(SIGUSR1, &a, 0);
	stamp(0);
	for (;;)
		pause();
}
