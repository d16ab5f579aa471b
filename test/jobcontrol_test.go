package test

import (
	"testing"

	"github.com/creack/pty"

	"supervise/internal/signals"
)

// like is a probe that stops when the terminal says so, like any program.
const like = "probe main TSTP=default TTIN=default TTOU=default"

// reads says that the probe can read from the terminal.
func (x *screen) reads(p *probe, order string) {
	x.t.Helper()
	p.say("%s", order)
	x.types("typed for " + order + "\n")
	if r := p.nextBut(signals.CONT); r.What != "line" || r.Text != "typed for "+order {
		x.t.Fatalf("the program reads %s %q %s", r.What, r.Text, r.Signal)
	}
}

// nextBut is what it tells next, without signals of one kind.
func (p *probe) nextBut(sig signals.Signal) report {
	p.t.Helper()
	for {
		if r := p.next(); r.What != "signal" || r.Signal != sig {
			return r
		}
	}
}

// front says that the probe's group is in the foreground.
func (p *probe) front() {
	p.t.Helper()
	p.say("front")
	if r := p.nextBut(signals.CONT); r.Number != p.PGID {
		p.t.Errorf("the terminal's foreground group is %d (%s), want %d, the program's", r.Number, r.Text, p.PGID)
	}
}

func TestProgramHasTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- probe main")
	main := s.probe("main")
	if main.PGID != main.PID {
		t.Errorf("the program is in group %d, want one of its own, %d", main.PGID, main.PID)
	}
	main.front()
	x.reads(main, "read")
	for key, sig := range map[string]signals.Signal{ctrlC: signals.INT, ctrlBackslash: signals.QUIT, ctrlZ: signals.TSTP} {
		x.types(key)
		if r := main.hears(sig); r.Origin != "kernel" {
			t.Errorf("%s comes from %s, want it from the terminal", sig, r.Origin)
		}
	}
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	main.hears(signals.WINCH)
	if r := main.answers("size", "size"); r.Number != 33 || r.Other != 77 {
		t.Errorf("the program sees %d rows and %d columns, want 33 and 77", r.Number, r.Other)
	}
	main.say("exit 3")
	x.prompts()
	x.status("3") // the shell has its terminal back
	main.heardOnly()
}

func TestSuspendAndForeground(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- " + like)
	main := s.probe("main")
	for range 3 {
		x.types(ctrlZ)
		x.shows(`Stopped`)
		x.prompts()
		x.status("147") // the shell's word for "stopped", 128 + STOP
		x.command("fg")
		main.hears(signals.CONT)
		main.front()
		x.reads(main, "read")
	}
	main.say("exit 4")
	x.prompts()
	x.status("4")
}

func TestSuspendAndBackground(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- " + like)
	main := s.probe("main")
	x.types(ctrlZ)
	x.shows(`Stopped`)
	x.prompts()
	x.command("bg")
	main.hears(signals.CONT)
	if r := main.answers("front", "front"); r.Number == main.PGID {
		t.Error("the program has the terminal in the background")
	}
	x.status("0")
	// It may not read there: like any job it stops, and the shell says so.
	main.say("read")
	eventually(t, "the shell tells of the stopped job", func() bool {
		x.types("\n")
		x.prompts()
		return x.count("Stopped") >= 2
	})
	x.command("fg")
	x.types("for you\n")
	if r := main.nextBut(signals.CONT); r.Text != "for you" {
		t.Errorf("the program reads %q", r.Text)
	}
	main.front()
	main.say("exit 5")
	x.prompts()
	x.status("5")
}

// A job that runs in the background and is brought to the front is sent
// nothing: supervise has to see for itself that the terminal is its own.
func TestRunningJobIsBroughtToTheForeground(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- " + like + " &")
	main := s.probe("main")
	x.prompts()
	x.status("0")
	x.command("fg")
	x.front(main.PPID)
	x.reads(main, "read")
	main.front()
	x.types(ctrlC)
	main.nextSignal(signals.INT)
	main.say("exit 6")
	x.prompts()
	x.status("6")
}

// nextSignal passes over CONT.
func (p *probe) nextSignal(sig signals.Signal) {
	p.t.Helper()
	if r := p.nextBut(signals.CONT); r.Signal != sig {
		p.t.Errorf("probe %s tells %s %s, want %s", p.Name, r.What, r.Signal, sig)
	}
}

