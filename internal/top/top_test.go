package top

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/api"
	"supervise/internal/fullscreen"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

var update = flag.Bool("update", false, "write the screens as they are now")

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// fleet is services in all their states.
func fleet(at time.Time) []api.Service {
	runs := func(name string, pid int, up time.Duration, cpu float64, memory uint64) api.Service {
		return api.Service{Name: name, State: "running", PID: pid, Ready: true, Started: ptr(noon.Add(-up)), Uptime: up.Seconds(),
			CPU: &cpu, Memory: &memory, Command: []string{"./" + name, "--port", "8080"}}
	}
	used := at.Sub(noon).Seconds()
	api1 := runs("api", 4101, 3*time.Hour+20*time.Minute, 100+0.5*used, 48<<20)
	worker := runs("worker", 4141, 90*time.Second, 7, 900<<10)
	worker.State, worker.Why, worker.Next = "stopping", "asked for by process 7 of uid 0", "KILL in 3.2s"
	worker.Due, worker.Blocked = ptr(noon.Add(3200*time.Millisecond)), "pid 4141 (worker) ignores TERM"
	exit := &api.Exit{Code: ptr(1), Text: "exited 1"}
	return []api.Service{
		api1,
		runs("db", 4100, 50*time.Hour, 400, 3<<30),
		{Name: "mailer", State: "backoff", Why: "exited 1 after 0.2s, restart 3 in a row", Next: "starts in 4.2s", Due: ptr(noon.Add(4200 * time.Millisecond)), Restarts: 3, LastExit: exit},
		{Name: "migrate", Kind: "task", State: "done", Why: "exited 0", LastExit: &api.Exit{Code: ptr(0), Text: "exited 0"}},
		{Name: "report", State: "failed", Why: "more than 5 starts in 1m0s", Restarts: 5, LastExit: exit},
		{Name: "search", State: "stopped"},
		{Name: "web@1", State: "waiting", Why: "needs search, which is stopped", Next: "starts when that is over", Needs: []string{"search"}},
		worker,
		runs("日本語のとても長い名前のサービス", 4200, 5*time.Second, 0, 1<<20),
	}
}

// shown is a model that has seen the fleet twice.
func shown(w, h int) *Model {
	m := New(true, true)
	m.Update(fullscreen.Resized{Width: w, Height: h}, noon)
	m.Update(Connected{api.Info{Version: "1", PID: 812, Config: "/srv/shop/supervise.toml", Since: noon.Add(-80 * time.Hour), Orphans: 12}}, noon)
	m.Update(Seen{fleet(noon), true, noon}, noon)
	later := noon.Add(2 * time.Second)
	m.Update(Seen{fleet(later), true, later}, later)
	return m
}

func press(m *Model, keys ...string) (all []Command) {
	for _, k := range keys {
		all = append(all, m.Update(fullscreen.Key(k), m.now)...)
	}
	return all
}

