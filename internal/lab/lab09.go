package lab

import "supervise/internal/signals"

func forwarding() Lab {
	lone := []string{"--single-child"}
	steps := []Step{Await{"ready"}, beat, Kill{Signal: signals.TERM}, End{}}
	return Lab{
		Number: 9, Name: "forwarding", Title: Words{"Through shells and npm: where TERM gets lost", "A través de shells y npm: dónde se pierde TERM"},
		Plays: []Play{
			{
				Title: Words{"A shell in between", "Un shell de por medio"},
				Flags: lone, Command: []string{"sh", "-c", "python3 program.py; echo sh: it has ended"}, Steps: steps,
			},
			{
				Title: Words{"The shell gives its place away: exec", "El shell cede su sitio: exec"},
				Flags: lone, Command: []string{"sh", "-c", "exec python3 program.py"}, Steps: steps,
			},
			{
				Title:   Words{"The whole group gets it: what `supervise run` does by itself", "Lo recibe todo el grupo: lo que hace `supervise run` por sí mismo"},
				Command: []string{"sh", "-c", "python3 program.py; echo sh: it has ended"}, Steps: steps,
			},
			{
				Title: Words{"npm in between", "npm de por medio"}, Needs: []string{"npm"},
				Flags: lone, Command: []string{"npm", "start", "--silent"}, Steps: steps,
			},
		},
		Exercise: Exercise{Cases: []Case{
			{
				Title: Words{"HUP, and then TERM, for the wrapper alone", "HUP, y después TERM, solo para el envoltorio"},
				Flags: lone,
				Steps: []Step{Await{"^ready$"}, Seen{"^child up$"}, Kill{Signal: signals.HUP}, Await{"^child: HUP$"}, Kill{Signal: signals.TERM}, End{}},
				Wants: []Want{
					ready(),
					wrote("^child: HUP$", Words{"HUP reaches the child", "HUP llega al hijo"},
						hint("not-forwarded", killedBy("HUP"),
							"HUP ended the wrapper, and never came to its child. Install a handler for HUP, USR1 and TERM that passes the signal on: child.send_signal(number).",
							"HUP terminó el envoltorio y nunca llegó a su hijo. Instala un manejador para HUP, USR1 y TERM que la reenvíe: child.send_signal(number).")),
					wrote("^child: TERM$", Words{"TERM reaches the child", "TERM llega al hijo"}),
					ends(7, Words{"the wrapper ends as its child does: with status 7", "el envoltorio termina como su hijo: con código de salida 7"},
						hint("left-early", killedBy("TERM"),
							"TERM ended the wrapper itself. It has to handle it as it does HUP: pass it on, and go on waiting for the child.",
							"TERM terminó el propio envoltorio. Tiene que manejarla igual que HUP: reenviarla y seguir esperando al hijo."),
						hint("status-lost", func(r *Report) bool { return r.Exited(0) },
							"The child ended with 7, and the wrapper with 0: who started it takes that for a success. sys.exit(child.wait()).",
							"El hijo terminó con 7 y el envoltorio con 0: quien lo arrancó creerá que todo fue bien. sys.exit(child.wait()).")),
				},
			},
			{
				Title: Words{"USR1, on which the child kills itself", "USR1, con la que el hijo se mata"},
				Flags: lone,
				Steps: []Step{Await{"^ready$"}, Seen{"^child up$"}, Kill{Signal: signals.USR1}, End{}},
				Wants: []Want{
					ends(137, Words{"a child that KILL has ended: status 137, as a shell has it", "si al hijo lo terminó KILL: código 137, como en un shell"},
						hint("negative", func(r *Report) bool { return r.Exited(247) },
							"child.wait() gave -9, which says \"by signal 9\", and of -9 an exit status keeps the lower eight bits: 247. Where it is negative, end with 128 - code.",
							"child.wait() dio -9, que significa «por la señal 9», y de -9 un código de salida conserva los ocho bits bajos: 247. Si es negativo, termina con 128 - code."),
						hint("not-forwarded", killedBy("USR1"),
							"USR1 ended the wrapper: it is to be passed on too.",
							"USR1 terminó el envoltorio: también hay que reenviarla.")),
				},
			},
		}},
	}
}
