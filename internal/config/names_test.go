package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesAreReadWithoutValidating(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("d/web.toml", "nonsense =")
	write("d/.hidden.toml", "")
	write("d/supervise.toml", "")
	write("d/README", "")
	write("d/$(id) \x1b]0;x\a.toml", "")
	for _, c := range []struct{ path, want string }{
		{write("a.toml", "[services.'$(id)']\n[services.web]\nno-such-key = [\n[services.web.stop]\n [ services . \"db@2\" ]\n#[services.not]\n[defaults]\n[servicesx.y]\n"), "db@2 web"},
		{write("Procfile", "web: ./web\r\n# x: y\nnot this\njob:\n"), "job web"},
		{filepath.Join(dir, "d"), "web"},
		{filepath.Join(dir, "missing"), ""},
	} {
		if got := strings.Join(Names(c.path), " "); got != c.want {
			t.Errorf("%s: %q, want %q", filepath.Base(c.path), got, c.want)
		}
	}
}
