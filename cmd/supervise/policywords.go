package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"supervise/internal/policy"
)

// horizon is how many restarts are looked at to say how a schedule goes on. A
// limit that counts more starts than that is beyond it, and we say so.
const horizon = 5000

// forecast is a policy with the beginning of its schedule.
type forecast struct {
	policy policy.Restart
	steps  []policy.Step
}

func foresee(r policy.Restart, most int) forecast {
	f := forecast{policy: r}
	for s := range r.Schedule() {
		if f.steps = append(f.steps, s); len(f.steps) >= most {
			break
		}
	}
	return f
}

// rows gives the steps to show: n of them, or with 0 as many as it takes to
// see how the schedule goes on.
func (f forecast) rows(n int) []policy.Step {
	if n == 0 {
		const fewest, most = 6, 24
		settled, _ := f.policy.Backoff.Settled()
		n = max(fewest, min(settled, most)+2)
		for _, s := range f.steps[:min(most, len(f.steps))] {
			if s.GivesUp == policy.Surely || s.GivesUp == policy.Perhaps && s.Why != "" {
				n = max(n, s.N+1)
			}
		}
		n = min(n, most)
	}
	return f.steps[:min(n, len(f.steps))]
}

// describe tells the policy itself, in one line.
func describe(r policy.Restart) string {
	if r.When == policy.Never {
		return "never restarted"
	}
	b := r.Backoff
	words := []string{"restarted " + map[policy.When]string{policy.Always: "always", policy.OnFailure: "on failure"}[r.When]}
	switch settled, last := b.Settled(); {
	case len(b.Delays) > 0:
		var all []string
		for _, d := range b.Delays {
			all = append(all, readable(d))
		}
		words = append(words, "delays "+strings.Join(all, ", "))
	case settled == 0:
		words = append(words, "delay "+readable(last))
	default:
		words = append(words, fmt.Sprintf("delay %s × %s each time up to %s", readable(b.Initial), number(b.Factor), readable(last)))
	}
	if b.Jitter > 0 {
		words = append(words, "jitter ±"+number(100*b.Jitter)+"%")
	}
	if r.Pace > 0 {
		words = append(words, "a pause of "+readable(r.Pace)+" after a run that took less")
	}
	words = append(words, allowance(r))
	return strings.Join(words, "; ")
}

// allowance tells the limit.
func allowance(r policy.Restart) string {
	switch {
	case r.Limit <= 0:
		return "no limit"
	case r.Within <= 0:
		return "at most " + starts(r.Limit)
	}
	return fmt.Sprintf("at most %s within %s", starts(r.Limit), readable(r.Within))
}

// explain tells what the schedule comes to, a sentence a line.
func (f forecast) explain() []string {
	if len(f.steps) == 0 {
		return []string{"A program that ends is not started again."}
	}
	out := f.course()
	if settled, _ := f.policy.Backoff.Settled(); settled > 0 { // else they are all the same
		out = append(out, renewal(f.policy))
	}
	if f.policy.Limit > 0 && f.policy.Within <= 0 {
		out = append(out, "The limit counts all starts, those after long runs too.")
	}
	return out
}

// renewal tells when the delays begin anew.
func renewal(r policy.Restart) string {
	if r.ResetAfter <= 0 {
		return "Delays never begin anew, however long a run was."
	}
	return fmt.Sprintf("After a run of %s or longer, delays begin anew, with %s.", readable(r.ResetAfter), span(r.Backoff.Bounds(0)))
}

