package lab

import "supervise/internal/signals"

func timeout() Lab {
	return Lab{
		Number: 6, Name: "timeout", Title: Words{"A timeout for any function", "Un tiempo límite para cualquier función"},
		Plays: []Play{
			{
				Title: Words{"From inside: SIGALRM and an exception", "Desde dentro: SIGALRM y una excepción"},
				Steps: []Step{End{}},
			},
			{
				Title:   Words{"From outside: the same word, for any program", "Desde fuera: la misma palabra, para cualquier programa"},
				Flags:   []string{"--timeout", "800ms"},
				Command: []string{"python3", "program.py", "sleep"},
				Steps:   []Step{End{}},
			},
		},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"what is slow, fast or wrong is called with a timeout; then TERM", "se llama con tiempo límite a lo lento, lo rápido y lo que falla; después TERM"},
			Steps: []Step{Await{"^ready"}, Await{"^loop"}, Kill{Signal: signals.TERM}, End{}},
			Wants: []Want{
				ready(),
				wrote("^slow: Timeout$", Words{"a slow function is interrupted: `slow: Timeout`", "una función lenta se interrumpe: `slow: Timeout`"},
					hint("alarm-kills", killedBy("ALRM"),
						"ALRM ended the program: it came before a handler was installed for it. First signal.signal(signal.SIGALRM, ...), then setitimer; and the old handler only back in place when the timer is off.",
						"ALRM terminó el programa: llegó antes de que hubiera un manejador. Primero signal.signal(signal.SIGALRM, ...), después setitimer; y el manejador anterior, solo de vuelta con el temporizador ya apagado."),
					hint("no-timer", has("^slow: returned"),
						"The slow function ran to its end: no timer was set, or its handler did not raise. Only an exception gets you out of the function.",
						"La función lenta llegó hasta el final: no se puso el temporizador, o su manejador no lanzó nada. Solo una excepción te saca de la función.")),
				wrote("^fast: 42$", Words{"a fast one gives its value: `fast: 42`", "una rápida devuelve su valor: `fast: 42`"},
					hint("no-value", has("^fast: None$"),
						"The value of the function got lost: return function(*args).",
						"Se perdió el valor de la función: return function(*args).")),
				wrote("^wrong: KeyError$", Words{"the function's own exception comes through: `wrong: KeyError`", "la excepción de la propia función sale: `wrong: KeyError`"}),
				wrote("^timer: off$", Words{"whichever way it went, the timer is off after it: `timer: off`", "sea cual sea el final, después el temporizador está apagado: `timer: off`"},
					hint("not-cancelled", has("^timer: still set$"),
						"The function is over, and the timer still runs: it will strike somewhere later, in code that knows nothing of it. Put signal.setitimer(signal.ITIMER_REAL, 0) into a `finally`, so that it is done after an exception too.",
						"La función acabó y el temporizador sigue en marcha: saltará más tarde, en código que nada sabe de él. Pon signal.setitimer(signal.ITIMER_REAL, 0) en un `finally`, para que se haga también tras una excepción.")),
				wrote("^the old handler$", Words{"the handler that was there before is back: `the old handler`", "el manejador que había antes ha vuelto: `the old handler`"},
					hint("not-restored", nil,
						"After it, SIGALRM still goes to your handler. signal.signal returns the one before: keep it, and put it back in `finally`.",
						"Después, SIGALRM sigue yendo a tu manejador. signal.signal devuelve el anterior: guárdalo y repónlo en `finally`.")),
				ends(0, Words{"TERM in the middle of one ends the program with status 0", "TERM en medio de una termina el programa con código de salida 0"},
					hint("swallowed", func(r *Report) bool { return r.KilledBy("KILL") || stuck(r) },
						"TERM's handler raised SystemExit, and something swallowed it: a bare `except:` takes all, also what is none of its business. Catch Timeout only.",
						"El manejador de TERM lanzó SystemExit y algo se lo tragó: un `except:` a secas se lo queda todo, también lo que no le importa. Captura solo Timeout.")),
			},
		}}},
	}
}
