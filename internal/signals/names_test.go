package signals

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEverySignalGoesThereAndBack(t *testing.T) {
	seen := map[string]Signal{}
	for s := Signal(1); s <= 64; s++ {
		name := s.String()
		if other, twice := seen[name]; twice {
			t.Errorf("%d and %d are both %s", s, other, name)
		}
		seen[name] = s
		for _, text := range []string{name, "SIG" + name, strings.ToLower(name), "sig" + strings.ToLower(name), fmt.Sprint(int(s)), " " + name + "\t"} {
			if got, err := Parse(text); got != s || err != nil {
				t.Errorf("%q: got %d, %v, want %d", text, got, err, s)
			}
		}
		b, err := s.MarshalText()
		var back Signal
		if err != nil || back.UnmarshalText(b) != nil || back != s {
			t.Errorf("%s became %q and %s", s, b, back)
		}
		if s.Syscall() != unix.Signal(s) {
			t.Errorf("%s is %d to the kernel", s, s.Syscall())
		}
	}
}

// The kernel's own names, as x/sys has them.
func TestNamesAreTheKernels(t *testing.T) {
	for s := HUP; s <= 31; s++ {
		want := strings.TrimPrefix(unix.SignalName(unix.Signal(s)), "SIG")
		if want == "ABRT" || s.String() == want {
			continue
		}
		if got, err := Parse(want); err != nil || got != s {
			t.Errorf("%d is %s here and %s there", s, s, want)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Signal{
		"TERM": TERM, "SIGTERM": TERM, "sigTerm": TERM, "15": TERM, "IOT": 6, "CLD": CHLD, "POLL": 29, "IO": 29, "SIGUNUSED": 31, "SYS": 31,
		"RTMIN": 34, "RTMIN+0": 34, "RTMIN+3": 37, "SIGRTMIN+30": 64, "rtmin+15": 49, "RTMAX": 64, "RTMAX-0": 64, "RTMAX-30": 34, "64": 64, "1": HUP,
		"015": TERM,
	} {
		if got, err := Parse(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"": `""`, "0": "no signal has number 0", "65": "from 1 to 64", "-1": "from 1 to 64", "TREM": "did you mean TERM?", "SIGKIL": "did you mean KILL?",
		"RTMIN+31": "is called", "RTMIN-1": "is called", "RTMAX+1": "is called", "RTMAX-31": "is called", "RTMIN+": "is called", "RTMIN+-1": "is called",
		"RTMIN++1": "is called", "RTMINX": "is called", "SIG": "is called", "SIGSIGTERM": "is called", "elephant": "signals are written TERM",
		"TERM,INT": "is called", "1.5": "is called", "99999999999999999999": "is called",
	} {
		got, err := Parse(text)
		if err == nil || got != 0 || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %d, %v, want %q in it", text, got, err, says)
		}
	}
}

func TestNamesInOrderOfTheirNumbers(t *testing.T) {
	all := Names()
	if len(all) != 31 || all[0] != "HUP" || all[30] != "SYS" {
		t.Errorf("got %v", all)
	}
	for i, name := range all {
		if s, err := Parse(name); err != nil || s != Signal(i+1) {
			t.Errorf("%s is %d, %v, want %d", name, s, err, i+1)
		}
	}
}

func TestNumbersWithoutANameStayNumbers(t *testing.T) {
	for s, want := range map[Signal]string{0: "0", 32: "32", 33: "33", 65: "65", -1: "-1"} {
		if s.String() != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"TERM", "sigint", "15", "RTMIN+3", "RTMAX-30", "RTMIN+", "", "SIG", "ſIGTERM", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if s != 0 || err.Error() == "" {
				t.Errorf("%q: %d came with %v", text, s, err)
			}
			return
		}
		if s < 1 || s > 64 {
			t.Errorf("%q is %d", text, s)
		}
		if again, err := Parse(s.String()); err != nil || again != s {
			t.Errorf("%q is %s, and that is %s, %v", text, s, again, err)
		}
	})
}

func TestParseRule(t *testing.T) {
	for text, want := range map[string][2]Signal{
		"TERM:QUIT": {TERM, QUIT}, "sigterm:3": {TERM, QUIT}, "15:0": {TERM, Drop}, "HUP:drop": {HUP, Drop}, "HUP:DROP": {HUP, Drop},
		"RTMIN+1:RTMAX": {35, 64}, "INT:KILL": {INT, KILL}, "INT:STOP": {INT, STOP}, " INT : TERM ": {INT, TERM},
	} {
		from, to, err := ParseRule(text)
		if from != want[0] || to != want[1] || err != nil {
			t.Errorf("%q: got %s, %s, %v", text, from, to, err)
		}
	}
	for text, says := range map[string]string{
		"": "is no translation", "TERM": "is no translation", "TERM:": "no signal", ":TERM": "no signal", "0:TERM": "number 0", "KILL:TERM": "cannot be translated",
		"STOP:0": "cannot be translated", "TERM:QUIT:INT": "is called", "TERM:-1": "number -1", "drop:TERM": "is called", "TERM:00": "number 0",
	} {
		if from, to, err := ParseRule(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %s, %s, %v, want %q", text, from, to, err, says)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, text := range []string{"TERM:QUIT", "15:0", "HUP:drop", ":", "a:b:c", "KILL:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from, to, err := ParseRule(text)
		if err != nil {
			return
		}
		if from < 1 || from > 64 || from == KILL || from == STOP || to < 0 || to > 64 {
			t.Errorf("%q is %d to %d", text, from, to)
		}
		again, back, err := ParseRule(fmt.Sprintf("%s:%d", from, to))
		if err != nil || again != from || back != to {
			t.Errorf("%q is %s:%s, and that %s:%s, %v", text, from, to, again, back, err)
		}
	})
}

func TestTranslation(t *testing.T) {
	rules := Translation{TERM: QUIT, HUP: Drop, QUIT: TERM}
	for s, want := range map[Signal]Signal{TERM: QUIT, QUIT: TERM, INT: INT, HUP: Drop} {
		if got, keep := rules.Apply(s); got != want || keep != (want != Drop) {
			t.Errorf("%s: got %s, %v, want %s", s, got, keep, want)
		}
	}
	if got, keep := Translation(nil).Apply(TERM); got != TERM || !keep {
		t.Errorf("without rules: got %s, %v", got, keep)
	}
}
