package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestAllThatIsWrongIsReported holds the error output for each wrong
// configuration in testdata/wrong against its golden file.
func TestAllThatIsWrongIsReported(t *testing.T) {
	t.Chdir("testdata/wrong")
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "/usr/bin:/bin")
	for _, path := range []string{
		"keys.toml", "values.toml", "command.toml", "needs.toml", "ready.toml", "hooks.toml", "sockets.toml", "twice.toml", "syntax.toml", "nokey.toml", "empty.toml",
		"supervisor.toml", "log.toml", "Procfile", "dir", "absent.toml",
	} {
		t.Run(path, func(t *testing.T) {
			cfg, err := Load(path)
			if cfg != nil || err == nil {
				t.Fatalf("Load gave %v, %v; want errors", cfg, err)
			}
			if errs := (Errors)(nil); !errors.As(err, &errs) {
				t.Fatalf("the error is a %T, not Errors", err)
			}
			got := strings.ReplaceAll(err.Error(), cwd, "$HERE") + "\n"
			golden := filepath.Join("..", "golden", path+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the errors are not those of %s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// What is kept of a configuration does not keep its text.
func TestTextIsNotKept(t *testing.T) {
	const size, readings = 1 << 20, 20
	for name, text := range map[string]string{
		"supervise.toml": "[services.web]\ncommand = [\"sleep\", \"1\"]\ndir = \"/\"\nenv = { A = \"b\" }\n",
		"Procfile":       "web: sleep 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(text+"#"+strings.Repeat("-", size)), 0o600); err != nil {
				t.Fatal(err)
			}
			used := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := used()
			var kept []*Config
			for range readings {
				c, err := Load(path)
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, c)
			}
			if now := used(); now > before+readings*size/4 {
				t.Errorf("%d readings of %d bytes keep %d", readings, size, now-before)
			}
			runtime.KeepAlive(kept)
		})
	}
}
