package supervisor

import (
	"maps"
	"slices"
	"time"

	"supervise/internal/event"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// outcomes says what becomes of signals: pure, by what it is told in the order in
// which it happens. A signal that a process was sent is answered by
//
//   - the end of the process, whatever ended it;
//   - for the signal that stopped it, the stop; for CONT, its going on;
//   - "nothing", when there is none of these up to the end, or too many wait;
//   - "unseen", when we would not have been told.
//
// That the one is because of the other is not claimed.
type outcomes struct {
	waiting map[int][]sentTo // by pid, in the order of sending
	told    []event.Event    // and not taken yet
}

// sentTo is a signal that was sent to one process.
type sentTo struct {
	seq     uint64 // of the event that told of it
	service string
	signal  signals.Signal
	pid     int
	child   bool
	at      time.Time
}

// mostWaiting bounds the signals to one process that have no answer: a program
// that is sent USR1 once a minute is never done with them.
const mostWaiting = 32

func newOutcomes() outcomes { return outcomes{waiting: map[int][]sentTo{}} }

// sent begins to wait for what becomes of a signal.
func (o *outcomes) sent(s sentTo) {
	all := append(o.waiting[s.pid], s)
	if len(all) > mostWaiting {
		o.answer(all[0], unanswered(all[0]), s.at)
		all = all[1:]
	}
	o.waiting[s.pid] = all
}

// ended answers all that waits for a process.
func (o *outcomes) ended(pid int, exit policy.Exit, now time.Time) {
	o.settle(pid, anything, func(sentTo) event.Event { return event.Event{Became: event.Ended, Exit: &exit} }, now)
}

// held answers the signal by which a process was stopped or continued.
func (o *outcomes) held(pid int, became event.Became, by signals.Signal, now time.Time) {
	o.settle(pid, func(s sentTo) bool { return s.signal == by }, func(sentTo) event.Event { return event.Event{Became: became} }, now)
}

// renewed: a service has a new main process, so that nothing is left of what it
// was, nor of another process that had this pid.
func (o *outcomes) renewed(service string, pid int, now time.Time) {
	o.giveUp(now, func(s sentTo) bool { return s.service == service || s.pid == pid })
}

// end gives up all that waits.
func (o *outcomes) end(now time.Time) { o.giveUp(now, anything) }

func (o *outcomes) giveUp(now time.Time, which func(sentTo) bool) {
	for _, pid := range slices.Sorted(maps.Keys(o.waiting)) {
		o.settle(pid, which, unanswered, now)
	}
}

// settle answers those signals to a process which are meant.
func (o *outcomes) settle(pid int, which func(sentTo) bool, by func(sentTo) event.Event, now time.Time) {
	left := slices.DeleteFunc(o.waiting[pid], func(s sentTo) bool {
		if which(s) {
			o.answer(s, by(s), now)
			return true
		}
		return false
	})
	if o.waiting[pid] = left; len(left) == 0 {
		delete(o.waiting, pid)
	}
}

func anything(sentTo) bool { return true }

// unanswered is what is told of a signal when no answer will come.
func unanswered(s sentTo) event.Event {
	if s.child {
		return event.Event{Became: event.Nothing}
	}
	return event.Event{Became: event.Unseen}
}

func (o *outcomes) answer(s sentTo, e event.Event, now time.Time) {
	e.Name, e.Service, e.PID, e.Signal, e.Of, e.After = event.SignalOutcome, s.service, s.pid, s.signal, s.seq, now.Sub(s.at)
	o.told = append(o.told, e)
}

// take gives the answers since the last call.
func (o *outcomes) take() []event.Event {
	told := o.told
	o.told = nil
	return told
}
