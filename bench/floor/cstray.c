// cstray: a service that leaves others behind: a child that stays in its group, and a
// daemon that has left its session and its parent. Each has its name, by which it
// is found, and ends by itself after two minutes. It reports when both are there.
#include <sys/prctl.h>

#include "report.h"

// stay waits for a signal to end it. Two minutes later nobody looks any more.
static void stay(char const *name)
{
	if (name)
		prctl(PR_SET_NAME, name);
	alarm(120);
	for (;;)
		pause();
}

int main(void)
{
	int ready[2];
	char c;
	if (pipe(ready) != 0)
		return 111;
	if (fork() == 0)
		stay("plain");
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			if (write(ready[1], "", 1) != 1)
				_exit(111);
			stay("session");
		}
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		return 111;
	report(STARTED);
	stay(0);
}
