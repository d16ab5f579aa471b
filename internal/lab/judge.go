package lab

import (
	"regexp"
	"strings"
)

// Verdict is what became of one [Case].
type Verdict struct {
	Title  string    `json:"case"`
	Passed bool      `json:"passed"`
	Wants  []Outcome `json:"wants"`
}

// Outcome is what became of one [Want].
type Outcome struct {
	Says   string `json:"want"`
	Passed bool   `json:"passed"`
	HintID string `json:"hint_id,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// Judge holds a report against the case. A hint is given for the first thing
// that is missing: what follows from it would only distract.
func (c *Case) Judge(r *Report, l Lang) Verdict {
	v := Verdict{Title: c.Title.In(l), Passed: true}
	for _, w := range c.Wants {
		o := Outcome{Says: w.Says.In(l), Passed: w.Holds(r)}
		if !o.Passed && v.Passed {
			o.HintID, o.Hint = w.hint(r, l)
		}
		v.Passed = v.Passed && o.Passed
		v.Wants = append(v.Wants, o)
	}
	return v
}

func (w *Want) hint(r *Report, l Lang) (id, text string) {
	for _, h := range append(append([]Hint{usage}, w.Hints...), common...) {
		if h.When == nil || h.When(r) {
			text = h.Says.In(l)
			if h.ID == "python-error" {
				text += "\n" + r.mistake()
			}
			return h.ID, text
		}
	}
	return "", ""
}

// usage comes before all others: a program that is none.
var usage = Hint{ID: "syntax", When: func(r *Report) bool { return r.Has(`^(SyntaxError|IndentationError|TabError)\b`) }, Says: Words{
	EN: "Python cannot read the program: look at the lines above, where it says in which line.",
	ES: "Python no puede leer el programa: mira las líneas de arriba, donde dice en qué línea falla.",
}}

// common are the hints for what can go wrong in every exercise.
var common = []Hint{
	{ID: "python-error", When: func(r *Report) bool { return r.mistake() != "" }, Says: Words{
		EN: "Python ended the program with an error:",
		ES: "Python terminó el programa con un error:",
	}},
	{ID: "todo", When: func(r *Report) bool { return r.Has(`^TODO`) }, Says: Words{
		EN: "The places marked TODO in the file are yours: the program says itself what it still lacks.",
		ES: "Los sitios marcados con TODO en el archivo son tuyos: el propio programa dice qué le falta.",
	}},
	{ID: "default-action", When: func(r *Report) bool {
		x := r.Ended()
		return x != nil && x.Signal != "" && x.Signal != "KILL"
	}, Says: Words{
		EN: "A signal ended the program: nothing had been installed for it, and so its default action was taken. Install the handler before the program says that it is ready.",
		ES: "Una señal terminó el programa: no había nada instalado para ella y se aplicó su acción por omisión. Instala el manejador antes de que el programa diga que está listo.",
	}},
	{ID: "hangs", When: func(r *Report) bool { return r.Stuck >= 0 }, Says: Words{
		EN: "The program was waited for in vain: it still ran, and what was awaited did not come. Look at where it was last seen, above, and what it waits for there.",
		ES: "Se esperó al programa en vano: seguía en marcha y lo esperado no llegó. Mira arriba qué fue lo último que hizo, y a qué espera ahí.",
	}},
	{ID: "other", Says: Words{
		EN: "Compare what the program wrote, above, with what the exercise asks for (`supervise lab show` prints it).",
		ES: "Compara lo que escribió el programa, arriba, con lo que pide el ejercicio (`supervise lab show` lo muestra).",
	}},
}

// mistake is the error with which Python ended the program: the last line of
// its traceback.
func (r *Report) mistake() (line string) {
	pythonError := regexp.MustCompile(`^\w*(Error|Exception|Interrupt|Exit)\b`) // as a variable of the package it would cost every start
	trace := false
	for _, s := range r.Sights {
		switch {
		case s.Line == nil || !s.Err:
		case strings.HasPrefix(*s.Line, "Traceback (most recent call last)"):
			trace = true
		case trace && pythonError.MatchString(*s.Line):
			line = *s.Line
		}
	}
	return line
}

// The wants that many exercises have.

// wrote wants a line.
func wrote(pattern string, says Words, hints ...Hint) Want {
	return Want{Says: says, Holds: func(r *Report) bool { return r.Has(pattern) }, Hints: hints}
}

// ends wants the program to end by itself with code.
func ends(code int, says Words, hints ...Hint) Want {
	return Want{Says: says, Holds: func(r *Report) bool { return r.Exited(code) }, Hints: hints}
}

// ready wants the line that says that it can begin.
func ready(hints ...Hint) Want {
	return wrote(`^ready\b`, Words{"it says that it is ready", "dice que está listo (`ready`)"}, append(hints,
		Hint{ID: "not-ready", When: func(r *Report) bool { return r.Stuck >= 0 && r.Ended() == nil }, Says: Words{
			EN: "The program never wrote `ready`, so no signal was sent to it. Keep the line that prints it, before the program waits.",
			ES: "El programa nunca escribió `ready`, así que no se le envió ninguna señal. Conserva la línea que lo imprime, antes de la espera.",
		}})...)
}
