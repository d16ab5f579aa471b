package policy

import (
	"syscall"
	"testing"

	"supervise/internal/signals"
)

func TestExitInWords(t *testing.T) {
	for want, e := range map[string]Exit{
		"exited 0":                          {},
		"exited 3":                          {Code: 3},
		"killed by TERM":                    {Signal: signals.TERM},
		"killed by SEGV (core dumped)":      {Signal: signals.Signal(syscall.SIGSEGV), Core: true},
		"could not start: no such file":     {NotRun: "no such file", Code: 127},
		"ran longer than 5s, killed by INT": {Missed: "ran longer than 5s", Signal: signals.INT},
	} {
		if got := e.String(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

func TestStatusIsThatOfAShell(t *testing.T) {
	for want, e := range map[int]Exit{0: {}, 7: {Code: 7}, 143: {Signal: signals.TERM}, 137: {Signal: signals.KILL}} {
		if got := e.Status(); got != want {
			t.Errorf("%+v: %d, want %d", e, got, want)
		}
	}
}

func TestSuccess(t *testing.T) {
	some := Success{Codes: []int{0, 143}, Signals: []signals.Signal{signals.INT}}
	for _, c := range []struct {
		what string
		s    Success
		e    Exit
		want bool
	}{
		{"a code in the list", some, Exit{}, true},
		{"a code that is not", some, Exit{Code: 1}, false},
		{"a signal in the list", some, Exit{Signal: signals.INT}, true},
		{"a signal by its 128+n", some, Exit{Signal: signals.TERM}, true},
		{"a signal that is not", some, Exit{Signal: signals.KILL}, false},
		{"128+n as a code is not the signal", some, Exit{Code: 130}, false},
		{"what did not start", some, Exit{NotRun: "no such file"}, false},
		{"what missed a deadline, whatever it says", some, Exit{Missed: "ran longer than 5s"}, false},
		{"nothing is a success of the empty set", Success{}, Exit{}, false},
	} {
		if got := c.s.Holds(c.e); got != c.want {
			t.Errorf("%s: %t, want %t", c.what, got, c.want)
		}
	}
}
