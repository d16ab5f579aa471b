package supervisor

import (
	"fmt"
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/signals"
)

// clocks are the deadlines of a service that runs.
type clocks struct {
	end    time.Time     // of its longest run; zero: none
	every  time.Duration // longest time between two pings of its watchdog; 0: none
	pinged time.Time
}

// next is when the next of them is due. A ping does not move it: that the
// service has pinged in time is seen when the time has come.
func (c clocks) next() time.Time {
	if c.every == 0 {
		return c.end
	}
	return earlier(c.end, c.pinged.Add(c.every))
}

// looks counts what the looks at the health of a service found.
type looks struct{ bad, good int }

// clock: a deadline of a running service has come.
func (t *turn) clock() {
	c := t.clocks
	switch {
	case !c.end.IsZero() && !t.now.Before(c.end):
		t.runTimedOut()
	case c.every > 0 && !t.now.Before(c.pinged.Add(c.every)):
		t.unwell(fmt.Sprintf("no ping of its watchdog within %s", c.every))
	default:
		t.Due = c.next()
	}
}

func (t *turn) runTimedOut() {
	why := fmt.Sprintf("ran longer than %s", t.spec.RunTimeout)
	t.tell(event.Event{Name: event.RunTimedOut, PID: t.PID, Why: why})
	t.fault(why, t.spec.TimeoutSignal)
}

// unwell: the service does not ping its watchdog any more, or says itself that
// it is in trouble. ABRT has it leave a trace of where it was (systemd.service(5),
// WatchdogSignal=).
func (t *turn) unwell(why string) {
	if t.State != Running && t.State != Starting || t.PID == 0 {
		return
	}
	t.tell(event.Event{Name: event.WatchdogMissed, PID: t.PID, Why: why})
	t.fault(why, signals.ABRT)
}

// fault stops a service that is not as it should be: first is sent before the
// ladder, and its policy says what follows.
func (t *turn) fault(why string, first signals.Signal) {
	ladder := t.spec.Stop.InShutdown()
	if first != ladder[0].Signal {
		ladder = append([]config.Rung{{Signal: first, Wait: ladder[0].Wait}}, ladder...)
	}
	t.missed = why
	t.climb(why, ladder, toVerdict)
}

// looked: somebody looked whether the service is ready, or well.
func (t *turn) looked(problem string) {
	switch {
	case t.State == Starting && t.phase == probing && problem == "":
		t.ready()
	case t.State == Starting && t.phase == probing:
		t.Looked = problem
	case t.State == Running && t.spec.Health != nil:
		t.judgeHealth(problem)
	}
}

func (t *turn) judgeHealth(problem string) {
	h := t.spec.Health
	if problem == "" {
		t.looks.bad = 0
		if t.looks.good++; t.Sick != "" && t.looks.good >= h.Successes {
			t.Sick = ""
			t.tell(event.Event{Name: event.HealthRegained, PID: t.PID})
		}
		return
	}
	t.looks.good = 0
	if t.looks.bad++; t.Sick != "" || t.looks.bad < h.Failures {
		return
	}
	t.Sick = "unhealthy: " + problem
	t.tell(event.Event{Name: event.HealthLost, PID: t.PID, Why: problem})
	switch h.Action {
	case config.HealthRestart:
		t.fault(t.Sick, t.spec.Stop.InShutdown()[0].Signal)
	case config.HealthSignal:
		t.do(SendMain{Signal: h.Signal, Why: t.Sick})
	}
}

// extend gives a service more time for what it does at present (sd_notify(3),
// EXTEND_TIMEOUT_USEC): it never takes any away.
func (t *turn) extend(by time.Duration) {
	until := t.now.Add(by)
	switch {
	case t.State == Starting && t.phase == probing, t.State == Stopping && t.phase == climbing:
		if !t.Due.IsZero() && until.After(t.Due) {
			t.Due = until
		}
	case t.State == Running && !t.clocks.end.IsZero() && until.After(t.clocks.end):
		t.clocks.end = until
		t.Due = t.clocks.next()
	}
}

// says takes note of what it says that it is about: "" after a reload.
func (t *turn) says(about string) {
	if t.About == about {
		return
	}
	why := "it " + about
	if about == "" {
		why = "it is done with reloading"
	}
	t.About = about
	t.tell(event.Event{Name: event.ServiceSays, PID: t.PID, Why: why})
}

// setWatchdog: the service says how often it pings.
func (t *turn) setWatchdog(every time.Duration) {
	t.watchdog = every
	if t.State == Running {
		t.clocks.every, t.clocks.pinged = every, t.now
		t.Due = t.clocks.next()
	}
}
