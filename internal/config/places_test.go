package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// allNodes gives the place of each key and each value below n, by path.
func allNodes(n *node, into map[string][2]string) {
	for _, e := range append(append([]*node{}, n.table...), n.list...) {
		into[e.path] = [2]string{e.key.String(), e.at.String()}
		allNodes(e, into)
	}
}

func TestPlacesOfKeysAndValues(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string][2]string // path: key, value
	}{
		{"a key", "a = 1\n  b=2", map[string][2]string{"a": {"f:1:1", "f:1:5"}, "b": {"f:2:3", "f:2:5"}}},
		{"a table", "# x\n[ a ]\n\tb = \"c\" # [d]\n", map[string][2]string{"a": {"f:2:3", "f:2:3"}, "a.b": {"f:3:2", "f:3:6"}}},
		{"dotted and quoted", `a . "b.c".'d' = 1`, map[string][2]string{
			"a": {"f:1:1", "f:1:1"}, `a."b.c"`: {"f:1:5", "f:1:5"}, `a."b.c".d`: {"f:1:11", "f:1:17"}}},
		{"escapes in a key", `"\u0061\"" = 1`, map[string][2]string{`"a\""`: {"f:1:1", "f:1:14"}}},
		{"inline table", `a = { b = 1, c.d = { e = 2 } }`, map[string][2]string{
			"a": {"f:1:1", "f:1:5"}, "a.b": {"f:1:7", "f:1:11"}, "a.c": {"f:1:14", "f:1:14"}, "a.c.d": {"f:1:16", "f:1:20"}, "a.c.d.e": {"f:1:22", "f:1:26"}}},
		{"array", "a = [ 1, # one ]\n  [2, 3],\n]", map[string][2]string{
			"a": {"f:1:1", "f:1:5"}, "a[0]": {"f:1:7", "f:1:7"}, "a[1]": {"f:2:3", "f:2:3"}, "a[1][0]": {"f:2:4", "f:2:4"}, "a[1][1]": {"f:2:7", "f:2:7"}}},
		{"array of tables", "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3", map[string][2]string{
			"a": {"f:3:3", "f:3:3"}, "a[0]": {"f:1:3", "f:1:3"}, "a[0].b": {"f:2:1", "f:2:5"},
			"a[1]": {"f:3:3", "f:3:3"}, "a[1].b": {"f:4:1", "f:4:5"}, "a[1].c": {"f:5:4", "f:5:4"}, "a[1].c.d": {"f:6:1", "f:6:5"}}},
		{"after long strings", "a = \"\"\"x\n] \\\"\"\"\"\"\"\nb = '''\n'y''''\nc = 1", map[string][2]string{
			"a": {"f:1:1", "f:1:5"}, "b": {"f:3:1", "f:3:5"}, "c": {"f:5:1", "f:5:5"}}},
		{"columns count characters", `a = ["é", 1]`, map[string][2]string{
			"a": {"f:1:1", "f:1:5"}, "a[0]": {"f:1:6", "f:1:6"}, "a[1]": {"f:1:11", "f:1:11"}}},
		{"carriage returns", "a = 1\r\n[b]\r\nc = 2\r\n", map[string][2]string{
			"a": {"f:1:1", "f:1:5"}, "b": {"f:2:2", "f:2:2"}, "b.c": {"f:3:1", "f:3:5"}}},
		{"byte order mark", "\ufeffa = 1", map[string][2]string{"a": {"f:1:1", "f:1:5"}}},
		{"parent after child", "[a.b]\nc = 1\n[a]\nd = 2", map[string][2]string{
			"a": {"f:3:2", "f:3:2"}, "a.b": {"f:1:4", "f:1:4"}, "a.b.c": {"f:2:1", "f:2:5"}, "a.d": {"f:4:1", "f:4:5"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &report{}
			root := parseTOML(r, "f", test.text)
			if root == nil {
				t.Fatal(r.errors)
			}
			got := map[string][2]string{}
			allNodes(root, got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	for _, text := range []string{
		"a = " + strings.Repeat("[", 1_000_000),
		"a = " + strings.Repeat("{a=", 1_000_000),
		strings.Repeat("a.", 1_000_000) + "a = 1",
	} {
		r := &report{}
		if parseTOML(r, "f", text) != nil || len(r.errors) != 1 || r.errors[0].Msg != errTooDeep.Error() {
			t.Errorf("%.20s…: %v, want %v", text, r.errors, errTooDeep)
		}
	}
}

func TestPlacesInOneLongLine(t *testing.T) {
	text := "a = [" + strings.Repeat("'é',", 200_000) + "]"
	root := parseTOML(&report{}, "f", text) // in an instant, not in minutes
	if got := root.entry("a").list[199_999].at.String(); got != "f:1:800002" {
		t.Errorf("the last element is at %s", got)
	}
}

// FuzzPlaces holds the places against the text: at the place of each key of a
// valid text the key must stand, and in the span of each value a value that
// the library reads as the same one.
func FuzzPlaces(f *testing.F) {
	f.Add("a = 1")
	f.Add("[a.'b']\n\"c\" = { d = [ 1, { e = \"\"\"\nx\"\"\" } ], f.g = 'h' } # i")
	f.Add("[[a]]\nb = 1\n[[a]]\n[a.c]\nd = [[]]")
	f.Add("a = \"\\\"]\"\nb = 1979-05-27 07:32:00\nc = +inf")
	f.Fuzz(func(t *testing.T, text string) {
		r := &report{}
		root := parseTOML(r, "f", text)
		if root == nil {
			if len(r.errors) == 0 {
				t.Fatal("refused without an error")
			}
			return
		}
		all := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
		checkPlaces(t, root, all)
	})
}

func checkPlaces(t *testing.T, n *node, text []string) {
	for _, e := range n.table {
		here := rest(text, e.key)
		if here == "" || here[0] != '"' && here[0] != '\'' && !strings.HasPrefix(here, e.name) {
			t.Fatalf("%s is said to be at %s, where %q stands", e.path, e.key, here)
		}
		if e.name == "" && e.isList {
			continue // under an empty key the library may lose elements of an array (toml 1.6.0); we have none
		}
		checkPlaces(t, e, text)
	}
	for _, e := range n.list {
		checkPlaces(t, e, text)
	}
	if n.scalar == nil {
		return
	}
	again, err := decodeTOML("x = " + n.raw)
	if err != nil {
		t.Fatalf("%s at %s: %q is no value: %v", n.path, n.at, n.raw, err)
	}
	got, want := again["x"], n.scalar
	if g, ok := got.(time.Time); ok {
		got, want = g.UnixNano(), want.(time.Time).UnixNano()
	}
	if got != want && got == got { // NaN is not even itself
		t.Fatalf("%s at %s: the value there is %v, want %v", n.path, n.at, got, want)
	}
}

// rest is what stands in a line from a place on.
func rest(text []string, at Position) string {
	if at.Line < 1 || at.Line > len(text) {
		return ""
	}
	line := []rune(text[at.Line-1])
	if at.Col < 1 || at.Col > len(line) {
		return ""
	}
	return string(line[at.Col-1:])
}
