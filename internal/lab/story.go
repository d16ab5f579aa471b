package lab

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/event"
)

// Voice says who tells a line of the story.
type Voice int

// The voices.
const (
	FromProgram  Voice = iota // a line that the program wrote
	FromUs                    // a command, as somebody would type it
	FromRecorder              // what the recorder saw
	FromKernel                // the same, of what a signal did: an end, a stop
)

// data begins the lines that a program writes for a plot.
const data = "@ "

// Tell tells a sight in one line; "" for what needs no telling.
func (s *Sight) Tell(l Lang) (voice Voice, text string) {
	switch {
	case s.Line != nil && strings.HasPrefix(*s.Line, data):
		return FromProgram, ""
	case s.Line != nil:
		return FromProgram, *s.Line
	case s.Deed != nil:
		return FromUs, s.Deed.tell()
	}
	voice = FromRecorder
	switch s.Event.Name {
	case event.ProcessExited, event.ProcessStopped, event.ProcessContinued, event.OrphanReaped:
		voice = FromKernel
	}
	return voice, s.Event.tell(l)
}

func (d *Deed) tell() string {
	if d.Kill.Times <= 1 {
		return d.Command
	}
	_, command, _ := strings.Cut(d.Command, "do ")
	return fmt.Sprintf("%s   (× %d)", strings.TrimSuffix(command, "; done"), d.Kill.Times)
}

// Clock writes a moment: "0.052".
func Clock(d time.Duration, l Lang) string {
	return decimal(fmt.Sprintf("%.3f", d.Seconds()), l)
}

// span writes a length of time as people read it: "0.4 ms", "1.2 s".
func span(d time.Duration, l Lang) string {
	switch {
	case d >= time.Second:
		return decimal(fmt.Sprintf("%.1f s", d.Seconds()), l)
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return decimal(fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)), l)
}

// The words of the recorder.
var told = struct {
	started, received, sent, translated, dropped, failed, exited, killed, stopped, continued, orphanExited, orphanKilled,
	escalated, abandoned, timedOut, backoff, notStarted Words
}{
	started:      Words{"the program was started, pid %d", "arrancó el programa, pid %d"},
	received:     Words{"%s came from %s", "%s llegó de %s"},
	sent:         Words{"%s went to %s", "%s se envió %s"},
	translated:   Words{"%s went to %s, in place of %s", "%s se envió %s, en lugar de %s"},
	dropped:      Words{"%s was dropped", "%s se descartó"},
	failed:       Words{"%s could not be sent: %s", "%s no se pudo enviar: %s"},
	exited:       Words{"pid %d ended by itself, status %d", "pid %d terminó por sí mismo, código de salida %d"},
	killed:       Words{"pid %d was killed by %s", "a pid %d lo mató %s"},
	stopped:      Words{"pid %d was stopped by %s", "a pid %d lo detuvo %s"},
	continued:    Words{"pid %d goes on", "pid %d continúa"},
	orphanExited: Words{"orphan %d had ended with status %d, and was reaped", "el huérfano %d había terminado con código %d, y fue recogido"},
	orphanKilled: Words{"orphan %d was killed by %s, and was reaped", "al huérfano %d lo mató %s, y fue recogido"},
	escalated:    Words{"time is up: %s is next", "se acabó el plazo: ahora toca %s"},
	abandoned:    Words{"left behind: %s", "quedó sin terminar: %s"},
	timedOut:     Words{"timeout: the run took too long", "tiempo límite: la ejecución duró demasiado"},
	backoff:      Words{"backoff: the next start is in %s", "backoff: el próximo arranque es en %s"},
	notStarted:   Words{"the program could not be started: %s", "no se pudo arrancar el programa: %s"},
}

func (e *Event) tell(l Lang) string {
	say := func(w Words, args ...any) string { return fmt.Sprintf(w.In(l), args...) }
	switch e.Name {
	case event.ServiceStarted:
		return say(told.started, e.PID)
	case event.SignalReceived:
		return say(told.received, e.Signal, e.From.tell(l))
	case event.SignalSent:
		if e.Was != "" {
			return say(told.translated, e.Signal, target(e.To, l), e.Was)
		}
		return say(told.sent, e.Signal, target(e.To, l))
	case event.SignalDropped:
		return say(told.dropped, e.Signal)
	case event.SignalFailed:
		return say(told.failed, e.Signal, e.Why)
	case event.ProcessExited:
		return e.tellEnd(told.exited, told.killed, l)
	case event.OrphanReaped:
		return e.tellEnd(told.orphanExited, told.orphanKilled, l)
	case event.ProcessStopped:
		return say(told.stopped, e.PID, e.Signal)
	case event.ProcessContinued:
		return say(told.continued, e.PID)
	case event.StopEscalated:
		return say(told.escalated, e.Signal)
	case event.StopAbandoned:
		return say(told.abandoned, e.Why)
	case event.RunTimedOut:
		return say(told.timedOut)
	case event.BackoffScheduled:
		return say(told.backoff, span(time.Duration(e.Delay), l))
	case event.StartFailed:
		return say(told.notStarted, e.Why)
	}
	return ""
}

func (e *Event) tellEnd(exited, killed Words, l Lang) string {
	if e.Exit == nil {
		return ""
	}
	if e.Exit.Signal != "" {
		return fmt.Sprintf(killed.In(l), e.PID, e.Exit.Signal)
	}
	return fmt.Sprintf(exited.In(l), e.PID, e.Exit.Code)
}

// The words for senders.
var sender = struct{ process, gone, outside, kernel, terminal, timer, unknown Words }{
	process:  Words{"%s (pid %d, uid %d), by %s", "%s (pid %d, uid %d), con %s"},
	gone:     Words{"a process that is gone", "un proceso que ya no está"},
	outside:  Words{"a process outside this PID namespace", "un proceso fuera de este espacio de nombres de PID"},
	kernel:   Words{"the kernel", "el núcleo"},
	terminal: Words{"the terminal", "la terminal"},
	timer:    Words{"a timer", "un temporizador"},
	unknown:  Words{"an unknown sender", "un remitente desconocido"},
}

func (f *From) tell(l Lang) string {
	switch {
	case f == nil || f.By == "unknown":
		return sender.unknown.In(l)
	case f.By == "timer":
		return sender.timer.In(l)
	case f.By == "terminal":
		return sender.terminal.In(l)
	case f.By != "kill" && f.By != "tgkill" && f.By != "sigqueue":
		return sender.kernel.In(l)
	case f.PID == 0:
		return sender.outside.In(l)
	}
	return fmt.Sprintf(sender.process.In(l), f.name(l), f.PID, f.UID, f.By)
}

func (f *From) name(l Lang) string {
	if f.Name == "" {
		return sender.gone.In(l)
	}
	return f.Name
}

// target puts "group 41", "process 41" or "3 processes", as events have it,
// into words that follow "sent to".
func target(to string, l Lang) string {
	if l != Spanish {
		return to
	}
	for _, word := range []struct{ en, es string }{
		{"group ", "al grupo "}, {"process ", "al proceso "}, {" and ", " y a "}, {" processes", " procesos"}, {" process", " proceso"}, {" more", " más"},
	} {
		to = strings.ReplaceAll(to, word.en, word.es)
	}
	if !strings.HasPrefix(to, "al ") {
		return "a " + to
	}
	return to
}
