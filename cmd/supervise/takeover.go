package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/capture"
	"supervise/internal/carry"
	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/control"
	"supervise/internal/event"
	"supervise/internal/guard"
	"supervise/internal/handover"
	"supervise/internal/http1"
	"supervise/internal/lines"
	"supervise/internal/logs"
	"supervise/internal/metrics"
	"supervise/internal/record"
	"supervise/internal/runit"
	"supervise/internal/signals"
	"supervise/internal/sockets"
	"supervise/internal/supervisor"
	"supervise/internal/upward"
)

// carried is the whole state of `up`, for the next image of this process to go on with.
type carried struct {
	Args       []string // our command line
	Binary     string   // that is to be executed
	Was        string   // the one before, and its version
	Version    string
	Paused     time.Time // when nothing was answered any more
	Since      time.Time
	Replaced   int
	Signals    signals.Dispositions // that we were started with
	ConfigPath string
	Config     config.Config     // that we were started with, without its services
	Rules      config.Supervisor // that are in force
	Reload     bool              // was asked for, and has not begun
	Loop       *supervisor.Carried
	Sockets    *sockets.Carried
	Console    *logs.Carried
	Trace      *carriedTrace
	Files      *capture.Carried
	Control    *control.Carried
	Metrics    carry.FD
	History    *record.Ring
	Counts     *metrics.Counts
	Cgroup     *cgroup.Carried
	Runit      *runit.Carried
	Above      *upward.Reporter
	Asker      carry.FD // who waits for the answer

	refused string `carry:"-"` // why the next image could not go on, and executed us again
}

type carriedTrace struct {
	File *record.CarriedFile
	Log  *logs.Carried
}

// carry gives the state. The owner calls it, when nothing changes.
func (f *upFlags) carry(p *parts, l *supervisor.Loop) *carried {
	c := &carried{
		Args: os.Args, Was: p.binary, Version: version, Since: p.since, Replaced: p.replaced, Signals: p.receiver.Inherited(),
		ConfigPath: p.path, Config: *p.config, Rules: p.office.rules, Reload: p.office.reloadPending(),
		Loop: l.Carry(), Sockets: p.sockets.Carry(), Console: p.log.Carry(), Files: p.output.files.Carry(), Metrics: -1,
		History: p.history, Counts: p.counts, Above: p.above.reporter, Asker: -1,
	}
	c.Config.Services, c.Config.Warnings = nil, nil
	if p.trace != nil {
		c.Trace = &carriedTrace{p.trace.file.Carry(), p.trace.log.Carry()}
	}
	if p.groups != nil {
		c.Cgroup = p.groups.Carry()
	}
	if p.dir != nil {
		c.Runit = p.dir.keeper.Carry()
	}
	return c
}

// takeOver reads what the image before has left. When we cannot go on with that, it does
// not return: the image before is executed again.
func takeOver() (*signals.Receiver, *carried, error) {
	c := &carried{}
	fd, refused, err := handover.Given()
	if err != nil {
		return nil, nil, fmt.Errorf("reading what to take over: %w", err)
	}
	h, err := handover.Read(fd, c)
	if err == nil {
		err = h.Check()
	}
	if err != nil && refused == "" {
		err = fmt.Errorf("%w; and the binary before cannot be executed again: %w", err, handover.Back(fd, h, os.Args, err))
	}
	if err != nil {
		return nil, nil, err
	}
	unix.Close(fd)
	unix.Close(h.Old)
	c.refused = refused
	receiver, err := signals.ReceiveAgain(c.Signals)
	return receiver, c, err
}

