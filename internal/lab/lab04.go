package lab

import "supervise/internal/signals"

func late() Lab {
	return Lab{
		Number: 4, Name: "late", Title: Words{"Why a handler runs late in Python", "Por qué un manejador llega tarde en Python"},
		Plays: []Play{{Steps: []Step{
			Await{"^1: "}, Kill{Signal: signals.USR1}, Await{"^2: "}, Kill{Signal: signals.USR1}, Await{"^3: "}, beat, Kill{Signal: signals.USR1}, End{},
		}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"USR1 and TERM in the middle of a long computation", "USR1 y TERM en medio de un cálculo largo"},
			Flags: []string{"--stop-timeout", "5s"},
			Steps: []Step{Await{"^ready"}, Kill{Signal: signals.USR1}, Soon{"^got USR1$"}, Kill{Signal: signals.TERM}, End{}},
			Wants: []Want{
				ready(),
				wrote("^got USR1$", Words{"USR1 is answered while it computes", "responde a USR1 mientras calcula"},
					hint("one-call", func(r *Report) bool { return stuck(r) && r.Ended() == nil },
						"The signal came, and the handler did not run: Python waits with it until the call that computes has returned. Compute in many short calls, sum(range(a, b)) for a piece at a time: between two of them handlers run.",
						"La señal llegó, pero el manejador no se ejecutó: Python espera a que vuelva la llamada que calcula. Calcula con muchas llamadas cortas, sum(range(a, b)) para cada trozo: entre una y otra se ejecutan los manejadores."),
					hint("no-handler", killedBy("USR1"),
						"USR1 ended the program: its handler was gone, or came too late.",
						"USR1 terminó el programa: su manejador ya no estaba, o se instaló demasiado tarde.")),
				ends(0, Words{"TERM ends it in the middle, with status 0", "TERM lo termina a la mitad, con código de salida 0"},
					hint("no-stop", killedBy("KILL"),
						"The handlers run, but the computation goes on after TERM: look between two pieces whether TERM has come, and leave the loop.",
						"Los manejadores se ejecutan, pero el cálculo sigue después de TERM: mira entre dos trozos si ha llegado TERM, y sal del bucle."),
					hint("by-default", killedBy("TERM"),
						"TERM ended it by its default action: a computation that is to end in an orderly way needs a handler that says so to the loop.",
						"TERM lo terminó con su acción por omisión: un cálculo que debe acabar de forma ordenada necesita un manejador que se lo diga al bucle.")),
				wrote(`^stopped at \d+$`, Words{"it says where it stopped: `stopped at N`", "dice dónde se detuvo: `stopped at N`"}),
			},
		}}},
	}
}
