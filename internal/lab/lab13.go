package lab

import "supervise/internal/signals"

func queues() Lab {
	const rt = signals.RTMIN + 1
	return Lab{
		Number: 13, Name: "queues", Title: Words{"Signals that merge, and signals that queue", "Señales que se funden y señales que hacen cola"},
		Plays: []Play{{Steps: []Step{
			Await{"^ready"}, beat, Kill{Signal: signals.USR1, Times: 5, To: Program}, Kill{Signal: rt, Times: 5}, Kill{Signal: signals.USR2}, End{},
		}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"twenty signals and a TERM, while the program is busy", "veinte señales y un TERM, mientras el programa está ocupado"},
			Steps: []Step{Await{"^ready"}, Kill{Signal: rt, Times: 20, To: Program}, Kill{Signal: signals.TERM, To: Program}, End{}},
			Wants: []Want{
				ready(),
				wrote("^counted 20$", Words{"it has counted all twenty: `counted 20`", "las ha contado todas: `counted 20`"},
					hint("not-blocked", killedBy("RTMIN+1"),
						"RTMIN+1 ended the program: the default action of real-time signals is the end too. Block it, before `ready`.",
						"RTMIN+1 terminó el programa: la acción por omisión de las señales de tiempo real también es terminar. Bloquéala antes de `ready`."),
					hint("term-by-default", killedBy("TERM"),
						"TERM ended the program before it said what it had counted. Block TERM too, and take it with sigwaitinfo.",
						"TERM terminó el programa antes de que dijera lo que había contado. Bloquea también TERM, y recógela con sigwaitinfo."),
					hint("term-first", has("^counted 0$"),
						"TERM was taken first, though it came last: of the waiting signals, the one with the lowest number comes first. When TERM has come, take what still waits: signal.sigtimedwait({RT}, 0) until it gives None.",
						"TERM se recogió primero, aunque llegó la última: de las señales que esperan sale antes la de número más bajo. Cuando llegue TERM, recoge lo que aún espera: signal.sigtimedwait({RT}, 0) hasta que dé None."),
					hint("merged", has("^counted"),
						"Some got lost in Python: its C handler was called for each, but only sets a flag, and your handler ran once for all of them. Block the signal, and take each one with sigwaitinfo.",
						"Algunas se perdieron en Python: su manejador en C se llamó por cada una, pero solo marca un aviso, y el tuyo se ejecutó una vez para todas. Bloquea la señal, y recógelas una a una con sigwaitinfo.")),
				ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"}),
			},
		}}},
	}
}
