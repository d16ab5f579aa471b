package lab

import (
	"time"

	"supervise/internal/signals"
)

// beat is the time between two things that a learner is to see one after the
// other.
const beat = Pause(250 * time.Millisecond)

func handling() Lab {
	return Lab{
		Number: 1, Name: "handling", Title: Words{"Sending and handling", "Enviar y manejar"},
		Plays: []Play{
			{
				Title: Words{"Two signals that the program handles", "Dos señales que el programa maneja"},
				Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.USR1}, Await{"number 1"}, beat, Kill{Signal: signals.USR1}, Await{"number 2"}, beat, Kill{Signal: signals.TERM}, End{}},
			},
			{
				Title: Words{"One that it does not", "Una que no maneja"},
				Steps: []Step{Await{"^ready"}, beat, Kill{Signal: signals.USR2}, End{}},
			},
		},
		Exercise: Exercise{Cases: []Case{{
			Title: Words{"USR1 twice, HUP, USR1 again, then TERM", "USR1 dos veces, HUP, otra vez USR1 y después TERM"},
			Steps: []Step{
				Await{"^ready"}, Kill{Signal: signals.USR1}, Await{"^count 1$"}, Kill{Signal: signals.USR1}, Await{"^count 2$"},
				Kill{Signal: signals.HUP}, Kill{Signal: signals.USR1}, Await{"^count 3$"}, Kill{Signal: signals.TERM}, End{},
			},
			Wants: []Want{
				ready(
					hint("handler-called", raised("missing .* positional argument"),
						"The handler was called where it should only be named: write signal.signal(signal.SIGUSR1, on_usr1), without parentheses after on_usr1. Python calls it when the signal comes.",
						"Se llamó al manejador donde solo había que nombrarlo: escribe signal.signal(signal.SIGUSR1, on_usr1), sin paréntesis detrás de on_usr1. Python lo llama cuando llega la señal.")),
				wrote("^count 2$", Words{"each USR1 is counted: `count 1`, `count 2`", "cuenta cada USR1: `count 1`, `count 2`"},
					hint("handler-arguments", raised("takes 0 positional arguments|takes 1 positional argument"),
						"Python calls a handler with two arguments, the signal's number and the frame that was interrupted: def on_usr1(number, frame).",
						"Python llama al manejador con dos argumentos, el número de la señal y el marco interrumpido: def on_usr1(number, frame)."),
					hint("no-usr1-handler", killedBy("USR1"),
						"USR1 ended the program: that is its default action. Install the handler with signal.signal before `ready` is printed; who sees that line may send at once.",
						"USR1 terminó el programa: esa es su acción por omisión. Instala el manejador con signal.signal antes de imprimir `ready`; quien vea esa línea puede enviar en ese mismo instante.")),
				wrote("^count 3$", Words{"HUP does not end it, and the count goes on: `count 3`", "HUP no lo termina, y la cuenta sigue: `count 3`"},
					hint("hup", killedBy("HUP"),
						"HUP ended the program. It is to be ignored: signal.signal(signal.SIGHUP, signal.SIG_IGN).",
						"HUP terminó el programa. Hay que ignorarla: signal.signal(signal.SIGHUP, signal.SIG_IGN).")),
				ends(0, Words{"TERM ends it with status 0", "TERM lo termina con código de salida 0"},
					hint("no-term-handler", killedBy("TERM"),
						"TERM ended the program by its default action, so a shell sees 143 (128 + 15). Handle it: note in the handler that the end has come, and let the loop end.",
						"TERM terminó el programa con su acción por omisión, así que un shell ve 143 (128 + 15). Manéjala: anota en el manejador que ha llegado el final, y deja que el bucle termine."),
					hint("term-goes-on", func(r *Report) bool { return r.KilledBy("KILL") || stuck(r) },
						"TERM was handled, but the program went on, until supervise killed it. After a handler the program goes on where it was: the loop has to look at something that the handler sets.",
						"TERM se manejó, pero el programa siguió hasta que supervise lo mató. Tras un manejador, el programa sigue donde estaba: el bucle tiene que mirar algo que el manejador cambie.")),
				wrote("^bye after 3$", Words{"its last line is `bye after 3`", "su última línea es `bye after 3`"}),
			},
		}}},
	}
}