// goOn is up for a state that was taken over.
func (f *upFlags) goOn(receiver *signals.Receiver, c *carried) (err error) {
	p := &parts{path: c.ConfigPath, binary: c.Binary, replaced: c.Replaced + 1, read: c.Paused, since: c.Since, receiver: receiver, config: &c.Config,
		sockets: sockets.Restore(c.Sockets), history: c.History, counts: c.Counts}
	if c.refused != "" {
		p.binary, p.replaced = c.Was, c.Replaced
	}
	failed := func(err error) error { return exit{exitFailed, fmt.Errorf("taking over: %w", err)} }
	spareThreads()
	if err := p.isolate(); err != nil {
		return err
	}
	if c.Runit != nil {
		keeper, err := runit.Restore(c.Runit)
		if err != nil {
			return failed(err)
		}
		p.dir = newDirectory(c.Config.Directory, keeper)
	}
	if p.doors, err = restoreDoors(c.Control, c.Metrics); err != nil {
		return failed(err)
	}
	defer p.sockets.Close()
	if c.Cgroup != nil {
		p.groups = cgroup.Restore(c.Cgroup)
	}
	if p.log, p.sinks, err = f.logs(c.Loop.Specs()); err != nil {
		return failed(err)
	}
	if c.Trace != nil {
		p.trace = newTrace(record.Restore(c.Trace.File, traceFailed))
		p.sinks = append(p.sinks, p.trace.log)
		if err := p.trace.log.Restore(c.Trace.Log, nil); err != nil {
			return failed(err)
		}
	}
	p.above = listenUpward()
	p.output = newOutput(p.log, p.sinks)
	rules := c.Config.Supervisor
	c.Config.Supervisor = c.Rules // for who may speak to us
	err = f.assemble(p, len(c.Loop.Specs()), func(w supervisor.World) (*supervisor.Loop, error) {
		return supervisor.Restore(w, c.Loop, uint64(time.Now().UnixNano()))
	})
	c.Config.Supervisor = rules // for what a reload does not change
	if err != nil {
		return failed(err)
	}
	if p.above.reporter != nil && c.Above != nil {
		p.above.reporter.Resume(c.Above)
	}
	listener := p.listeners(c.Loop.Specs())
	if err := p.log.Restore(c.Console, listener); err != nil {
		return failed(err)
	}
	if err := p.output.files.Restore(c.Files, listener); err != nil {
		return failed(err)
	}
	guard.Go(func() { p.tellTakenOver(c) })
	return f.run(p, func() int { return p.loop.Continue(c.Loop) })
}

// listeners makes anew who listened to the output of services: for the line by which a
// service that is starting shows that it is ready.
func (p *parts) listeners(specs []config.Service) func(string, *lines.Heard) lines.Listener {
	patterns := map[string]*config.Probe{}
	for i := range specs {
		if s := &specs[i]; s.Ready != nil && s.Ready.Kind == config.ProbeLog {
			patterns[s.Name] = s.Ready
		}
	}
	return func(service string, heard *lines.Heard) lines.Listener {
		ready := patterns[service]
		if ready == nil {
			return nil
		}
		a := awaitLine(ready.Pattern, p.loop.Matched(service))
		a.Resume(heard)
		return a
	}
}

// tellTakenOver tells that we go on, or that the next image could not and we do again.
func (p *parts) tellTakenOver(c *carried) {
	answer := api.Reexec{PID: os.Getpid(), Binary: c.Binary, Was: c.Version, Is: version, Paused: time.Since(c.Paused).Seconds()}
	e := event.Event{Name: event.SuperviseReplaced, PID: os.Getpid(),
		Why: fmt.Sprintf("supervise %s goes on in place of %s, after %s", version, c.Version, event.Roughly(time.Since(c.Paused)))}
	if c.refused != "" {
		e = event.Event{Name: event.SuperviseStays, PID: os.Getpid(), Why: fmt.Sprintf("%s was executed and could not take over: %s", c.Binary, c.refused)}
	}
	p.loop.Ask(p.office.ended, func(l *supervisor.Loop) { l.Report(e) })
	if c.Reload {
		p.office.reload()
	}
	if p.dir != nil && p.dir.config != nil {
		p.dir.rescan() // what came and went meanwhile
	}
	if c.refused != "" {
		http1.Respond(c.Asker, 422, api.Problem{Msg: e.Why + "; the one before goes on"})
		return
	}
	http1.Respond(c.Asker, 200, answer)
}