// screen is what is seen, without attributes; it checks that all fits.
func screen(t *testing.T, m *Model) string {
	t.Helper()
	lines := m.View()
	if len(lines) > m.height {
		t.Errorf("%d lines on a screen of %d", len(lines), m.height)
	}
	var b strings.Builder
	for _, line := range lines {
		text := strip(line)
		if width(text) > m.width {
			t.Errorf("%d cells on a screen of %d: %q", width(text), m.width, text)
		}
		if strings.ContainsFunc(text, visible.Hidden) {
			t.Errorf("control characters: %q", text)
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
}

// The times on the screens are those of one place, for all tests: others may
// have left goroutines that look at a clock.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestScreens(t *testing.T) {
	lines := Lines{Of: "api"}
	for i := range 40 {
		lines.Lines = append(lines.Lines, api.Line{Service: "api", Time: ptr(noon), Line: fmt.Sprintf("GET /items/%d \x1b[32m200\x1b[0m", i)})
	}
	for _, size := range []struct{ w, h int }{{80, 24}, {40, 10}, {200, 60}} {
		for _, scene := range []struct {
			name string
			keys []string
			also func(m *Model)
		}{
			{name: "table"},
			{name: "logs", keys: []string{"enter", "t"}},
			{name: "stopping", keys: []string{"end", "up", "x", "y"}},
			{name: "confirm", keys: []string{"x"}},
			{name: "signals", keys: []string{"K", "r", "t", "m", "tab", "right"}},
			{name: "filter", keys: []string{"/", "w"}},
			{name: "help", keys: []string{"?"}},
			{name: "lost", also: func(m *Model) {
				m.Update(Lost{"no supervise is running at /run/x.sock", m.now.Add(4 * time.Second)}, m.now)
			}},
		} {
			name := fmt.Sprintf("%s_%dx%d", scene.name, size.w, size.h)
			t.Run(name, func(t *testing.T) {
				m := shown(size.w, size.h)
				m.Update(lines, m.now)
				press(m, scene.keys...)
				if scene.also != nil {
					scene.also(m)
				}
				path := filepath.Join("testdata", name+".txt")
				got := screen(t, m)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got); d != "" {
					t.Errorf("the screen is another (-want +got), see -update:\n%s", d)
				}
			})
		}
	}
}

// TestEveryScreenFits walks through all that can be seen at all sizes.
func TestEveryScreenFits(t *testing.T) {
	for w := 1; w <= 100; w += 7 {
		for h := 1; h <= 40; h += 3 {
			m := shown(w, h)
			m.Update(Lines{"api", []api.Line{{Line: "日本\x1b[31mxy\tz\x07\x1b[2J" + strings.Repeat("é", 200)}, {Lost: 7}, {Line: "rest", Part: true}}}, m.now)
			for _, keys := range [][]string{{}, {"end"}, {"enter"}, {"right"}, {"esc", "K"}, {"tab", "down", "down"}, {"esc", "?"}, {"j"}, {"esc", "x"}, {"n", "/", "界"}, {"esc"}} {
				press(m, keys...)
				screen(t, m)
			}
		}
	}
}

func TestAsciiOnly(t *testing.T) {
	m := New(false, false)
	m.Update(Connected{}, noon)
	m.Update(Seen{[]api.Service{{Name: "web", State: "running"}}, true, noon}, noon)
	for _, line := range m.View() {
		if text := strip(line); !plain(text) {
			t.Errorf("not ASCII: %q", text)
		}
		if strings.Contains(line, "\x1b[3") {
			t.Errorf("coloured: %q", line)
		}
	}
}

func TestKeysAskForWhatTheySay(t *testing.T) {
	usr1, _ := signals.Parse("USR1")
	for _, c := range []struct {
		keys []string
		want []Command
	}{
		{[]string{"s"}, []Command{Ask{Verb: "start", Name: "api"}}},
		{[]string{"x"}, nil},
		{[]string{"x", "n"}, nil},
		{[]string{"x", "enter"}, nil},
		{[]string{"x", "y"}, []Command{Ask{Verb: "stop", Name: "api"}}},
		{[]string{"x", "y", "x", "y"}, []Command{Ask{Verb: "stop", Name: "api"}}}, // it is under way
		{[]string{"r", "y"}, []Command{Ask{Verb: "restart", Name: "api"}}},
		{[]string{"R"}, []Command{Ask{Verb: "plan"}}},
		{[]string{"K", "u", "s", "r", "1", "enter"}, []Command{Ask{"signal", "api", usr1, "main"}}},
		{[]string{"K", "1", "0", "tab", "tab", "enter"}, []Command{Ask{"signal", "api", usr1, "tree"}}},
		{[]string{"K", "9", "enter"}, nil},
		{[]string{"K", "9", "enter", "y"}, []Command{Ask{"signal", "api", signals.KILL, "main"}}},
		{[]string{"K", "z", "z", "enter", "esc"}, nil},
		{[]string{"j"}, []Command{Follow{"db"}}},
		{[]string{"j", "x", "y"}, []Command{Follow{"db"}, Ask{Verb: "stop", Name: "db"}}},
		{[]string{"down", "down", "x"}, []Command{Follow{"db"}, Follow{"mailer"}, Ask{Verb: "stop", Name: "mailer"}}}, // nothing runs: no question
		{[]string{"enter", "x", "y"}, []Command{Ask{Verb: "stop", Name: "api"}}},
		{[]string{"q"}, []Command{Quit{}}},
		{[]string{"enter", "q"}, nil}, // back to the table
		{[]string{"K", "ctrl+c"}, []Command{Quit{}}},
		{[]string{"ctrl+z", "ctrl+l"}, []Command{Suspend{}, Redraw{}}},
		{[]string{"?", "x", "y"}, nil},
		{[]string{"/", "q", "x", "y"}, []Command{Follow{""}}}, // typed, not done; nothing is left to follow
	} {
		if got := press(shown(80, 24), c.keys...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q gives %v, want %v", c.keys, got, c.want)
		}
	}
}

