package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnv(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"# comment\n\n  \n", nil},
		{"A=1\nB=\nC=x y  \n", []string{"A=1", "B=", "C=x y"}},
		{"export A=1\n\texport\tB=2", []string{"A=1", "B=2"}},
		{"export=1", []string{"export=1"}},
		{"A = 1", []string{"A=1"}},
		{"A=b=c#d # comment", []string{"A=b=c#d"}},
		{`A='$B \n "' # x`, []string{`A=$B \n "`}},
		{`A="a\nb\t\"c\" \$D \e"`, []string{"A=a\nb\t\"c\" $D \\e"}},
		{"A='1\n2'\nB=\"3\n4\"\nC=5", []string{"A=1\n2", "B=3\n4", "C=5"}},
		{"A=''\r\nB=1\r\n", []string{"A=", "B=1"}},
		{"\ufeffA=1", []string{"A=1"}},
		{"A=$B${C}", []string{"A=$B${C}"}},
		{"A=it's", []string{"A=it's"}},
	} {
		got, err := ParseEnv([]byte(test.text))
		if err != nil {
			t.Errorf("ParseEnv(%q): %v", test.text, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("ParseEnv(%q) (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestParseEnvNamesEachWrongLine(t *testing.T) {
	_, err := ParseEnv([]byte("A=1\n  oops\n1B=2\nC='open\nD=\"x\" y\n export E F=1\n=1\nG=a\x00b"))
	want := `line 2: is no KEY=value; write # before a comment
line 3: "1B" cannot be the name of a variable; names are of letters, digits, '_', '.' and '-', and begin with no digit
line 4: the quote is not closed
line 5: something follows the closing quote; quote the whole value
line 6: "E F" cannot be the name of a variable; names are of letters, digits, '_', '.' and '-', and begin with no digit
line 7: "" cannot be the name of a variable; names are of letters, digits, '_', '.' and '-', and begin with no digit
line 8: the value of G is not text; a variable can hold no NUL byte, and we take UTF-8 only`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestEnvironLaterWins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	if err := os.WriteFile(file, []byte("A=file\nB=file\nB=again\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Service{EnvFile: []string{file, "-" + dir + "/none"}, Env: []string{"A=env"}}
	own := []string{"PATH=/bin", "A=own", "B=own"}
	got, err := s.Environ(own)
	if diff := cmp.Diff([]string{"PATH=/bin", "A=env", "B=again"}, got); err != nil || diff != "" {
		t.Errorf("Environ: %v (-want +got):\n%s", err, diff)
	}
	s.EnvClear = true
	got, err = s.Environ(own)
	if diff := cmp.Diff([]string{"A=env", "B=again"}, got); err != nil || diff != "" {
		t.Errorf("Environ with EnvClear: %v (-want +got):\n%s", err, diff)
	}
	s.EnvFile = []string{dir + "/none"}
	if _, err := s.Environ(own); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Environ with a missing file: %v, want one that is fs.ErrNotExist", err)
	}
}

func TestLookProgram(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"bin/yes": 0o755, "bin/plain": 0o644, "other/plain": 0o755, "here": 0o700} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, path string
		want       string
		is         error
	}{
		{name: "yes", path: "/nowhere:" + dir + "/bin", want: "/bin/yes"},
		{name: "yes", path: "bin", want: "/bin/yes"},
		{name: "plain", path: dir + "/bin:" + dir + "/other", want: "/other/plain"},
		{name: "plain", path: dir + "/bin", is: fs.ErrPermission},
		{name: "yes", path: "", is: fs.ErrNotExist},
		{name: "none", path: dir + "/bin", is: fs.ErrNotExist},
		{name: "./here", want: "/here"},
		{name: "bin/plain", is: fs.ErrPermission},
		{name: "./bin", is: fs.ErrPermission},
		{name: "./none", is: fs.ErrNotExist},
	} {
		got, err := LookProgram(test.name, dir, []string{"PATH=" + test.path})
		if test.is != nil {
			if !errors.Is(err, test.is) {
				t.Errorf("LookProgram(%q) in PATH %q: %v, want %v", test.name, test.path, err, test.is)
			}
		} else if err != nil || strings.TrimPrefix(got, dir) != test.want {
			t.Errorf("LookProgram(%q) in PATH %q = %q, %v, want %q", test.name, test.path, got, err, test.want)
		}
	}
	if _, err := LookProgram("sh", dir, nil); err != nil {
		t.Errorf("LookProgram(sh) without PATH: %v", err)
	}
}

// FuzzParseEnv wants either variables or errors with lines, never neither.
func FuzzParseEnv(f *testing.F) {
	f.Add([]byte("export A='b c' # d\nE=\"f\\n\""))
	f.Add([]byte("A='\nB"))
	f.Fuzz(func(t *testing.T, data []byte) {
		vars, err := ParseEnv(data)
		for _, v := range vars {
			if name, _, ok := strings.Cut(v, "="); !ok || !isVariableName(name) || strings.ContainsRune(v, 0) {
				t.Fatalf("%q is no variable", v)
			}
		}
		if err == nil {
			return
		}
		var errs Errors
		if !errors.As(err, &errs) {
			t.Fatalf("the error is a %T", err)
		}
		for _, e := range errs {
			if e.Line < 1 || e.Line > strings.Count(string(data), "\n")+1 {
				t.Fatalf("there is no line %d: %v", e.Line, e)
			}
		}
	})
}
