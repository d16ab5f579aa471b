package lab

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/event"
)

// The sentences of a summary.
var sum = struct {
	ran, ranAgain, came, cameTimes, passed, passedAll, became, notPassed, past, escalated, timedOut,
	exited, exitedAfter, killed, killedAfter, orphan, orphans, status Words
}{
	ran:       Words{"The program ran for %s as pid %d, under supervise, pid %d.", "El programa corrió durante %s con el pid %d, bajo supervise, pid %d."},
	ranAgain:  Words{"The program was started %d times; the delays before the restarts were %s.", "El programa se arrancó %d veces; las esperas antes de los rearranques fueron %s."},
	came:      Words{"%s came from %s, by %s", "%s llegó de %s, con %s"},
	cameTimes: Words{"%s came %d times from %s, by %s", "%s llegó %d veces de %s, con %s"},
	passed:    Words{"; supervise passed it on.", "; supervise la reenvió."},
	passedAll: Words{"; supervise passed on each.", "; supervise las reenvió todas."},
	became:    Words{"; supervise sent %s in its place.", "; supervise envió %s en su lugar."},
	notPassed: Words{"; it was not passed on.", "; no se reenvió."},
	past: Words{"What was sent straight to a process, past supervise (%s), no recorder in front of it can see: only what became of it.",
		"Lo que se envió directo a un proceso, sin pasar por supervise (%s), no lo ve ningún registrador que esté delante: solo sus efectos."},
	escalated:   Words{"That was not enough in time, so %s followed.", "No bastó dentro del plazo, así que después vino %s."},
	timedOut:    Words{"The run took longer than --timeout allows.", "La ejecución duró más de lo que permite --timeout."},
	exited:      Words{"The program ended by itself, with status %d.", "El programa terminó por sí mismo, con código de salida %d."},
	exitedAfter: Words{"The program ended by itself, with status %d, %s after the last %s that was sent to it.", "El programa terminó por sí mismo, con código de salida %d, %s después de la última señal %s que se le envió."},
	killed:      Words{"The program was killed by %s.", "Al programa lo mató %s."},
	killedAfter: Words{"The program was killed by %s, %s after the last %s that was sent to it.", "Al programa lo mató %s, %s después de la última señal %s que se le envió."},
	orphan:      Words{"One orphan was adopted and reaped.", "Se adoptó y se recogió un huérfano."},
	orphans:     Words{"%d orphans were adopted and reaped.", "Se adoptaron y se recogieron %d huérfanos."},
	status:      Words{"A shell would see status %d.", "Un shell vería el código de salida %d."},
}

// Summarise tells in sentences what was seen: who sent what, what happened,
// and how long it took.
func (r *Report) Summarise(l Lang) (sentences []string) {
	say := func(w Words, args ...any) { sentences = append(sentences, fmt.Sprintf(w.In(l), args...)) }
	starts, ends := r.Events(event.ServiceStarted), r.Events(event.ProcessExited)
	switch {
	case len(starts) > 1:
		var delays []string
		for _, e := range r.Events(event.BackoffScheduled) {
			delays = append(delays, span(time.Duration(e.Delay), l))
		}
		say(sum.ranAgain, len(starts), strings.Join(delays, ", "))
	case len(starts) == 1 && len(ends) > 0:
		say(sum.ran, span(time.Duration(ends[len(ends)-1].Up), l), starts[0].PID, r.Supervise)
	}
	for _, a := range r.arrivals() {
		sentences = append(sentences, a.tell(l))
	}
	if past := r.past(); len(past) > 0 {
		say(sum.past, strings.Join(past, ", "))
	}
	if len(r.Events(event.RunTimedOut)) > 0 {
		say(sum.timedOut)
	}
	for _, e := range r.Events(event.StopEscalated) {
		say(sum.escalated, e.Signal)
	}
	if x := r.Ended(); x != nil {
		r.tellEnd(x, say, l)
	}
	switch n := len(r.Events(event.OrphanReaped)); n {
	case 0:
	case 1:
		say(sum.orphan)
	default:
		say(sum.orphans, n)
	}
	say(sum.status, r.Status)
	return sentences
}

