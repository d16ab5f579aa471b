package disposition

import (
	"fmt"
	"strings"

	"supervise/internal/signals"
	"supervise/internal/visible"
)

// String is the process as people know it: "41 (nginx)".
func (n Neighbour) String() string { return fmt.Sprintf("%d (%s)", n.PID, visible.Text(n.Name)) }

func (f *Facts) String() string { return fmt.Sprintf("%d (%s)", f.PID, visible.Text(f.Name)) }

// and joins words: "a, b and c".
func and(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// few joins names of processes, and counts those that are too many to read.
func few[T fmt.Stringer](all []T) string {
	const some = 3
	var words []string
	for i, n := range all {
		if i == some {
			words = append(words, fmt.Sprintf("%d more", len(all)-some))
			break
		}
		words = append(words, n.String())
	}
	return and(words)
}

// those joins the names of signals for which holds is true. It is about the
// signals that people send to end or steer a process.
func those(holds func(s signals.Signal) bool) string {
	var words []string
	for _, s := range []signals.Signal{
		signals.HUP, signals.INT, signals.QUIT, signals.TERM, signals.USR1, signals.USR2,
	} {
		if holds(s) {
			words = append(words, s.String())
		}
	}
	return and(words)
}

// waiting says where it waits in the kernel, if that is known.
func (f *Facts) waiting() string {
	for i := range f.Threads {
		if t := &f.Threads[i]; t.State == 'D' && t.Wait != "" {
			return ", in " + visible.Text(t.Wait)
		}
	}
	return ""
}

// every names all of its threads as who blocks something.
func (f *Facts) every() string {
	if len(f.Threads) == 1 {
		return ""
	}
	return fmt.Sprintf(" in each of its %d threads", len(f.Threads))
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
