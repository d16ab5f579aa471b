package lab

import (
	"slices"

	"supervise/internal/event"
	"supervise/internal/signals"
)

func server() Lab {
	const worker = `^worker (\d+)$`
	lone := []string{"--single-child", "--stop-timeout", "10s"}
	fell := func(s signals.Signal) []Step {
		return []Step{Kill{Signal: s, To: `of worker (\d+)$`}, Await{"restart in"}}
	}
	crash := func(s signals.Signal) []Step { return []Step{Kill{Signal: s, To: worker}, Await{`restart in [0-9.]`}} }
	steps := func(parts ...[]Step) []Step { return slices.Concat(parts...) }
	return Lab{
		Number: 14, Name: "server", Title: Words{"A server that joins it all, under real crashes", "Un servidor que lo reúne todo, con caídas de verdad"},
		Plays: []Play{
			{
				Title: Words{"Its worker crashes, and it is reloaded and stopped", "Cae su trabajador, y se recarga y se para"},
				Flags: []string{"--single-child"},
				Steps: steps([]Step{Await{"job 2 "}}, fell(signals.SEGV), []Step{Await{"job"}}, fell(signals.KILL), []Step{Await{"job"}, Kill{Signal: signals.HUP}, Await{"configuration"}, Kill{Signal: signals.USR1}, Await{"^up "}, Await{"job"}, Kill{Signal: signals.TERM}, End{}}),
			},
			{
				Title: Words{"The server itself is killed", "Matan al propio servidor"},
				Flags: []string{"--retries", "3", "--backoff", "200ms..1s"},
				Steps: []Step{Await{"job 2 "}, Kill{Signal: signals.KILL, To: Program}, Await{"^ready"}, Await{"job 2 "}, Kill{Signal: signals.TERM}, End{}},
			},
		},
		Exercise: Exercise{Cases: []Case{
			{
				Title: Words{"the worker crashes twice, then TERM", "el trabajador cae dos veces, y después TERM"},
				Flags: lone,
				Steps: steps([]Step{Await{"^ready"}, Await{worker}}, crash(signals.SEGV), []Step{Await{worker}}, crash(signals.KILL), []Step{Await{worker}, Kill{Signal: signals.TERM}, End{}}),
				Wants: []Want{
					ready(),
					{Says: Words{"a worker that crashes is started again", "si el trabajador cae, se arranca otro"},
						Holds: func(r *Report) bool { return r.Count(worker) == 3 },
						Hints: []Hint{
							hint("not-reaped", func(r *Report) bool { return stuck(r) && !r.Has("^restart in") },
								"The worker crashed, and nothing followed: in the loop, ask os.waitpid(worker, os.WNOHANG) whether it has ended; when it has, print `restart in DELAY`, and start another after that time.",
								"El trabajador cayó y no pasó nada: en el bucle, pregunta con os.waitpid(worker, os.WNOHANG) si ha terminado; si es así, imprime `restart in DELAY` y arranca otro pasado ese tiempo."),
							hint("not-started", func(r *Report) bool { return stuck(r) },
								"The restart was announced, and did not come.",
								"El rearranque se anunció, y no llegó."),
						}},
					{Says: Words{"the second restart waits longer than the first", "el segundo rearranque espera más que el primero"},
						Holds: func(r *Report) bool {
							d := r.Groups(`^restart in ([0-9.]+)`)
							return len(d) == 2 && d[0] < d[1]
						},
						Hints: []Hint{hint("no-backoff", nil,
							"Every restart waits for the same time. A worker that cannot live would be started for ever at that pace: double the delay with each crash in a row, up to a maximum.",
							"Todos los rearranques esperan lo mismo. Un trabajador que no puede vivir se arrancaría eternamente a ese ritmo: dobla la espera con cada caída seguida, hasta un máximo.")}},
					{Says: Words{"TERM stops the worker too: nothing is left behind", "TERM para también al trabajador: no queda nada detrás"},
						Holds: func(r *Report) bool { return r.Ended() != nil && len(r.Events(event.OrphanReaped)) == 0 },
						Hints: []Hint{hint("left-behind", nil,
							"The server ended, and its worker stayed behind; supervise had to end it. Send it TERM, and os.waitpid it, before you leave.",
							"El servidor terminó y su trabajador se quedó; tuvo que terminarlo supervise. Envíale TERM y espéralo con os.waitpid antes de irte.")}},
					ends(0, Words{"its status is 0", "su código de salida es 0"}),
				},
			},
			{
				Title: Words{"TERM while a restart is being waited for", "TERM mientras se espera para rearrancar"},
				Flags: lone,
				Steps: steps([]Step{Await{"^ready"}, Await{worker}}, crash(signals.SEGV), []Step{Await{worker}}, crash(signals.SEGV), []Step{Await{worker}}, crash(signals.SEGV), []Step{Kill{Signal: signals.TERM}, End{}}),
				Wants: []Want{
					ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"},
						hint("kills-nobody", raised("ProcessLookupError|ChildProcessError|TypeError"),
							"While a restart is being waited for there is no worker that could be signalled or waited for: ask first whether there is one.",
							"Mientras se espera para rearrancar no hay trabajador al que enviar señales ni esperar: pregunta antes si lo hay."),
						hint("term-ignored", killedBy("KILL"),
							"TERM came during the delay, and the server lived on until it was killed.",
							"TERM llegó durante la espera, y el servidor siguió vivo hasta que lo mataron.")),
					{Says: Words{"and no other worker is started", "y no arranca ningún otro trabajador"},
						Holds: func(r *Report) bool { return r.Count(worker) == 3 },
						Hints: []Hint{hint("restarted", nil,
							"After TERM another worker was started. A time.sleep for the delay goes on after the handler; keep the time at which the restart is due, look at it in the loop, and leave the loop when TERM has come.",
							"Después de TERM arrancó otro trabajador. Un time.sleep para la espera continúa tras el manejador; guarda el momento en que toca rearrancar, míralo en el bucle, y sal del bucle cuando llegue TERM.")}},
				},
			},
			{
				Title: Words{"HUP, USR1, TERM", "HUP, USR1, TERM"},
				Flags: lone,
				Steps: []Step{Await{"^ready"}, Await{worker}, Kill{Signal: signals.HUP}, Await{"^reloaded$"}, Kill{Signal: signals.USR1}, Await{`^restarts \d+$`}, Kill{Signal: signals.TERM}, End{}},
				Wants: []Want{
					wrote("^reloaded$", Words{"HUP reloads: `reloaded`", "HUP recarga: `reloaded`"},
						hint("hup", killedBy("HUP"), "HUP ended the server: it needs a handler, too.", "HUP terminó el servidor: también necesita un manejador.")),
					wrote("^restarts 0$", Words{"USR1 tells how often a worker was restarted: `restarts 0`", "USR1 dice cuántas veces se rearrancó: `restarts 0`"},
						hint("usr1", killedBy("USR1"), "USR1 ended the server: it needs a handler, too.", "USR1 terminó el servidor: también necesita un manejador.")),
					{Says: Words{"the worker is the same all the time", "el trabajador es siempre el mismo"},
						Holds: func(r *Report) bool { return r.Count(worker) == 1 }},
					ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"}),
				},
			},
		}},
	}
}
