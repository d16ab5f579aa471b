package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/api"
)

func someBoot() api.Boot {
	s := func(v float64) *float64 { return &v }
	return api.Boot{Began: time.Unix(0, 0), Took: 2, Missing: 2, Services: []api.BootStep{
		{Name: "cache", State: "running", Up: true, Waited: s(0), Prepared: s(0.004), Readied: s(0)},
		{Name: "db", State: "running", Up: true, Waited: s(0), Prepared: s(0.1), Readied: s(1), Critical: true, Share: 1.1},
		{Name: "web", State: "running", Up: true, For: "migrate", Waited: s(1.4), Prepared: s(0.01), Readied: s(0.59), Critical: true, Share: 0.6},
		{Name: "migrate", State: "done", Up: true, For: "db", Waited: s(1.1), Prepared: s(0.01), Readied: s(0.29), Critical: true, Share: 0.3},
		{Name: "bad", State: "starting", Waited: s(0), Prepared: s(0.01), Why: "not ready: \x1b[2J"},
		{Name: "needy", State: "waiting", Why: "needs bad"},
	}}
}

func TestBootText(t *testing.T) {
	b := someBoot()
	want := `
4 of 6 services are up, the last after 2s
critical path (*): db 1.1s + migrate 300ms + web 600ms = 2s
   NAME     WAITED            PROCESS  READY  0s                                    2s
   cache    -                 4ms      0s     █
*  db       -                 100ms    1s     ▒▒████████████████████
*  web      1.4s for migrate  10ms     590ms  ····························████████████
*  migrate  1.1s for db       10ms     290ms  ······················██████
   bad      -                 10ms     -      starting (not ready: ^[[2J)
   needy    -                 -        -      waiting (needs bad)
`
	if diff := cmp.Diff(want, "\n"+bootText(&b, screen{columns: 80})); diff != "" {
		t.Error(diff)
	}
}

func TestBootTextFitsTheTerminal(t *testing.T) {
	b := someBoot()
	b.Services[1].Name = strings.Repeat("long", 20)
	b.Services[4].Why = strings.Repeat("because ", 40)
	for _, columns := range []int{60, 80, 132, 200} {
		for line := range strings.Lines(bootText(&b, screen{terminal: true, columns: columns})) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns && !strings.HasPrefix(line, "critical path") {
				t.Errorf("%d columns, and a line has %d: %s", columns, n, line)
			}
		}
	}
}

func TestBootTextOfLittle(t *testing.T) {
	for want, b := range map[string]api.Boot{
		"nothing was to be started when supervise began\n": {},
		"none of 1 services is up\n   NAME  WAITED  PROCESS  READY  0s                                    0s\n   a     -       -        -      waiting\n": {
			Missing: 1, Services: []api.BootStep{{Name: "a", State: "waiting"}}},
	} {
		if diff := cmp.Diff(want, bootText(&b, screen{columns: 80})); diff != "" {
			t.Error(diff)
		}
	}
}
