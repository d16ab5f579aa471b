package test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// When supervise has no descriptor left it cannot open what tells it which
// processes are a service's, nor what kills them; a stop has to succeed all the same.
func TestUpStopsWhatIsLeftWithoutDescriptors(t *testing.T) {
	t.Parallel()
	upBothWays(t, func(t *testing.T, head string) {
		u := upConfig(t, head+`
[services.a]
shell = true
restart = { when = "always", initial = "1ms" }
stop.ladder = [{ signal = "TERM", wait = "1ms" }, { signal = "KILL", wait = "1000s" }]
command = '''
mkfifo left
(setsid sh -c 'trap "" TERM; echo left=$$ > left; while :; do sleep 1000; done' 2>/dev/null &); cat left
rm left
exec sleep 1000'''
`)
		left := u.number("a", "left")
		main := u.until("service.running", "a").PID
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.pid()))
		if err != nil {
			t.Fatal(err)
		}
		var limit unix.Rlimit
		none := unix.Rlimit{Cur: uint64(len(open))}
		if err := unix.Prlimit(u.pid(), unix.RLIMIT_NOFILE, nil, &limit); err != nil {
			t.Fatal(err)
		}
		none.Max = limit.Max
		if err := unix.Prlimit(u.pid(), unix.RLIMIT_NOFILE, &none, nil); err != nil {
			t.Fatal(err)
		}
		upKill(t, main, syscall.SIGKILL)
		u.until("process.exited", "a")
		u.until("stop.escalated", "a")
		upGone(t, left)
		if err := unix.Prlimit(u.pid(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
			t.Fatal(err)
		}
		u.until("service.running", "a")
		u.none("stop.abandoned", "a")
		u.stop()
	})
}
