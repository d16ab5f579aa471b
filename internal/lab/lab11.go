package lab

import (
	"supervise/internal/event"
	"supervise/internal/signals"
)

func escalation() Lab {
	return Lab{
		Number: 11, Name: "escalation", Title: Words{"From TERM to KILL, and what cannot be caught", "De TERM a KILL, y lo que no se puede capturar"},
		Plays: []Play{
			{
				Title: Words{"One that does not want to go", "Uno que no quiere irse"},
				Flags: []string{"--stop-timeout", "700ms"},
				Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.TERM}, End{}},
			},
			{
				Title:   Words{"STOP and CONT, and one that goes in good order", "STOP y CONT, y uno que se va en orden"},
				Command: []string{"python3", "program.py", "orderly"},
				Steps: []Step{
					Await{"^ready"}, beat, Kill{Signal: signals.STOP, To: Program}, beat, Kill{Signal: signals.CONT, To: Program}, beat, Kill{Signal: signals.TERM}, End{},
				},
			},
		},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"TERM for a program with a helper that does not listen", "TERM para un programa con un ayudante que no hace caso"},
			Flags: []string{"--single-child", "--stop-timeout", "10s"},
			Steps: []Step{Await{"^ready"}, Seen{"^helper up$"}, Kill{Signal: signals.TERM}, End{}},
			Wants: []Want{
				ready(),
				wrote("^helper: TERM$", Words{"the helper gets TERM, to end in good order", "el ayudante recibe TERM, para acabar en orden"},
					hint("kill-at-once", has("^helper gone$"),
						"The helper was killed at once. KILL cannot be caught: whatever it was writing is lost. First TERM, then some time, and KILL only for one that is still there.",
						"El ayudante murió de golpe. KILL no se puede capturar: lo que estuviera escribiendo se pierde. Primero TERM, luego un plazo, y KILL solo para quien siga ahí.")),
				wrote("^helper gone$", Words{"it does not listen, so it gets KILL: `helper gone`", "no hace caso, así que recibe KILL: `helper gone`"},
					hint("by-default", killedBy("TERM"),
						"TERM ended the program, and its helper stayed behind, without a word. Handle TERM: end the helper, wait for it, and then end yourself.",
						"TERM terminó el programa y el ayudante se quedó atrás, sin aviso. Maneja TERM: termina el ayudante, espéralo, y después termina tú."),
					hint("waits-for-ever", killedBy("KILL"),
						"The program waited for its helper until its own time was up, and was killed with it. Wait for 0.5 s only (helper.wait(timeout=0.5) raises subprocess.TimeoutExpired), and then helper.kill().",
						"El programa esperó a su ayudante hasta que se le acabó su propio plazo, y murió con él. Espera solo 0,5 s (helper.wait(timeout=0.5) lanza subprocess.TimeoutExpired), y después helper.kill().")),
				{Says: Words{"nothing is left for supervise to clean up", "no le queda nada que limpiar a supervise"},
					Holds: func(r *Report) bool { return len(r.Events(event.OrphanReaped)) == 0 },
					Hints: []Hint{hint("not-waited", nil,
						"The helper was killed, but not waited for: helper.wait() after helper.kill(), or a zombie is left.",
						"El ayudante murió, pero nadie lo esperó: helper.wait() después de helper.kill(), o queda un zombi.")}},
				ends(0, Words{"the program ends in time, with status 0", "el programa termina a tiempo, con código de salida 0"}),
			},
		}}},
	}
}
