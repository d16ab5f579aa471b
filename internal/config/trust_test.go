package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriters(t *testing.T) {
	for _, test := range []struct {
		mode fs.FileMode
		gid  uint32
		want string
	}{
		{0o644, 5, ""}, {0o664, 0, ""}, {0o664, 5, "the group 5"}, {0o646, 0, "everybody"}, {0o777, 5, "everybody"},
	} {
		if got := writers(test.mode, test.gid); got != test.want {
			t.Errorf("writers(%o, %d) = %q, want %q", test.mode, test.gid, got, test.want)
		}
	}
}

func TestRootTrustsNoFileThatOthersMayWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has to be careful")
	}
	good := map[string]string{"c/web.toml": "command = 'sh'\nenv_file = '../e/env'", "e/env": "A=1"}
	for _, test := range []struct {
		what string
		mode fs.FileMode
		load string
		want string // the path that is named, "" for none
	}{
		{"c", 0o755, "c", ""},
		{"c/web.toml", 0o646, "c", "c/web.toml"},
		{"c", 0o777, "c", "c"},
		{"c", 0o777 | fs.ModeSticky, "c", "c"},
		{"e/env", 0o602, "c", "e/env"},
		{"e", 0o777, "c", "e"},
		{"e", 0o777 | fs.ModeSticky, "c", ""},
	} {
		dir := write(t, good)
		if err := os.Chmod(filepath.Join(dir, test.what), test.mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(filepath.Join(dir, test.load))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s with mode %s: %v", test.what, test.mode, err)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, test.want)+": ") || !strings.Contains(err.Error(), "everybody")):
			t.Errorf("%s with mode %s: %v, want an error about %s", test.what, test.mode, err, test.want)
		}
	}
}

func TestForeignOwnerIsAWarning(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has to be careful")
	}
	dir := write(t, map[string]string{"supervise.toml": "[services.a]\ncommand = 'sh'"})
	path := dir + "/supervise.toml"
	if err := os.Chown(path, 12345, 0); err != nil {
		t.Skip(err)
	}
	if got := load(t, path).Warnings; len(got) != 1 || !strings.Contains(got[0].Msg, "12345") {
		t.Errorf("warnings %v, want one that names the owner", got)
	}
	t.Setenv("SUDO_UID", "12345")
	if got := load(t, path).Warnings; len(got) != 0 {
		t.Errorf("warnings %v, though the owner called sudo", got)
	}
}
