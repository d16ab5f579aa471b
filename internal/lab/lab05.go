package lab

import (
	"time"

	"supervise/internal/signals"
)

func alarms() Lab {
	return Lab{
		Number: 5, Name: "alarms", Title: Words{"SIGALRM: alarm and setitimer", "SIGALRM: alarm y setitimer"},
		Plays: []Play{{Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.ALRM}, End{}}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"ticks, a pause of two seconds, ticks again, TERM", "tics, una pausa de dos segundos, más tics y TERM"},
			Steps: []Step{
				Await{"^ready"}, Await{"^tick"}, Await{"^tick"}, Await{"^tick"}, Kill{Signal: signals.USR1}, Await{"^paused$"}, Pause(2 * time.Second),
				Kill{Signal: signals.USR1}, Await{"^resumed$"}, Await{"^tick"}, Kill{Signal: signals.TERM}, End{},
			},
			Wants: []Want{
				ready(),
				{Says: Words{"it ticks again and again", "hace tic una y otra vez"},
					Holds: func(r *Report) bool { return r.Count("^tick") >= 3 },
					Hints: []Hint{
						hint("no-alarm-handler", killedBy("ALRM"),
							"ALRM ended the program: the timer works, but nothing handles its signal. signal.signal(signal.SIGALRM, ...) comes before setitimer.",
							"ALRM terminó el programa: el temporizador funciona, pero nadie maneja su señal. signal.signal(signal.SIGALRM, ...) va antes de setitimer."),
						hint("no-interval", func(r *Report) bool { n := r.Count("^tick"); return n == 1 || n == 2 },
							"It ticked once, and never again: setitimer(which, seconds, interval) repeats only with the third argument.",
							"Hizo tic una vez y nunca más: setitimer(which, seconds, interval) solo repite con el tercer argumento."),
						hint("no-timer", hasNot("^tick"),
							"No tick came. Is the timer set? signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1), and the handler prints.",
							"No llegó ningún tic. ¿Está puesto el temporizador? signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1), y el manejador imprime."),
					}},
				wrote("^paused$", Words{"USR1 pauses it: `paused`", "USR1 lo pausa: `paused`"}),
				// Of two waiting signals the one with the lower number is handled first,
				// and that is USR1; and before the timer is off another may come. A timer
				// that runs on gives twenty.
				{Says: Words{"no ticks come in the pause", "en la pausa no llegan tics"},
					Holds: func(r *Report) bool { return r.Between("^tick", "^paused$", "^resumed$") <= 3 },
					Hints: []Hint{hint("not-cancelled", nil,
						"It said `paused`, and ticked on: the timer still runs. signal.setitimer(signal.ITIMER_REAL, 0) takes it away; and take care that the handler of ALRM does not set it again.",
						"Dijo `paused` y siguió con los tics: el temporizador aún corre. signal.setitimer(signal.ITIMER_REAL, 0) lo quita; y cuida de que el manejador de ALRM no lo vuelva a poner.")}},
				{Says: Words{"the second USR1 lets it tick again", "la segunda USR1 deja que vuelva a hacer tic"},
					Holds: func(r *Report) bool { return r.Between("^tick", "^resumed$", "^bye$") >= 1 }},
				ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"}),
			},
		}}},
	}
}
