package lab

import "supervise/internal/signals"

func translation() Lab {
	python := func(name string) []string { return []string{"python3", "program.py", name} }
	quit, fast := []string{"--map", "TERM:QUIT"}, []string{"--map", "TERM:INT"}
	term := []Step{Await{"^ready"}, beat, Kill{Signal: signals.TERM}, End{}}
	return Lab{
		Number: 12, Name: "translation", Title: Words{"Translation: nginx and PostgreSQL", "Traducción: nginx y PostgreSQL"},
		Plays: []Play{
			{Title: Words{"Like nginx: TERM as it is", "Como nginx: TERM tal cual"}, Command: python("nginx"), Steps: term},
			{Title: Words{"Like nginx: TERM becomes QUIT", "Como nginx: TERM se convierte en QUIT"}, Flags: quit, Command: python("nginx"), Steps: term},
			{
				Title: Words{"Like PostgreSQL: TERM as it is", "Como PostgreSQL: TERM tal cual"},
				Flags: []string{"--stop-timeout", "1s"}, Command: python("postgres"), Steps: term,
			},
			{Title: Words{"Like PostgreSQL: TERM becomes INT", "Como PostgreSQL: TERM se convierte en INT"}, Flags: fast, Command: python("postgres"), Steps: term},
			{
				Title: Words{"nginx itself, TERM becomes QUIT", "El propio nginx, TERM se convierte en QUIT"}, Needs: []string{"nginx"},
				Flags: quit, Command: python("real-nginx"), Steps: term,
			},
			{
				Title: Words{"PostgreSQL itself, TERM becomes INT", "El propio PostgreSQL, TERM se convierte en INT"}, Needs: []string{"psql"},
				Flags: fast, Command: python("real-postgres"), Steps: term,
			},
		},
		Exercise: Exercise{Cases: []Case{
			{
				Title: Words{"TERM, which supervise turns into QUIT, in the middle of a job", "TERM, que supervise convierte en QUIT, en medio de un trabajo"},
				Flags: quit,
				Steps: []Step{Await{"^ready"}, Await{"^step 2$"}, Kill{Signal: signals.TERM}, End{}},
				Wants: []Want{
					ready(),
					wrote("^draining$", Words{"QUIT begins a graceful end: `draining`", "QUIT inicia un final ordenado: `draining`"},
						hint("quit-not-handled", killedBy("QUIT"),
							"QUIT ended the program. It is what arrives: look at the lines of the recorder, supervise sent QUIT in place of TERM. The program needs a handler for QUIT.",
							"QUIT terminó el programa. Eso es lo que llega: mira las líneas del registrador, supervise envió QUIT en lugar de TERM. El programa necesita un manejador para QUIT.")),
					{Says: Words{"the job at hand is finished", "se acaba el trabajo en curso"},
						Holds: func(r *Report) bool {
							return !r.Has("^fast$") && r.Between("^job done$", "^draining$", "^$") == 1
						},
						Hints: []Hint{hint("cut", nil,
							"The job was cut off after `draining`. The handler of QUIT only notes that the end has come; the loop looks at that when the job is done.",
							"El trabajo se cortó después de `draining`. El manejador de QUIT solo anota que ha llegado el final; el bucle lo mira cuando el trabajo está hecho.")}},
					{Says: Words{"no other job is begun", "no se empieza ningún otro trabajo"},
						Holds: func(r *Report) bool { return r.Between("^job begins$", "^draining$", "^$") == 0 },
						Hints: []Hint{hint("goes-on", nil,
							"After `draining` the next job was begun: the loop has to look at what the handler has noted, before each job.",
							"Después de `draining` empezó otro trabajo: el bucle tiene que mirar, antes de cada trabajo, lo que anotó el manejador.")}},
					ends(0, Words{"its status is 0", "su código de salida es 0"}),
				},
			},
			{
				Title: Words{"TERM as it is, in the middle of a job", "TERM tal cual, en medio de un trabajo"},
				Steps: []Step{Await{"^ready"}, Await{"^step 2$"}, Kill{Signal: signals.TERM}, End{}},
				Wants: []Want{
					wrote("^fast$", Words{"TERM begins a fast end: `fast`", "TERM inicia un final rápido: `fast`"},
						hint("term-drains", has("^draining$"),
							"TERM did what QUIT does. The point is that the sender can choose: two handlers, or one that looks at its number.",
							"TERM hizo lo mismo que QUIT. Se trata de que el remitente pueda elegir: dos manejadores, o uno que mire su número."),
						hint("term-by-default", killedBy("TERM"),
							"TERM ended the program by its default action. It is to end at once, but by itself: print `fast`, and sys.exit(0) in the handler.",
							"TERM terminó el programa con su acción por omisión. Debe acabar enseguida, pero por sí mismo: imprime `fast`, y sys.exit(0) en el manejador.")),
					{Says: Words{"not one more step is done", "no se da ni un paso más"},
						Holds: func(r *Report) bool { return r.Between("^step|^job", "^fast$", "^$") == 0 }},
					ends(0, Words{"its status is 0", "su código de salida es 0"}),
				},
			},
		}},
	}
}
