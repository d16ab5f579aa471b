package test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
)

func (u *upSession) why(t *testing.T, args ...string) why {
	t.Helper()
	out, errs, _ := u.clientRuns(append([]string{"signals", "--json", "--why-no-effect"}, args...)...)
	var all []why
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	return all[0]
}

func TestSignalsOfAService(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.web]
command = "trap : USR2; echo up; sleep 300 & while :; do wait; done"
shell = true
[services.web.signals]
map = { USR1 = "USR2", PWR = "drop" }
forward = ["USR1", "PWR"]
[services.TERM]
command = "sleep 300"
[services.off]
command = "sleep 300"
autostart = false
`)
	u.line("web", "up")
	u.until("service.running", "TERM")
	main := u.until("service.started", "web").PID

	var all []looked
	if err := json.Unmarshal([]byte(u.clientDoes("signals", "--json", "web")), &all); err != nil || len(all) != 2 {
		t.Fatalf("%v: %+v", err, all)
	}
	if !all[0].Main || all[0].PID != main || all[1].Main || all[1].Service != "web" || all[0].note("shell-wrapper") == "" || all[1].note("background") == "" {
		t.Errorf("%+v", all)
	}
	if out := u.clientDoes("signals", "web"); !strings.HasPrefix(out, "web: "+itoa(main)+"  sh -c 'trap") || strings.Count(out, "\nweb: ") != 1 {
		t.Errorf("%s", out)
	}

	// A word that is a signal's name is the signal.
	out, errs, status := u.clientRuns("signals", "TERM")
	if status != 0 || !strings.HasPrefix(out, "TERM  number 15\n") || !strings.Contains(errs, "a service is called TERM, too; for that one: supervise signals --service TERM") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if out := u.clientDoes("signals", "--service", "TERM"); !strings.HasPrefix(out, "TERM: "+itoa(u.until("service.started", "TERM").PID)+"  sleep 300\n") {
		t.Errorf("%s", out)
	}

	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{1, "off has no process: it is stopped", []string{"off"}},
		{2, "did you mean web?", []string{"wbe"}},
		{2, "and no signal is called \"TREM\"; did you mean TERM?", []string{"TREM"}},
		{2, "TERM is a signal, the others are not", []string{"TERM", "web"}},
		{2, "no signal is called \"XYZ\"", []string{"--why-no-effect", "XYZ", "web"}},
		{2, "name the process, as in: supervise signals --why-no-effect TERM 4711", []string{"--why-no-effect", "TERM"}},
		{2, "0 is no process", []string{"0"}},
		{2, "-1", []string{"--", "-1"}},
	} {
		if out, errs, status := u.clientRuns(append([]string{"signals"}, c.args...)...); status != c.status || !strings.Contains(errs, c.says) {
			t.Errorf("signals %s: status %d, want %d with %q\n%s%s", c.args, status, c.status, c.says, out, errs)
		}
	}

	// What supervise did with a signal is told by its record.
	u.signal(syscall.SIGUSR1)
	u.until("signal.sent", "web")
	if e := u.why(t, "USR1", itoa(main)); e.Reason != "translated" || !e.Explained || len(e.Recorded) != 2 || !strings.Contains(e.Recorded[0], "USR1 from ") {
		t.Errorf("%+v", e)
	}
	u.signal(syscall.SIGPWR)
	u.until("signal.dropped", "web")
	if e := u.why(t, "PWR", "web"); e.Reason != "dropped" || e.PID != main || !strings.Contains(e.Text, "by its map") {
		t.Errorf("%+v", e)
	}
	// It was for the shell; its child is another process. Either order will do.
	u.clientDoes("signal", "WINCH", "web")
	if e := u.why(t, itoa(all[1].PID), "WINCH"); e.Reason != "no-action" || e.PID != all[1].PID || len(e.Recorded) != 1 {
		t.Errorf("%+v", e)
	}
	u.clientDoes("signal", "USR2", "web")
	if e := u.why(t, "USR2", itoa(all[1].PID)); e.Reason != "elsewhere" || !strings.Contains(e.Text, "to process "+itoa(main)+" alone") {
		t.Errorf("%+v", e)
	}
	u.stop()

	if _, errs, status := u.clientRuns("signals", "web"); status != 3 || !strings.Contains(errs, "no supervise is running") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestTheTableOfSignals(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	out, errs, status := superviseOnce(t, "signals")
	if status != 0 || errs != "" || strings.Count(out, "\n") != 1+31+2+4 {
		t.Fatalf("status %d, %s\n%s", status, errs, out)
	}
	for _, want := range []string{"\n   15  TERM     ends       yes    ", "\n    9  KILL     ends       no     ", "\n   17  CHLD     nothing    yes ", "\n32,33  -        reserved   -  "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	var all []struct {
		Number          int
		Name, Default   string
		Catchable       bool
		RealTime, Fault bool
	}
	out, _, _ = superviseOnce(t, "signals", "--json")
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 64 {
		t.Fatalf("%v, %d signals", err, len(all))
	}
	if a := all[18]; a.Name != "STOP" || a.Number != 19 || a.Catchable || a.Default != "stops" {
		t.Errorf("%+v", a)
	}
	out, _, _ = superviseOnce(t, "signals", "SIG15", "rtmin+1")
	if !strings.HasPrefix(out, "TERM  number 15\n") || !strings.Contains(out, "\n\nRTMIN+1  number 35\n") || !strings.Contains(out, "  status    143,") {
		t.Errorf("%s", out)
	}
}
