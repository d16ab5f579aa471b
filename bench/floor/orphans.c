// orphans stream|burst COUNT: makes COUNT orphans for PID 1 to reap, and prints the
// nanoseconds until none of them is left, and how many are left after 20 s.
//
// stream: one after the other, each an orphan that ends at once.
// burst: COUNT processes that live, are orphaned, then end all together; the
// clock runs from that end on.
#include "spawn.h"

#include <ctype.h>
#include <dirent.h>

#include "report.h"

#define PATIENCE 20000000000LL

// fork_patiently: when PID 1 falls behind, the table of processes may be full.
static pid_t fork_patiently(void)
{
	for (;;) {
		pid_t pid = fork();
		if (pid >= 0 || errno != EAGAIN)
			return pid;
		usleep(1000);
	}
}

static void orphan_at_once(void)
{
	pid_t parent = fork_patiently();
	if (parent == 0) {
		if (fork_patiently() < 0)
			_exit(1);
		_exit(0); // both: the parent first or the orphan first, either way PID 1 gets it
	}
	int status;
	if (parent < 0 || waitpid(parent, &status, 0) != parent || status != 0)
		die("making an orphan");
}

// make_waiting_orphans makes count orphans that end when the write end of go closes.
static void make_waiting_orphans(int count, int go[2])
{
	pid_t parent = fork();
	if (parent == 0) {
		close(go[1]);
		for (int i = 0; i < count; i++) {
			pid_t pid = fork_patiently();
			if (pid < 0)
				_exit(1);
			if (pid == 0) {
				char c;
				_exit(read(go[0], &c, 1) != 0);
			}
		}
		_exit(0);
	}
	int status;
	if (parent < 0 || waitpid(parent, &status, 0) != parent || status != 0)
		die("making waiting orphans");
}

// others counts the processes beside PID 1 and us, zombies too.
static int others(void)
{
	int n = 0;
	DIR *d = opendir("/proc");
	if (!d)
		die("/proc");
	for (struct dirent *e; (e = readdir(d));)
		n += isdigit((unsigned char)e->d_name[0]) != 0;
	closedir(d);
	return n - 2;
}

int main(int argc, char **argv)
{
	int go[2];
	if (argc != 3 || getppid() != 1) {
		fprintf(stderr, "usage: orphans stream|burst COUNT, as the child of PID 1 of a namespace\n");
		return 2;
	}
	int count = atoi(argv[2]);
	int64_t begin = now();
	alarm(120);
	if (strcmp(argv[1], "burst") == 0) {
		if (pipe(go) != 0)
			die("pipe");
		make_waiting_orphans(count, go);
		close(go[0]);
		begin = now();
		close(go[1]);
	} else {
		for (int i = 0; i < count; i++)
			orphan_at_once();
	}
	// Signal 0 to all: sends nothing, and ESRCH says that beside PID 1 and us no
	// process exists, not even as a zombie. Much cheaper than reading /proc.
	int64_t end = now(), last = end + PATIENCE;
	while (kill(-1, 0) == 0 && end < last) {
		usleep(50);
		end = now();
	}
	end = now();
	printf("%lld %d\n", (long long)(end - begin), others());
	return 0;
}
