package lab

import (
	"strconv"

	"supervise/internal/signals"
)

func senders() Lab {
	return Lab{
		Number: 2, Name: "senders", Title: Words{"To oneself and from outside: who sent it?", "A uno mismo y desde fuera: ¿quién la envió?"},
		Plays: []Play{{
			Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.USR1}, Await{"terminal 1"}, beat, Kill{Signal: signals.USR1, To: Program}, End{}},
		}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"one to itself, one through supervise, one straight from a shell, then TERM", "una a sí mismo, una a través de supervise, una directa desde un shell y después TERM"},
			Steps: []Step{
				// One after the other: two USR1 that wait become one.
				Await{"^ready"}, Await{"^USR1 from"}, Kill{Signal: signals.USR1}, Await{"^USR1 from"}, Kill{Signal: signals.USR1, To: Program}, Await{"^USR1 from"},
				Kill{Signal: signals.TERM, To: Program}, End{},
			},
			Wants: []Want{
				ready(hint("not-blocked", killedBy("USR1"),
					"USR1 ended the program. sigwaitinfo takes a signal that waits, so it has to be blocked before it comes: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM}), first of all.",
					"USR1 terminó el programa. sigwaitinfo recoge una señal que espera, así que hay que bloquearla antes de que llegue: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM}), lo primero de todo.")),
				{Says: Words{"the first USR1 came from the program itself", "la primera USR1 llegó del propio programa"},
					Holds: func(r *Report) bool { return r.sender(0) == strconv.Itoa(r.Program()) },
					Hints: []Hint{hint("parent", func(r *Report) bool { return r.sender(0) == strconv.Itoa(r.Supervise) },
						"That is the pid of the parent (os.getppid()), whoever sent the signal. The sender is in what sigwaitinfo returns: info.si_pid.",
						"Ese es el pid del padre (os.getppid()), sea quien sea el remitente. El remitente está en lo que devuelve sigwaitinfo: info.si_pid.")}},
				{Says: Words{"the second from supervise", "la segunda, de supervise"},
					Holds: func(r *Report) bool { return r.sender(1) == strconv.Itoa(r.Supervise) },
					Hints: []Hint{hint("own-pid", func(r *Report) bool { return r.sender(1) == strconv.Itoa(r.Program()) },
						"That is the program's own pid, whoever sent the signal. The sender is in what sigwaitinfo returns: info.si_pid.",
						"Ese es el pid del propio programa, sea quien sea el remitente. El remitente está en lo que devuelve sigwaitinfo: info.si_pid.")}},
				{Says: Words{"the third from the shell", "la tercera, del shell"},
					Holds: func(r *Report) bool {
						d := r.Deeds()
						return len(d) > 1 && r.sender(2) == strconv.Itoa(d[1].PID)
					}},
				ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"},
					hint("term-not-blocked", killedBy("TERM"),
						"TERM is to be waited for too: block both signals, wait for both with sigwaitinfo, and leave the loop when info.si_signo is TERM.",
						"También hay que esperar a TERM: bloquea las dos señales, espera a ambas con sigwaitinfo y sal del bucle cuando info.si_signo sea TERM.")),
			},
		}}},
	}
}

// sender is what the program wrote of its n-th USR1.
func (r *Report) sender(n int) string {
	all := r.Groups(`^USR1 from (\d+)$`)
	if n >= len(all) {
		return ""
	}
	return all[n]
}