func TestPastedTextIsNoCommand(t *testing.T) {
	m := shown(80, 24)
	if got := m.Update(fullscreen.Paste("xy"), noon); got != nil || m.over != overNothing {
		t.Errorf("it does %v", got)
	}
	press(m, "/")
	m.Update(fullscreen.Paste("wor"), noon)
	if m.filter != "wor" || m.selected != "worker" {
		t.Errorf("the filter is %q, selected is %q", m.filter, m.selected)
	}
}

func TestNothingIsAskedForWithoutAConnection(t *testing.T) {
	m := shown(80, 24)
	m.Update(Lost{"gone", noon.Add(time.Second)}, noon)
	if got := press(m, "s", "x", "r", "R", "K", "9", "enter"); got != nil {
		t.Errorf("it asks for %v", got)
	}
	if m.Update(Connected{}, noon); !strings.Contains(screen(t, m), "up ") {
		t.Errorf("it does not show that it is connected again:\n%s", screen(t, m))
	}
}

func TestWhatIsNotReadyOrNotWellIsToldOf(t *testing.T) {
	m := shown(120, 30)
	all := fleet(m.now)
	all[1].Health, all[1].Says = "unwell: 127.0.0.1:5432: connection refused", "replaying"
	all[5].State, all[5].Step, all[5].Next, all[5].Due = "starting", "not ready: no answer", "given up in 9s, if it is not ready", ptr(m.now.Add(9*time.Second))
	m.Update(Seen{all, true, m.now}, m.now)
	for name, want := range map[string][]string{
		"db":     {"unwell: 127.0.0.1:5432: connection refused", "says: replaying"},
		"search": {"not ready: no answer", "given up in 9s, if it is not ready"},
	} {
		i, _ := m.find(name)
		text := m.detail(&m.services[i])
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q does not say %q", name, text, w)
			}
		}
	}
	if text := m.progress(pending{Ask: Ask{Verb: "start", Name: "search"}, since: m.now}); text != "starting search: not ready: no answer, given up in 9s, if it is not ready" {
		t.Errorf("%q", text)
	}
	if screen := screen(t, m); !strings.Contains(screen, "unwell") || !strings.Contains(screen, "give up in 9s") {
		t.Errorf("the table does not show it:\n%s", screen)
	}
}

func TestOrders(t *testing.T) {
	m := shown(80, 24)
	names := func() string {
		var all []string
		for _, i := range m.rows {
			all = append(all, m.services[i].Name)
		}
		return strings.Join(all[:3], " ")
	}
	press(m, "end", "up", "up") // web@1 or so: the selection stays with its service
	selected := m.selected
	for i, want := range []string{"report mailer worker", "api db mailer", "db api 日本語のとても長い名前のサービス", "report mailer api", "db api worker", "api db mailer"} {
		press(m, "o")
		if got := names(); got != want {
			t.Errorf("order %d has %q first, want %q", i+1, got, want)
		}
		if m.selected != selected {
			t.Errorf("the selection has moved to %s", m.selected)
		}
	}
	if press(m, "O"); names() == "api db mailer" {
		t.Error("the order has not been turned round")
	}
}