func TestInterruptFromTheTerminalReachesABackgroundJobInFront(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- " + like + " &")
	main := s.probe("main")
	x.prompts()
	x.command("fg")
	x.front(main.PPID)
	x.types(ctrlC) // to supervise's group, which passes it on
	main.hears(signals.INT)
	x.types(ctrlZ)
	x.shows(`Stopped`)
	x.prompts()
	x.command("fg")
	main.hears(signals.CONT)
	x.reads(main, "read")
	main.say("exit 7")
	x.prompts()
	x.status("7")
}

func TestInterruptedProgramIsNotRetried(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command(`supervise --retries 5 --backoff 1ms..1ms -- probe main INT=default`)
	s.probe("main")
	x.types(ctrlC)
	x.prompts()
	x.status("130")
	select {
	case p := <-s.arrived:
		t.Errorf("%s was started again", p.Name)
	default:
	}
}

// In a pipeline the terminal belongs to all. Who reads from a pipe does not
// take it away from who reads the keys.
func TestPipelineKeepsTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("probe first TTIN=default | supervise -- " + like)
	first, main := s.probe("first"), s.probe("main")
	x.reads(first, "read")
	first.say("write along the pipe")
	if r := main.answers("read", "line"); r.Text != "along the pipe" {
		t.Errorf("the program reads %q", r.Text)
	}
	x.types(ctrlC)
	main.hears(signals.INT)
	// What asks for the terminal gets it: a pager reads its keys from there.
	x.reads(main, "terminal")
	main.say("exit 0")
	first.say("exit 0")
	x.prompts()
	x.status("0")
}

// ssh asks for a password so.
func TestProgramReadsTheTerminalWithAllStreamsElsewhere(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("supervise -- " + like + " </dev/null >out 2>&1")
	main := s.probe("main")
	x.reads(main, "terminal")
	x.types(ctrlZ)
	x.shows(`Stopped`)
	x.prompts()
	x.command("fg")
	main.hears(signals.CONT)
	x.reads(main, "terminal")
	main.say("exit 8")
	x.prompts()
	x.status("8")
}

func TestShellInsideHasJobControl(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command("PS1='inner> ' supervise -- bash --noprofile --norc -i")
	x.shows("inner> $")
	x.types(like + "\n")
	main := s.probe("main")
	x.reads(main, "read")
	x.types(ctrlZ)
	x.shows("Stopped")
	x.shows("inner> ")
	x.types("fg\n")
	main.hears(signals.CONT)
	x.reads(main, "read")
	main.say("exit 0")
	x.shows("inner> ")
	x.types("exit 9\n")
	x.prompts()
	x.status("9")
}

// An interactive shell takes the terminal back by itself; a script does not.
func TestScriptHasTheTerminalBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.shell()
	x.command(`sh -c 'supervise -- probe main; supervise --retries 1 --backoff 1ms..1ms -- probe main; read line; echo it reads $line'`)
	for _, status := range []int{3, 4, 0} {
		main := s.probe("main")
		main.front()
		main.say("exit %d", status)
	}
	x.types("from the script\n")
	x.shows(`it reads from the script`)
	x.prompts()
}

// Nobody could continue these: neither supervise nor who waits for it may stop
// for ever. The kernel, too, lets keys stop only what a shell watches.
func TestSuspendWhereNobodyWatches(t *testing.T) {
	t.Parallel()
	words := []string{binary, "--", program("probe"), "main", "TSTP=default", "TTIN=default"}
	for name, args := range map[string][]string{
		"session leader":              words,
		"child of the session leader": append([]string{"/bin/sh", "-c", `"$@"; exit $?`, "sh"}, words...),
		"grandchild of such":          append([]string{"/bin/sh", "-c", `(exec /bin/sh -c '"$@"; exit $?' sh "$@"); exit $?`, "sh"}, words...),
		"session leader, set-up step": append([]string{"/bin/sh", "-c", `trap '' HUP; exec "$@"`, "sh"}, words...),
		"leader of an orphaned group": append([]string{"/usr/bin/setsid", "-w", "-c"}, words...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			x, v := s.terminal(s.command(args[0], args[1:]...))
			main := s.probe("main")
			main.front()
			for range 3 {
				x.types(ctrlZ)
				main.hears(signals.CONT) // it was stopped, and goes on
				x.reads(main, "read")
			}
			x.types(ctrlC)
			main.nextSignal(signals.INT)
			main.say("exit 10")
			v.exits(10)
		})
	}
}

func TestTerminalThatGoesAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x, v := s.terminal(s.command(binary, "--", program("probe"), "main", "HUP=11"))
	main := s.probe("main")
	main.front()
	x.master.Close()
	v.exits(11)
}
