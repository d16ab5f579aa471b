package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"supervise/internal/event"
	"supervise/internal/timeline"
)

// row is one line of the diagram: signals that travel at one moment, or something
// that happens on one lane.
type row struct {
	at     time.Duration
	event  event.Name // of the note
	seq    uint64
	arrows []timeline.Arrow
	lane   int // of the note
	note   string
	bad    bool
	times  int // how often it comes, one after the other
}

// until is when the last of it happened.
func (r row) until() time.Duration {
	if n := len(r.arrows); n > 0 {
		return r.arrows[n-1].At
	}
	return r.at
}

// quiet are the marks that bars show well enough.
func quiet(m timeline.Mark) bool {
	switch m.Event {
	case event.ServiceStarted, event.ServiceStopping, event.ShutdownBegun, event.ServiceStopped, event.ServiceDone:
		return true
	}
	return false
}

// short leaves out of a mark what stands above it.
func short(m timeline.Mark) string {
	switch m.Event {
	case event.ProcessExited:
		text, _, _ := strings.Cut(m.Text, ", pid ")
		return text
	case event.BackoffScheduled:
		if _, next, ok := strings.Cut(m.Text, ", restart "); ok {
			return "backoff: restart " + next
		}
	}
	return m.Text
}

// rows puts what happens into order.
func rows(t *timeline.Timeline) []row {
	var all []row
	for _, a := range t.Arrows {
		if n := len(all) - 1; n >= 0 && all[n].seq == a.Seq {
			all[n].arrows = append(all[n].arrows, a)
			continue
		}
		all = append(all, row{at: a.At, seq: a.Seq, arrows: []timeline.Arrow{a}, lane: -1, times: 1})
	}
	for i := range all {
		all[i].note = remark(all[i].arrows)
	}
	for _, m := range t.Marks {
		if !quiet(m) {
			all = append(all, row{at: m.At, seq: m.Seq, lane: m.Lane, event: m.Event, note: short(m), bad: m.Bad, times: 1})
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.seq, b.seq) })
	return repeated(joined(all, t))
}

// joined makes one row of a signal received and its passing on, where nothing
// came between.
func joined(all []row, t *timeline.Timeline) (out []row) {
	for _, r := range all {
		if n := len(out) - 1; n >= 0 && len(r.arrows) > 0 && len(out[n].arrows) == 1 && r.arrows[0].Of != 0 && out[n].seq == r.arrows[0].Of &&
			out[n].arrows[0].From < out[n].arrows[0].To {
			out[n].arrows = append(out[n].arrows, r.arrows...)
			out[n].note = cmp.Or(r.note, out[n].note)
			continue
		}
		out = append(out, r)
	}
	return out
}

// repeated counts rows that only repeat the one before.
func repeated(all []row) (out []row) {
	for _, r := range all {
		if n := len(out) - 1; n >= 0 && len(r.arrows) > 0 && alike(out[n], r) {
			out[n].times++
			continue
		}
		out = append(out, r)
	}
	return out
}

func alike(a, b row) bool {
	return a.note == b.note && slices.EqualFunc(a.arrows, b.arrows, func(x, y timeline.Arrow) bool {
		return x.From == y.From && x.To == y.To && x.Signal == y.Signal && x.PID == y.PID && x.Disposition == y.Disposition
	})
}

// remark says what is to be said of signals beside their names: what the
// receivers do with them, and from what they were translated.
func remark(arrows []timeline.Arrow) string {
	var parts []string
	first := arrows[0]
	if first.Value != nil {
		parts = append(parts, fmt.Sprintf("value %d", *first.Value))
	}
	if first.Failed != "" {
		parts = append(parts, "failed: "+first.Failed)
	}
	same := true
	for _, a := range arrows {
		same = same && a.Disposition == first.Disposition
	}
	if first.Disposition != "" && same {
		parts = append(parts, string(first.Disposition))
	} else {
		for _, a := range arrows {
			if a.Disposition != "" {
				parts = append(parts, fmt.Sprintf("%d %s", a.PID, a.Disposition))
			}
		}
	}
	return strings.Join(parts, ", ")
}