func TestTheUseOfTheProcessorIsTheDifferenceOfTwoLooks(t *testing.T) {
	m := shown(80, 24) // 0.5 s in each second
	if got := m.cpu(&m.services[0]); got != "50.0" {
		t.Errorf("api uses %s %%", got)
	}
	at := noon.Add(4 * time.Second)
	again := fleet(at)
	*again[0].CPU = 1 // a new process
	m.Update(Seen{again, true, at}, at)
	if got := m.cpu(&m.services[0]); got != "-" {
		t.Errorf("after a restart api uses %s %%", got)
	}
}

func TestCountdownsGoOn(t *testing.T) {
	m := New(false, true)
	s := api.Service{Next: "KILL in 3.2s, then it starts", Due: ptr(noon.Add(3200 * time.Millisecond))}
	for _, c := range []struct {
		at   time.Duration
		want string
	}{{0, "KILL in 4s, then it starts"}, {2 * time.Second, "KILL in 2s, then it starts"}, {time.Minute, "KILL in 0s, then it starts"}} {
		m.now = noon.Add(c.at)
		if got := m.next(&s); got != c.want {
			t.Errorf("after %v: %q, want %q", c.at, got, c.want)
		}
	}
	s.Next = "starts when that is over"
	if got := m.next(&s); got != s.Next {
		t.Errorf("%q", got)
	}
}

func TestScrollingBackStaysWhereItIs(t *testing.T) {
	m := shown(80, 24)
	add := func(n int) {
		for i := range n {
			m.Update(Lines{"api", []api.Line{{Line: fmt.Sprint("line ", i)}}}, noon)
		}
	}
	add(100)
	press(m, "u", "u")
	before := m.logs.view(m.look, m.layout().logs, 80)
	add(3)
	if d := cmp.Diff(before, m.logs.view(m.look, m.layout().logs, 80)); d != "" {
		t.Errorf("the view has moved:\n%s", d)
	}
	add(10 * keptLines)
	if n := len(m.logs.lines); n > 2*keptLines {
		t.Errorf("%d lines are kept", n)
	}
	press(m, "enter", "f")
	if m.logs.back != 0 {
		t.Error("f does not follow again")
	}
}

func TestAThousandServicesScroll(t *testing.T) {
	m := New(true, true)
	var all []api.Service
	for i := range 1000 {
		all = append(all, api.Service{Name: fmt.Sprintf("s%03d", i), State: "running", PID: 1})
	}
	m.Update(Connected{}, noon)
	m.Update(Seen{all, true, noon}, noon)
	for range 500 {
		press(m, "down")
	}
	if text := screen(t, m); m.selected != "s500" || !strings.Contains(text, "▸ s500") || strings.Contains(text, "s400") {
		t.Errorf("selected is %s:\n%s", m.selected, text)
	}
	// One that goes away leaves the selection where it was.
	m.Update(Seen{append(all[:500:500], all[501:]...), true, noon}, noon)
	if m.selected != "s501" {
		t.Errorf("selected is %s", m.selected)
	}
}

func TestWhatWasAskedForIsShownUntilItsOutcome(t *testing.T) {
	m := shown(120, 24)
	press(m, "end", "up", "x", "y")
	m.Update(Tick{}, noon.Add(2*time.Second+time.Second))
	if text := screen(t, m); !strings.Contains(text, "stopping worker, 1s: pid 4141 (worker) ignores TERM, KILL in 1s") {
		t.Errorf("it shows:\n%s", text)
	}
	a := Ask{Verb: "stop", Name: "worker"}
	ok, text := Outcome(a, api.Outcome{Services: []api.Result{{Name: "worker", State: "failed", Why: "pid 9 survived KILL"}}}, 409)
	m.Update(Answered{Asked: a, OK: ok, Text: text}, m.now)
	if text := screen(t, m); ok || !strings.Contains(text, "worker was not stopped: it is failed, pid 9 survived KILL") || strings.Contains(text, "stopping worker") {
		t.Errorf("it shows:\n%s", text)
	}
}

