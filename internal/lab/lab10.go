package lab

import "supervise/internal/signals"

func zombies() Lab {
	return Lab{
		Number: 10, Name: "zombies", Title: Words{"Zombies, orphans, and PID 1", "Zombis, huérfanos y el PID 1"},
		Plays: []Play{{Flags: []string{"--subreaper"}, Steps: []Step{End{}}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"five children that end at once, and five more on USR1", "cinco hijos que terminan a la vez, y otros cinco con USR1"},
			Steps: []Step{Await{"^ready"}, Await{"^zombies"}, Kill{Signal: signals.USR1, To: Program}, Await{"^zombies"}, Kill{Signal: signals.TERM, To: Program}, End{}},
			Wants: []Want{
				ready(),
				{Says: Words{"no zombies are left: `zombies 0`, each time", "no quedan zombis: `zombies 0`, las dos veces"},
					Holds: func(r *Report) bool { return r.Count("^zombies 0$") == 2 },
					Hints: []Hint{
						hint("one-for-each", has("^zombies [1-9]"),
							"Five children ended, and one CHLD came: a signal that waits already does not wait twice. So the handler reaps in a loop, os.waitpid(-1, os.WNOHANG) until it gives pid 0.",
							"Terminaron cinco hijos y llegó una sola CHLD: una señal que ya espera no espera dos veces. Por eso el manejador recoge en un bucle, os.waitpid(-1, os.WNOHANG) hasta que dé pid 0."),
						hint("blocks", func(r *Report) bool { return r.Has("^reaped") && stuck(r) },
							"The handler has not come back: without os.WNOHANG, waitpid waits for the child that still lives. Ask with os.WNOHANG, and stop at pid 0.",
							"El manejador no ha vuelto: sin os.WNOHANG, waitpid espera al hijo que aún vive. Pregunta con os.WNOHANG, y para cuando dé pid 0."),
						hint("no-children", raised("ChildProcessError"),
							"waitpid without any child raises ChildProcessError: take that for the end of the loop as well.",
							"waitpid sin ningún hijo lanza ChildProcessError: tómalo también como final del bucle."),
					}},
				{Says: Words{"each of the ten is reaped, and told: `reaped PID`", "recoge a los diez, y lo dice de cada uno: `reaped PID`"},
					Holds: func(r *Report) bool { return r.Count(`^reaped [1-9]\d*$`) == 10 },
					Hints: []Hint{hint("pid-zero", has("^reaped 0$"),
						"`reaped 0` is none: pid 0 says that no other child has ended yet.",
						"`reaped 0` no es ninguno: el pid 0 dice que aún no ha terminado ningún otro hijo.")}},
				ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"}),
			},
		}}},
	}
}
