package lab

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// walk calls visit for all words in v, with where they are.
func walk(v reflect.Value, path string, visit func(path string, w Words)) {
	switch v.Kind() {
	case reflect.Struct:
		if w, ok := v.Interface().(Words); ok {
			visit(path, w)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() || v.Field(i).CanInterface() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	}
}

// allWords visits everything that the course says.
func allWords(visit func(path string, w Words)) {
	walk(reflect.ValueOf(Course()), "Course", visit)
	walk(reflect.ValueOf(Desk), "Desk", visit)
	for name, group := range map[string]any{"told": &told, "sender": &sender, "sum": &sum, "plot": &plot} {
		v := reflect.ValueOf(group).Elem()
		for i := range v.NumField() { // unexported: read through the address
			w := *(*Words)(v.Field(i).Addr().UnsafePointer())
			visit(name+"."+v.Type().Field(i).Name, w)
		}
	}
	for _, h := range append([]Hint{usage}, common...) {
		visit("hint "+h.ID, h.Says)
	}
	visit("InShort", InShort)
}

var verbs = regexp.MustCompile(`%[-+*.0-9]*[a-z]`)

// optional are the words that may be left empty.
var optional = regexp.MustCompile(`^Course\[\d+\]\.(Plays\[\d+\]\.Title|Exercise\.Task)$`)

func TestNoMessageLacksATranslation(t *testing.T) {
	n := 0
	allWords(func(path string, w Words) {
		if w == (Words{}) && optional.MatchString(path) {
			return
		}
		n++
		if strings.TrimSpace(w.EN) == "" || strings.TrimSpace(w.ES) == "" {
			t.Errorf("%s: %q, %q", path, w.EN, w.ES)
		}
		if en, es := verbs.FindAllString(w.EN, -1), verbs.FindAllString(w.ES, -1); strings.HasPrefix(path, "Course") == false && !reflect.DeepEqual(en, es) {
			t.Errorf("%s: %v in English, %v in Spanish", path, en, es)
		}
		// A sentence that is the same in both languages was forgotten.
		if w.EN == w.ES && len(strings.Fields(w.EN)) > 4 {
			t.Errorf("%s is the same in both languages: %q", path, w.EN)
		}
	})
	if n < 250 {
		t.Errorf("only %d words were found", n)
	}
}

func TestALabWithSeveralPlaysTellsThemApart(t *testing.T) {
	for _, l := range Course() {
		for i, p := range l.Plays {
			if len(l.Plays) > 1 && p.Title.EN == "" {
				t.Errorf("lab %d, play %d has no title", l.Number, i)
			}
		}
		if len(l.Plays) == 0 || len(l.Exercise.Cases) == 0 {
			t.Errorf("lab %d shows or asks nothing", l.Number)
		}
	}
}

func TestLocale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Lang
	}{
		{nil, English},
		{map[string]string{"LANG": "es_ES.UTF-8"}, Spanish},
		{map[string]string{"LANG": "es"}, Spanish},
		{map[string]string{"LANG": "es@euro"}, Spanish},
		{map[string]string{"LANG": "est_EE"}, English}, // Estonian in ISO 639-2
		{map[string]string{"LANG": "de_DE.UTF-8"}, English},
		{map[string]string{"LANG": "C"}, English},
		{map[string]string{"LC_ALL": "C", "LANG": "es_MX.UTF-8"}, English},
		{map[string]string{"LC_MESSAGES": "es_AR", "LANG": "en_US"}, Spanish},
		{map[string]string{"LC_ALL": "", "LC_MESSAGES": "", "LANG": "es_CL.UTF-8"}, Spanish},
	} {
		if got := Locale(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %s", c.env, got)
		}
	}
}
