package unitfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
	"pgregory.net/rapid"

	"supervise/internal/needed"
)

// go-systemd reads the same settings, wherever it can read the file.
func TestParseReadsWhatGoSystemdReads(t *testing.T) {
	files, _ := filepath.Glob("/lib/systemd/system/*.*")
	needed.That(t, len(files) >= 100, "systemd's units")
	compared := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a directory
		}
		want, err := unit.DeserializeOptions(strings.NewReader(string(text)))
		if err != nil {
			continue
		}
		got, err := Parse(name, string(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		lines := strings.Split(string(text), "\n")
		if len(got) != len(want) {
			t.Errorf("%s: %d settings, expected %d", name, len(got), len(want))
			continue
		}
		for i, w := range want {
			g := got[i]
			// It keeps the breaks of lines that go on, which become blanks here.
			value := strings.Join(strings.Fields(strings.ReplaceAll(w.Value, "\\\n", " ")), " ")
			if g.Section != w.Section || g.Name != w.Name || strings.Join(strings.Fields(g.Value), " ") != value {
				t.Errorf("%s: %+v, expected %+v", name, g, w)
			}
			if !strings.HasPrefix(strings.TrimSpace(lines[g.At.Line-1]), g.Name) {
				t.Errorf("%s: %s is not in line %d", name, g.Name, g.At.Line)
			}
		}
		compared++
	}
	if compared < 100 {
		t.Errorf("%d units were compared", compared)
	}
}

func TestLinesThatGoOn(t *testing.T) {
	got, err := Parse("u", "[Service]\nExecStart=/bin/a \\\n# a comment\n  b \\\n; another\n\n  c=d\nX = y \\\\\n[Bad\nNo\n\\\n")
	if err == nil || !strings.Contains(err.Error(), `u:9: "[Bad" is neither`) {
		t.Errorf("errors: %v", err)
	}
	want := []string{"ExecStart=/bin/a    b", "c=d"}
	var all []string
	for _, s := range got {
		all = append(all, s.String())
	}
	if len(all) < 2 || !slices.Equal(all[:2], want) {
		t.Errorf("%q, expected %q", all, want)
	}
}

func TestWords(t *testing.T) {
	for value, want := range map[string][]string{
		`a  "b c" 'd "e"'`:     {"a", "b c", `d "e"`},
		`foo"bar baz"q`:        {"foobar bazq"},
		`\x41\101\u00e9\n\s\"`: {"AAé\n \""},
		`'z\'w' ""`:            {"z'w", ""},
		`\; ; \$ \q`:           {`\;`, ";", `\$`, `\q`},
		"":                     nil,
		"\t":                   nil,
		`a\x0 b`:               {`a\x0`, "b"},
	} {
		got, err := Words(value)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, expected %q", value, got, err, want)
		}
	}
	for _, value := range []string{`"a`, `a\`, `'`, `\xff`} {
		if got, err := Words(value); err == nil {
			t.Errorf("%s: %q is taken", value, got)
		}
	}
}

// What is quoted is read as it was, specifiers aside.
func TestWhatIsQuotedIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })).Draw(t, "words")
		quoted := make([]string, len(want))
		for i, w := range want {
			quoted[i] = Quote(w)
		}
		line := strings.Join(quoted, " ")
		if strings.Contains(line, "\n") {
			t.Fatalf("%q has two lines", line)
		}
		all, err := Parse("u", "[S]\nX="+line+"\n")
		if err != nil || len(all) != 1 {
			t.Fatalf("%q: %v %v", line, all, err)
		}
		got, err := Words(all[0].Value)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "%%", "%")
		}
		if err != nil || len(got) != len(want) || !slices.Equal(got, want) {
			t.Fatalf("%q: %q %v, expected %q", line, got, err, want)
		}
	})
}

func TestValues(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "1min 30s": 90 * time.Second, "1.5h": 90 * time.Minute, "2 weeks": 14 * 24 * time.Hour, "100ms": 100 * time.Millisecond, "1min30": 90 * time.Second, "0": 0,
	} {
		if got, forever, err := Time(text); err != nil || forever || got != want {
			t.Errorf("%s: %v %v, expected %v", text, got, err, want)
		}
		if again, _, err := Time(FormatTime(want)); err != nil || again != want {
			t.Errorf("%s is read as %v %v", FormatTime(want), again, err)
		}
	}
	if _, forever, err := Time("infinity"); err != nil || !forever {
		t.Error("infinity has an end")
	}
	for _, text := range []string{"", "soon", "5 parsecs", "-1", "1e9", "99999999 years"} {
		if got, _, err := Time(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for text, want := range map[string]uint64{"1": 1, "4K": 4096, "1.5M": 3 << 19, "2G": 2 << 30} {
		if got, err := Size(text); err != nil || got != want {
			t.Errorf("%s: %d %v, expected %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1Q", "99999999999E", "-1"} {
		if got, err := Size(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[Service]\nExecStart=/bin/a \\\n  b\n#c\n")
	f.Add("[S]\nA=\"x\\x41\n\\\n[")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse("u", text)
		lines := strings.Count(text, "\n") + 1
		for _, s := range all {
			if s.Name == "" || s.At.Line < 1 || s.At.Line > lines || strings.Contains(s.Value, "\n") {
				t.Fatalf("%+v", s)
			}
			_, _ = Words(s.Value)
			_, _, _ = Time(s.Value)
			_, _ = Size(s.Value)
		}
		if err != nil && err.Error() == "" {
			t.Fatal("an error without text")
		}
	})
}
