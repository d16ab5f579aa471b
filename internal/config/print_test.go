package config

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"supervise/internal/policy"
	"supervise/internal/signals"
)

// anyText draws strings of all characters that a program can be given.
var anyText = rapid.StringOfN(rapid.RuneFrom([]rune("ab %\"'\\$#=[]{}\n\t\r\x01\x7fé€😀")), 0, 8, -1)

var anyLength = rapid.Custom(func(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "length") >> rapid.IntRange(0, 62).Draw(t, "shift"))
})

var anySignal = rapid.Custom(func(t *rapid.T) signals.Signal {
	return signals.Signal(rapid.IntRange(1, 64).Filter(func(n int) bool { return n != 9 && n != 19 }).Draw(t, "signal"))
})

// listOf draws a list that is nil when it is empty, as those of Load are.
func listOf[T any](g *rapid.Generator[T], t *rapid.T, label string) []T {
	list := rapid.SliceOfN(g, 0, 3).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

func anyService(t *rapid.T, name, template string, instance int) Service {
	s := Defaults(rapid.SampledFrom([]Kind{Daemon, Task}).Draw(t, "kind"))
	s.Name, s.Template, s.Instance = name, template, instance
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }

	s.Command = append([]string{"/bin/sh"}, rapid.SliceOfN(anyText, 0, 3).Draw(t, "arguments")...)
	s.Dir = filepath.Join("/", rapid.StringMatching(`[a-z %é]{1,5}`).Draw(t, "dir"))
	env := rapid.MapOfN(rapid.StringMatching(`[A-Za-z_é .-]{1,4}`), anyText, 0, 3).Draw(t, "env")
	s.Env = sortedEnv(env)
	if yes("env_file") {
		s.EnvFile = []string{"/no/such 100%.env", "-/nor this"}
	}
	s.EnvClear = yes("env_clear")
	account := rapid.StringMatching(`([a-z]{1,5}|[0-9]{1,4})?`)
	s.User, s.Group = account.Draw(t, "user"), account.Draw(t, "group")
	if yes("groups") {
		s.Groups = rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,3}`), 0, 2).Draw(t, "groups")
	}
	s.Umask = rapid.IntRange(-1, 0o777).Draw(t, "umask")
	if s.NiceSet = yes("nice"); s.NiceSet {
		s.Nice = rapid.IntRange(-20, 19).Draw(t, "nice")
	}
	if s.OOMSet = yes("oom"); s.OOMSet {
		s.OOMScore = rapid.IntRange(-1000, 1000).Draw(t, "oom")
	}
	limits := map[string]Limit{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"nofile", "core", "as", "nproc"}), 0, 3).Draw(t, "limits") {
		l := Limit{Name: name, Resource: limitKinds[name].resource, Hard: unix.RLIM_INFINITY}
		if yes("hard") {
			l.Hard = rapid.Uint64().Draw(t, "hard")
		}
		l.Soft = rapid.Uint64Range(0, l.Hard).Draw(t, "soft")
		limits[name] = l
	}
	s.Limits = sortedLimits(limits)
	s.NoNewPrivs = yes("no_new_privs")
	s.Pdeathsig = signals.Signal(rapid.IntRange(0, 64).Draw(t, "pdeathsig"))
	s.Autostart, s.Critical = yes("autostart"), yes("critical")
	s.StartTimeout, s.RunTimeout = anyLength.Draw(t, "start"), anyLength.Draw(t, "timeout")
	s.TimeoutSignal = anySignal.Draw(t, "timeout_signal")

	s.Restart.When = rapid.SampledFrom([]policy.When{policy.OnFailure, policy.Never}).Draw(t, "when")
	b := policy.Backoff{Jitter: rapid.Float64Range(0, 1).Draw(t, "jitter")}
	if b.Delays = listOf(anyLength, t, "delays"); b.Delays == nil {
		b.Initial, b.Factor = anyLength.Draw(t, "initial"), rapid.Float64Min(1).Draw(t, "factor")
		b.Max = max(b.Initial, anyLength.Draw(t, "max"))
	}
	s.Restart.Backoff = b
	s.Restart.ResetAfter, s.Restart.Within = anyLength.Draw(t, "reset"), anyLength.Draw(t, "within")
	s.Restart.Limit = rapid.IntRange(0, 100).Draw(t, "limit")
	s.Restart.Success = policy.Success{Codes: listOf(rapid.IntRange(0, 255), t, "codes"), Signals: listOf(anySignal, t, "ends")}

	s.Stop.Scope = rapid.SampledFrom([]Scope{Tree, Group, Process}).Draw(t, "scope")
	s.Stop.Ladder = nil
	for range rapid.IntRange(1, 3).Draw(t, "rungs") {
		s.Stop.Ladder = append(s.Stop.Ladder, Rung{Signal: anySignal.Draw(t, "rung"), Wait: anyLength.Draw(t, "wait")})
	}
	for _, from := range listOf(anySignal, t, "map") {
		if s.Map == nil {
			s.Map = signals.Translation{}
		}
		s.Map[from] = signals.Signal(rapid.IntRange(0, 64).Draw(t, "to"))
	}
	for _, sig := range listOf(anySignal, t, "forward") {
		if !slices.Contains(s.Forward, sig) {
			s.Forward = append(s.Forward, sig)
		}
	}
	s.Log.To = rapid.SampledFrom([]LogTarget{ToConsole, ToInherit, ToNone}).Draw(t, "log")
	return s
}

// TestPrintAndLoadAgain prints any services and loads what was printed.
func TestPrintAndLoadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "printed.toml")
	rapid.Check(t, func(t *rapid.T) {
		cfg := &Config{Supervisor: Supervisor{Cgroup: rapid.Bool().Draw(t, "cgroup")}}
		for i := range rapid.IntRange(1, 3).Draw(t, "instances") {
			cfg.Services = append(cfg.Services, anyService(t, fmt.Sprintf("a@%d", i+1), "a", i+1))
		}
		b := anyService(t, "b.c", "b.c", 0)
		b.Needs = []string{"a@1"}
		cfg.Services = append(cfg.Services, b)

		var text bytes.Buffer
		if err := cfg.Print(&text); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Load(path)
		if err != nil {
			t.Fatalf("Load refuses what Print wrote: %v\n%s", err, text.Bytes())
		}
		if diff := cmp.Diff(cfg, again, cmpopts.IgnoreFields(Service{}, "Where"), cmpopts.IgnoreFields(Config{}, "Files", "Warnings")); diff != "" {
			t.Fatalf("Load made something else of it (-printed +loaded):\n%s\n%s", diff, text.Bytes())
		}
	})
}
