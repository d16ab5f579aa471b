package course

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"supervise/internal/lab"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(Files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// headings are those that every text has, in this order.
var headings = map[lab.Lang][]string{
	lab.English: {"What you will see", "What happened, and why", "The exercise", "Try also", "In short"},
	lab.Spanish: {"Qué vas a ver", "Qué ha pasado, y por qué", "El ejercicio", "Prueba también", "En breve"},
}

var heading = regexp.MustCompile(`(?m)^## (.*)$`)

func TestTextsHaveTheSameParts(t *testing.T) {
	for _, l := range lab.Course() {
		texts := map[lab.Lang]string{}
		for lang, want := range headings {
			text := read(t, l.Dir()+"/"+string(lang)+".md")
			texts[lang] = text
			var got []string
			for _, h := range heading.FindAllStringSubmatch(text, -1) {
				got = append(got, h[1])
			}
			if !slices.Equal(got, want) {
				t.Errorf("lab %d in %s: %q", l.Number, lang, got)
			}
			title, _, _ := strings.Cut(text, "\n")
			if _, after, _ := strings.Cut(title, ". "); after != l.Title.In(lang) {
				t.Errorf("lab %d in %s: the heading is %q, the title %q", l.Number, lang, title, l.Title.In(lang))
			}
			for i, line := range strings.Split(text, "\n") {
				if n := len([]rune(line)); n > 80 && !strings.HasPrefix(line, "    ") || n > 90 {
					t.Errorf("lab %d in %s, line %d has %d characters", l.Number, lang, i+1, n)
				}
			}
		}
		// Commands and tables are the same in both, and so many points in the end.
		for _, of := range []*regexp.Regexp{regexp.MustCompile(`(?m)^    `), regexp.MustCompile(`(?m)^- `), regexp.MustCompile(`(?m)^\d\. `)} {
			if en, es := len(of.FindAllString(texts[lab.English], -1)), len(of.FindAllString(texts[lab.Spanish], -1)); en != es {
				t.Errorf("lab %d: %d lines that begin with %q in English, %d in Spanish", l.Number, en, of, es)
			}
		}
	}
}

var comments = regexp.MustCompile(`(?m)(?:^ *#(?:en|es)\b.*\n)+`)

// Each comment stands there in English, then in Spanish.
func TestCommentsAreInBothLanguages(t *testing.T) {
	for _, l := range lab.Course() {
		for _, name := range []string{"program.py", "exercise.py", "solution.py"} {
			file := read(t, l.Dir()+"/"+name)
			blocks := comments.FindAllString(file, -1)
			if len(blocks) == 0 {
				t.Errorf("%s/%s has no comments", l.Dir(), name)
			}
			for _, block := range blocks {
				if !regexp.MustCompile(`^( *#en\b.*\n)+( *#es\b.*\n)+$`).MatchString(block) {
					t.Errorf("%s/%s:\n%s", l.Dir(), name, block)
				}
			}
			for _, lang := range []lab.Lang{lab.English, lab.Spanish} {
				if left := regexp.MustCompile(`#(en|es)\b`).FindString(lab.Source(file, lang)); left != "" {
					t.Errorf("%s/%s in %s: %s is left", l.Dir(), name, lang, left)
				}
			}
		}
	}
}

// What the binary carries is what the course has.
func TestNoFileIsLeftOver(t *testing.T) {
	want := map[string]bool{"09-forwarding/package.json": true}
	for _, l := range lab.Course() {
		for _, name := range []string{"en.md", "es.md", "program.py", "exercise.py", "solution.py"} {
			want[l.Dir()+"/"+name] = true
		}
	}
	err := fs.WalkDir(Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !want[path] {
			t.Errorf("%s belongs to no lab", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
