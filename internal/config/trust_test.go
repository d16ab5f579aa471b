package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"supervise/internal/needed"
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
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
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
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
	dir := write(t, map[string]string{"supervise.toml": "[services.a]\ncommand = 'sh'"})
	path := dir + "/supervise.toml"
	if err := os.Chown(path, 12345, 0); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path).Warnings; len(got) != 1 || !strings.Contains(got[0].Msg, "12345") {
		t.Errorf("warnings %v, want one that names the owner", got)
	}
	t.Setenv("SUDO_UID", "12345")
	if got := load(t, path).Warnings; len(got) != 0 {
		t.Errorf("warnings %v, though the owner called sudo", got)
	}
}

// What decides which file a path means is more than the file and its directory.
func TestTheWayToTheConfigurationIsTrustedToo(t *testing.T) {
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
	const open = "can be written by everybody"
	for _, test := range []struct {
		name  string
		files map[string]string
		links map[string]string // target by path
		modes map[string]fs.FileMode
		load  string
		wrong string // the path that an error names
		warns string // the path that a warning names
	}{
		{name: "all is well", files: map[string]string{"a/b/s.toml": "[services.x]\ncommand = 'sh'"}, load: "a/b/s.toml"},
		{name: "further up", files: map[string]string{"a/b/s.toml": "[services.x]\ncommand = 'sh'"}, modes: map[string]fs.FileMode{"a": 0o777}, load: "a/b/s.toml", warns: "a"},
		{name: "further up, sticky", files: map[string]string{"a/b/s.toml": "[services.x]\ncommand = 'sh'"}, modes: map[string]fs.FileMode{"a": 0o777 | fs.ModeSticky}, load: "a/b/s.toml"},
		{name: "above a directory", files: map[string]string{"a/d/x.toml": "command = 'sh'"}, modes: map[string]fs.FileMode{"a": 0o777}, load: "a/d", warns: "a"},
		{name: "where a link leads", files: map[string]string{"o/s.toml": "[services.x]\ncommand = 'sh'", "c/y": ""}, links: map[string]string{"c/s.toml": "../o/s.toml"},
			modes: map[string]fs.FileMode{"o": 0o777}, load: "c/s.toml", wrong: "o"},
		{name: "where a second link stands", files: map[string]string{"o/s.toml": "[services.x]\ncommand = 'sh'", "c/y": "", "m/y": ""},
			links: map[string]string{"c/s.toml": "../m/s.toml", "m/s.toml": "../o/s.toml"}, modes: map[string]fs.FileMode{"m": 0o777}, load: "c/s.toml", wrong: "m"},
		{name: "where a link of a directory leads", files: map[string]string{"o/x.toml": "command = 'sh'", "d/y.toml": "command = 'sh'"}, links: map[string]string{"d/x.toml": "../o/x.toml"},
			modes: map[string]fs.FileMode{"o": 0o777}, load: "d", wrong: "o"},
		{name: "a link in the way", files: map[string]string{"o/p/s.toml": "[services.x]\ncommand = 'sh'", "a/y": ""}, links: map[string]string{"a/l": "../o/p"},
			modes: map[string]fs.FileMode{"a": 0o777}, load: "a/l/s.toml", warns: "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, test.files)
			for path, to := range test.links {
				if err := os.Symlink(to, filepath.Join(dir, path)); err != nil {
					t.Fatal(err)
				}
			}
			for path, mode := range test.modes {
				if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := Load(filepath.Join(dir, test.load))
			got := ""
			switch {
			case err != nil:
				got = err.Error()
			default:
				got = cfg.Warnings.Error()
			}
			if named := test.wrong + test.warns; named == "" && got != "" || named != "" && (!strings.HasPrefix(got, filepath.Join(dir, named)+": ") || !strings.Contains(got, open)) {
				t.Errorf("it says %q", got)
			}
			if (err != nil) != (test.wrong != "") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRootIsWarnedOfProgramsThatOthersMayWrite(t *testing.T) {
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
	const script = "#!/bin/sh\n"
	for _, test := range []struct {
		name, text string
		path       string
		mode       fs.FileMode
		want       string
	}{
		{"nobody may", "[services.x]\ncommand = './bin/p'", "bin/p", 0o755, ""},
		{"the program", "[services.x]\ncommand = './bin/p'", "bin/p", 0o777, "bin/p can be written by everybody"},
		{"its directory", "[services.x]\ncommand = './bin/p'", "bin", 0o777, "bin, which can be written by everybody"},
		{"its directory, sticky", "[services.x]\ncommand = './bin/p'", "bin", 0o777 | fs.ModeSticky, ""},
		{"of a user", "[services.x]\ncommand = './bin/p'\nuser = 'nobody'", "bin/p", 0o777, ""},
		{"of root by name", "[services.x]\ncommand = './bin/p'\nuser = 'root'", "bin/p", 0o777, "bin/p can be written by everybody"},
		{"a hook", "[services.x]\ncommand = 'sh'\nstart = { before = ['./bin/p'] }", "bin/p", 0o757, "bin/p can be written by everybody"},
		{"a probe", "[services.x]\ncommand = 'sh'\nready = { kind = 'exec', command = ['./bin/p'] }", "bin/p", 0o757, "bin/p can be written by everybody"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"supervise.toml": test.text, "bin/p": script})
			if err := os.Chmod(filepath.Join(dir, "bin/p"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, test.path), test.mode); err != nil {
				t.Fatal(err)
			}
			got := load(t, filepath.Join(dir, "supervise.toml")).Warnings
			if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || got[0].Line == 0 || !strings.Contains(got.Error(), test.want)) {
				t.Errorf("warnings %v, want %q", got, test.want)
			}
		})
	}
}

