package control

import (
	"strings"
	"testing"
)

// FuzzField: a number of a cgroup's file is one that stands in it.
func FuzzField(f *testing.F) {
	f.Add([]byte("usage_usec 123\nuser_usec 100\nsystem_usec 23\n"), "usage_usec")
	f.Add([]byte("4096\n"), "")
	f.Add([]byte("max\n"), "")
	f.Add([]byte("inactive_file -1\n\ninactive_file"), "inactive_file")
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		if n, ok := field(b, key); !ok && n != 0 && n != 1<<64-1 || ok && !strings.Contains(string(b), key) {
			t.Errorf("%d, %t", n, ok)
		}
	})
}