func TestAReloadIsShownBeforeItIsDone(t *testing.T) {
	m := shown(80, 24)
	press(m, "R")
	plan := api.Reload{DryRun: true, Kept: 7, Changes: []api.Change{{Name: "web@1", Action: "restart"}, {Name: "new", Action: "add"}}}
	_, text := Reloaded(plan)
	m.Update(Answered{Ask{Verb: "plan"}, true, text, &plan}, noon)
	if text := screen(t, m); !strings.Contains(text, "reload: add new; restart web@1; keep 7?") {
		t.Errorf("it shows:\n%s", text)
	}
	if got := press(m, "y"); !reflect.DeepEqual(got, []Command{Ask{Verb: "reload"}}) {
		t.Errorf("y asks for %v", got)
	}
	if ok, text := Reloaded(api.Reload{Errors: []string{"supervise.toml:3: no", "more"}}); ok || !strings.Contains(text, "supervise.toml:3: no (and 1 more") {
		t.Error(text)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                               "plain",
		"a\tb":                                "a       b",
		"1234567\tb":                          "1234567 b",
		"bell\a and \x00":                     "bell^G and ^@",
		"\x1b[2J\x1b[1;1Hhome":                "home",
		"\x1b]0;title\x07text\x1b]8;;x\x1b\\": "text",
		"\x1bPq..\x1b\\sixel":                 "sixel",
		"\x1b[31mred\x1b[0m":                  "\x1b[31mred\x1b[0m",
		"\x1b[?25lhidden\x1b(0x\x1bc":         "hiddenx",
		"progress 1\rprogress 2\r\n":          "progress 1^Mprogress 2",
		"\u202eevil\u2066":                    "evil",
		"c1 \u009b2J":                         "c1 2J",
		"bad \xff":                            "bad \ufffd",
		"\x1b":                                "",
		"\x1b[31":                             "",
		"\x1b[3\x0a1m":                        "^J1m",
	} {
		if got := Clean(in, true); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := Clean("\x1b[31mred", false); got != "red" {
		t.Errorf("without colours: %q", got)
	}
}

// FuzzClean: nothing that a program writes can do anything but set attributes,
// and cutting it keeps its width.
func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m日本\x1b]0;x", 3, 5)
	f.Add("e\u0301\u200d👨‍👩‍👧\t\r", 0, 2)
	f.Fuzz(func(t *testing.T, s string, from, n int) {
		from, n = max(0, min(from, 1000)), max(0, min(n, 1000))
		clean := Clean(s, true)
		if text := strip(clean); strings.ContainsFunc(text, visible.Hidden) {
			t.Errorf("%q becomes %q", s, clean)
		}
		for rest := clean; strings.Contains(rest, "\x1b"); {
			rest = rest[strings.IndexByte(rest, 0x1b):]
			k, attributes := escape(rest)
			if !attributes {
				t.Fatalf("%q becomes %q", s, clean)
			}
			rest = rest[k:]
		}
		if cut := strip(unicodeGlyphs.cut(clean, from, n)); width(cut) > n {
			t.Errorf("%q from %d is %q: %d cells, not %d", clean, from, cut, width(cut), n)
		}
		if fit := strip(unicodeGlyphs.fit(clean, n)); width(fit) != n {
			t.Errorf("%q fits into %d as %q, %d", clean, n, fit, width(fit))
		}
	})
}

func TestSpanAndSize(t *testing.T) {
	for d, want := range map[time.Duration]string{-1: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 200 * time.Minute: "3h20m", 124 * time.Hour: "5d04h", 24000 * time.Hour: "1000d"} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0K", 900 << 10: "900K", 1023 << 10: "1.0M", 48 << 20: "48M", 3 << 30: "3.0G", 1000 << 20: "1.0G"} {
		if got := size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