func TestRootIsWarnedOfScriptsThatOthersMayWrite(t *testing.T) {
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
	for _, path := range []string{"", "web", "web/run", "web/finish", "web/control", "web/log", "web/log/run"} {
		dir := write(t, map[string]string{"web/run": "#!/bin/sh\n", "web/finish": "#!/bin/sh\n", "web/control/t": "#!/bin/sh\n", "web/log/run": "#!/bin/sh\n"})
		for _, script := range []string{"web/run", "web/finish", "web/control/t", "web/log/run"} {
			if err := os.Chmod(filepath.Join(dir, script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if path != "" {
			if err := os.Chmod(filepath.Join(dir, path), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		got := load(t, dir).Warnings
		if path == "" && len(got) != 0 || path != "" && (len(got) != 1 || !strings.HasPrefix(got.Error(), filepath.Join(dir, path)+": can be written by everybody")) {
			t.Errorf("%s: warnings %v", path, got)
		}
	}
}

// A name that moves the cursor stays within its line.
func TestErrorsAreOneLineOfText(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": "[services.\"a\\u001b]0;x\\u0007\"]\ncommand = \"/no\\u001b[2J\\nsupervise.toml: all is well\""})
	_, err := Load(filepath.Join(dir, "supervise.toml"))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\a") || strings.Contains(err.Error(), "\nsupervise.toml: all is well") {
		t.Errorf("%q", err)
	}
}

func TestRootIsWarnedOfPlacesWhereOthersCouldSteer(t *testing.T) {
	needed.That(t, os.Geteuid() == 0, "root, who alone has to be careful")
	for _, test := range []struct {
		name, path string
		mode       fs.FileMode
		uid        int
		want       string
	}{
		{"all is well", "sv", 0o755, 0, ""},
		{"open to all", "sv", 0o777, 0, "sv can be written by everybody"},
		{"sticky", "sv", 0o777 | fs.ModeSticky, 0, ""},
		{"somebody else's", "sv", 0o755, 12345, "sv belongs to the user 12345"},
		{"somebody was there first", "sv/a", 0o755, 12345, "sv/a belongs to the user 12345"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"supervise.toml": "[supervisor]\nrunit_dir = 'sv'\n[services.a]\ncommand = 'sh'", "sv/a/down": ""})
			path := filepath.Join(dir, test.path)
			if err := errors.Join(os.Chmod(path, test.mode), os.Chown(path, test.uid, -1)); err != nil {
				t.Fatal(err)
			}
			got := load(t, filepath.Join(dir, "supervise.toml")).Warnings
			if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || got[0].Line != 2 || !strings.Contains(got.Error(), test.want)) {
				t.Errorf("warnings %v, want %q", got, test.want)
			}
		})
	}
}