// course tells what happens to a program that fails at once.
func (f forecast) course() []string {
	const fails = "A program that fails at once is started "
	r, last := f.policy, f.steps[len(f.steps)-1]
	first, doubt := f.firstDoubt()
	if last.GivesUp == policy.Surely {
		count, since := times(last.N), last.Earliest
		if doubt {
			count, since = fmt.Sprintf("%d to %s, as jitter has it", first.N, times(last.N)), 0
			if first.N > 1 {
				since = f.steps[first.N-2].Earliest
			}
		}
		when := span(since, last.Latest) + " after the first failure"
		if last.N == 1 {
			when = "at the first failure"
		}
		return []string{fmt.Sprintf("%s%s, then supervise gives up, %s (%s).", fails, count, when, allowance(r))}
	}
	// The delays of the formula never shrink, those of a list not after its
	// end: a window that is not too full by then never will be.
	never := r.Limit+len(r.Backoff.Delays) < len(f.steps)
	switch {
	case doubt && never:
		return []string{"As long as it is not given up, a program that fails at once is started " + f.pace(),
			fmt.Sprintf("Jitter decides whether it is given up (%s): with the shortest delays, in place of restart %d; with the longest, never.", allowance(r), first.N)}
	case r.Limit <= 0:
		return []string{fails + f.pace(), "It is never given up: no limit is set."}
	case never:
		return []string{fails + f.pace(), fmt.Sprintf("It is never given up: it stays within the limit (%s).", allowance(r))}
	}
	return []string{fails + f.pace(), fmt.Sprintf("What the limit (%s) does after the first %d restarts is not computed.", allowance(r), len(f.steps))}
}

// firstDoubt is the first step that jitter decides about.
func (f forecast) firstDoubt() (policy.Step, bool) {
	for _, s := range f.steps {
		if s.GivesUp == policy.Perhaps {
			return s, true
		}
	}
	return policy.Step{}, false
}

// pace tells how often a program that is never given up is started.
func (f forecast) pace() string {
	b := f.policy.Backoff
	settled, last := b.Settled()
	if last == 0 {
		from := ""
		if settled > 0 {
			from = fmt.Sprintf(" from restart %d on", settled+1)
		}
		return "again at once" + from + ", as fast as the machine can: nothing holds it back."
	}
	least, most := 1, 1 // with the first start
	for _, s := range f.steps {
		if s.Latest < time.Minute {
			least++
		}
		if s.Earliest < time.Minute {
			most++
		}
	}
	early := times(most)
	switch {
	case most > len(f.steps): // and who knows how many more
		early = times(least) + " or more"
	case least < most:
		early = fmt.Sprintf("%d to %s", least, times(most))
	}
	every := "every " + span(b.Bounds(settled))
	if settled < least { // the delay that stays begins in the first minute, or right after it
		return fmt.Sprintf("%s in the first minute, then %s.", early, every)
	}
	return fmt.Sprintf("%s in the first minute; from restart %d on, %s.", early, settled+1, every)
}

// printSteps writes the table.
func printSteps(w io.Writer, steps []policy.Step) {
	fmt.Fprintf(w, "%7s %9s %9s %9s   %s\n", "restart", "least", "nominal", "most", "since the first failure")
	for _, s := range steps {
		switch s.GivesUp {
		case policy.Surely:
			fmt.Fprintf(w, "%7d %29s   %s\n", s.N, "none: gives up", span(s.Earliest, s.Latest))
		case policy.Perhaps:
			fmt.Fprintf(w, "%7d %9s %9s %9s   %s, if not given up\n", s.N, readable(s.Least), readable(s.Nominal), readable(s.Most), span(s.Earliest, s.Latest))
		default:
			fmt.Fprintf(w, "%7d %9s %9s %9s   %s\n", s.N, readable(s.Least), readable(s.Nominal), readable(s.Most), span(s.Earliest, s.Latest))
		}
	}
}

// readable rounds a time to what one wants to know of it: three digits, then
// seconds, then minutes.
func readable(d time.Duration) string {
	unit := time.Minute
	for _, u := range []struct{ below, unit time.Duration }{
		{time.Microsecond, 1}, {10 * time.Microsecond, 10}, {100 * time.Microsecond, 100},
		{time.Millisecond, time.Microsecond}, {10 * time.Millisecond, 10 * time.Microsecond},
		{100 * time.Millisecond, 100 * time.Microsecond}, {time.Second, time.Millisecond},
		{10 * time.Second, 10 * time.Millisecond}, {time.Minute, 100 * time.Millisecond}, {time.Hour, time.Second},
	} {
		if d < u.below {
			unit = u.unit
			break
		}
	}
	text := d.Round(unit).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// span is a range of times: "27s..30s", or one time when both read the same.
func span(least, most time.Duration) string {
	if readable(least) == readable(most) {
		return readable(least)
	}
	return readable(least) + ".." + readable(most)
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func starts(n int) string {
	if n == 1 {
		return "one start"
	}
	return fmt.Sprintf("%d starts", n)
}
