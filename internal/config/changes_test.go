package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"supervise/internal/policy"
)

// leaves calls do with each field below v that is no struct, and its path.
func leaves(v reflect.Value, path string, do func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		name := path + v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.Struct {
			leaves(f, name+".", do)
		} else {
			do(name, f)
		}
	}
}

// alter gives a field another value.
func alter(t *testing.T, path string, f reflect.Value) {
	t.Helper()
	switch {
	case f.Kind() == reflect.String:
		f.SetString(f.String() + "x")
	case f.CanInt():
		f.SetInt(f.Int() + 1)
	case f.CanUint():
		f.SetUint(f.Uint() + 1)
	case f.CanFloat():
		f.SetFloat(f.Float() + 1)
	case f.Kind() == reflect.Bool:
		f.SetBool(!f.Bool())
	case f.Kind() == reflect.Slice:
		f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
	case f.Kind() == reflect.Map:
		m := reflect.MakeMap(f.Type())
		m.SetMapIndex(reflect.Zero(f.Type().Key()), reflect.Zero(f.Type().Elem()))
		f.Set(m)
	case f.Kind() == reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
	default:
		t.Fatalf("%s is of a kind that this test does not know: %s", path, f.Kind())
	}
}

// unminded are the fields of Service that a reload does not mind.
var unminded = []string{"Name", "Where.File", "Where.Line", "Where.Col"}

// The table is held against the type: a field that is not in it would be
// changed and never seen.
func TestChangesKnowsEveryField(t *testing.T) {
	met := map[string]bool{}
	leaves(reflect.ValueOf(&Service{}).Elem(), "", func(path string, f reflect.Value) {
		old, new := Defaults(Daemon), Defaults(Daemon)
		leaves(reflect.ValueOf(&new).Elem(), "", func(p string, f reflect.Value) {
			if p == path {
				alter(t, p, f)
			}
		})
		keys, process := Changes(&old, &new)
		if slices.Contains(unminded, path) {
			if len(keys) > 0 {
				t.Errorf("Service.%s is changed: got %q, want nothing", path, keys)
			}
			return
		}
		if len(keys) != 1 {
			t.Fatalf("Service.%s is changed: got %q, want one key; is it in comparedKeys?", path, keys)
		}
		met[keys[0]] = true
		if back, again := Changes(&new, &old); !slices.Equal(back, keys) || again != process {
			t.Errorf("Service.%s: %q, %v, and the other way round %q, %v", path, keys, process, back, again)
		}
	})
	for _, k := range comparedKeys() {
		if !met[k.key] {
			t.Errorf("no field is behind %s", k.key)
		}
		if !isKey(serviceKeys(), k.key) && k.key != "runit" { // which is where it was found, and whether log/ is there
			t.Errorf("%s is none of the keys of a service", k.key)
		}
	}
}

func TestDeferredKnowsEveryFieldOfSupervisor(t *testing.T) {
	leaves(reflect.ValueOf(&Supervisor{}).Elem(), "", func(path string, f reflect.Value) {
		var old, new Supervisor
		leaves(reflect.ValueOf(&new).Elem(), "", func(p string, f reflect.Value) {
			if p == path {
				alter(t, p, f)
			}
		})
		differ := 0
		for _, k := range comparedSupervisorKeys() {
			if k.differs(&old, &new) {
				differ++
				if !isKey(supervisorKeys(), k.key) {
					t.Errorf("%s is none of the keys of [supervisor]", k.key)
				}
				if later := slices.Contains(Deferred(&old, &new), "supervisor."+k.key); later != (k.effect == restarts) {
					t.Errorf("%s is deferred: %v", k.key, later)
				}
			}
		}
		if differ != 1 {
			t.Errorf("Supervisor.%s is behind %d keys, want 1; is it in comparedSupervisorKeys?", path, differ)
		}
	})
}

// isKey says whether "restart.when" is in a table of keys.
func isKey[T any](keys []key[T], name string) bool {
	head, tail, deeper := strings.Cut(name, ".")
	k, ok := findKey(keys, head)
	if deeper {
		return ok && isKey(k.keys, tail)
	}
	return ok
}

// Of everything that a service may say: what it does not set has one default.
func TestEveryKeyIsCompared(t *testing.T) {
	compared := func(name string) bool {
		return slices.ContainsFunc(comparedKeys(), func(k compared[Service]) bool { return k.key == name })
	}
	merged := []string{"shell"} // it becomes part of command
	var walk func(prefix string, keys []key[draft])
	walk = func(prefix string, keys []key[draft]) {
		for _, k := range keys {
			name := prefix + k.name
			switch {
			case k.keys != nil && !compared(name): // else as a whole
				walk(name+".", k.keys)
			case slices.Contains(merged, name):
			case !compared(name):
				t.Errorf("a reload does not compare %s", name)
			}
		}
	}
	walk("", serviceKeys())
}

