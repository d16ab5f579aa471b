package compat

import (
	"reflect"
	"strings"
	"syscall"
	"testing"

	"supervise/internal/signals"
)

// environment is an environment of a test.
func environment(vars map[string]string) lookup {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestTiniPlans(t *testing.T) {
	for _, x := range []struct {
		line string
		env  map[string]string
		want tiniPlan
	}{
		{"a b", nil, tiniPlan{argv: []string{"a", "b"}, verbosity: 1}},
		{"-- -a", nil, tiniPlan{argv: []string{"-a"}, verbosity: 1}},
		{"a -s -v", nil, tiniPlan{argv: []string{"a", "-s", "-v"}, verbosity: 1}},
		{"-vv -sgw a", nil, tiniPlan{argv: []string{"a"}, verbosity: 3, subreaper: true, group: true, warn: true}},
		{"-pSIGKILL a", nil, tiniPlan{argv: []string{"a"}, verbosity: 1, parentDeath: signals.KILL}},
		{"-vvv a", map[string]string{"TINI_VERBOSITY": "0"}, tiniPlan{argv: []string{"a"}}},
		{"a", map[string]string{"TINI_VERBOSITY": "-1"}, tiniPlan{argv: []string{"a"}, verbosity: 1<<32 - 1}},
		{"a", map[string]string{"TINI_SUBREAPER": "", "TINI_KILL_PROCESS_GROUP": ""}, tiniPlan{argv: []string{"a"}, verbosity: 1, subreaper: true, group: true}},
	} {
		got, end := parseTini(append([]string{"tini"}, strings.Fields(x.line)...), environment(x.env), 1, "v")
		if end != nil || !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s %v: %+v %v, want %+v", x.line, x.env, got, end, x.want)
		}
	}
}

func TestTiniRemapsAfter128IsAdded(t *testing.T) {
	p, end := parseTini(strings.Fields("tini -e 143 -e 7 a"), environment(nil), 1, "v")
	if end != nil {
		t.Fatal(end)
	}
	for w, want := range map[syscall.WaitStatus]int{15: 0, 7 << 8: 0, 143 << 8: 0, 9: 137, 8 << 8: 8, 0: 0} {
		if got := p.status(w); got != want {
			t.Errorf("wait status %#x: %d, want %d", int(w), got, want)
		}
	}
}

func TestDumbInitRewrites(t *testing.T) {
	for line, want := range map[string]map[signals.Signal]signals.Signal{
		"a":                         {signals.TSTP: signals.STOP, signals.TTIN: signals.STOP, signals.TTOU: signals.STOP, signals.TERM: signals.TERM, 40: 40},
		"-c a":                      {signals.TSTP: signals.TSTP, signals.TERM: signals.TERM},
		"-r 15:3 -r 2:0 -r 20:15 a": {signals.TERM: signals.QUIT, signals.INT: signals.Drop, signals.TSTP: signals.TERM, signals.TTIN: signals.STOP},
		"-r 15:3x --rewrite=15:4 a": {signals.TERM: 4},
	} {
		p, end := parseDumbInit(append([]string{"dumb-init"}, strings.Fields(line)...), environment(nil))
		if end != nil {
			t.Fatalf("%s: %v", line, end)
		}
		for from, to := range want {
			if got, _ := p.rewrite.apply(from); got != to {
				t.Errorf("%s: %s becomes %s, want %s", line, from, got, to)
			}
		}
	}
}

func TestRestFromTheEnvironment(t *testing.T) {
	for text, want := range map[string]Rest{"": Rest(defaultRest), "0": 0, "2s": Rest(2e9)} {
		if got, err := restFrom(environment(map[string]string{RestVariable: text})); err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"2", "-1s", "x"} {
		if _, err := restFrom(environment(map[string]string{RestVariable: text})); err == nil || !strings.Contains(err.Error(), RestVariable) {
			t.Errorf("%q is taken, or the error does not say of what: %v", text, err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"tini": true, "tini-static": true, "docker-init": true, "podman-init": true, "tinier": false, "supervise": false} {
		if isTini(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

// Whatever the words are, there is a plan with a program or an ending that says
// something.
func FuzzCommandLines(f *testing.F) {
	for _, seed := range []string{"-p\x00SIGTERM\x00-e\x001\x00--\x00a", "-r\x0015:2\x00--verb\x00a", "--rewrite=1:2", "-\x00", "--\x00", "-vvvx", "--ver"} {
		f.Add(seed, "3")
	}
	f.Fuzz(func(t *testing.T, line, value string) {
		words := strings.Split(line, "\x00")
		env := environment(map[string]string{"TINI_VERBOSITY": value, "DUMB_INIT_DEBUG": value, "DUMB_INIT_SETSID": value})
		check := func(argv []string, end *ending) {
			switch {
			case end == nil && len(argv) == 0:
				t.Error("nothing to run, and no word of it")
			case end == nil && !reflect.DeepEqual(argv, words[len(words)-len(argv):]):
				t.Errorf("the program is %q of %q", argv, words)
			case end != nil && (end.out == "") == (end.err == ""):
				t.Errorf("it ends with %d and says %q %q", end.status, end.out, end.err)
			}
		}
		p, end := parseTini(append([]string{"tini"}, words...), env, 1, "v")
		check(p.argv, end)
		d, end := parseDumbInit(append([]string{"dumb-init"}, words...), env)
		check(d.argv, end)
	})
}
