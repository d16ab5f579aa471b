package lab

import (
	"math"
	"strconv"
	"time"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// herd is the backoff of the fifty clients, without jitter.
var herd = policy.Backoff{Initial: 50 * time.Millisecond, Factor: 2, Max: 800 * time.Millisecond}

// asked is what exercise 7 asks for.
var asked = policy.Backoff{Initial: 100 * time.Millisecond, Factor: 2, Max: 400 * time.Millisecond, Jitter: 0.5}

func retries() Lab {
	return Lab{
		Number: 7, Name: "retries", Title: Words{"Retries with backoff and jitter", "Reintentos con backoff y jitter"},
		Plays: []Play{
			{
				Title: Words{"Fifty clients, and a server that was away", "Cincuenta clientes, y un servidor que no estaba"},
				Plot:  true,
				Steps: []Step{End{}},
			},
			{
				Title:   Words{"The same words in use", "Las mismas palabras, en uso"},
				Flags:   []string{"--retries", "5", "--backoff", "100ms..400ms", "--factor", "2", "--jitter", "0.5"},
				Command: []string{"python3", "program.py", "flaky"},
				Steps:   []Step{End{}},
			},
		},
		Exercise: Exercise{Cases: []Case{
			{
				Title: Words{"a job that succeeds at the sixth attempt", "un trabajo que sale bien al sexto intento"},
				Steps: []Step{Await{"^ready"}, End{}},
				Wants: []Want{
					ready(),
					wrote("^attempt 6 ", Words{"it goes on until the sixth attempt", "insiste hasta el sexto intento"}),
					{Says: Words{"it says how long it waits before each of the five others: `wait 0.123`", "dice cuánto espera antes de cada uno de los otros cinco: `wait 0.123`"},
						Holds: func(r *Report) bool { return len(r.Groups(wait)) == 5 }},
					{Says: Words{"the waits grow by the factor 2 up to 0.4 s, with a jitter of at most half", "las esperas crecen con factor 2 hasta 0,4 s, con un jitter de la mitad como mucho"},
						Holds: func(r *Report) bool { return r.misfit() < 0 },
						Hints: []Hint{
							hint("above-max", func(r *Report) bool { return r.waits()[r.misfit()] > asked.Max.Seconds()+slack },
								"A wait is longer than the maximum of 0.4 s. Take the minimum last, after the jitter: min(0.4, ...).",
								"Una espera supera el máximo de 0,4 s. Aplica el mínimo al final, después del jitter: min(0.4, ...)."),
							hint("no-growth", func(r *Report) bool {
								least, _ := asked.Bounds(r.misfit())
								return r.waits()[r.misfit()] < least.Seconds()
							},
								"The waits do not grow as they should. The nominal delay before restart n, from 0, is 0.1 * 2 ** n, at most 0.4; jitter moves it by at most half of itself. `supervise policy --backoff 100ms..400ms --jitter 0.5` prints the bounds.",
								"Las esperas no crecen como debían. La espera nominal antes del reintento n, desde 0, es 0.1 * 2 ** n, con 0.4 como máximo; el jitter la mueve como mucho la mitad de sí misma. `supervise policy --backoff 100ms..400ms --jitter 0.5` muestra los límites."),
							hint("too-long", nil,
								"A wait is longer than jitter allows: a delay d lies between d - d/2 and d + d/2, and n begins with 0. `supervise policy --backoff 100ms..400ms --jitter 0.5` prints the bounds.",
								"Una espera es mayor de lo que permite el jitter: una espera d queda entre d - d/2 y d + d/2, y n empieza en 0. `supervise policy --backoff 100ms..400ms --jitter 0.5` muestra los límites."),
						}},
					{Says: Words{"they differ by chance", "el azar las hace distintas"},
						Holds: (*Report).jittered,
						Hints: []Hint{hint("no-jitter", nil,
							"Every wait is exactly the nominal one. Then fifty clients that failed together come back together: multiply each by random.uniform(0.5, 1.5).",
							"Cada espera es exactamente la nominal. Así, cincuenta clientes que fallaron juntos vuelven juntos: multiplica cada una por random.uniform(0.5, 1.5).")}},
					{Says: Words{"it really waits that long", "de verdad espera ese tiempo"},
						Holds: (*Report).waited,
						Hints: []Hint{hint("not-waited", nil,
							"The next attempt came earlier than the wait that was announced.",
							"El siguiente intento llegó antes de que pasara la espera anunciada.")}},
					ends(0, Words{"success ends it with status 0", "el éxito lo termina con código de salida 0"}),
				},
			},
			{
				Title: Words{"a job that never succeeds, and TERM while it waits", "un trabajo que nunca sale bien, y TERM durante la espera"},
				Args:  []string{"never"},
				Flags: []string{"--stop-timeout", "8s"},
				Steps: []Step{Await{"^ready"}, Await{"^wait"}, Await{"^wait"}, Await{"^wait"}, Kill{Signal: signals.TERM}, End{}},
				Wants: []Want{
					wrote("^bye$", Words{"TERM ends it: `bye`", "TERM lo termina: `bye`"},
						hint("term-by-default", killedBy("TERM"),
							"TERM ended it by its default action. Handle it: a handler that raises SystemExit gets you out of the sleep, and a `finally` or the place that catches it prints `bye`.",
							"TERM lo terminó con su acción por omisión. Manéjala: un manejador que lanza SystemExit te saca del sueño, y un `finally`, o quien la capture, imprime `bye`."),
						hint("retried", killedBy("KILL"),
							"TERM came, and it went on trying until it was killed. The loop that retries has to end when TERM has come; and what catches the job's failure must not catch SystemExit (no bare `except:`).",
							"Llegó TERM y siguió intentándolo hasta que lo mataron. El bucle de reintentos tiene que acabar cuando llega TERM; y lo que captura el fallo del trabajo no debe capturar SystemExit (nada de `except:` a secas).")),
					{Says: Words{"after that there is no attempt", "después no hay ningún intento más"},
						Holds: func(r *Report) bool { return r.Between("^attempt", "^bye$", "^$") == 0 }},
					ends(0, Words{"its status is 0", "su código de salida es 0"}),
				},
			},
		}},
	}
}

const (
	wait  = `^wait ([0-9.]+)$`
	slack = 0.0006 // the program writes milliseconds
)

// waits are the waits that the program announced, in seconds.
func (r *Report) waits() (seconds []float64) {
	for _, text := range r.Groups(wait) {
		s, err := strconv.ParseFloat(text, 64)
		if err != nil {
			s = math.Inf(1)
		}
		seconds = append(seconds, s)
	}
	return seconds
}

// misfit is the first wait that the policy would never give; -1: none is.
func (r *Report) misfit() int {
	for n, s := range r.waits() {
		least, most := asked.Bounds(n)
		if s < least.Seconds()-slack || s > most.Seconds()+slack {
			return n
		}
	}
	return -1
}

// jittered says whether chance was at work.
func (r *Report) jittered() bool {
	for n, s := range r.waits() {
		if math.Abs(s-asked.Nominal(n).Seconds()) > 2*slack {
			return true
		}
	}
	return false
}

// waited says whether between two attempts the program let the time pass that
// it had announced, by its own clock.
func (r *Report) waited() bool {
	at := r.Groups(`^attempt \d+ at ([0-9.]+)$`)
	for n, s := range r.waits() {
		if n+1 >= len(at) {
			return false
		}
		before, err1 := strconv.ParseFloat(at[n], 64)
		after, err2 := strconv.ParseFloat(at[n+1], 64)
		if err1 != nil || err2 != nil || after-before < s-2*slack {
			return false
		}
	}
	return true
}
