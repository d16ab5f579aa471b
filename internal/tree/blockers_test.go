package tree

import (
	"os"
	"strconv"
	"testing"

	"supervise/internal/disposition"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

func TestResistanceNamesWhatKeepsAProcess(t *testing.T) {
	const term = procfs.Signals(1 << (signals.TERM - 1))
	for _, c := range []struct {
		state   byte
		status  procfs.Status
		blocked procfs.Signals
		s       signals.Signal
		want    string
	}{
		{'S', procfs.Status{Ignored: term}, 0, signals.TERM, "ignores TERM"},
		{'S', procfs.Status{Caught: term}, term, signals.TERM, "has TERM blocked"},
		{'S', procfs.Status{Caught: term}, 0, signals.TERM, "catches TERM and has not ended"},
		{'R', procfs.Status{}, 0, signals.TERM, "was sent TERM and has not ended yet"},
		{'S', procfs.Status{Ignored: term}, 0, signals.INT, "was sent INT and has not ended yet"},
		{'D', procfs.Status{Ignored: term}, 0, signals.TERM, "is in state D (uninterruptible)"},
		{'T', procfs.Status{}, 0, signals.TERM, "is stopped"},
		{'T', procfs.Status{Ignored: term}, 0, signals.TERM, "ignores TERM"},
		{'t', procfs.Status{}, 0, signals.TERM, "is held by a debugger"},
		{'T', procfs.Status{}, 0, signals.KILL, "was sent KILL and has not ended yet"},
		{'S', procfs.Status{NamespacePIDs: []int{41, 1}}, 0, signals.TERM, "is PID 1 of its namespace and has no handler for TERM"},
		{'S', procfs.Status{NamespacePIDs: []int{41, 1}}, 0, signals.KILL, "was sent KILL and has not ended yet"},
	} {
		h := disposition.Hinders(procfs.Process{PID: 41, State: c.state, Threads: 1}, &c.status, disposition.Masks{Blocked: c.blocked}, c.s)
		if got := resistance(h, c.s); got != c.want {
			t.Errorf("%c %+v %s: got %q, want %q", c.state, c.status, c.s, got, c.want)
		}
	}
}

func TestBlockersOfALivingProcessAndOneThatIsNot(t *testing.T) {
	self, err := procfs.Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self.Name = "we"
	gone := self
	gone.PID = 1 << 30
	want := "pid " + strconv.Itoa(self.PID) + " (we) catches TERM and has not ended"
	if got := Blockers([]procfs.Process{gone, self}, signals.TERM); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Blockers(nil, signals.TERM) + Blockers([]procfs.Process{self}, 0); got != "" {
		t.Errorf("got %q", got)
	}
}
