package procfs

import (
	"strings"
	"testing"
)

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/\n": "/",
		"12:cpu:/a\n1:name=systemd:/b\n0::/c d\n": "/c d",
		"0::/gone (deleted)\n":                    "/gone",
		"0::/cut":                                 "",
		"1:cpu:/a\n":                              "",
		"":                                        "",
	} {
		if got := ParseCgroup([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzParseCgroup: the path is one that stands there in a line of cgroup v2.
func FuzzParseCgroup(f *testing.F) {
	f.Add([]byte("12:cpu:/a\n0::/user.slice/x (deleted)\n"))
	f.Add([]byte("0::\n0::/a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := ParseCgroup(b); strings.Contains(got, "\n") || got != "" && !strings.Contains("\n"+string(b), "\n0::"+got) {
			t.Errorf("%q", got)
		}
	})
}
