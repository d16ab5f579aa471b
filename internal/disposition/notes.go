package disposition

import (
	"fmt"

	"supervise/internal/signals"
)

// Note is something that one should know of a process before sending it a
// signal.
type Note struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Notes gives them, what weighs most first.
func (f *Facts) Notes() []Note {
	notes := []Note{}
	add := func(code, format string, args ...any) {
		notes = append(notes, Note{code, fmt.Sprintf(format, args...)})
	}
	if f.Asked != f.PID {
		add("thread", "%d is a thread of process %d: kill(2) with its number signals the process", f.Asked, f.PID)
	}
	f.stateNotes(add)
	if f.Gone() || f.Kernel {
		return notes
	}
	if f.Denied {
		add("denied", "%s may not signal it: it belongs to %s, and kill(2) answers EPERM", user(f.UID), user(f.Status.RealUID))
	}
	f.namespaceNotes(add)
	f.blockedNotes(add)
	f.programNotes(add)
	f.ignoredNotes(add)
	return notes
}

type adder func(code, format string, args ...any)

func (f *Facts) stateNotes(add adder) {
	switch {
	case f.Gone():
		add("zombie", "it has ended already (zombie): no signal does anything to it; it goes when its parent, %s, collects its exit status", f.parent())
		return
	case f.Kernel:
		add("kernel-thread", "it is a thread of the kernel, not a program: signals do not end it, KILL neither")
		return
	case f.State == 'Z':
		add("first-thread-ended", "its first thread has ended, %d others go on: it looks like a zombie and is none", f.Process.Threads-1)
	case f.State == 'D':
		add("uninterruptible", "it waits in the kernel (state D%s): signals take effect after that; KILL may have to wait, too", f.waiting())
	case f.Stopped():
		add("stopped", "it is stopped: signals other than KILL wait until CONT comes (kill -CONT %d)", f.PID)
	case f.State == 't':
		add("held", "%s traces it and holds it right now: signals other than KILL wait", f.Tracer)
	case f.frozen():
		add("frozen", "its cgroup is frozen (docker pause, cgroup.freeze): what ends it does so, but no handler runs until it is thawed")
	}
	if f.Status.Tracer != 0 && f.State != 't' {
		add("traced", "%s traces it, sees each signal first and may withhold it", f.Tracer)
	}
}

func (f *Facts) namespaceNotes(add adder) {
	if n := f.Status.NamespacePIDs; len(n) > 1 {
		add("namespace", "in a PID namespace of its own (a container) it is %d: who signals it from there has to use that number", n[len(n)-1])
	}
	if !f.Status.Init() {
		return
	}
	dropped := those(func(s signals.Signal) bool { return f.hindrance(s) == Protected })
	kill := "from outside of the namespace KILL and STOP work"
	if len(f.Status.NamespacePIDs) < 2 {
		kill = "KILL and STOP neither"
	}
	if dropped != "" {
		add("init", "it is PID 1 of its PID namespace: signals with default action do nothing to it, here %s; %s", dropped, kill)
	} else {
		add("init", "it is PID 1 of its PID namespace: signals with default action do nothing to it; %s", kill)
	}
}

func (f *Facts) blockedNotes(add adder) {
	blocked := f.Blocked()
	for s := signals.Signal(1); s <= signals.RTMAX; s++ {
		n := int(s)
		switch {
		case f.Status.Pending.Has(n) && blocked.Has(n):
			add("pending", "%s is blocked and has come: it waits%s", s, f.until(s))
		case f.Status.Pending.Has(n):
			add("pending", "%s has come and is not taken yet", s)
		}
		for i := range f.Threads {
			if t := &f.Threads[i]; t.Mine.Has(n) {
				add("pending", "%s has come for thread %d alone%s", s, t.PID, map[bool]string{true: ", which blocks it: it waits"}[t.Blocked.Has(n)])
			}
		}
	}
	waits := those(func(s signals.Signal) bool {
		return blocked.Has(int(s)) && !f.Status.Pending.Has(int(s)) && !f.Descriptors.Has(int(s))
	})
	if waits != "" {
		add("blocked", "blocked%s: %s will wait", f.every(), waits)
	}
	if read := those(func(s signals.Signal) bool { return blocked.Has(int(s)) && f.Descriptors.Has(int(s)) }); read != "" {
		add("signalfd", "blocked, and read from a signalfd: %s", read)
	}
	switch tid := f.sigwait(); {
	case f.sigwaitsUnseen():
		add("sigwait", "thread %d waits for signals with sigwait; for which, %s may not see: they look as if they were not blocked", tid, user(f.UID))
	case tid != 0:
		taken := those(func(s signals.Signal) bool { return f.awaited().Has(int(s)) })
		if taken == "" {
			taken = "others than those that end a process"
		}
		add("sigwait", "thread %d waits for signals with sigwait, and takes them: %s", tid, taken)
	}
}

