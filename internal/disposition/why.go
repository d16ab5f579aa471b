package disposition

import (
	"fmt"

	"supervise/internal/signals"
)

// Explanation says why a signal did nothing.
type Explanation struct {
	Signal    signals.Signal `json:"signal"`
	PID       int            `json:"pid"`
	Name      string         `json:"name"`
	Explained bool           `json:"explained"` // a reason was found
	Reason    string         `json:"reason"`    // a word for programs; "": none was found
	Text      string         `json:"text"`      // the reason, in a sentence or two
	Remedy    string         `json:"remedy"`    // what to do
	Recorded  []string       `json:"recorded"`  // what a running supervise knows of it
}

// Why explains why a signal that was sent to the process did nothing, as it
// seems now. Where more than one reason is there, it is the one that the signal
// meets first.
func (f *Facts) Why(s signals.Signal) Explanation {
	e := Explanation{Signal: s, PID: f.PID, Name: f.Name, Explained: true, Recorded: []string{}}
	say := func(reason, remedy, format string, args ...any) Explanation {
		e.Reason, e.Remedy, e.Text = reason, remedy, fmt.Sprintf(format, args...)
		return e
	}
	h := f.hindrance(s)
	if f.Denied && h != Gone && h != KernelThread {
		return say("denied", fmt.Sprintf("send it as that user, or as root: sudo kill -%s %d", s, f.PID),
			"%s belongs to %s, and %s may not signal it: kill(2) answers EPERM", f, user(f.Status.RealUID), user(f.UID))
	}
	remedy, format := "", ""
	switch h {
	case Gone:
		return say(string(h), fmt.Sprintf("make %s collect it, or end that one, and init does", f.parent()),
			"%s has ended already: it is a zombie until its parent, %s, collects its exit status, and no signal does anything to a zombie", f, f.parent())
	case KernelThread:
		return say(string(h), "it ends with what it works for: a mount, a device, a module", "%s is a thread of the kernel, and takes no %s", f, s)
	case Uninterruptible:
		return say(string(h), "look at what it waits for (a disk, a network file system); wait, or restart the machine",
			"%s waits in the kernel (state D%s), and signals wait until that is over; what would end it, KILL above all, ends some such waits too%s", f, f.waiting(), f.pendingText(s))
	case Held:
		return say(string(h), fmt.Sprintf("let %s continue or end", f.Tracer), "%s is held by %s, which traces it: signals other than KILL wait%s", f, f.Tracer, f.pendingText(s))
	case Halted:
		return say(string(h), fmt.Sprintf("kill -CONT %d", f.PID), "%s is stopped: signals other than KILL wait until it is continued%s", f, f.pendingText(s))
	case Frozen:
		return say(string(h), "docker unpause, or write 0 into cgroup.freeze", "the cgroup of %s is frozen, and no handler runs until it is thawed%s", f, f.pendingText(s))
	case Protected:
		return say(string(h), f.initRemedy(s), "%s is PID 1 of its PID namespace and has no handler for %s: there the kernel drops a signal whose disposition is default", f, s)
	case Blocked:
		remedy, format = f.whyBlocked(s)
	case Discarded:
		remedy, format = f.whyIgnored(s)
	case NoAction:
		return say(string(h), "none is needed, unless the program should have a handler for it", "%s has the default disposition for %s, and that is to do nothing", f, noActionText(s))
	case Awaited:
		if f.sigwaitsUnseen() {
			return say(string(h), "ask as its user, or as root", "thread %d of %s waits for signals with sigwait, and %s may not see for which: it takes %s, if that is among them", f.sigwait(), f, user(f.UID), s)
		}
		return say(string(h), "ask the program's log: only the program knows what it does with what it takes", "%s waits for %s with sigwait and takes it when it comes: its disposition does not count, and what the program does then /proc does not tell", f, s)
	case Handler:
		remedy, format = f.whyCaught(s)
	case Free:
		return f.whyFree(e)
	}
	return say(string(h), remedy, "%s", format)
}

func noActionText(s signals.Signal) string {
	if s == signals.CONT {
		return "CONT, which continues a stopped process"
	}
	return s.String()
}

