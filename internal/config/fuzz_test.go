package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// paths are those of all keys that a service has.
func paths[T any](keys []key[T], prefix string) (all []string) {
	for _, k := range keys {
		if k.keys != nil {
			all = append(all, paths(k.keys, prefix+k.name+".")...)
		} else {
			all = append(all, prefix+k.name)
		}
	}
	return all
}

// FuzzValues: whatever the value of a key is, as text, as a list or as it is
// written, it is taken or refused in one line that names the key. FuzzLoad has to
// come by the keys first.
func FuzzValues(f *testing.F) {
	all := paths(serviceKeys(), "")
	for i, seed := range []string{"1m30s", "-1s", "RTMIN+3", "SIGTERM", "10MB", "0o027", "100:200", "http://127.0.0.1:80/x", "tcp://[::1]:80", "unix://@a", "^(a|b", "%n-%i%%", "web@*", "nobody", "4294967295",
		"a 'b c' \\d", "1e400", "true", "[1, 'x']", "{ signal = 'TERM', wait = '10s' }", "200-299", "\x00", "\u202e"} {
		f.Add(i*7%len(all), seed)
	}
	for i := range all {
		f.Add(i, "1")
	}
	f.Fuzz(func(t *testing.T, which int, value string) {
		key := all[int(uint(which)%uint(len(all)))]
		for _, text := range []string{quoteTOML(value), "[" + quoteTOML(value) + "]", value} {
			if strings.ContainsAny(text, "\n\r") {
				continue // another line, and so another key
			}
			command := "command = 'sh'\n"
			if key == "command" {
				command = ""
			}
			l := &loader{path: "f", supervisor: defaultSupervisor()}
			l.fileText("f", "[services.a]\n"+command+key+" = "+text)
			cfg, err := l.config()
			if (cfg == nil) == (err == nil) {
				t.Fatal(cfg, err)
			}
			for _, e := range slices.Concat(l.errors, l.warnings) {
				if e.File != "f" || e.Msg == "" || strings.ContainsFunc(e.Error(), unicode.IsControl) {
					t.Fatalf("%s = %s: %q", key, text, e)
				}
			}
			if cfg == nil || len(cfg.Services) > 100 { // of instances there may be 10,000, in seconds
				continue
			}
			var again strings.Builder
			if err := cfg.Print(&again); err != nil {
				t.Fatal(err)
			}
			if _, err := Parse("/f", again.String()); err != nil {
				t.Fatalf("%s = %s is printed as something else: %v\n%s", key, text, err, again.String())
			}
		}
	})
}

// FuzzServiceDirectory: whatever a service directory of runit's is called and holds,
// it becomes a service or is left out with a reason.
func FuzzServiceDirectory(f *testing.F) {
	f.Add("web", "restart = { when = 'never' }")
	f.Add("a b", "command = 'x'")
	f.Add("..", "[log]\nto = 'file'")
	f.Add("\u202ex", "")
	dir := f.TempDir()
	n := 0
	f.Fuzz(func(t *testing.T, name, text string) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		defer os.RemoveAll(path)
		if strings.ContainsAny(name, "/\x00") || name == "" || name == "." || name == ".." || os.MkdirAll(filepath.Join(path, name), 0o755) != nil {
			return
		}
		if err := os.WriteFile(filepath.Join(path, name, "run"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, name, "supervise.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadServices(path)
		if (cfg == nil) == (err == nil) {
			t.Fatal(cfg, err)
		}
		if err != nil && strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), unicode.IsControl) {
			t.Errorf("%q", err)
		}
		if cfg != nil && name[0] != '.' && len(cfg.Services) == 0 && len(cfg.Warnings) == 0 {
			t.Error("it is left out without a word")
		}
	})
}