// tellEnd tells how the program ended, and how long after the last signal.
func (r *Report) tellEnd(x *Exit, say func(Words, ...any), l Lang) {
	last, since := r.lastSignal()
	switch {
	case last == "" && x.Signal != "":
		say(sum.killed, x.Signal)
	case last == "":
		say(sum.exited, x.Code)
	case x.Signal != "":
		say(sum.killedAfter, x.Signal, span(since, l), last)
	default:
		say(sum.exitedAfter, x.Code, span(since, l), last)
	}
}

// lastSignal is the last signal that was sent to the last run before it ended,
// and how long it ended after that; "": none was.
func (r *Report) lastSignal() (signal string, since time.Duration) {
	var begun, sent, end time.Duration
	for _, s := range r.Sights {
		switch {
		case s.Event != nil && s.Event.Name == event.ServiceStarted:
			begun, signal = s.At, ""
		case s.Event != nil && s.Event.Name == event.ProcessExited:
			end = s.At
		}
	}
	note := func(at time.Duration, name string) {
		if at >= begun && at >= sent && at <= end {
			sent, signal = at, name
		}
	}
	for _, s := range r.Sights {
		switch {
		case s.Event != nil && s.Event.Name == event.SignalSent:
			note(s.At, s.Event.Signal)
		case s.Deed != nil && s.Deed.Past && s.Deed.Kill.To == Program:
			note(s.At, s.Deed.Kill.Signal.String())
		}
	}
	return signal, end - sent
}

// arrival is what came of one signal from one kind of sender.
type arrival struct {
	signal, by, became string
	from               *From
	times, passed      int
}

// arrivals gathers the signals that supervise received, in order of the first.
func (r *Report) arrivals() (all []*arrival) {
	waiting := map[string][]*Event{} // received, not yet passed on
	find := func(e *Event) *arrival {
		for _, a := range all {
			if a.signal == e.Signal && a.from.Name == e.From.Name && a.by == e.From.By {
				return a
			}
		}
		a := &arrival{signal: e.Signal, by: e.From.By, from: e.From}
		all = append(all, a)
		return a
	}
	for _, s := range r.Sights {
		e := s.Event
		switch {
		case e == nil:
		case e.Name == event.SignalReceived && e.From != nil:
			find(e).times++
			waiting[e.Signal] = append(waiting[e.Signal], e)
		case e.Name == event.SignalSent:
			signal := e.Signal
			if e.Was != "" {
				signal = e.Was
			}
			queue := waiting[signal]
			if len(queue) == 0 {
				continue
			}
			a := find(queue[0])
			a.passed++
			if e.Was != "" {
				a.became = e.Signal
			}
			waiting[signal] = queue[1:]
		}
	}
	return all
}

func (a *arrival) tell(l Lang) string {
	from := a.from.tell(l)
	if a.from.PID != 0 {
		from = a.from.name(l)
		if a.times == 1 {
			from += fmt.Sprintf(" (pid %d)", a.from.PID)
		}
	}
	text := fmt.Sprintf(sum.came.In(l), a.signal, from, a.by)
	if a.times > 1 {
		text = fmt.Sprintf(sum.cameTimes.In(l), a.signal, a.times, from, a.by)
	}
	switch {
	case a.passed == 0:
		return text + sum.notPassed.In(l)
	case a.became != "":
		return text + fmt.Sprintf(sum.became.In(l), a.became)
	case a.passed == 1:
		return text + sum.passed.In(l)
	}
	return text + sum.passedAll.In(l)
}

// past lists the signals that went past supervise.
func (r *Report) past() (names []string) {
	seen := map[string]bool{}
	for _, d := range r.Deeds() {
		if name := d.Kill.Signal.String(); d.Past && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
