package disposition

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"supervise/internal/event"
	"supervise/internal/procfs"
	"supervise/internal/signals"
)

// set makes a set of signals.
func set(all ...signals.Signal) (s procfs.Signals) {
	for _, n := range all {
		s |= 1 << (n - 1)
	}
	return s
}

const everything = ^procfs.Signals(0)

// ordinary is a process that has arranged nothing.
func ordinary() *Facts {
	f := &Facts{
		Process: procfs.Process{PID: 41, PPID: 7, Group: 41, Session: 41, State: 'S', Threads: 1, Name: "prog", Front: -1},
		Status:  procfs.Status{PID: 41, TGID: 41, NamespacePIDs: []int{41}}, Argv: []string{"prog"}, Parent: Neighbour{PID: 7, Name: "init"}, Asked: 41,
	}
	f.Threads = []Thread{{Status: f.Status}}
	return f
}

// with gives an ordinary process that change has changed.
func with(change func(f *Facts)) *Facts {
	f := ordinary()
	change(f)
	return f
}

func below(f *Facts, all ...Neighbour) { f.Descendants = all }

// goCatches is what a Go program catches that asks for nothing, on Linux.
const goCatches = 0xfffffffd7fc1feff

var cases = []struct {
	name   string
	facts  *Facts
	signal signals.Signal
	effect Effect
	reason string // "": nothing explains it
	says   string // in the explanation
	note   string // the code of a note
}{
	{"nothing arranged", ordinary(), signals.TERM, Effect(signals.Ends), "", "nothing keeps TERM", ""},
	{"dump", ordinary(), signals.QUIT, Effect(signals.Dumps), "", "(dumps)", ""},
	{"default is to do nothing", ordinary(), signals.WINCH, None, "no-action", "to do nothing", ""},
	{"CONT to one that runs", ordinary(), signals.CONT, None, "no-action", "continues a stopped process", ""},
	{"real-time", ordinary(), signals.RTMIN + 3, Effect(signals.Ends), "", "", ""},
	{"zombie", with(func(f *Facts) { f.State = 'Z' }), signals.KILL, None, "gone", "7 (init)", "zombie"},
	{"only the first thread is a zombie", with(func(f *Facts) { f.State = 'Z'; f.Process.Threads = 3 }), signals.TERM, Effect(signals.Ends), "", "", "first-thread-ended"},
	{"kernel thread", with(func(f *Facts) { f.Kernel, f.Status.Ignored = true, everything }), signals.KILL, None, "kernel-thread", "thread of the kernel", "kernel-thread"},
	{"D", with(func(f *Facts) { f.State, f.Threads[0].State, f.Threads[0].Wait = 'D', 'D', "nfs_wait" }), signals.KILL, Waits, "uninterruptible", "in nfs_wait", "uninterruptible"},
	{"stopped", with(func(f *Facts) { f.State, f.Status.Pending = 'T', set(signals.TERM) }), signals.TERM, Waits, "stopped", "a TERM does", "stopped"},
	{"stopped, and KILL", with(func(f *Facts) { f.State = 'T' }), signals.KILL, Effect(signals.Ends), "", "", "stopped"},
	{"stopped, and CONT", with(func(f *Facts) { f.State = 'T'; f.Status.Ignored = set(signals.CONT) }), signals.CONT, Effect(signals.Goes), "", "", "stopped"},
	{"stopped, and ignored", with(func(f *Facts) { f.State, f.Status.Ignored = 'T', set(signals.TERM) }), signals.TERM, None, "ignored", "ignores TERM", "ignores-term"},
	{"frozen", with(func(f *Facts) {
		f.Threads[0].State, f.Threads[0].Wait, f.Status.Caught = 'S', "do_freezer_trap", set(signals.TERM)
	}), signals.TERM, Waits, "frozen", "thawed", "frozen"},
	{"frozen, without a handler", with(func(f *Facts) { f.Threads[0].State, f.Threads[0].Wait = 'S', "get_signal" }), signals.TERM, Effect(signals.Ends), "", "", "frozen"},
	{"held by a debugger", with(func(f *Facts) { f.State, f.Status.Tracer, f.Tracer = 't', 9, Neighbour{PID: 9, Name: "gdb"} }), signals.TERM, Waits, "held", "9 (gdb)", "held"},
	{"traced", with(func(f *Facts) { f.Status.Tracer, f.Tracer = 9, Neighbour{PID: 9, Name: "strace"} }), signals.TERM, Effect(signals.Ends), "traced", "withhold", "traced"},
	{"ignored", with(func(f *Facts) { f.Status.Ignored = set(signals.TERM) }), signals.TERM, None, "ignored", "drops it", "ignores-term"},
	{"nohup", with(func(f *Facts) { f.Status.Ignored = set(signals.HUP) }), signals.HUP, None, "ignored", "nohup", "nohup"},
	{"started with &", with(func(f *Facts) { f.Status.Ignored = set(signals.INT, signals.QUIT) }), signals.INT, None, "ignored", "with &", "background"},
	{"blocked", with(func(f *Facts) { f.Threads[0].Blocked = set(signals.TERM) }), signals.TERM, Waits, "blocked", "none waits now", "blocked"},
	{"blocked and pending", with(func(f *Facts) { f.Threads[0].Blocked, f.Status.Pending = set(signals.TERM), set(signals.TERM) }), signals.TERM, Waits, "blocked", "has come and waits", "pending"},
	{"blocked and ignored", with(func(f *Facts) { f.Threads[0].Blocked, f.Status.Ignored = set(signals.TERM), set(signals.TERM) }), signals.TERM, Waits, "blocked", "", "blocked"},
	{"blocked by one of two threads", with(func(f *Facts) {
		f.Threads = append(f.Threads, f.Threads[0])
		f.Threads[1].PID, f.Threads[1].Blocked, f.Threads[1].Mine = 42, set(signals.TERM), set(signals.TERM)
	}), signals.TERM, Effect(signals.Ends), "blocked", "thread 42", "pending"},
	{"read from a signalfd", with(func(f *Facts) { f.Threads[0].Blocked, f.Descriptors = set(signals.TERM), set(signals.TERM) }), signals.TERM, Waits, "blocked", "was read", "signalfd"},
	{"a signalfd that nobody reads", with(func(f *Facts) {
		f.Threads[0].Blocked, f.Descriptors, f.Status.Pending = set(signals.TERM), set(signals.TERM), set(signals.TERM)
	}), signals.TERM, Waits, "blocked", "does not read", "pending"},
	{"sigwait", with(func(f *Facts) { f.Threads[0].Sigwait, f.Threads[0].Awaited = true, set(signals.TERM) }), signals.TERM, Taken, "sigwait", "takes it", "sigwait"},
	{"sigwait for another", with(func(f *Facts) { f.Threads[0].Sigwait, f.Threads[0].Awaited = true, set(signals.CHLD) }), signals.TERM, Effect(signals.Ends), "", "", "sigwait"},
	{"sigwait of PID 1, as tini does", with(func(f *Facts) {
		f.Threads[0].Sigwait, f.Threads[0].Awaited, f.Status.NamespacePIDs = true, everything, []int{41, 1}
	}), signals.TERM, Taken, "sigwait", "takes it", "init"},
	{"sigwait of PID 1 that may not be seen", with(func(f *Facts) {
		f.Threads[0].Sigwait, f.UID, f.Status.NamespacePIDs = true, 1000, []int{41, 1}
	}), signals.TERM, Taken, "sigwait", "uid 1000 may not see", "sigwait"},
	{"caught", with(func(f *Facts) { f.Status.Caught = set(signals.TERM) }), signals.TERM, Handled, "caught", "does not tell what it does", ""},
	{"PID 1 of a container", with(func(f *Facts) { f.Status.NamespacePIDs = []int{41, 1} }), signals.TERM, None, "init", "PID 1", "init"},
	{"PID 1 of a container, KILL from outside", with(func(f *Facts) { f.Status.NamespacePIDs = []int{41, 1} }), signals.KILL, Effect(signals.Ends), "", "", "namespace"},
	{"PID 1 of our own namespace", with(func(f *Facts) { f.PID, f.Status.TGID, f.Status.NamespacePIDs = 1, 1, []int{1} }), signals.KILL, None, "init", "PID 1", "init"},
	{"PID 1 with a handler", with(func(f *Facts) { f.Status.NamespacePIDs, f.Status.Caught = []int{41, 1}, set(signals.TERM) }), signals.TERM, Handled, "caught", "", "init"},
	{"denied", with(func(f *Facts) { f.Denied, f.UID = true, 1000 }), signals.TERM, Effect(signals.Ends), "denied", "EPERM", "denied"},
	{"background of a terminal", with(func(f *Facts) { f.Front = 77 }), signals.INT, Effect(signals.Ends), "background", "foreground group alone, 77", ""},
	{"orphaned group", with(func(f *Facts) { f.Orphaned = true }), signals.TSTP, Effect(signals.Stops), "orphaned-group", "does not stop", ""},
	{"interactive shell", with(func(f *Facts) {
		f.Argv, f.Status.Ignored = []string{"-bash"}, set(signals.TERM, signals.QUIT, signals.TSTP, signals.TTIN, signals.TTOU)
	}), signals.TERM, None, "ignored", "interactive", "interactive-shell"},
	{"sh -c", with(func(f *Facts) {
		f.Argv = []string{"/bin/sh", "-c", "x; y"}
		below(f, Neighbour{PID: 50, PPID: 41, Name: "x"})
	}), signals.TERM, Effect(signals.Ends), "", "50 (x)", "shell-wrapper"},
	{"a trap that waits", with(func(f *Facts) {
		f.Argv, f.Status.Caught = []string{"dash", "script"}, set(signals.TERM)
		below(f, Neighbour{PID: 50, PPID: 41, Name: "x"})
	}), signals.TERM, Handled, "caught", "runs its trap only when", "shell-trap"},
	{"npm, sh, node", with(func(f *Facts) {
		f.Argv, f.Status.Caught = []string{"npm run start"}, set(signals.TERM)
		below(f, Neighbour{50, 41, "sh", []string{"sh", "-c", "node ."}}, Neighbour{51, 50, "node", []string{"node", "."}})
	}), signals.TERM, Handled, "caught", "npm does not pass TERM on to 51 (node)", "npm"},
	{"npm, sh", with(func(f *Facts) {
		f.Argv, f.Status.Caught = []string{"node", "/usr/bin/npm", "start"}, set(signals.TERM)
		below(f, Neighbour{50, 41, "sh", []string{"sh", "-c", "read x"}})
	}), signals.TERM, Handled, "caught", "the shell of the script, 50 (sh)", "npm"},
	{"npm, node", with(func(f *Facts) {
		f.Argv, f.Status.Caught = []string{"npm", "run", "start"}, set(signals.TERM)
		below(f, Neighbour{50, 41, "node", []string{"node", "."}})
	}), signals.TERM, Handled, "caught", "depends on its version", "npm"},
	{"Go", with(func(f *Facts) { f.Status.Caught = goCatches }), signals.TERM, Handled, "caught", "Go program", "go"},
	{"Python and PIPE", with(func(f *Facts) {
		f.Argv, f.Status.Ignored = []string{"/usr/bin/python3.11", "x.py"}, set(signals.PIPE)
	}), signals.PIPE, None, "ignored", "BrokenPipeError", "python"},
	{"Python's handler", with(func(f *Facts) { f.Argv, f.Status.Caught = []string{"python3"}, set(signals.TERM) }), signals.TERM, Handled, "caught", "bytecode", ""},
	{"Node as PID 1", with(func(f *Facts) {
		f.Argv, f.Status.Caught, f.Status.NamespacePIDs = []string{"node", "x.js"}, set(signals.TERM), []int{41, 1}
	}), signals.TERM, Handled, "caught", "as PID 1", "node"},
	{"Java and QUIT", with(func(f *Facts) { f.Argv, f.Status.Caught = []string{"java"}, set(signals.QUIT) }), signals.QUIT, Handled, "caught", "stacks", "java"},
	{"a thread was named", with(func(f *Facts) { f.Asked = 42 }), signals.TERM, Effect(signals.Ends), "", "", "thread"},
}

