package disposition

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"supervise/internal/event"
	"supervise/internal/signals"
)

// Recorded is an event of a running supervise, as far as it is about signals, or
// about the start of a service.
type Recorded struct {
	Time    time.Time
	Event   event.Name
	Service string
	Signal  signals.Signal
	Was     signals.Signal // what it was before it was translated
	To      string         // "process 41", "group 41", "3 processes"
	Why     string
	Message string
}

// recordedShown bounds how many events are told: the last ones.
const recordedShown = 5

// Record adds what a supervise recorded about the signal, for the service whose
// process this is; "": supervise itself. Where no other reason was found than a
// handler, or none at all, the record may have one.
func (e *Explanation) Record(events []Recorded, service string) {
	var last *Recorded
	for i := range events {
		r := &events[i]
		if r.Event == event.ServiceStarted && r.Service == service { // what came before was for another process
			e.Recorded, last = []string{}, nil
			continue
		}
		if r.Signal == 0 || r.Signal != e.Signal && r.Was != e.Signal || service != "" && r.Service != "" && r.Service != service {
			continue
		}
		text := r.Message
		if r.Service != "" {
			text = r.Service + ": " + text
		}
		e.Recorded = append(e.Recorded, r.Time.Local().Format("2006-01-02 15:04:05")+" "+text)
		if r.Event != event.SignalReceived && r.Event != event.SignalOutcome {
			last = r
		}
	}
	e.Recorded = e.Recorded[max(0, len(e.Recorded)-recordedShown):]
	if last == nil || e.Explained && Hindrance(e.Reason) != Handler && Hindrance(e.Reason) != Awaited {
		return
	}
	say := func(reason, remedy, format string, args ...any) {
		e.Explained, e.Reason, e.Remedy, e.Text = true, reason, remedy, fmt.Sprintf(format, args...)
	}
	to, one := strings.CutPrefix(last.To, "process ")
	switch {
	case last.Event == event.SignalDropped:
		say("dropped", "see signals.map and signals.forward of the service", "supervise received %s and dropped it: %s", e.Signal, last.Why)
	case last.Event == event.SignalFailed:
		say("failed", "look whether the process is still there, and whose it is", "supervise could not send it: %s", last.Why)
	case last.Event == event.SignalSent && last.Was == e.Signal:
		say("translated", "see signals.map of the service", "supervise sent %s in its place", last.Signal)
	case last.Event == event.SignalSent && one && to != strconv.Itoa(e.PID):
		say("elsewhere", fmt.Sprintf("supervise signal --pid %d %s %s, or --to tree", e.PID, e.Signal, last.Service),
			"supervise sent %s to process %s alone, not to %d", e.Signal, to, e.PID)
	}
}
