package timeline

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/event"
)

// mostSentences bounds the part of the summary that is about single signals.
const mostSentences = 12

// summary tells in sentences who sent what, what it became, and how long it took.
func summary(t *Timeline) (lines []string) {
	passed := map[uint64][]Arrow{} // by the signal received, or by Seq where none is known
	var heads []Arrow
	for _, a := range t.Arrows {
		switch {
		case t.Lanes[a.To].Kind == Supervise:
			heads = append(heads, a)
		case a.Of != 0:
			passed[a.Of] = append(passed[a.Of], a)
		default:
			if len(passed[a.Seq]) == 0 {
				heads = append(heads, a)
			}
			passed[a.Seq] = append(passed[a.Seq], a)
		}
	}
	for n, a := range heads {
		if n == mostSentences {
			lines = append(lines, fmt.Sprintf("%d more signals are not told here.", len(heads)-n))
			break
		}
		lines = append(lines, t.sentence(a, passed[a.Seq]))
	}
	lines = append(lines, t.runs()...)
	if len(heads) == 0 {
		lines = append(lines, "No signal was received or sent.")
	}
	for _, m := range t.Marks {
		if m.Event == event.SuperviseEnded {
			lines = append(lines, capital(strings.TrimPrefix(m.Text, "supervise ends: "))+", "+length(t.Length)+" after supervise began.")
		}
	}
	if t.Missing > 0 {
		lines = append(lines, fmt.Sprintf("%d events are missing in the trace.", t.Missing))
	}
	if !t.Ended {
		lines = append(lines, "The trace has no end: supervise still ran, or was killed.")
	}
	return lines
}

// sentence tells of one signal and of where it went.
func (t *Timeline) sentence(a Arrow, sent []Arrow) string {
	var b strings.Builder
	if t.Lanes[a.To].Kind == Supervise {
		fmt.Fprintf(&b, "At %s %s came from %s", length(a.At), a.Signal, t.who(a))
		if len(sent) == 0 {
			b.WriteString("; it was not passed on.")
			return b.String()
		}
		b.WriteString(" and went on")
		if sent[0].Was != "" || sent[0].Signal != a.Signal {
			fmt.Fprintf(&b, " as %s", sent[0].Signal)
		}
	} else {
		fmt.Fprintf(&b, "At %s supervise sent %s", length(a.At), a.Signal)
		if a.Was != "" {
			fmt.Fprintf(&b, " (for %s)", a.Was)
		}
	}
	first, rest := together(sent)
	b.WriteString(" to " + t.receiver(first[0]) + "." + t.others(first[1:]))
	for n := 0; len(rest) > 0; n++ {
		if n == mostFurther {
			fmt.Fprintf(&b, " It went to %d more.", len(rest))
			break
		}
		first, rest = together(rest)
		fmt.Fprintf(&b, " It went on as %s to %s.%s", first[0].Signal, t.receiver(first[0]), t.others(first[1:]))
	}
	return b.String()
}

// mostFurther bounds how many services are told of that one signal went on to.
const mostFurther = 4

// together gives what was sent at once, and what was sent after that.
func together(sent []Arrow) (first, rest []Arrow) {
	n := 1
	for n < len(sent) && sent[n].Seq == sent[0].Seq {
		n++
	}
	return sent[:n], sent[n:]
}

// others tells of the processes besides the first that a signal was sent to.
func (t *Timeline) others(more []Arrow) string {
	switch len(more) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" %s got it too%s.", t.Lanes[more[0].To].Label(), also(more[0]))
	}
	return fmt.Sprintf(" %d more processes got it too.", len(more))
}

func also(a Arrow) string {
	if a.Disposition == event.Ignored || a.Disposition == event.Caught || a.Disposition == event.Blocked {
		return " and " + does(a.Disposition)
	}
	return ""
}

// who describes a sender.
func (t *Timeline) who(a Arrow) string {
	l := t.Lanes[a.From]
	switch {
	case l.Kind == Sender && l.PID != 0:
		text := fmt.Sprintf("%s (pid %d, uid %d, by %s", l.Name, l.PID, l.UID, a.Came)
		if a.Value != nil {
			text += fmt.Sprintf(" with the value %d", *a.Value)
		}
		return text + ")"
	case l.Kind == Sender && (a.Came == "unknown" || a.Came == ""):
		return "a sender that is not known"
	case l.Kind == Sender && l.Name == a.Came:
		return "the " + l.Name
	case l.Kind == Sender:
		return l.Name
	}
	return l.Label()
}

// receiver describes a process that got a signal, and what followed.
func (t *Timeline) receiver(a Arrow) string {
	l := t.Lanes[a.To]
	text := l.Label()
	if l.PID == 0 && a.PID != 0 {
		text = fmt.Sprintf("%s (pid %d)", l.Name, a.PID)
	}
	if a.Failed != "" {
		return text + ", which failed: " + a.Failed
	}
	var follows []string
	if a.Disposition == event.Ignored || a.Disposition == event.Caught || a.Disposition == event.Blocked {
		follows = append(follows, does(a.Disposition))
	}
	after := length(a.After)
	switch {
	case a.Became == event.Ended && a.How == "killed by "+a.Signal:
		follows = append(follows, "died of it after "+after)
	case a.Became == event.Ended:
		follows = append(follows, was(a.How)+" "+after+" later")
	case a.Became == event.Stopped:
		follows = append(follows, "was stopped by it after "+after)
	case a.Became == event.Continued:
		follows = append(follows, "went on after "+after)
	}
	if len(follows) == 0 {
		return text
	}
	return text + ", which " + strings.Join(follows, " and ")
}

// does tells what a process does with a signal.
func does(d event.Disposition) string {
	switch d {
	case event.Ignored:
		return "ignored it"
	case event.Caught:
		return "catches it"
	}
	return "had it blocked"
}

// was makes a predicate of how a process ended: "killed by KILL" is short for "was ...".
func was(how string) string {
	if strings.HasPrefix(how, "killed") {
		return "was " + how
	}
	return how
}

// runs tells of the services that were started again.
func (t *Timeline) runs() (lines []string) {
	for at, l := range t.Lanes {
		if l.Kind != Service {
			continue
		}
		starts, waits := 0, time.Duration(0)
		delays := 0
		for _, b := range t.Bars {
			switch {
			case b.Lane != at:
			case b.State == Backoff:
				delays++
				waits += b.To - b.From
			case b.State == Running:
				starts++
			}
		}
		if delays > 0 {
			lines = append(lines, fmt.Sprintf("The program %s ran %s, with %s of waiting in between.", l.Name, times(starts), length(waits)))
		}
	}
	return lines
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func length(d time.Duration) string { return event.Roughly(d).String() }

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