func TestWhatASignalDoesAndWhyItDidNothing(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.facts.Effect(c.signal); got != c.effect {
				t.Errorf("its effect is %q, want %q", got, c.effect)
			}
			e := c.facts.Why(c.signal)
			if e.Reason != c.reason || e.Explained != (c.reason != "") || !strings.Contains(e.Text, c.says) {
				t.Errorf("explained as %q: %s; want %q with %q", e.Reason, e.Text, c.reason, c.says)
			}
			if e.Text == "" || e.Remedy == "" || e.Signal != c.signal || e.PID != c.facts.PID {
				t.Errorf("%+v", e)
			}
			var codes []string
			for _, n := range c.facts.Notes() {
				codes = append(codes, n.Code)
			}
			if all := " " + strings.Join(codes, " ") + " "; !strings.Contains(all, " "+c.note+" ") && c.note != "" {
				t.Errorf("the notes are%s, want %s", all, c.note)
			} else if c.note == "" && len(codes) > 0 && c.facts.kind() != golang {
				t.Errorf("the notes are%s, want none", all)
			}
		})
	}
}

// Whatever /proc says, what we say of each signal fits together.
func TestEntriesFitTheFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := ordinary()
		sets := rapid.Uint64()
		f.State = rapid.SampledFrom([]byte("RSDTtZ")).Draw(t, "state")
		f.Process.Threads = rapid.IntRange(1, 3).Draw(t, "threads")
		f.Status.Ignored, f.Status.Caught = procfs.Signals(sets.Draw(t, "ignored")), procfs.Signals(sets.Draw(t, "caught"))
		f.Status.Pending = procfs.Signals(sets.Draw(t, "pending"))
		f.Status.NamespacePIDs = rapid.SampledFrom([][]int{nil, {41}, {41, 1}, {41, 5}}).Draw(t, "pids")
		f.Argv = rapid.SampledFrom([][]string{nil, {""}, {" "}, {"sh"}, {"npm run x"}, {"busybox"}, {"-bash"}, {"node", "npm"}}).Draw(t, "argv")
		f.Threads = nil
		for i := range f.Process.Threads {
			s := f.Status
			s.PID, s.Blocked, s.Mine = 41+i, procfs.Signals(sets.Draw(t, "blocked")), procfs.Signals(sets.Draw(t, "mine"))
			f.Threads = append(f.Threads, Thread{Status: s})
		}
		entries := f.Entries()
		if len(entries) != 64 {
			t.Fatal(len(entries))
		}
		for _, e := range entries {
			n := e.Number
			if e.Disposition == Default != (!f.Status.Ignored.Has(n) && !f.Status.Caught.Has(n)) || e.Disposition == Caught != f.Status.Caught.Has(n) {
				t.Fatalf("%+v", e)
			}
			if e.Pending != f.Status.Pending.Has(n) || e.Blocked && len(e.BlockedIn) > 0 || len(e.BlockedIn) >= len(f.Threads) {
				t.Fatalf("%+v", e)
			}
			why := f.Why(e.Signal)
			if why.Text == "" || why.Remedy == "" || why.Explained != (why.Reason != "") {
				t.Fatalf("%+v", why)
			}
			if e.Effect == None && !why.Explained {
				t.Fatalf("%s does nothing, and that is not explained: %+v", e.Signal, why)
			}
		}
		f.Notes()
	})
}

