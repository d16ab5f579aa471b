package lab

import (
	"errors"
	"strings"
	"testing"
	"time"

	"supervise/internal/event"
	"supervise/internal/signals"
)

func TestFind(t *testing.T) {
	for word, want := range map[string]int{"6": 6, "06": 6, "timeout": 6, "06-timeout": 6, "06-timeout.py": 6, "14": 14, "0": 0, "15": 0, "-1": 0, "": 0, "six": 0} {
		got := 0
		if l, ok := Find(Course(), word); ok {
			got = l.Number
		}
		if got != want {
			t.Errorf("%q: lab %d, want %d", word, got, want)
		}
	}
}

func TestLabsAreNumberedInOrder(t *testing.T) {
	for i, l := range Course() {
		if l.Number != i+1 {
			t.Errorf("lab %d is number %d", i+1, l.Number)
		}
	}
}

func TestSourceHasTheCommentsOfOneLanguage(t *testing.T) {
	file := "#en One.\n#es Uno.\nif x:\n    #en two\n    #es dos\n    go()  # both\n"
	if got, want := Source(file, Spanish), "# Uno.\nif x:\n    # dos\n    go()  # both\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Source(file, English), "# One.\nif x:\n    # two\n    go()  # both\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSection(t *testing.T) {
	text := "# T\n\nlead\n\n## One\n\na\nb\n\n## Two\n\nc\n"
	for title, want := range map[string]string{"One": "a\nb", "Two": "c", "Three": ""} {
		if got := Section(text, title); got != want {
			t.Errorf("%s: %q", title, got)
		}
	}
}

func TestProgress(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := Progress{}.Ran(1, at).Checked(2, false, at).Checked(2, false, at).Checked(2, true, at).Checked(2, false, at.Add(time.Hour))
	back, err := ParseProgress(p.Format())
	if err != nil {
		t.Fatal(err)
	}
	if d := back.Of(2); d.Tries != 3 || !d.Passed.Equal(at) {
		t.Errorf("%+v: what has passed stays so", d)
	}
	if d := back.Of(1); !d.Ran.Equal(at) || !d.Passed.IsZero() {
		t.Errorf("%+v", d)
	}
	if _, err := ParseProgress([]byte(`{"labs": 7}`)); err == nil {
		t.Error("nonsense was read")
	}
}

