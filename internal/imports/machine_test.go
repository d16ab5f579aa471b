package imports_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/imports/systemd"
	"supervise/internal/needed"
)

// All units that packages have put on this machine, systemd's own too, become
// configurations that are accepted as they are. The only thing that may be
// missing is a program.
func TestUnitsOfThisMachine(t *testing.T) {
	units, err := filepath.Glob("/lib/systemd/system/*.service")
	if err != nil {
		t.Fatal(err)
	}
	needed.That(t, len(units) >= 50, "systemd's units")
	w := imports.World{FS: os.DirFS("/"), Getenv: os.LookupEnv, Home: func(string) (string, bool) { return "/root", true }}
	dir, accepted := t.TempDir(), 0
	for _, unit := range units {
		unit = strings.Replace(unit, "@.service", "@1.service", 1)
		doc, err := systemd.Import(w, []string{unit})
		if err != nil {
			if !strings.Contains(err.Error(), "is empty, as masked units are") {
				t.Error(err)
			}
			continue
		}
		if len(doc.Services) == 0 {
			continue
		}
		doc.Finish()
		var text bytes.Buffer
		if err := doc.Write(&text, unit); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "supervise.toml")
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = config.Load(file)
		if err == nil {
			accepted++
		}
		wrong := config.Errors{}
		errors.As(err, &wrong)
		for _, e := range wrong {
			if !strings.Contains(e.Msg, "does not exist") && !strings.Contains(e.Msg, "was not found in PATH") {
				t.Errorf("%s: %v\n%s", unit, e, text.String())
			}
		}
	}
	t.Logf("%d of %d units are accepted", accepted, len(units))
	if accepted < 50 {
		t.Errorf("only %d of %d units are accepted", accepted, len(units))
	}
}
