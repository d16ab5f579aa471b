package sv

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func environment(vars map[string]string) lookup {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestVerbs(t *testing.T) {
	for word, want := range map[string]command{
		"status": {kind: ask, letters: "s"}, "s": {kind: ask, letters: "s"}, "sfoo": {kind: ask, letters: "s"}, "stopp": {kind: ask, letters: "s"},
		"up": {letters: "u"}, "u": {letters: "u"}, "uphill": {letters: "u"}, "down": {letters: "d"}, "once": {letters: "o"},
		"pause": {letters: "p"}, "cont": {letters: "c"}, "c": {letters: "c"}, "chec": {letters: "c"}, "checks": {letters: "c"}, "hup": {letters: "h"},
		"alarm": {letters: "a"}, "interrupt": {letters: "i"}, "quit": {letters: "q"}, "1": {letters: "1"}, "2x": {letters: "2"}, "kill": {letters: "k"},
		"term": {letters: "t"}, "try": {letters: "t"}, "exit": {letters: "x"}, "x": {letters: "x"}, "e": {letters: "x"},
		"X": {letters: "x", wait: true, kill: true}, "Exit": {letters: "x", wait: true, kill: true},
		"D": {letters: "d", wait: true, kill: true}, "T": {letters: "tc", wait: true, kill: true},
		"start": {letters: "u", wait: true}, "stop": {letters: "d", wait: true}, "restart": {letters: "tcu", wait: true},
		"shutdown": {letters: "x", wait: true}, "reload": {letters: "h", wait: true}, "try-restart": {letters: "tc", wait: true},
		"check":       {kind: await, letters: "C", wait: true},
		"force-stop":  {letters: "d", wait: true, kill: true},
		"force-start": {}, "force-reload": {letters: "tc", wait: true, kill: true},
		"force-restart": {letters: "tcu", wait: true, kill: true}, "force-shutdown": {letters: "x", wait: true, kill: true},
		"r": {}, "rest": {}, "f": {}, "": {}, "U": {}, "K": {}, "3": {}, "-": {},
	} {
		got, end := parse([]string{"sv", "--", word, "web"}, environment(nil))
		if (end != nil) != (want.letters == "") {
			t.Errorf("%q: %v", word, end)
			continue
		}
		if end == nil && (got.kind != want.kind || got.letters != want.letters || got.wait != want.wait || got.kill != want.kill) {
			t.Errorf("%q: %+v", word, got)
		}
	}
}

func TestOptions(t *testing.T) {
	const usage, lsbUsage = "usage: sv [-v] [-w sec] command service ...\n\n", "usage: web [-w sec] command\n\n"
	for _, x := range []struct {
		line string
		env  map[string]string
		want command
		end  *ending
	}{
		{line: "sv u a b", want: command{name: "sv", services: []string{"a", "b"}, letters: "u", base: defaultBase, limit: defaultLimit}},
		{line: "/usr/bin/sv -v u a", want: command{name: "sv", services: []string{"a"}, letters: "u", base: defaultBase, limit: defaultLimit, wait: true}},
		{line: "sv -w3 u a", want: command{name: "sv", services: []string{"a"}, letters: "u", base: defaultBase, limit: 3 * time.Second, wait: true}},
		{line: "sv -vw 3x u a", want: command{name: "sv", services: []string{"a"}, letters: "u", base: defaultBase, limit: 3 * time.Second, wait: true}},
		{line: "sv -w x -v u -w", want: command{name: "sv", services: []string{"-w"}, letters: "u", base: defaultBase, wait: true}},
		{line: "sv --anything u a", want: command{name: "sv", services: []string{"a"}, letters: "u", base: defaultBase, limit: defaultLimit}},
		{line: "sv u a", env: map[string]string{"SVDIR": "", "SVWAIT": "12"}, want: command{name: "sv", services: []string{"a"}, letters: "u", limit: 12 * time.Second}},
		{line: "sv u a", env: map[string]string{"SVWAIT": ""}, want: command{name: "sv", services: []string{"a"}, letters: "u", base: defaultBase}},
		{line: "/etc/init.d/web start x y", want: command{name: "web", services: []string{"web"}, letters: "u", base: defaultBase, limit: defaultLimit, wait: true, lsb: true}},
		{line: "sv", end: &ending{100, usage}},
		{line: "sv u", end: &ending{100, usage}},
		{line: "sv -v", end: &ending{100, usage}},
		{line: "sv -x u a", end: &ending{100, "sv: illegal option -- x\n" + usage}},
		{line: "sv -v- u a", end: &ending{100, "sv: illegal option -- -\n" + usage}},
		{line: "sv -: u a", end: &ending{100, "sv: illegal option -- :\n" + usage}},
		{line: "sv -vw", end: &ending{100, "sv: option requires an argument -- w\n" + usage}},
		{line: "sv -vV u a", end: &ending{100, version + usage}},
		{line: "web", end: &ending{2, lsbUsage}},
		{line: "web stat", end: &ending{2, lsbUsage}},
	} {
		got, end := parse(strings.Fields(x.line), environment(x.env))
		if !reflect.DeepEqual(end, x.end) || end == nil && !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s %v:\n%+v %+v, want\n%+v %+v", x.line, x.env, got, end, x.want, x.end)
		}
	}
}

// A wait has an end, and nothing is done without a service.
func FuzzCommandLines(f *testing.F) {
	for _, seed := range []string{"sv\x00-w\x00\x00restart\x00a", "sv\x00-vw5\x00X\x00a\x00b", "/etc/init.d/web\x00status", "sv\x00-V", "sv\x00--\x00-\x00a", "\x00u"} {
		f.Add(seed, "7", "/etc/service")
	}
	f.Fuzz(func(t *testing.T, line, wait, dir string) {
		words := strings.Split(line, "\x00")
		c, end := parse(words, environment(map[string]string{"SVWAIT": wait, "SVDIR": dir}))
		if end != nil {
			if end.status != 2 && end.status != 100 || !strings.HasSuffix(end.text, "\n") || !strings.Contains(end.text, "usage: ") {
				t.Errorf("it ends with %+v", *end)
			}
			return
		}
		if len(c.services) == 0 || c.letters == "" || c.limit < 0 || c.limit > longestLimit*time.Second || c.kill && !c.wait || c.base != dir {
			t.Errorf("%q: %+v", words, c)
		}
		if w := newWaiting(c.letters, sent, c.limit); !w.deadline.After(sent) || w.deadline.Sub(sent) > c.limit+period {
			t.Errorf("limit %v: the deadline is %v after the order", c.limit, w.deadline.Sub(sent))
		}
	})
}

func TestCalled(t *testing.T) {
	dir := t.TempDir()
	for link, target := range map[string]string{"sv": "supervise", "web": "sv", "abs": filepath.Join(dir, "web"), "other": "supervise", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for name, want := range map[string]bool{
		"sv": true, "/missing/sv": true, "./web": true, dir + "/abs": true,
		"web": false, "./other": false, "./loop": false, "./missing": false, "supervise": false, "": false,
	} {
		if got := Called(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