func TestProgressFile(t *testing.T) {
	for _, c := range []struct {
		state, home, want string
	}{
		{"/s", "/h", "/s/supervise/lab.json"},
		{"", "/h", "/h/.local/state/supervise/lab.json"},
		{"relative", "/h", "/h/.local/state/supervise/lab.json"},
		{"", "", ""},
		{"", "relative", ""},
	} {
		env := map[string]string{"XDG_STATE_HOME": c.state, "HOME": c.home}
		got, err := ProgressFile(func(name string) string { return env[name] })
		if got != c.want || (c.want == "") != errors.Is(err, ErrNoHome) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func FuzzParseProgress(f *testing.F) {
	f.Add([]byte(`{"labs": {"1": {"ran": "2026-01-02T03:04:05Z", "tries": 2}}}`))
	f.Add([]byte(`{"labs": {"x": null}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProgress(b)
		if err != nil {
			return
		}
		for _, d := range p.Labs { // what JSON's times cannot say is no fault of ours
			if d.Ran.Year() > 9999 || d.Passed.Year() > 9999 {
				return
			}
		}
		if _, err := ParseProgress(p.Ran(1, time.Unix(0, 0)).Format()); err != nil {
			t.Error(err)
		}
	})
}

// scene makes a report from what was seen, a millisecond apart.
func scene(sights ...any) *Report {
	r := &Report{Supervise: 40, Stuck: -1}
	for i, x := range sights {
		s := Sight{At: time.Duration(i) * time.Millisecond}
		switch x := x.(type) {
		case string:
			s.Line = &x
		case Event:
			x.Mono = int64(s.At)
			s.Event = &x
		case Deed:
			s.Deed = &x
		}
		r.Sights = append(r.Sights, s)
	}
	return r
}

func TestSummary(t *testing.T) {
	sh := &From{By: "kill", PID: 50, Name: "sh"}
	r := scene(
		Event{Name: event.ServiceStarted, PID: 41},
		"ready",
		Event{Name: event.SignalReceived, Signal: "TERM", From: sh},
		Event{Name: event.SignalSent, Signal: "QUIT", Was: "TERM", To: "group 41"},
		Event{Name: event.StopEscalated, Signal: "KILL"},
		Event{Name: event.SignalSent, Signal: "KILL", To: "group 41"},
		Event{Name: event.ProcessExited, PID: 41, Exit: &Exit{Signal: "KILL"}, Up: int64(1500 * time.Millisecond)},
		Event{Name: event.OrphanReaped, PID: 42, Exit: &Exit{}},
	)
	r.Status = 137
	en := []string{
		"The program ran for 1.5 s as pid 41, under supervise, pid 40.",
		"TERM came from sh (pid 50), by kill; supervise sent QUIT in its place.",
		"That was not enough in time, so KILL followed.",
		"The program was killed by KILL, 1.0 ms after the last KILL that was sent to it.",
		"One orphan was adopted and reaped.",
		"A shell would see status 137.",
	}
	es := []string{
		"El programa corrió durante 1,5 s con el pid 41, bajo supervise, pid 40.",
		"TERM llegó de sh (pid 50), con kill; supervise envió QUIT en su lugar.",
		"No bastó dentro del plazo, así que después vino KILL.",
		"Al programa lo mató KILL, 1,0 ms después de la última señal KILL que se le envió.",
		"Se adoptó y se recogió un huérfano.",
		"Un shell vería el código de salida 137.",
	}
	for lang, want := range map[Lang][]string{English: en, Spanish: es} {
		if got := r.Summarise(lang); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", lang, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// The end is not told to have followed a signal that came to an earlier run.
func TestSummaryOfARestart(t *testing.T) {
	got := strings.Join(scene(
		Event{Name: event.ServiceStarted, PID: 41},
		Deed{Command: "kill -SEGV 41", Past: true, Kill: Kill{Signal: signals.SEGV, To: Program}},
		Event{Name: event.ProcessExited, PID: 41, Exit: &Exit{Signal: "SEGV"}},
		Event{Name: event.BackoffScheduled, Delay: int64(250 * time.Millisecond)},
		Event{Name: event.ServiceStarted, PID: 42},
		Event{Name: event.ProcessExited, PID: 42, Exit: &Exit{Code: 3}},
	).Summarise(English), "\n")
	for _, want := range []string{"started 2 times; the delays before the restarts were 250 ms.", "past supervise (SEGV)", "ended by itself, with status 3.\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestSendersInWords(t *testing.T) {
	for want, f := range map[string]*From{
		"an unknown sender":                    nil,
		"the kernel":                           {By: "kernel"},
		"a timer":                              {By: "timer"},
		"a process outside this PID namespace": {By: "kill"},
		"a process that is gone (pid 7, uid 0), by kill": {By: "kill", PID: 7},
		"sh (pid 7, uid 3), by tgkill":                   {By: "tgkill", PID: 7, UID: 3, Name: "sh"},
	} {
		if got := f.tell(English); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
	if got := (&From{By: "terminal"}).tell(Spanish); got != "la terminal" {
		t.Error(got)
	}
}

func TestTargetsInSpanish(t *testing.T) {
	for to, want := range map[string]string{
		"group 41": "al grupo 41", "process 41": "al proceso 41", "3 processes": "a 3 procesos", "1 process": "a 1 proceso", "group 41 and 2 more": "al grupo 41 y a 2 más",
	} {
		if got := target(to, Spanish); got != want {
			t.Errorf("%s: %q, want %q", to, got, want)
		}
	}
}

// Only the first thing that is missing gets a hint.
func TestJudgeHintsAtTheFirst(t *testing.T) {
	c := Case{Wants: []Want{
		wrote("^a$", Words{"a", "a"}),
		wrote("^b$", Words{"b", "b"}, hint("special", has("^x$"), "see x", "mira x")),
		wrote("^c$", Words{"c", "c"}),
	}}
	v := c.Judge(scene("a", "x"), Spanish)
	if v.Passed || !v.Wants[0].Passed || v.Wants[1].HintID != "special" || v.Wants[1].Hint != "mira x" || v.Wants[2].HintID != "" {
		t.Errorf("%+v", v)
	}
	if v := c.Judge(scene("a", "b", "c"), English); !v.Passed {
		t.Errorf("%+v", v)
	}
}

func TestPythonsErrorIsShown(t *testing.T) {
	r := scene("ready", "Traceback (most recent call last):", `  File "x.py", line 3, in <module>`, "NameError: name 'cuont' is not defined")
	for i := range r.Sights {
		r.Sights[i].Err = i > 0
	}
	c := Case{Wants: []Want{wrote("^never$", Words{"x", "x"})}}
	if o := c.Judge(r, English).Wants[0]; o.HintID != "python-error" || !strings.Contains(o.Hint, "cuont") {
		t.Errorf("%+v", o)
	}
}

func TestBetween(t *testing.T) {
	r := scene("tick", "paused", "tick", "tick", "resumed", "tick")
	if n := r.Between("^tick", "^paused$", "^resumed$"); n != 2 {
		t.Error(n)
	}
	if n := r.Between("^tick", "^never$", "^resumed$"); n != 0 {
		t.Error(n)
	}
}

// The plot draws all attempts of a crowd as high as it can, and the policy's
// marks beneath them.
func TestPlotOfTheHerd(t *testing.T) {
	var lines []any
	for range 10 {
		lines = append(lines, "@ 0 1 0.000 refused", "@ 0 2 0.051 ok", "@ 0.5 1 0.000 refused")
	}
	lines = append(lines, "@ nonsense", "@ 0 x y z", "else")
	got := PlotHerd(scene(lines...), 80, English)
	text := strings.Join(got, "\n")
	if !strings.Contains(text, "jitter 0: 20 attempts, 10 of 2 clients served; up to 10 came within 20 ms") {
		t.Error(text)
	}
	for _, line := range got {
		if len([]rune(line)) > 80 {
			t.Errorf("wider than the screen: %q", line)
		}
	}
	// 0, 50, 150, 350, 750, 1550, 2350 ms: the first failure and the restarts.
	if n := strings.Count(got[8], "▲"); n != 7 {
		t.Errorf("%d marks in %q", n, got[8])
	}
	PlotHerd(scene(), 1, Spanish) // nothing seen, and no room
}