// docs/reload.md says of each key what a reload makes of it.
func TestPageOnReloadHasEveryKey(t *testing.T) {
	page, err := os.ReadFile("../../docs/reload.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]effect{}
	_, section, _ := strings.Cut(string(page), "## Which keys need another process")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i, word := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				said[word] = effect(strings.HasPrefix(strings.TrimSpace(cells[2]), "restart"))
			}
		}
	}
	for _, k := range comparedKeys() {
		table, _, _ := strings.Cut(k.key, ".")
		got, there := said[k.key]
		if !there {
			got, there = said[table+".*"]
		}
		if !there || got != k.effect {
			t.Errorf("%s restarts: %v; the page has it: %v, and says %v", k.key, k.effect, there, got)
		}
	}
}

func TestChangesFromFiles(t *testing.T) {
	const head = "[services.a]\ncommand = 'true'\n[services.b]\ncommand = 'true'\n"
	for name, c := range map[string]struct {
		old, new string // of [services.web]
		keys     string
		process  bool
	}{
		"nothing":            {"command = 'sleep 1'", "command = 'sleep 1'", "", false},
		"comments, layout":   {"command = 'sleep 1'\nnice = 5", "# why\n\nnice  =  5\ncommand = [\n  'sleep', # long\n  '1' ]", "", false},
		"a default, written": {"command = 'sleep 1'", "command = 'sleep 1'\nautostart = true\nstop.scope = 'tree'\nrestart.initial = '0.1s'", "", false},
		"order of variables": {"command = 'true'\nenv = { A = '1', B = '2' }", "command = 'true'\nenv = { B = '2', A = '1' }", "", false},
		"another way to say": {"command = 'sleep 1'\nsignals.forward = ['HUP', 'USR1']\nsignals.map = { TERM = 'QUIT' }", "command = ['sleep', '1']\nsignals = { forward = [1, 'SIGUSR1'], map = { 15 = 3 } }", "", false},
		"command":            {"command = 'sleep 1'", "command = 'sleep 2'", "command", true},
		"shell":              {"command = 'sleep 1'", "command = 'sleep 1'\nshell = true", "command", true},
		"live":               {"command = 'true'\nneeds = ['a']", "command = 'true'\nneeds = ['b']\nafter = ['a']\nautostart = false\ncritical = true\nstop.ladder = [{ signal = 'KILL', wait = '1s' }]", "needs after autostart critical stop.ladder", false},
		"delays":             {"command = 'true'", "command = 'true'\nrestart.delays = ['1s']", "restart.delays", false},
		"both":               {"command = 'true'", "command = 'true'\nrestart.limit = 3\nuser = 'root'", "user restart.limit", true},
		"groups":             {"command = 'true'", "command = 'true'\ngroups = []", "groups", true},
		"ladder":             {"command = 'true'\nstop.ladder = [{ signal = 'INT', wait = '1s' }]", "command = 'true'\nstop.ladder = [{ signal = 'INT', wait = '2s' }]", "stop.ladder", false},
		"same patterns":      {"command = 'true'\nready = { kind = 'log', pattern = 'up (now|soon)$' }", "command = 'true'\nready = { kind = 'log', pattern = 'up (now|soon)$' }", "", false},
		"other pattern":      {"command = 'true'\nready = { kind = 'log', pattern = 'up' }", "command = 'true'\nready = { kind = 'log', pattern = 'Up' }", "ready", true},
		"look":               {"command = 'true'\nhealth = { kind = 'tcp', address = ':80' }", "command = 'true'\nhealth = { kind = 'tcp', address = ':81' }", "health", false},
		"watched":            {"command = 'true'\nwatch.paths = '.'", "command = 'true'\nwatch = { paths = '.', debounce = '1s' }", "watch", false},
		"hooks":              {"command = 'true'\nstop.before = 'true'", "command = 'true'\nstop.before = { command = 'true', timeout = '30s' }\nstart.after = 'true'", "start.after", false},
		"map":                {"command = 'true'\nsignals.map = { TERM = 'QUIT' }", "command = 'true'\nsignals.map = { TERM = 'INT' }", "signals.map", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "supervise.toml")
			load := func(text string) *Service {
				if err := os.WriteFile(path, []byte(head+"[services.web]\n"+text), 0o644); err != nil {
					t.Fatal(err)
				}
				cfg, err := Load(path)
				if err != nil {
					t.Fatal(err)
				}
				return &cfg.Services[2]
			}
			keys, process := Changes(load(c.old), load(c.new))
			if got := strings.Join(keys, " "); got != c.keys || process != c.process {
				t.Errorf("got %q, %v; want %q, %v", got, process, c.keys, c.process)
			}
		})
	}
}

func BenchmarkChanges(b *testing.B) {
	old, new := Defaults(Daemon), Defaults(Daemon)
	old.Command, new.Command = []string{"sleep", "1"}, []string{"sleep", "1"}
	old.Restart.When, new.Restart.When = policy.Always, policy.Always
	for b.Loop() {
		Changes(&old, &new)
	}
}
