package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"supervise/internal/config"
	"supervise/internal/launch"
	"supervise/internal/policy"
	"supervise/internal/probe"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// What follows looks whether services are ready, or well. Looking may take
// long, so it is done by a goroutine for each service that is looked at; what
// it finds comes back as a message.

// looker is the goroutine that looks at one run of a service.
type looker struct {
	service int
	ctx     context.Context
	cancel  context.CancelFunc
}

// beginLooks begins to look.
func (l *Loop) beginLooks(service int, spec *config.Service, a Action) {
	k := l.lookers[service]
	if k == nil {
		ctx, cancel := context.WithCancel(context.Background())
		k = &looker{service, ctx, cancel}
		l.lookers[service] = k
	}
	l.beside.look(k, spec, a)
}

// goLook has a goroutine look, by what a says.
func (l *Loop) goLook(k *looker, spec *config.Service, a Action) {
	report := func(err error) {
		m := found{looker: k}
		if err != nil {
			m.problem = err.Error()
		}
		l.Send(m)
	}
	run := &commands{loop: l, service: k.service, spec: spec}
	switch a.(type) {
	case LookHealth:
		go probe.Health(k.ctx, spec.Health, run, report)
	case LookIdle:
		go l.lookIdle(k, spec)
	case LookReady:
		if spec.Ready.Kind.Looks() {
			go probe.Ready(k.ctx, spec.Ready, run, report)
		} // else it says so itself
	}
}

// endLooks ends them; what is still on its way is not listened to.
func (l *Loop) endLooks(service int) {
	if k := l.lookers[service]; k != nil {
		k.cancel()
		delete(l.lookers, service)
	}
}

// found is what a look found.
type found struct {
	looker  *looker
	problem string // "": all is well
}

func (f found) handle(l *Loop) {
	if l.lookers[f.looker.service] == f.looker {
		l.set.Apply(f.looker.service, Looked{Err: f.problem}, time.Now())
	}
}

// sendMain signals a main process because of what was found.
func (l *Loop) sendMain(service int, a SendMain) {
	e := l.translated(service, a.Signal)
	e.Why = a.Why
	var err error
	e.To, err = l.trees[service].SignalMain(e.Signal)
	l.sent(service, e, err)
}

// commands runs the commands that look at a service, one at a time. They run as
// the service does, in a tree of their own, of which nothing is left when they
// are over.
type commands struct {
	loop    *Loop
	service int
	spec    *config.Service
}

// lastOutput keeps the end of what a command writes: its last line says what is
// wrong.
type lastOutput struct{ end []byte }

const maxOutput = 4 << 10

func (o *lastOutput) Write(b []byte) (int, error) {
	o.end = append(o.end, b[max(0, len(b)-maxOutput):]...)
	o.end = o.end[max(0, len(o.end)-maxOutput):]
	return len(b), nil
}

// Run runs a command until it ends, or until ctx is done, when it is killed.
func (c *commands) Run(ctx context.Context, command []string) (policy.Exit, []byte, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return policy.Exit{}, nil, fmt.Errorf("making a pipe for its output: %w", err)
	}
	defer out.Close()
	run := &lookProcess{commands: c, command: command, output: in, over: make(chan lookResult, 1)}
	c.loop.Send(run)
	text := make(chan []byte, 1)
	go func() {
		var kept lastOutput
		// By itself a file would take a buffer of 32 KiB, for each look that is under way.
		_, _ = io.CopyBuffer(&kept, struct{ io.Reader }{out}, make([]byte, maxOutput))
		text <- kept.end
	}()
	var r lookResult
	select {
	case r = <-run.over:
	case <-ctx.Done():
		c.loop.Send(endLook{run})
		select {
		case r = <-run.over:
		case <-time.After(config.KillTime):
			return policy.Exit{}, nil, errors.New("it survives KILL")
		}
	}
	// Whoever may still hold the pipe is being killed.
	_ = out.SetReadDeadline(time.Now().Add(config.KillTime))
	return r.exit, <-text, r.err
}

// lookProcess is a command that looks at a service. As a message it asks for
// its start.
type lookProcess struct {
	*commands
	command []string
	output  *os.File // its standard output and error
	tree    *tree.Tree
	exit    policy.Exit
	killed  bool
	over    chan lookResult // takes one
}

type lookResult struct {
	exit policy.Exit
	err  error
}

func (p *lookProcess) handle(l *Loop) {
	if old := l.looking[p.service]; old != nil {
		p.output.Close()
		p.over <- lookResult{err: errors.New("the command before it survives KILL")}
		return
	}
	// Of all scopes this alone finds everything that a command may leave.
	p.tree, _ = l.Host.Tree(p.spec.Name+":probe", config.Tree)
	l.looking[p.service] = p
	own := *p.spec
	own.Command = p.command
	l.reaper.Start(p, func() (reaper.Image, error) { return l.image(&own, p.tree, p.streams) })
}

func (p *lookProcess) streams(*config.Service, func()) (launch.Stdio, func(), error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return launch.Stdio{}, nil, fmt.Errorf("opening its standard input: %w", err)
	}
	fd := p.output.Fd()
	return launch.Stdio{In: null.Fd(), Out: fd, Err: fd, Terminal: -1}, func() { null.Close(); p.output.Close() }, nil
}

func (p *lookProcess) started(l *Loop, s reaper.Started) {
	if s.Err != nil {
		p.end(l, lookResult{err: s.Err})
		return
	}
	p.tree.Started(s.PID)
	if p.killed {
		_, _ = p.tree.Signal(signals.KILL)
	}
}

func (p *lookProcess) changed(l *Loop, c reaper.Change) {
	if c.Kind == reaper.Ended {
		p.tree.Ended()
		p.exit = c.Exit
		p.clear(l)
	}
}

// clear kills what the command has left behind; it is over when that is gone.
func (p *lookProcess) clear(l *Loop) {
	l.Host.Turn()
	if p.tree.Empty() {
		p.end(l, lookResult{exit: p.exit})
		return
	}
	_, _ = p.tree.Signal(signals.KILL)
	gone := func() { l.Send(lookCleared{p}) }
	if !p.tree.Await(gone) {
		time.AfterFunc(lookAgain, gone)
	}
}

// lookCleared says that what a command had left may be gone.
type lookCleared struct{ process *lookProcess }

func (c lookCleared) handle(l *Loop) {
	if l.looking[c.process.service] == c.process {
		c.process.clear(l)
	}
}

func (p *lookProcess) end(l *Loop, r lookResult) {
	p.output.Close()
	p.tree.Close()
	delete(l.looking, p.service)
	p.over <- r
}

// endLook kills a command whose time is over.
type endLook struct{ process *lookProcess }

func (e endLook) handle(l *Loop) {
	p := e.process
	if l.looking[p.service] == p && !p.killed {
		p.killed = true
		_, _ = p.tree.Signal(signals.KILL)
	}
}
