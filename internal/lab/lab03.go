package lab

import "supervise/internal/signals"

func faults() Lab {
	return Lab{
		Number: 3, Name: "faults", Title: Words{"Synchronous and asynchronous signals", "Señales síncronas y asíncronas"},
		Plays: []Play{{Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.SEGV, To: Program}, End{}}}},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"four children that end in four ways; USR2 for the last one", "cuatro hijos que terminan de cuatro maneras; USR2 para el último"},
			Steps: []Step{Await{`^ready, waiter \d+$`}, Kill{Signal: signals.USR2, To: `^ready, waiter (\d+)$`}, End{}},
			Wants: []Want{
				ready(),
				wrote("^leaves: exit 3$", Words{"`leaves: exit 3`", "`leaves: exit 3`"}, raw(),
					hint("only-signals", has("^leaves: killed"),
						"A child that ends by itself was not killed: ask os.WIFSIGNALED(status) first, and take os.WEXITSTATUS(status) where it says no.",
						"A un hijo que termina por sí mismo no lo mató nadie: pregunta antes a os.WIFSIGNALED(status), y usa os.WEXITSTATUS(status) si dice que no.")),
				wrote("^fault: killed by SIGSEGV$", Words{"`fault: killed by SIGSEGV`", "`fault: killed by SIGSEGV`"},
					hint("shifted", has("^fault: exit 0"),
						"status >> 8 is the exit code, and one that a signal killed has none: it reads 0, as if all were well. Ask os.WIFSIGNALED(status), and then os.WTERMSIG(status) for the signal.",
						"status >> 8 es el código de salida, y quien murió por una señal no tiene ninguno: sale 0, como si todo fuera bien. Pregunta a os.WIFSIGNALED(status), y luego a os.WTERMSIG(status) por la señal."),
					hint("negative", has("^fault: exit -11"),
						"-11 is how Python writes \"killed by signal 11\" (os.waitstatus_to_exitcode, subprocess). Below 0, turn it into a name: signal.Signals(-code).name.",
						"-11 es como Python escribe «muerto por la señal 11» (os.waitstatus_to_exitcode, subprocess). Si es menor que 0, dale su nombre: signal.Signals(-code).name."),
					hint("shell-code", has("^fault: exit 139"),
						"139 is what a shell makes of it, 128 + 11; the wait status itself knows the signal: os.WTERMSIG(status).",
						"139 es lo que hace un shell con él, 128 + 11; el propio estado de wait conoce la señal: os.WTERMSIG(status).")),
				wrote("^told: killed by SIGTERM$", Words{"`told: killed by SIGTERM`", "`told: killed by SIGTERM`"}),
				wrote("^waiter: killed by SIGUSR2$", Words{"`waiter: killed by SIGUSR2`", "`waiter: killed by SIGUSR2`"}),
				ends(0, Words{"the program itself ends with status 0", "el propio programa termina con código de salida 0"}),
			},
		}}},
	}
}

// raw is for a status that nothing was taken out of.
func raw() Hint {
	return hint("raw", has(`^leaves: (exit|status)? ?768`),
		"768 is the wait status as the kernel packs it, 3 * 256: os.WEXITSTATUS(status) takes the code out.",
		"768 es el estado de wait tal como lo empaqueta el núcleo, 3 * 256: os.WEXITSTATUS(status) saca el código.")
}
