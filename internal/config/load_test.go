package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
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
