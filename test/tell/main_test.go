package main

import (
	"fmt"
	"strings"
	"testing"
)

// events writes each "action test output" of package x as go test does, a second apart.
func events(steps ...string) string {
	var b strings.Builder
	for i, s := range steps {
		action, rest, _ := strings.Cut(s, " ")
		test, output, _ := strings.Cut(rest, " ")
		fmt.Fprintf(&b, `{"Time":"2026-11-29T13:51:%02dZ","Action":%q,"Package":"x","Test":%q,"Output":%q}`+"\n", i, action, test, output)
	}
	return b.String()
}

func TestTell(t *testing.T) {
	skips := []string{"output A === RUN   A\n", "output A     a_test.go:7: needs tmux\n", "output A --- SKIP: A (0.00s)\n", "skip A"}
	ok := []string{"output  PASS\n", "output  ok  \tx\t0.1s\n", "pass"}
	for name, c := range map[string]struct {
		in, want string
		well     bool
	}{
		"all is well":                       {events(append([]string{"start", "output A === RUN   A\n", "output A     a_test.go:3: hm\n", "pass A"}, ok...)...), "ok  \tx\t0.1s\n", true},
		"one is skipped":                    {events(append(skips, ok...)...), "ok  \tx\t0.1s\nskipped, needs tmux: A\n", true},
		"words of others":                   {"== the packages\n" + events(ok...) + "bye", "== the packages\nok  \tx\t0.1s\nbye", true},
		"go test had no package to tell of": {events(ok...) + "no Go files\nexit status 1\n", "ok  \tx\t0.1s\nno Go files\nexit status 1\n", false},
		"nothing was tested":                {"", "", false},
		"it could not be built":             {`{"ImportPath":"x","Action":"build-output","Output":"# x\n"}` + "\n" + `{"ImportPath":"x","Action":"build-fail"}` + "\n", "# x\n", false},
		"the run was broken off":            {events("start", "output A === RUN   A\n", "output A half\n"), "half\n", false},
		"one fails, and what passes beside it is not told": {
			events("run A", "output A/b     a_test.go:1: b\n", "output A/c     a_test.go:2: c\n", "output A --- FAIL: A (0.00s)\n", "output A/b     --- FAIL: A/b (0.00s)\n", "fail A/b", "pass A/c", "fail A",
				"output B     b_test.go:1: b\n", "pass B", "output  FAIL\n", "output  FAIL\tx\t0.1s\n", "fail"),
			"    a_test.go:1: b\n--- FAIL: A (0.00s)\n    --- FAIL: A/b (0.00s)\nFAIL\nFAIL\tx\t0.1s\nfailed: x A\n", false},
		"a panic": {events("output A panic: no\n", "output  FAIL\tx\t0.1s\n", "fail"), "panic: no\nFAIL\tx\t0.1s\nfailed: x\n", false},
	} {
		var out strings.Builder
		if well := tell(strings.NewReader(c.in), &out); well != c.well || out.String() != c.want {
			t.Errorf("%s: %t, %q\nwant %t, %q", name, well, &out, c.well, c.want)
		}
	}
}

func TestItIsToldHowFarItIs(t *testing.T) {
	var out strings.Builder
	in := events("start", "pass A", "pass B") + strings.ReplaceAll(events("pass C"), ":51:", ":52:") + events("output  ok  \tx\t60s\n", "pass")
	if !tell(strings.NewReader(in), &out) || !strings.Contains(out.String(), ": 3 tests so far\n") {
		t.Errorf("got %q", &out)
	}
}