// pendingText says that such a signal waits, if one does.
func (f *Facts) pendingText(s signals.Signal) string {
	if f.Status.Pending.Has(int(s)) {
		return fmt.Sprintf("; a %s does", s)
	}
	return ""
}

func (f *Facts) initRemedy(s signals.Signal) string {
	switch {
	case s == signals.KILL || s == signals.STOP:
		return "from inside of its namespace it cannot be ended so; from outside it can"
	case len(f.Status.NamespacePIDs) > 1:
		return fmt.Sprintf("put an init in front of it (supervise -- CMD, docker run --init), or give it a handler for %s; KILL from outside of the namespace ends it, and all that is in it", s)
	}
	return fmt.Sprintf("put an init in front of it (supervise -- CMD, docker run --init), or give it a handler for %s", s)
}

func (f *Facts) whyBlocked(s signals.Signal) (remedy, text string) {
	n := int(s)
	remedy = "a mask is inherited over fork and exec: look at the program and at who started it; KILL cannot be blocked"
	switch pending := f.Status.Pending.Has(n); {
	case f.Descriptors.Has(n) && pending:
		return "find out why the program does not read its signalfd", fmt.Sprintf("%s has come, and waits in the signalfd that %s has for it and does not read", s, f)
	case f.Descriptors.Has(n):
		return "ask the program's log: only the program knows what it does with what it reads", fmt.Sprintf("%s blocks %s and reads it from a signalfd; none waits there now, so what came was read", f, s)
	case pending:
		return remedy, fmt.Sprintf("%s has come and waits: %s blocks it%s", s, f, f.every())
	}
	return remedy, fmt.Sprintf("%s blocks %s%s, so it has to wait; none waits now, so it was taken meanwhile (sigwait), or never came", f, s, f.every())
}

func (f *Facts) whyIgnored(s signals.Signal) (remedy, text string) {
	ignored := func(s signals.Signal) bool { return f.Status.Ignored.Has(int(s)) }
	remedy = "ignoring is inherited over fork and exec: look at the program and at who started it; KILL cannot be ignored"
	text = fmt.Sprintf("%s ignores %s: the kernel drops it when it is sent", f, s)
	switch {
	case f.interactive() && s != signals.HUP:
		return fmt.Sprintf("type exit, close its terminal, or: kill -HUP %d", f.PID), fmt.Sprintf("%s is an interactive shell, and those ignore %s", f, s)
	case s == signals.HUP:
		return remedy, text + "; nohup arranges that, and so do some daemons"
	case (s == signals.INT || s == signals.QUIT) && ignored(signals.INT) && ignored(signals.QUIT):
		return fmt.Sprintf("kill -TERM %d, or start it otherwise than with &", f.PID),
			text + ", INT and QUIT both, as a shell without job control arranges it for what it starts with &"
	case s == signals.PIPE && f.kind() == python:
		return "signal.signal(signal.SIGPIPE, signal.SIG_DFL) brings the default back", text + ", as Python does at its start: a write to a closed pipe is BrokenPipeError"
	}
	return remedy, text
}

// whyCaught says what is known of handlers. What they do, /proc does not tell.
func (f *Facts) whyCaught(s signals.Signal) (remedy, text string) {
	if f.Status.Pending.Has(int(s)) {
		return "look again: it is on its way", fmt.Sprintf("%s has come and %s has not taken it yet", s, f)
	}
	remedy = "ask its log or its documentation; strace -p shows whether the handler runs; KILL has none"
	text = fmt.Sprintf("%s catches %s: a handler decides, and /proc does not tell what it does", f, s)
	switch f.kind() {
	case npm:
		if s == signals.TERM || s == signals.INT {
			if worker, _ := f.worker(); worker.PID != 0 {
				remedy = fmt.Sprintf("kill -%s %d, or start it without npm, or let supervise signal the whole group", s, worker.PID)
			}
			text = fmt.Sprintf("%s catches %s; %s", f, s, f.npmText(s))
		}
	case shell:
		if children := f.children(); len(children) > 0 {
			remedy = fmt.Sprintf("signal %s itself; in the script: `CMD & wait`, or `exec CMD` where nothing follows", children[0])
			text = fmt.Sprintf("%s is a shell that catches %s, and a shell runs its trap only when the command in front of it has ended; below it is %s", f, s, few(children))
		}
	case python:
		text = fmt.Sprintf("%s catches %s; Python runs handlers in its main thread between two steps of its bytecode, so not during a long call into C, and what the handler does /proc does not tell", f, s)
	case golang:
		text = fmt.Sprintf("%s looks like a Go program, whose runtime catches every signal; so it has asked for %s (signal.Notify) and goes on, or it did not come", f, s)
	case node:
		if f.Status.Init() && (s == signals.TERM || s == signals.INT) {
			remedy = "put an init in front of it (supervise -- node ...), or process.on('SIG" + s.String() + "', ...)"
			text = fmt.Sprintf("%s is Node.js as PID 1: without a handler of the program's own, Node.js catches %s, and then raises it with its default action, which does nothing to PID 1", f, s)
		}
	case java:
		if s == signals.QUIT {
			remedy, text = "kill -TERM, or see what it wrote", fmt.Sprintf("%s is a Java VM: on QUIT it writes the stacks of its threads to standard output and goes on", f)
		}
	}
	return remedy, text
}