// until says what a blocked signal waits for.
func (f *Facts) until(s signals.Signal) string {
	if f.Descriptors.Has(int(s)) {
		return " to be read from the signalfd that the program has for it"
	}
	return " until the program unblocks or asks for it"
}

// sigwait gives a thread that waits for signals. 0: none is known to.
func (f *Facts) sigwait() int {
	for i := range f.Threads {
		if f.Threads[i].Sigwait {
			return f.Threads[i].PID
		}
	}
	return 0
}

func (f *Facts) programNotes(add adder) {
	term := int(signals.TERM)
	switch f.kind() {
	case shell:
		children := f.children()
		switch {
		case f.interactive():
			add("interactive-shell", "this shell ignores TERM because it is interactive; HUP ends it")
		case len(children) > 0 && Of(&f.Status, signals.TERM) == Default && !f.Status.Init():
			add("shell-wrapper", "TERM ends this shell, not %s below it, which %s on without it", few(children), plural(len(children), "goes", "go"))
		case len(children) > 0 && f.Status.Caught.Has(term):
			add("shell-trap", "this shell catches TERM, and runs a trap only when the command in front of it has ended: %s, perhaps", few(children))
		}
	case npm:
		add("npm", "%s", f.npmText(signals.TERM))
	case python:
		if f.Status.Ignored.Has(int(signals.PIPE)) {
			add("python", "Python ignores PIPE: a write to a closed pipe is BrokenPipeError there")
		}
	case golang:
		if those(func(s signals.Signal) bool { return f.Status.Caught.Has(int(s)) }) != "" {
			add("go", "this looks like a Go program: its runtime catches every signal, so \"caught\" does not tell whether the program does; what it does not ask for (signal.Notify) has its default effect all the same")
		}
	case node:
		if f.Status.Caught.Has(term) {
			add("node", "Node.js itself catches INT and TERM, to reset the terminal before it ends by them: \"caught\" does not tell whether the program does%s",
				map[bool]string{true: "; as PID 1 it then goes on, unless the program has a handler"}[f.Status.Init()])
		}
	case java:
		if f.Status.Caught.Has(int(signals.QUIT)) {
			add("java", "the Java VM catches HUP, INT and TERM to run shutdown hooks, and on QUIT it writes its stacks and goes on")
		}
	}
}

// npmText says what becomes of a signal at a runner of scripts.
func (f *Facts) npmText(s signals.Signal) string {
	worker, between := f.worker()
	switch {
	case worker.PID == 0:
		return fmt.Sprintf("npm and the like do not pass %s on to their scripts reliably: it depends on the version", s)
	case between.PID != 0 && between.PID != worker.PID:
		return fmt.Sprintf("npm does not pass %s on to %s: at most it signals the shell between, %s, and that does not pass it on", s, worker, between)
	case between.PID != 0:
		return fmt.Sprintf("npm does not pass %s on: at most it signals the shell of the script, %s, and that passes nothing on", s, between)
	}
	return fmt.Sprintf("whether npm passes %s on to %s depends on its version: some of npm 9 and 10 keep it", s, worker)
}

func (f *Facts) ignoredNotes(add adder) {
	ignored := func(s signals.Signal) bool { return f.Status.Ignored.Has(int(s)) }
	if f.interactive() {
		return
	}
	if ignored(signals.INT) && ignored(signals.QUIT) {
		add("background", "INT and QUIT are ignored, as in what a shell without job control starts with &: Ctrl-C does not end it")
	}
	if ignored(signals.HUP) {
		add("nohup", "HUP is ignored, as nohup arranges it: it survives its terminal")
	}
	if ignored(signals.TERM) {
		add("ignores-term", "TERM is ignored: only KILL ends it for certain")
	}
}

func (f *Facts) parent() string {
	if f.Parent.PID == 0 {
		return "outside of this PID namespace"
	}
	return f.Parent.String()
}

func user(uid int) string {
	if uid == 0 {
		return "root"
	}
	return fmt.Sprintf("uid %d", uid)
}
