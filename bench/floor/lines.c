// lines COUNT PER_WRITE: writes COUNT lines of 100 bytes, PER_WRITE of them at
// once, to its standard output. It reports when it begins, and at its end the
// processor time that it took itself.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "report.h"

enum { LENGTH = 100, MOST = 655 }; // 64 KiB hold no more

int main(int argc, char **argv)
{
	static char block[MOST * LENGTH];
	long count = argc == 3 ? atol(argv[1]) : 0;
	long once = argc == 3 ? atol(argv[2]) : 0;
	if (count < 1 || once < 1 || once > MOST)
		return 2;
	for (int i = 0; i < MOST; i++) { // logs.go knows what stands in a line
		char *line = block + i * LENGTH;
		memset(line, '.', LENGTH);
		line[0] = '<';
		line[LENGTH - 2] = '>';
		line[LENGTH - 1] = '\n';
	}
	report(STARTED);
	while (count > 0) {
		long n = count < once ? count : once;
		for (char *at = block, *end = block + n * LENGTH; at < end;) {
			ssize_t wrote = write(1, at, end - at);
			if (wrote < 0)
				return 111;
			at += wrote;
		}
		count -= n;
	}
	struct rusage self;
	getrusage(RUSAGE_SELF, &self);
	report_value(CPU, (self.ru_utime.tv_sec + self.ru_stime.tv_sec) * 1000000000LL +
	                      (self.ru_utime.tv_usec + self.ru_stime.tv_usec) * 1000LL);
	return 0;
}