// whyFree looks for a reason where nothing hinders the default action.
func (f *Facts) whyFree(e Explanation) Explanation {
	s := e.Signal
	for i := range f.Threads {
		if t := &f.Threads[i]; t.Mine.Has(int(s)) && t.Blocked.Has(int(s)) {
			e.Reason, e.Remedy = "blocked", "send it to the process (kill), not to the thread (tgkill, pthread_kill)"
			e.Text = fmt.Sprintf("%s was sent to thread %d of %s alone, and that blocks it", s, t.PID, f)
			return e
		}
	}
	switch {
	case f.Status.Tracer != 0 && s != signals.KILL:
		e.Reason, e.Remedy = "traced", fmt.Sprintf("look at what %s does with it", f.Tracer)
		e.Text = fmt.Sprintf("%s traces %s, sees its signals first and may withhold them", f.Tracer, f)
		return e
	case f.Orphaned && (s == signals.TSTP || s == signals.TTIN || s == signals.TTOU):
		e.Reason, e.Remedy = "orphaned-group", fmt.Sprintf("kill -STOP %d stops it", f.PID)
		e.Text = fmt.Sprintf("the process group of %s has no shell above it that could continue it (an orphaned group): %s does not stop what is in such a group", f, s)
		return e
	case f.Front >= 0 && f.Front != f.Group && (s == signals.INT || s == signals.QUIT || s == signals.TSTP):
		e.Reason, e.Remedy = "background", fmt.Sprintf("fg, or: kill -%s %d", s, f.PID)
		e.Text = fmt.Sprintf("nothing keeps %s from %s, if it is sent; but the terminal's keys send it to the foreground group alone, %d, and this one is in group %d", s, f, f.Front, f.Group)
		return e
	}
	e.Explained = false
	e.Text = fmt.Sprintf("nothing keeps %s from %s: its default (%s) would take effect at once. So it was not sent to this process, or not since it began", s, f, s.Default())
	e.Remedy = "find out who sent what to whom: supervise events, or strace -f -e trace=kill,tgkill on the sender"
	if worker, _ := f.worker(); f.kind() == shell && worker.PID != 0 {
		e.Text += fmt.Sprintf(". Besides, %s would end this shell alone, and %s go on", s, worker)
	}
	return e
}

// Missing explains it of a process that is not there; elsewhere are those that
// have its number in a PID namespace of their own.
func Missing(s signals.Signal, pid int, elsewhere []Neighbour) Explanation {
	e := Explanation{
		Signal: s, PID: pid, Explained: true, Reason: "no-process", Recorded: []string{},
		Text:   fmt.Sprintf("there is no process %d here, and kill(2) answers ESRCH", pid),
		Remedy: "look for its number now: pgrep, supervise status",
	}
	if len(elsewhere) > 0 {
		e.Text += fmt.Sprintf("; in PID namespaces of their own (containers), %s %s that number", few(elsewhere), plural(len(elsewhere), "has", "have"))
		e.Remedy = fmt.Sprintf("from here: kill -%s %d", s, elsewhere[0].PID)
	}
	return e
}