func TestTheRecordExplains(t *testing.T) {
	at := time.Now()
	started := Recorded{Time: at, Event: event.ServiceStarted, Service: "web"}
	received := Recorded{Time: at, Event: event.SignalReceived, Signal: signals.TERM, Message: "TERM from 812 (kubelet, uid 0)"}
	for _, c := range []struct {
		name    string
		facts   *Facts
		events  []Recorded
		service string
		reason  string
		lines   int
	}{
		{"nothing", ordinary(), nil, "web", "", 0},
		{"received only", ordinary(), []Recorded{received}, "web", "", 1},
		{"dropped", ordinary(), []Recorded{received, {Event: event.SignalDropped, Service: "web", Signal: signals.TERM, Why: "by its map"}}, "web", "dropped", 2},
		{"translated", ordinary(), []Recorded{received, {Event: event.SignalSent, Service: "web", Signal: signals.QUIT, Was: signals.TERM, To: "group 41"}}, "web", "translated", 2},
		{"to another", ordinary(), []Recorded{{Event: event.SignalSent, Service: "web", Signal: signals.TERM, To: "process 40"}}, "web", "elsewhere", 1},
		{"to it", ordinary(), []Recorded{{Event: event.SignalSent, Service: "web", Signal: signals.TERM, To: "process 41"}}, "web", "", 1},
		{"of another service", ordinary(), []Recorded{{Event: event.SignalDropped, Service: "db", Signal: signals.TERM}}, "web", "", 0},
		{"another signal", ordinary(), []Recorded{{Event: event.SignalDropped, Service: "web", Signal: signals.HUP}}, "web", "", 0},
		{"before the last start", ordinary(), []Recorded{{Event: event.SignalDropped, Service: "web", Signal: signals.TERM}, started}, "web", "", 0},
		{"to supervise itself", with(func(f *Facts) { f.Status.Caught = goCatches }), []Recorded{received, {Event: event.SignalDropped, Signal: signals.TERM, Why: "no service forwards it"}}, "", "dropped", 2},
		{"a better reason is there", with(func(f *Facts) { f.Status.Ignored = set(signals.TERM) }), []Recorded{{Event: event.SignalSent, Service: "web", Signal: signals.TERM, To: "process 40"}}, "web", "ignored", 1},
		{"many", ordinary(), []Recorded{received, received, received, received, received, received, received}, "web", "", 5},
	} {
		e := c.facts.Why(signals.TERM)
		e.Record(c.events, c.service)
		if e.Reason != c.reason || len(e.Recorded) != c.lines || e.Explained != (c.reason != "") {
			t.Errorf("%s: %q, %q, want %q and %d lines", c.name, e.Reason, e.Recorded, c.reason, c.lines)
		}
	}
}

func TestNoProcess(t *testing.T) {
	if e := Missing(signals.TERM, 41, nil); !e.Explained || e.Reason != "no-process" || !strings.Contains(e.Text, "ESRCH") {
		t.Errorf("%+v", e)
	}
	e := Missing(signals.TERM, 1, []Neighbour{{PID: 41, Name: "a"}, {PID: 42, Name: "b"}})
	if !strings.Contains(e.Text, "41 (a) and 42 (b) have that number") || e.Remedy != "from here: kill -TERM 41" {
		t.Errorf("%+v", e)
	}
}
