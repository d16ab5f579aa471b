package logs

import (
	"time"

	"github.com/rs/zerolog"

	"supervise/internal/event"
	"supervise/internal/signals"
)

// JSON is the format for programs: one object a line, written by zerolog. What
// an event has not is left out; time, event and message are always there, and
// seq and mono_ns but for lines of output.
type JSON struct{}

// Line appends a line of output.
func (j JSON) Line(to []byte, service string, at time.Time, line []byte, part bool) []byte {
	e := event.Event{Time: at, Name: event.ServiceOutput, Service: service, Line: string(line)}
	if part {
		e.Why = "continues a long line"
	}
	return j.Event(to, &e)
}

// Event appends an event.
func (JSON) Event(to []byte, e *event.Event) []byte {
	level := zerolog.InfoLevel
	switch {
	case e.Name == event.OrphanReaped:
		level = zerolog.DebugLevel
	case e.Name.Severe():
		level = zerolog.WarnLevel
	}
	w := appender(to)
	log := zerolog.New(&w)
	z := log.WithLevel(level).
		Str("time", e.Time.Format("2006-01-02T15:04:05.000000Z07:00")).
		Str("event", string(e.Name))
	if e.Seq != 0 {
		z = z.Uint64("seq", e.Seq).Int64("mono_ns", int64(e.Mono))
	}
	text := func(key, value string) {
		if value != "" {
			z = z.Str(key, value)
		}
	}
	text("service", e.Service)
	if e.PID != 0 {
		z = z.Int("pid", e.PID)
	}
	if e.Signal != 0 {
		z = z.Stringer("signal", e.Signal).Int("signo", int(e.Signal))
	}
	if e.Was != 0 {
		z = z.Stringer("was", e.Was)
	}
	if r := e.From; r != nil {
		from := zerolog.Dict().Str("by", r.Came()).Int("code", int(r.Origin))
		if r.Origin.FromProcess() {
			from = from.Int("pid", r.PID).Int("uid", r.UID)
			if e.Sender != "" {
				from = from.Str("name", e.Sender)
			}
		}
		if r.Origin == signals.OriginQueue {
			from = from.Int64("value", r.Value)
		}
		z = z.Dict("from", from)
	}
	text("to", e.To)
	if len(e.Targets) > 0 {
		all := zerolog.Arr()
		for _, t := range e.Targets {
			all = all.Dict(zerolog.Dict().Int("pid", t.PID).Str("name", t.Name).Str("disposition", string(t.Disposition)))
		}
		z = z.Array("targets", all)
	}
	if e.Of != 0 {
		z = z.Uint64("of", e.Of)
	}
	text("became", string(e.Became))
	if e.Became != "" {
		z = z.Int64("after_ns", int64(e.After))
	}
	if x := e.Exit; x != nil {
		exit := zerolog.Dict()
		switch {
		case x.NotRun != "":
			exit = exit.Str("not_run", x.NotRun).Int("status", x.Code)
		case x.Signal != 0:
			exit = exit.Stringer("signal", x.Signal).Bool("core", x.Core)
		default:
			exit = exit.Int("code", x.Code)
		}
		if x.Missed != "" {
			exit = exit.Str("missed", x.Missed)
		}
		z = z.Dict("exit", exit)
	}
	if e.Up != 0 {
		z = z.Int64("up_ns", int64(e.Up))
	}
	if e.Name == event.BackoffScheduled {
		z = z.Int64("delay_ns", int64(e.Delay))
	}
	text("why", e.Why)
	z.Msg(e.Text())
	return w
}

// appender is an io.Writer that appends.
type appender []byte

func (a *appender) Write(b []byte) (int, error) {
	*a = append(*a, b...)
	return len(b), nil
}
