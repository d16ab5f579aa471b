package exports_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/config"
	"supervise/internal/exports/systemd"
	"supervise/internal/imports"
	importsystemd "supervise/internal/imports/systemd"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// common are the settings that both we and systemd have, and that are written
// without a remark.
type common struct {
	Name, Dir, User, Group string
	Kind                   config.Kind
	Command                []string
	Env, EnvFile, Groups   []string
	Umask, Nice, OOM       int
	Limits                 []config.Limit
	NoNewPrivs, Notify     bool
	Needs                  []config.Need
	After                  []string
	StartBefore            []string
	StopBefore, StopAfter  []string
	StartTimeout, Watchdog string
	RunTimeout             string
	When                   policy.When
	First, Longest         string
	Limit                  int
	Within                 string
	Success                policy.Success
	Signal                 signals.Signal
	Grace                  string
	Scope                  config.Scope
	Sockets                []config.Socket
}

// commonOf takes them out of a service. rename makes of the name of a service
// what it is called after an export.
func commonOf(s config.Service, rename func(string) string) common {
	c := common{
		Name: rename(s.Name), Dir: s.Dir, User: s.User, Group: s.Group, Kind: s.Kind, Command: s.Command,
		Env: s.Env, EnvFile: s.EnvFile, Groups: s.Groups, Umask: s.Umask, Nice: s.Nice, OOM: s.OOMScore,
		Limits: s.Limits, NoNewPrivs: s.NoNewPrivs, Notify: s.Ready != nil && s.Ready.Kind == config.ProbeNotify,
		Watchdog: s.Watchdog.String(), RunTimeout: s.RunTimeout.String(), When: s.Restart.When, Limit: s.Restart.Limit,
		Signal: s.Stop.Ladder[0].Signal, Scope: s.Stop.Scope,
	}
	if command := s.Command[0]; strings.HasPrefix(command, "./") {
		c.Command = append([]string{s.Dir + command[1:]}, s.Command[1:]...)
	}
	if c.Notify {
		c.StartTimeout = s.StartTimeout.String()
	}
	if s.Restart.Limit > 0 {
		c.Within = s.Restart.Within.String()
	}
	b := s.Restart.Backoff
	if s.Restart.When != policy.Never {
		c.First, c.Longest = b.Delay(0, 0).String(), b.Delay(1000, 0).String()
		c.Success = s.Restart.Success
		slices.Sort(c.Success.Codes)
		slices.Sort(c.Success.Signals)
	}
	if to, ok := s.Map[c.Signal]; ok {
		c.Signal = to
	}
	for _, rung := range s.Stop.Ladder[:max(1, len(s.Stop.Ladder)-1)] {
		c.Grace += rung.Wait.String() + " "
	}
	for _, n := range s.Needs {
		c.Needs = append(c.Needs, config.Need{Name: rename(n.Name), For: n.For, With: n.With})
	}
	slices.SortFunc(c.Needs, func(a, b config.Need) int { return strings.Compare(a.Name, b.Name) })
	for _, name := range s.After {
		c.After = append(c.After, rename(name))
	}
	slices.Sort(c.After)
	for h, to := range map[*config.Hook]*[]string{s.StartBefore: &c.StartBefore, s.StopBefore: &c.StopBefore, s.StopAfter: &c.StopAfter} {
		if h != nil {
			*to = slices.Clone(h.Command)
			if rest, ok := strings.CutPrefix(h.Command[0], "./"); ok {
				(*to)[0] = s.Dir + "/" + rest
			}
		}
	}
	c.Sockets = slices.Clone(s.Sockets)
	slices.SortFunc(c.Sockets, func(a, b config.Socket) int { return strings.Compare(a.Address, b.Address) })
	return c
}

// What was exported to systemd and imported again is what it was, in all that
// both can say.
func TestUnitsComeBackAsTheyWere(t *testing.T) {
	before := services(t)
	// What the export says that it changes is not asked about.
	for i := range before {
		s := &before[i]
		s.Restart.Backoff.Jitter = 0
		if len(s.Stop.Ladder) > 2 && s.Stop.Ladder[0].Wait > 0 {
			s.Stop.Ladder = []config.Rung{{Signal: s.Stop.Ladder[0].Signal, Wait: s.Stop.Ladder[0].Wait + s.Stop.Ladder[1].Wait}, s.Stop.Ladder[2]}
		}
		s.Log = config.Log{To: config.ToConsole}
	}
	files := fstest.MapFS{}
	var paths []string
	for _, f := range systemd.Export(before, options).Files {
		files["etc/systemd/system/"+f.Name] = &fstest.MapFile{Data: []byte(f.Data)}
		if !strings.HasSuffix(f.Name, ".target") {
			paths = append(paths, "/etc/systemd/system/"+f.Name)
		}
	}
	doc, err := importsystemd.Import(imports.World{FS: files, Getenv: func(string) (string, bool) { return "", false }}, paths)
	if err != nil {
		t.Fatal(err)
	}
	doc.Finish()
	for _, r := range doc.AllRemarks() {
		switch {
		case strings.Contains(r.What, "app.target"), r.Kept,
			strings.HasPrefix(r.What, "RestartForceExitStatus="): // which import leaves to restart.success
		default:
			t.Errorf("lost on the way: %v", r)
		}
	}
	var text bytes.Buffer
	if err := doc.Write(&text, ""); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("/srv/app/supervise.toml", text.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	after := map[string]common{}
	for _, s := range cfg.Services {
		after[s.Name] = commonOf(s, func(name string) string { return name })
	}
	if want := len(before); len(after) != want {
		t.Errorf("%d services came back of %d: %v", len(after), want, slices.Sorted(maps.Keys(after)))
	}
	for _, s := range before {
		want := commonOf(s, func(name string) string { return "app-" + name })
		if s.Restart.When == policy.OnFailure && s.Kind != config.Task {
			// systemd holds these to be no failure; RestartForceExitStatus= has them restarted.
			want.Success.Signals = []signals.Signal{signals.HUP, signals.INT, signals.PIPE, signals.TERM}
		}
		if s.Restart.When == policy.Always {
			want.Success = after[want.Name].Success // nothing follows from it
		}
		if diff := cmp.Diff(want, after[want.Name]); diff != "" {
			t.Errorf("%s (-exported +imported) %s", s.Name, diff)
		}
	}
}
