// cpause: a service that only sleeps. It reports its start, then waits for a signal to end it.
#include "report.h"

int main(void)
{
	report(STARTED);
	for (;;)
		pause();
}
