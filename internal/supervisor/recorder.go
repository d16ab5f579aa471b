package supervisor

import (
	"os"
	"time"

	"supervise/internal/disposition"
	"supervise/internal/event"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// recorder follows the signals that are sent: to which processes each goes, what
// they do with it at that moment, and what becomes of it.
type recorder struct {
	aimed    []aimed // since the last message, and not told yet
	outcomes outcomes
}

// aimed is one process just before a signal goes out to it.
type aimed struct {
	tree   *tree.Tree
	signal signals.Signal
	at     time.Time
	target event.Target
	child  bool // a child of ours, so that we are told what becomes of it
}

// mostTargets bounds how many processes are told of with one signal. Of each of them a
// real-time signal costs the reading of /proc/PID/status, and one that is blocked that
// of its threads, and the signal waits for it.
const mostTargets = 64

func newRecorder() *recorder { return &recorder{outcomes: newOutcomes()} }

// aim looks at the processes that a signal is about to go to.
func (r *recorder) aim(t *tree.Tree, s signals.Signal, to []procfs.Process) {
	for _, p := range to {
		if len(r.aimed) >= mostTargets {
			return
		}
		status, err := procfs.Status{Blocked: p.Blocked, Ignored: p.Ignored, Caught: p.Caught}, error(nil)
		if s > procfs.LastInStat {
			status, err = procfs.StatusOf(p.PID)
		}
		if err == nil && status.Blocked.Has(int(s)) {
			status.Blocked, err = procfs.BlockedByAll(p.PID, &status)
		}
		if procfs.Ended(err) {
			continue
		}
		r.aimed = append(r.aimed, aimed{
			tree: t, signal: s, at: time.Now(), child: p.PPID == os.Getpid(),
			target: event.Target{PID: p.PID, Name: p.Name, Disposition: arranged(&status, err, s)},
		})
	}
}

// arranged is what a process does with a signal. Status has the signals that all
// its threads block.
func arranged(status *procfs.Status, err error, s signals.Signal) event.Disposition {
	switch {
	case err != nil:
		return event.Unknown
	case status.Blocked.Has(int(s)):
		return event.Blocked
	}
	return event.Disposition(disposition.Of(status, s))
}

// record tells of a signal that was sent to a service, or could not be, and
// follows it. The CONT that went along to those who were stopped is told too.
func (l *Loop) record(service int, e event.Event) {
	all := l.recorder.aimed
	l.recorder.aimed = nil
	l.recordOne(service, e, at(all, l.trees[service], e.Signal))
	if woken := at(all, l.trees[service], signals.CONT); e.Signal != signals.CONT && len(woken) > 0 {
		l.recordOne(service, event.Event{
			Name: event.SignalSent, PID: e.PID, Signal: signals.CONT, To: e.To, Why: "what is stopped would not see " + e.Signal.String(),
		}, woken)
	}
}

// at gives those of a tree that a signal was aimed at.
func at(all []aimed, t *tree.Tree, s signals.Signal) (some []aimed) {
	for _, a := range all {
		if a.tree == t && a.signal == s {
			some = append(some, a)
		}
	}
	return some
}

func (l *Loop) recordOne(service int, e event.Event, to []aimed) {
	at := time.Now()
	if len(to) > 0 {
		at = to[len(to)-1].at
	}
	for _, a := range to {
		e.Targets = append(e.Targets, a.target)
	}
	seq := l.tellAt(service, e, at)
	if e.Name != event.SignalSent {
		return
	}
	for _, a := range to {
		l.recorder.outcomes.sent(sentTo{seq: seq, service: l.set.Spec(service).Name, signal: e.Signal, pid: a.target.PID, child: a.child, at: at})
	}
}

// wake continues a group that was stopped.
func (l *Loop) wake(service int) {
	to, err := l.trees[service].SignalGroup(signals.CONT)
	if l.recorder != nil {
		l.sent(service, event.Event{Signal: signals.CONT, To: to}, err)
	}
}

// changed notes what has become of a child.
func (r *recorder) changed(c reaper.Change, now time.Time) {
	switch c.Kind {
	case reaper.Ended:
		r.outcomes.ended(c.PID, c.Exit, now)
	case reaper.Stopped:
		r.outcomes.held(c.PID, event.Stopped, c.Signal, now)
	case reaper.Continued:
		r.outcomes.held(c.PID, event.Continued, signals.CONT, now)
	}
}

// tellOutcomes tells what has become of signals, after that which has happened.
func (l *Loop) tellOutcomes() {
	for _, e := range l.recorder.outcomes.take() {
		l.tell(-1, e)
	}
}
