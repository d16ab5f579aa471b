package lab

import "supervise/internal/signals"

func groups() Lab {
	return Lab{
		Number: 8, Name: "groups", Title: Words{"Process groups and sessions", "Grupos de procesos y sesiones"},
		Plays: []Play{{Steps: []Step{
			Await{"^ready"}, beat, Kill{Signal: signals.USR1}, Seen{"same group *got"}, beat, Kill{Signal: signals.USR1, To: `own group +pid (\d+)`}, beat, Kill{Signal: signals.TERM}, End{},
		}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"USR1 is to end a worker with all that belongs to it", "USR1 debe terminar un trabajador con todo lo suyo"},
			Flags: []string{"--single-child"},
			Steps: []Step{
				Await{"^ready"}, Await{"^up$"}, Kill{Signal: signals.USR1}, Await{"^worker ended$"}, Seen{"^grandchild: TERM$"}, Kill{Signal: signals.TERM}, End{},
			},
			Wants: []Want{
				ready(),
				wrote("^worker: TERM$", Words{"the worker gets TERM", "el trabajador recibe TERM"}),
				wrote("^grandchild: TERM$", Words{"its child gets TERM too", "su hijo también recibe TERM"},
					hint("child-only", has("^worker: TERM$"),
						"Only the worker was signalled, and what it had started lives on. Start it in a group of its own (process_group=0 or start_new_session=True), and signal the whole group: os.killpg(worker.pid, signal.SIGTERM).",
						"Solo se envió la señal al trabajador, y lo que él había arrancado sigue vivo. Arráncalo en un grupo propio (process_group=0 o start_new_session=True), y envía la señal a todo el grupo: os.killpg(worker.pid, signal.SIGTERM).")),
				wrote("^worker ended$", Words{"the program has waited for the worker: `worker ended`", "el programa ha esperado al trabajador: `worker ended`"},
					hint("own-group", func(r *Report) bool { return r.Ended() != nil && r.mistake() == "" },
						"The program signalled its own group, and so itself: the worker was still in it. Start it in a group of its own, subprocess.Popen(..., process_group=0) or start_new_session=True, and signal the group with the worker's pid as its number.",
						"El programa envió la señal a su propio grupo, y por tanto a sí mismo: el trabajador seguía en él. Arráncalo en un grupo propio, subprocess.Popen(..., process_group=0) o start_new_session=True, y envía la señal al grupo cuyo número es el pid del trabajador."),
					hint("no-group", raised("ProcessLookupError"),
						"There is no such group: a group has the number of the process that leads it. Start the worker with process_group=0 or start_new_session=True, then os.killpg(worker.pid, ...) reaches it.",
						"No existe ese grupo: un grupo lleva el número del proceso que lo lidera. Arranca el trabajador con process_group=0 o start_new_session=True, y os.killpg(worker.pid, ...) lo alcanza.")),
				ends(0, Words{"TERM ends the program itself with status 0", "TERM termina el propio programa con código de salida 0"}),
			},
		}}},
	}
}
